"""A loopback server that speaks Gemini's wire, with both of its caches.

The implicit cache is a true prefix cache (`cache.GEMINI_IMPLICIT`) that can be switched
off, as whole sessions of the real one are reported at 0%. The explicit one is the
``cachedContents`` resource: immutable, listed without its contents, dead after its
time. Time comes from a clock that is passed in. Requests are kept in ``requests`` as
(verb, path, body); ``faults`` are taken one by each request whose path holds the
fault's ``where``.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from servers.cache import GEMINI_IMPLICIT, Block, PrefixCache, Rules, tokens_of

KEY = "AIza-test-key"
NO_EXPLICIT = ("gemini-4-argon",)
"""Models that keep no explicit cache."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request: ``status`` and ``body`` answer at once; after
    ``after`` pieces of a stream comes ``how``: ``cut``, ``stall``, ``error`` (with
    ``body``), ``garbage``, ``endless``, ``quiet`` (an end without a reason)."""

    where: str = "streamGenerateContent"
    status: int = 0
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    how: str = ""
    after: int = 1


@dataclass
class Behaviour:
    """What the server says when it does not fail. ``per_request`` tokens come in one
    stream; the rest needs a continuation token."""

    text: str = "The answer is `pkg/a.py:3`."
    finish: str = "STOP"
    blocked: str = ""
    thoughts: int = 7
    per_request: int = 0
    window: int = 1_000_000
    smallest: int = 4096
    implicit: Rules = GEMINI_IMPLICIT
    answer: Callable[[str, dict[str, Any]], str] | None = None
    """What is said to a prompt's text and its request; None says ``text``."""


@dataclass
class Held:
    """One explicit cache."""

    name: str
    model: str
    display_name: str
    text: str
    tokens: int
    created: float
    expires: float


class GeminiServer(ThreadingHTTPServer):
    """Listens on a free loopback port; see `serving`."""

    daemon_threads = True
    block_on_close = False

    def __init__(
        self,
        behaviour: Behaviour,
        faults: Sequence[Fault],
        clock: Callable[[], float],
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behaviour = behaviour
        self.faults = list(faults)
        self.clock = clock
        self.requests: list[tuple[str, str, Any]] = []
        self.headers_seen: list[dict[str, str]] = []
        self.held: dict[str, Held] = {}
        self.dropped = threading.Event()
        self.released = threading.Event()
        self.cache = PrefixCache(behaviour.implicit, clock)
        self.lock = threading.Lock()
        self.made = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def calls(self, part: str) -> list[tuple[str, str, Any]]:
        """The requests whose verb and path hold ``part``."""
        return [row for row in self.requests if part in f"{row[0]} {row[1]}"]

    def alive(self, name: str) -> Held | None:
        held = self.held.get(name)
        return held if held and held.expires > self.clock() else None

    def fault(self, path: str) -> Fault:
        with self.lock:
            for at, fault in enumerate(self.faults):
                if fault.where in path:
                    return self.faults.pop(at)
        return Fault()

    def handle_error(self, request: Any, client_address: Any) -> None:
        self.dropped.set()


@contextmanager
def serving(
    behaviour: Behaviour | None = None,
    faults: Sequence[Fault] = (),
    clock: Callable[[], float] = time.time,
) -> Iterator[GeminiServer]:
    """A running server, stopped at the end of the block."""
    server = GeminiServer(behaviour or Behaviour(), faults, clock)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


def error(code: int, status: str, message: str, *details: Any) -> dict[str, Any]:
    """An error's body as Google words it."""
    fields = {"code": code, "message": message, "status": status}
    return {"error": fields | ({"details": [*details]} if details else {})}


def text_of(contents: Sequence[dict[str, Any]]) -> str:
    """All text of the contents; who says it counts nothing."""
    return "".join(p.get("text", "") for c in contents for p in c.get("parts", ()))


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _seconds(ttl: str) -> float:
    return float(ttl.removesuffix("s"))


class _Handler(BaseHTTPRequestHandler):
    server: GeminiServer
    protocol_version = "HTTP/1.1"
    timeout = 30

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_PATCH(self) -> None:
        self._serve("PATCH")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def _serve(self, verb: str) -> None:
        server = self.server
        size = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(size) or b"{}")
        path = re.sub(r"^/v1(beta)?/", "/", urlsplit(self.path).path)
        server.requests.append((verb, path, body))
        server.headers_seen.append({k.lower(): v for k, v in self.headers.items()})
        fault = server.fault(f"{verb} {path}")
        if fault.status:
            self._json(fault.status, fault.body, fault.headers)
        elif self.headers.get("x-goog-api-key") != KEY:
            said = "API key not valid. Please pass a valid API key."
            reason = {"reason": "API_KEY_INVALID", "domain": "googleapis.com"}
            self._json(400, error(400, "INVALID_ARGUMENT", said, reason))
        elif "cachedContents" in path:
            self._caches(verb, path, body)
        elif path == "/models":
            self._models()
        elif found := re.fullmatch(r"/models/([\w.-]+):(\w+)", path):
            self._generate(found[1], found[2], body, fault)
        else:
            self._json(404, error(404, "NOT_FOUND", "not here"))

    def _models(self) -> None:
        names = ("gemini-3.8-flash", "gemini-4-argon")
        rows = [
            {"name": f"models/{n}", "supportedGenerationMethods": ["generateContent"]}
            for n in names
        ]
        embedding = {
            "name": "models/embed",
            "supportedGenerationMethods": ["embedContent"],
        }
        self._json(200, {"models": [*rows, embedding]})

    # --- explicit caches --------------------------------------------------------------

    def _caches(self, verb: str, path: str, body: Any) -> None:
        server = self.server
        if path.endswith("/cachedContents"):
            if verb == "POST":
                self._create(body)
            else:
                self._list()
            return
        name = path.removeprefix("/")
        held = server.alive(name)
        if held is None:
            self._gone()
        elif verb == "DELETE":
            del server.held[name]
            self._json(200, {})
        else:
            if verb == "PATCH":
                held.expires = server.clock() + _seconds(body["ttl"])
            self._json(200, self._described(held))

    def _create(self, body: Any) -> None:
        server = self.server
        model = body["model"].removeprefix("models/")
        text = text_of([body.get("systemInstruction", {}), *body.get("contents", ())])
        tokens, least = len(tokens_of(text)), server.behaviour.smallest
        if model in NO_EXPLICIT:
            said = f"{model} does not support explicit caching"
            self._json(400, error(400, "INVALID_ARGUMENT", said))
            return
        if tokens < least:
            said = f"total_token_count={tokens}, min_total_token_count={least}"
            said = f"Cached content is too small. {said}"
            self._json(400, error(400, "INVALID_ARGUMENT", said))
            return
        now = server.clock()
        with server.lock:
            server.made += 1
            held = Held(
                f"cachedContents/c{server.made:04}",
                model,
                body.get("displayName", ""),
                text,
                tokens,
                now,
                now + _seconds(body.get("ttl", "3600s")),
            )
            server.held[held.name] = held
        self._json(200, self._described(held))

    def _list(self) -> None:
        server = self.server
        rows = [held for held in server.held.values() if server.alive(held.name)]
        query = parse_qs(urlsplit(self.path).query)
        size = int(query.get("pageSize", ["50"])[0])
        start = int(query.get("pageToken", ["0"])[0])
        page: dict[str, Any] = {
            "cachedContents": [self._described(h) for h in rows[start : start + size]]
        }
        if start + size < len(rows):
            page["nextPageToken"] = str(start + size)
        self._json(200, page)

    def _described(self, held: Held) -> dict[str, Any]:
        return {
            "name": held.name,
            "model": f"models/{held.model}",
            "displayName": held.display_name,
            "createTime": _stamp(held.created),
            "updateTime": _stamp(held.created),
            "expireTime": _stamp(held.expires),
            "usageMetadata": {"totalTokenCount": held.tokens},
        }

    def _gone(self) -> None:
        said = "CachedContent not found (or permission denied)"
        self._json(403, error(403, "PERMISSION_DENIED", said))

    # --- generation -------------------------------------------------------------------

    def _generate(self, model: str, method: str, body: Any, fault: Fault) -> None:
        server = self.server
        if method == "countTokens":
            count = len(tokens_of(text_of(body["contents"])))
            self._json(200, {"totalTokens": count})
            return
        if not model.startswith("gemini-"):
            said = f"models/{model} is not found for API version v1beta"
            self._json(404, error(404, "NOT_FOUND", said))
            return
        held = None
        if name := body.get("cachedContent"):
            held = server.alive(name)
            if held is None:
                self._gone()
                return
            if "systemInstruction" in body or held.model != model:
                said = "CachedContent can not be used with that"
                self._json(400, error(400, "INVALID_ARGUMENT", said))
                return
        before = held.tokens if held else 0
        text = text_of([body.get("systemInstruction", {}), *body["contents"]])
        total = before + len(tokens_of(text))
        if total > server.behaviour.window:
            said = (
                f"The input token count ({total}) exceeds the maximum number of tokens "
                f"allowed ({server.behaviour.window})."
            )
            self._json(400, error(400, "INVALID_ARGUMENT", said))
            return
        cached = before
        if held is None:
            found = server.cache.ask(model, [Block(text)])
            server.cache.begin(found)
            cached = found.read
        prompt = (held.text if held else "") + text
        answer = server.behaviour.answer
        said = answer(prompt, body) if answer else server.behaviour.text
        self._stream(body, fault, said, (total, cached))

    def _stream(
        self, body: Any, fault: Fault, said: str, counts: tuple[int, int]
    ) -> None:
        behaviour, (total, cached) = self.server.behaviour, counts
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        usage: dict[str, Any] = {"promptTokenCount": total}
        if cached:
            usage["cachedContentTokenCount"] = cached
        if behaviour.blocked:
            feedback = {"blockReason": behaviour.blocked}
            self._event({"promptFeedback": feedback, "usageMetadata": usage})
            self._chunk(b"")
            return
        words = re.findall(r"\S*\s*", said)[:-1]
        config = body.get("generationConfig", {})
        token = body.get("continuationToken") or config.get("continuationToken")
        start = int(base64.b64decode(token)) if token else 0
        end = start + (behaviour.per_request or len(words))
        most = config.get("maxOutputTokens", 65_536)
        thought = {"text": "Let me think.", "thought": True}
        self._piece([thought], usage)
        sent = 0
        for sent, word in enumerate([*words[start:end], ""]):
            if fault.how and sent == fault.after:
                self._fail(fault)
                return
            if word and sent < most:
                self._piece([{"text": word}], usage)
        usage["candidatesTokenCount"] = min(sent, most)
        usage["thoughtsTokenCount"] = behaviour.thoughts
        usage["totalTokenCount"] = total + sent + behaviour.thoughts
        last: dict[str, Any] = {"finishReason": behaviour.finish}
        if sent > most:
            last["finishReason"] = "MAX_TOKENS"
        elif end < len(words):
            token = base64.b64encode(str(end).encode()).decode()
            last = {"finishReason": "CONTINUATION", "continuationToken": token}
        if fault.how == "quiet":
            last = {}
        self._event({"candidates": [{"index": 0, **last}], "usageMetadata": usage})
        self._chunk(b"")

    def _piece(self, parts: list[dict[str, Any]], usage: dict[str, Any]) -> None:
        content = {"role": "model", "parts": parts}
        candidate = {"content": content, "index": 0}
        self._event({"candidates": [candidate], "usageMetadata": usage})

    def _fail(self, fault: Fault) -> None:
        if fault.how == "stall":
            self.server.released.wait(20)
        elif fault.how == "error":
            self._chunk(b"data: " + json.dumps(fault.body).encode() + b"\r\n\r\n")
        elif fault.how == "garbage":
            self._chunk(b"data: {nonsense\r\n\r\n")
        elif fault.how == "shapes":
            for odd in ('{"candidates": 5}', "[1]", '{"candidates": [{"content": 3}]}'):
                self._chunk(b"data: " + odd.encode() + b"\r\n\r\n")
        while fault.how == "endless" and not self.server.released.wait(0.005):
            self._piece([{"text": "more "}], {"promptTokenCount": 5})
        self.close_connection = True

    def _event(self, fields: dict[str, Any]) -> None:
        self._chunk(b"data: " + json.dumps(fields).encode() + b"\r\n\r\n")

    def _chunk(self, data: bytes) -> None:
        try:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
        except OSError:
            self.server.dropped.set()
            raise

    def _json(self, status: int, body: Any, headers: dict[str, str] | None = None):
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
