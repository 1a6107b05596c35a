"""A loopback server that speaks Ollama's native wire, as new and as old as one likes.

``obeys`` is False for servers of before ``truncate``: they drop the middle of a prompt
that does not fit and say nothing. Their ``context`` is the one that they really have,
whatever is asked for. Tokens are those of `cache.tokens_of`.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from servers.cache import tokens_of


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


class OllamaServer(ThreadingHTTPServer):
    """Listens on a free loopback port; see `serving`."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, behaviour: Behaviour, faults: Sequence[Fault]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behaviour = behaviour
        self.faults = list(faults)
        self.requests: list[tuple[str, Any]] = []
        self.dropped = threading.Event()
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def chats(self) -> list[Any]:
        return [body for path, body in self.requests if path == "/api/chat"]

    def handle_error(self, request: Any, client_address: Any) -> None:
        self.dropped.set()


@contextmanager
def serving(
    behaviour: Behaviour | None = None, faults: Sequence[Fault] = ()
) -> Iterator[OllamaServer]:
    """A running server, stopped at the end of the block."""
    server = OllamaServer(behaviour or Behaviour(), faults)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    server: OllamaServer
    protocol_version = "HTTP/1.1"
    timeout = 30

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        behaviour = self.server.behaviour
        self.server.requests.append((self.path, None))
        if self.path == "/api/tags":
            self._json(200, {"models": [{"name": n} for n in behaviour.models]})
        elif self.path == "/api/ps":
            self._json(200, {"models": list(behaviour.loaded)})
        elif self.path == "/v1/models":
            rows = [{"id": name, "object": "model"} for name in behaviour.models]
            self._json(200, {"object": "list", "data": rows})
        else:
            self._json(404, "404 page not found")

    def do_POST(self) -> None:
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        server.requests.append((self.path, body))
        names = {n.removesuffix(":latest") for n in server.behaviour.models}
        if body.get("model", "").removesuffix(":latest") not in names:
            self._json(404, {"error": f"model '{body.get('model')}' not found"})
        elif self.path == "/api/show":
            info = {
                "general.architecture": "llama",
                "llama.context_length": server.behaviour.trained,
            }
            parameters = server.behaviour.parameters
            self._json(200, {"parameters": parameters, "model_info": info})
        elif self.path == "/api/chat":
            fault = server.faults.pop(0) if server.faults else Fault()
            if fault.status:
                self._json(fault.status, fault.body)
            else:
                self._chat(body, fault)
        else:
            self._json(404, "404 page not found")

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
                self._json(400, {"error": said})
                return
            # The oldest half of what does not fit is gone, and nobody is told.
            read = size - size // 2
        self.send_response(200)
        self.send_header("content-type", "application/x-ndjson")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        said = behaviour.text
        if behaviour.answer:
            said = behaviour.answer(
                "".join(m["content"] for m in body["messages"]), body
            )
        words = re.findall(r"\S*\s*", said)[:-1]
        most = options.get("num_predict", -1)
        cut = 0 <= most < len(words)
        words = words[:most] if cut else words
        self._event({"message": {"role": "assistant", "thinking": "Hm", "content": ""}})
        for at, word in enumerate([*words, ""]):
            if fault.how and at == fault.after:
                self._fail(fault)
                return
            if word:
                self._event({"message": {"role": "assistant", "content": word}})
        if fault.how != "quiet":
            done = {"done_reason": "length" if cut else behaviour.done_reason}
            counts = {"prompt_eval_count": read, "eval_count": len(words)}
            message = {"role": "assistant", "content": ""}
            self._event({"message": message, "done": True, **done, **counts})
        self._chunk(b"")

    def _fail(self, fault: Fault) -> None:
        if fault.how == "stall":
            self.server.released.wait(20)
        elif fault.how == "error":
            self._event(fault.body)
        elif fault.how == "garbage":
            self._chunk(b"{nonsense\n")
        while fault.how == "endless" and not self.server.released.wait(0.005):
            self._event({"message": {"role": "assistant", "content": "more "}})
        if fault.how == "quiet":
            self._chunk(b"")
        self.close_connection = True

    def _event(self, fields: dict[str, Any]) -> None:
        event = {"model": "tiny", "done": False} | fields
        self._chunk(json.dumps(event).encode() + b"\n")

    def _chunk(self, data: bytes) -> None:
        try:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
        except OSError:
            self.server.dropped.set()
            raise

    def _json(self, status: int, body: Any) -> None:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
