"""What the loopback servers of the vendors share: HTTP, events, faults, the cache.

A server behaves by its vendor's rules; ``faults`` are taken one a request, and when
they are used up it behaves. Requests are kept in ``requests``, their headers in
``headers_seen``; ``moments`` are those of connections and of requests.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from servers.cache import Found, PrefixCache
from servers.chat import Fault
from servers.loopback import Loopback, Replies

KEY = "sk-loopback-0123456789"
"""The key that the servers want."""


@dataclass
class Says:
    """What a server answers when it does not fail. ``stop`` is the vendor's own word
    for the reason of the end; ``thinking`` comes before the text. ``answer`` makes the
    text out of a prompt's text and its request."""

    text: str = "The answer is `pkg/a.py:3`."
    stop: str = ""
    thinking: str = ""
    refusal: str = ""
    window: int = 1_000_000
    models: Sequence[str] = ()
    answer: Callable[[str, dict[str, Any]], str] | None = None

    def to(self, text: str, request: dict[str, Any]) -> str:
        """What is said to a prompt."""
        return self.answer(text, request) if self.answer else self.text


class Refused(Exception):
    """The request is refused with a status, in the vendor's words."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


class Server(Loopback):
    """A vendor's server; see `running`."""

    def __init__(
        self,
        handler: type[Handler],
        cache: PrefixCache,
        says: Says,
        faults: Sequence[Fault],
    ) -> None:
        super().__init__(handler)
        self.cache = cache
        self.says = says
        self.faults = deque(faults)
        self.requests: list[dict[str, Any]] = []
        self.headers_seen: list[Mapping[str, str]] = []
        self.found: list[Found] = []
        self.moments: list[float] = []
        self.kept: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._numbers = iter(range(1, 1_000_000))

    def name(self, prefix: str) -> str:
        """A fresh id."""
        with self._lock:
            return f"{prefix}_{next(self._numbers):06}"

    def get_request(self) -> Any:
        found = super().get_request()
        self.moments.append(time.monotonic())
        return found

    def take_fault(self) -> Fault:
        with self._lock:
            return self.faults.popleft() if self.faults else Fault()


class Handler(Replies):
    """One connection: routes, refuses, streams."""

    server: Server

    def get(self) -> Any:
        """The answer to a GET. Raises Refused."""
        raise Refused(404, "not_found_error", f"not here: {self.path}")

    def post(self, request: dict[str, Any], fault: Fault) -> Any:
        """Answer a POST: JSON to send, or None when it was streamed. Raises Refused."""
        raise NotImplementedError

    def failure(self, kind: str, message: str) -> Any:
        """A failure's body, as the vendor writes it."""
        raise NotImplementedError

    def check_key(self) -> None:
        """Raises Refused unless the key is right."""
        raise NotImplementedError

    def do_GET(self) -> None:
        self._note()
        self._answer(lambda: (self.check_key(), self.get())[1])

    def do_POST(self) -> None:
        self.server.moments.append(time.monotonic())
        fault = self.server.take_fault()
        if fault.how == "unread":
            # As a proxy does with a body that is too large: it does not read it.
            self.send_json(fault.status, fault.body, fault.headers)
            self.close_connection = True
            return
        self._note()
        size = int(self.headers.get("content-length", 0))
        request = json.loads(self.rfile.read(size))
        self.server.requests.append(request)
        if fault.status:
            self.send_json(fault.status, fault.body, fault.headers)
            return
        self._answer(lambda: (self.check_key(), self.post(request, fault))[1])

    def _note(self) -> None:
        self.server.headers_seen.append(self.plain_headers())

    def _answer(self, made: Any) -> None:
        try:
            body = made()
        except Refused as exc:
            self.send_json(exc.status, self.failure(exc.kind, str(exc)))
            return
        if body is not None:
            self.send_json(200, body)

    def event(self, data: Any, name: str = "") -> None:
        text = data if isinstance(data, str) else json.dumps(data)
        head = f"event: {name}\n" if name else ""
        self.chunk(f"{head}data: {text}\n\n".encode())

    def break_off(self, fault: Fault, say: Any) -> None:
        """What ``fault`` does to a stream that has begun; ``say`` sends a delta."""
        self.close_connection = True
        if fault.how == "stall":
            self.server.released.wait(20)
        elif fault.how == "error":
            self.event(fault.body, "error")
        elif fault.how == "garbage":
            self.event("{nonsense", "message_delta")
        elif fault.how == "end":
            self.chunk(b"")
        with suppress(OSError):
            while fault.how == "endless" and not self.server.released.wait(0.005):
                say("more ")
