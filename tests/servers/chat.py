"""A loopback server that speaks Chat Completions and can fail in every known way.

Its cache is a true one: tokens are words and signs, and ``cached_tokens`` is the
longest prefix that any earlier prompt began with. Requests are kept in ``requests``.
``faults`` are taken one a request; when they are used up the server behaves.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from servers.cache import common, tokens_of
from servers.loopback import Loopback, Replies, running, words


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    ``status`` and ``body`` answer at once. ``after`` deltas of a stream are sent before
    ``how``: ``cut``, ``stall``, ``error`` (with ``body``), ``garbage``, ``endless``.
    """

    status: int = 0
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    how: str = ""
    after: int = 1


@dataclass
class Behaviour:
    """What the server says when it does not fail."""

    text: str = "The answer is `pkg/a.py:3`."
    finish: str = "stop"
    usage: bool = True
    timings: bool = False
    reported: int | None = None
    models: Sequence[dict[str, Any]] = ({"id": "tiny", "object": "model"},)
    props: dict[str, Any] | None = None
    answer: Callable[[str, dict[str, Any]], str] | None = None
    """What is said to a prompt's text and its request; None says ``text``."""


class ChatServer(Loopback):
    """Listens on a free loopback port; see `serving`."""

    def __init__(self, behaviour: Behaviour, faults: Sequence[Fault]) -> None:
        super().__init__(_Handler)
        self.behaviour = behaviour
        self.faults = deque(faults)
        self.requests: list[dict[str, Any]] = []
        self.watch: Callable[[str, dict[str, Any]], object] = lambda what, request: None
        """Told ``asked`` and, after the first word, ``begun``; may hold a request."""
        self.headers_seen: list[dict[str, str]] = []
        self._prompts: list[list[str]] = []
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"{super().url}/v1"

    def measure(self, messages: list[dict[str, str]]) -> tuple[int, int]:
        """Tokens of the prompt, and how many of them the cache had."""
        text = "".join(f"<{m['role']}>{m['content']}" for m in messages)
        tokens = tokens_of(text)
        with self._lock:
            cached = max((common(tokens, old) for old in self._prompts), default=0)
            self._prompts.append(tokens)
        return len(tokens), cached


def serving(
    behaviour: Behaviour | None = None, faults: Sequence[Fault] = ()
) -> AbstractContextManager[ChatServer]:
    """A running server, stopped at the end of the block."""
    return running(ChatServer(behaviour or Behaviour(), faults))


class _Handler(Replies):
    server: ChatServer

    def do_GET(self) -> None:
        behaviour = self.server.behaviour
        self.server.headers_seen.append(self.plain_headers())
        if self.path == "/v1/models":
            self.send_json(200, {"object": "list", "data": list(behaviour.models)})
        elif self.path == "/props" and behaviour.props is not None:
            self.send_json(200, behaviour.props)
        else:
            self.send_json(404, {"error": {"message": "not here"}})

    def do_POST(self) -> None:
        size = int(self.headers.get("content-length", 0))
        request = json.loads(self.rfile.read(size))
        self.server.headers_seen.append(self.plain_headers())
        self.server.requests.append(request)
        self.server.watch("asked", request)
        fault = self.server.faults.popleft() if self.server.faults else Fault()
        if self.path != "/v1/chat/completions":
            self.send_json(404, {"error": {"message": "File Not Found"}})
        elif fault.status:
            self.send_json(fault.status, fault.body, fault.headers)
        else:
            self._stream(request, fault)

    def _stream(self, request: dict[str, Any], fault: Fault) -> None:
        behaviour = self.server.behaviour
        total, cached = self.server.measure(request["messages"])
        self.begin()
        text = behaviour.text
        if behaviour.answer is not None:
            asked = "".join(str(m["content"]) for m in request["messages"])
            text = behaviour.answer(asked, request)
        pieces = words(text)
        sent = 0
        for sent, word in enumerate([*pieces, ""]):
            if fault.how and sent == fault.after:
                self._fail(fault)
                return
            if word:
                self._event({"choices": [{"index": 0, "delta": {"content": word}}]})
            if not sent:
                self.server.watch("begun", request)
        self._event(
            {"choices": [{"index": 0, "delta": {}, "finish_reason": behaviour.finish}]}
        )
        self._end(total, cached, sent)

    def _end(self, total: int, cached: int, output: int) -> None:
        behaviour = self.server.behaviour
        last: dict[str, Any] = {"choices": []}
        if behaviour.usage:
            last["usage"] = {
                "prompt_tokens": behaviour.reported or total,
                "completion_tokens": output,
                "total_tokens": total + output,
            }
            if not behaviour.timings:
                last["usage"]["prompt_tokens_details"] = {"cached_tokens": cached}
        if behaviour.timings:
            last["timings"] = {
                "cache_n": cached,
                "prompt_n": total - cached,
                "predicted_n": output,
            }
        self._event(last)
        self.chunk(b"data: [DONE]\n\n")
        self.chunk(b"")

    def _fail(self, fault: Fault) -> None:
        if fault.how == "stall":
            self.server.released.wait(20)
        elif fault.how == "error":
            self.chunk(b"data: " + json.dumps(fault.body).encode() + b"\n\n")
        elif fault.how == "garbage":
            self.chunk(b"data: {nonsense\n\n")
        elif fault.how == "shapes":
            for odd in ('{"choices": 5}', '{"choices": [{"delta": 3}]}', "[1]", "null"):
                self.chunk(b"data: " + odd.encode() + b"\n\n")
        while fault.how == "endless" and not self.server.released.wait(0.005):
            self._event({"choices": [{"index": 0, "delta": {"content": "more "}}]})
        if fault.how == "done":
            self.chunk(b"data: [DONE]\n\n")
            self.chunk(b"")
        self.close_connection = True

    def _event(self, fields: dict[str, Any]) -> None:
        event = {"id": "c1", "object": "chat.completion.chunk", "created": 1} | fields
        event.setdefault("model", "tiny")
        self.chunk(b"data: " + json.dumps(event).encode() + b"\n\n")
