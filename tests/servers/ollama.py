"""A loopback server that speaks Ollama's native wire, as new and as old as one likes.

``obeys`` is False for servers of before ``truncate``: they drop the middle of a prompt
that does not fit and say nothing. Their ``context`` is the one that they really have,
whatever is asked for. Tokens are those of `cache.tokens_of`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from servers.cache import tokens_of
from servers.loopback import Loopback, Replies, running, words


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one chat: ``status`` and ``body`` answer at once; after
    ``after`` events comes ``how``: ``cut``, ``stall``, ``error`` (with ``body``),
    ``garbage``, ``endless``, ``quiet``."""

    status: int = 0
    body: Any = None
    how: str = ""
    after: int = 1


@dataclass
class Behaviour:
    """What the server is when it does not fail."""

    text: str = "The answer is `pkg/a.py:3`."
    done_reason: str = "stop"
    trained: int = 131_072
    parameters: str = ""
    context: int = 0
    obeys: bool = True
    loaded: Sequence[dict[str, Any]] = ()
    models: Sequence[str] = ("tiny:latest",)
    answer: Callable[[str, dict[str, Any]], str] | None = None
    """What is said to a prompt's text and its request; None says ``text``."""


class OllamaServer(Loopback):
    """Listens on a free loopback port; see `serving`."""

    def __init__(self, behaviour: Behaviour, faults: Sequence[Fault]) -> None:
        super().__init__(_Handler)
        self.behaviour = behaviour
        self.faults = list(faults)
        self.requests: list[tuple[str, Any]] = []

    @property
    def chats(self) -> list[Any]:
        return [body for path, body in self.requests if path == "/api/chat"]


def serving(
    behaviour: Behaviour | None = None, faults: Sequence[Fault] = ()
) -> AbstractContextManager[OllamaServer]:
    """A running server, stopped at the end of the block."""
    return running(OllamaServer(behaviour or Behaviour(), faults))


class _Handler(Replies):
    server: OllamaServer

    def do_GET(self) -> None:
        behaviour = self.server.behaviour
        self.server.requests.append((self.path, None))
        if self.path == "/api/tags":
            self.send_json(200, {"models": [{"name": n} for n in behaviour.models]})
        elif self.path == "/api/ps":
            self.send_json(200, {"models": list(behaviour.loaded)})
        elif self.path == "/v1/models":
            rows = [{"id": name, "object": "model"} for name in behaviour.models]
            self.send_json(200, {"object": "list", "data": rows})
        else:
            self.send_json(404, "404 page not found")

    def do_POST(self) -> None:
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        server.requests.append((self.path, body))
        names = {n.removesuffix(":latest") for n in server.behaviour.models}
        if body.get("model", "").removesuffix(":latest") not in names:
            self.send_json(404, {"error": f"model '{body.get('model')}' not found"})
        elif self.path == "/api/show":
            info = {
                "general.architecture": "llama",
                "llama.context_length": server.behaviour.trained,
            }
            parameters = server.behaviour.parameters
            self.send_json(200, {"parameters": parameters, "model_info": info})
        elif self.path == "/api/chat":
            fault = server.faults.pop(0) if server.faults else Fault()
            if fault.status:
                self.send_json(fault.status, fault.body)
            else:
                self._chat(body, fault)
        else:
            self.send_json(404, "404 page not found")

    def _chat(self, body: Any, fault: Fault) -> None:
        behaviour, options = self.server.behaviour, body.get("options", {})
        asked = options.get("num_ctx") or 4096
        size = behaviour.context or min(asked, behaviour.trained)
        read = sum(len(tokens_of(m["content"])) for m in body["messages"])
        if read >= size:
            if behaviour.obeys and body.get("truncate") is False:
                said = (
                    f"the request ({read} tokens) exceeds the available context size "
                    f"({size} tokens), try increasing it"
                )
                self.send_json(400, {"error": said})
                return
            # The oldest half of what does not fit is gone, and nobody is told.
            read = size - size // 2
        self.begin("application/x-ndjson")
        said = behaviour.text
        if behaviour.answer:
            said = behaviour.answer(
                "".join(m["content"] for m in body["messages"]), body
            )
        pieces = words(said)
        most = options.get("num_predict", -1)
        cut = 0 <= most < len(pieces)
        pieces = pieces[:most] if cut else pieces
        self._event({"message": {"role": "assistant", "thinking": "Hm", "content": ""}})
        for at, word in enumerate([*pieces, ""]):
            if fault.how and at == fault.after:
                self._fail(fault)
                return
            if word:
                self._event({"message": {"role": "assistant", "content": word}})
        if fault.how != "quiet":
            done = {"done_reason": "length" if cut else behaviour.done_reason}
            counts = {"prompt_eval_count": read, "eval_count": len(pieces)}
            message = {"role": "assistant", "content": ""}
            self._event({"message": message, "done": True, **done, **counts})
        self.chunk(b"")

    def _fail(self, fault: Fault) -> None:
        if fault.how == "stall":
            self.server.released.wait(20)
        elif fault.how == "error":
            self._event(fault.body)
        elif fault.how == "garbage":
            self.chunk(b"{nonsense\n")
        while fault.how == "endless" and not self.server.released.wait(0.005):
            self._event({"message": {"role": "assistant", "content": "more "}})
        if fault.how == "quiet":
            self.chunk(b"")
        self.close_connection = True

    def _event(self, fields: dict[str, Any]) -> None:
        event = {"model": "tiny", "done": False} | fields
        self.chunk(json.dumps(event).encode() + b"\n")
