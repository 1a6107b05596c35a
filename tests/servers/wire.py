"""What the loopback servers of the vendors share: HTTP, events, faults, the cache.

A server behaves by its vendor's rules; ``faults`` are taken one a request, and when
they are used up it behaves. Requests are kept in ``requests``, their headers in
``headers_seen``; ``moments`` are those of connections and of requests.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

from servers.cache import Found, PrefixCache
from servers.chat import Fault

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


class Server(ThreadingHTTPServer):
    """Listens on a free loopback port; see `running`."""

    daemon_threads = True
    block_on_close = False

    def __init__(
        self,
        handler: type[Handler],
        cache: PrefixCache,
        says: Says,
        faults: Sequence[Fault],
    ) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.cache = cache
        self.says = says
        self.faults = deque(faults)
        self.requests: list[dict[str, Any]] = []
        self.headers_seen: list[Mapping[str, str]] = []
        self.found: list[Found] = []
        self.moments: list[float] = []
        self.kept: dict[str, Any] = {}
        self.dropped = threading.Event()
        self.released = threading.Event()
        self._lock = threading.Lock()
        self._numbers = iter(range(1, 1_000_000))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

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

    def handle_error(self, request: Any, client_address: Any) -> None:
        self.dropped.set()


Any_Server = TypeVar("Any_Server", bound=Server)


@contextmanager
def running(server: Any_Server) -> Iterator[Any_Server]:
    """``server``, listening until the end of the block."""
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


class Handler(BaseHTTPRequestHandler):
    """One connection: routes, refuses, streams."""

    server: Server
    protocol_version = "HTTP/1.1"
    timeout = 30

    def log_message(self, format: str, *args: Any) -> None:
        pass

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
        seen = {name.lower(): value for name, value in self.headers.items()}
        self.server.headers_seen.append(seen)

    def _answer(self, made: Any) -> None:
        try:
            body = made()
        except Refused as exc:
            self.send_json(exc.status, self.failure(exc.kind, str(exc)))
            return
        if body is not None:
            self.send_json(200, body)

    def send_json(
        self, status: int, body: Any, headers: Mapping[str, str] | None = None
    ) -> None:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        kind = "text/html" if isinstance(body, str) else "application/json"
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def begin(self) -> None:
        """The head of a stream."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def event(self, data: Any, name: str = "") -> None:
        text = data if isinstance(data, str) else json.dumps(data)
        head = f"event: {name}\n" if name else ""
        self.chunk(f"{head}data: {text}\n\n".encode())

    def chunk(self, data: bytes) -> None:
        """One chunk; an empty one is the end of the stream."""
        try:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
        except OSError:
            self.server.dropped.set()
            raise

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


def words(text: str) -> list[str]:
    """``text`` in the pieces in which it streams."""
    return re.findall(r"\S*\s*", text)[:-1]
