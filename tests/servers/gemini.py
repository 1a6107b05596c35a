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
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from servers.cache import GEMINI_IMPLICIT, Block, PrefixCache, Rules, tokens_of
from servers.loopback import Loopback, Replies, running, words

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


class GeminiServer(Loopback):
    """Listens on a free loopback port; see `serving`."""

    def __init__(
        self,
        behaviour: Behaviour,
        faults: Sequence[Fault],
        clock: Callable[[], float],
    ) -> None:
        super().__init__(_Handler)
        self.behaviour = behaviour
        self.faults = list(faults)
        self.clock = clock
        self.requests: list[tuple[str, str, Any]] = []
        self.headers_seen: list[dict[str, str]] = []
        self.held: dict[str, Held] = {}
        self.cache = PrefixCache(behaviour.implicit, clock)
        self.lock = threading.Lock()
        self.made = 0

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


def serving(
    behaviour: Behaviour | None = None,
    faults: Sequence[Fault] = (),
    clock: Callable[[], float] = time.time,
) -> AbstractContextManager[GeminiServer]:
    """A running server, stopped at the end of the block."""
    return running(GeminiServer(behaviour or Behaviour(), faults, clock))


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


class _Handler(Replies):
    server: GeminiServer

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
        server.headers_seen.append(self.plain_headers())
        fault = server.fault(f"{verb} {path}")
        if fault.status:
            self.send_json(fault.status, fault.body, fault.headers)
        elif self.headers.get("x-goog-api-key") != KEY:
            said = "API key not valid. Please pass a valid API key."
            reason = {"reason": "API_KEY_INVALID", "domain": "googleapis.com"}
            self.send_json(400, error(400, "INVALID_ARGUMENT", said, reason))
        elif "cachedContents" in path:
            self._caches(verb, path, body)
        elif path == "/models":
            self._models()
        elif found := re.fullmatch(r"/models/([\w.-]+):(\w+)", path):
            self._generate(found[1], found[2], body, fault)
        else:
            self.send_json(404, error(404, "NOT_FOUND", "not here"))

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
        self.send_json(200, {"models": [*rows, embedding]})

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
            self.send_json(200, {})
        else:
            if verb == "PATCH":
                held.expires = server.clock() + _seconds(body["ttl"])
            self.send_json(200, self._described(held))

    def _create(self, body: Any) -> None:
        server = self.server
        model = body["model"].removeprefix("models/")
        text = text_of([body.get("systemInstruction", {}), *body.get("contents", ())])
        tokens, least = len(tokens_of(text)), server.behaviour.smallest
        if model in NO_EXPLICIT:
            said = f"{model} does not support explicit caching"
            self.send_json(400, error(400, "INVALID_ARGUMENT", said))
            return
        if tokens < least:
            said = f"total_token_count={tokens}, min_total_token_count={least}"
            said = f"Cached content is too small. {said}"
            self.send_json(400, error(400, "INVALID_ARGUMENT", said))
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
        self.send_json(200, self._described(held))

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
        self.send_json(200, page)

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
        self.send_json(403, error(403, "PERMISSION_DENIED", said))

    # --- generation -------------------------------------------------------------------

    def _generate(self, model: str, method: str, body: Any, fault: Fault) -> None:
        server = self.server
        if method == "countTokens":
            count = len(tokens_of(text_of(body["contents"])))
            self.send_json(200, {"totalTokens": count})
            return
        if not model.startswith("gemini-"):
            said = f"models/{model} is not found for API version v1beta"
            self.send_json(404, error(404, "NOT_FOUND", said))
            return
        held = None
        if name := body.get("cachedContent"):
            held = server.alive(name)
            if held is None:
                self._gone()
                return
            if "systemInstruction" in body or held.model != model:
                said = "CachedContent can not be used with that"
                self.send_json(400, error(400, "INVALID_ARGUMENT", said))
                return
        before = held.tokens if held else 0
        text = text_of([body.get("systemInstruction", {}), *body["contents"]])
        total = before + len(tokens_of(text))
        if total > server.behaviour.window:
            said = (
                f"The input token count ({total}) exceeds the maximum number of tokens "
                f"allowed ({server.behaviour.window})."
            )
            self.send_json(400, error(400, "INVALID_ARGUMENT", said))
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
        self.begin()
        usage: dict[str, Any] = {"promptTokenCount": total}
        if cached:
            usage["cachedContentTokenCount"] = cached
        if behaviour.blocked:
            feedback = {"blockReason": behaviour.blocked}
            self._event({"promptFeedback": feedback, "usageMetadata": usage})
            self.chunk(b"")
            return
        pieces = words(said)
        config = body.get("generationConfig", {})
        token = body.get("continuationToken") or config.get("continuationToken")
        start = int(base64.b64decode(token)) if token else 0
        end = start + (behaviour.per_request or len(pieces))
        most = config.get("maxOutputTokens", 65_536)
        thought = {"text": "Let me think.", "thought": True}
        self._piece([thought], usage)
        sent = 0
        for sent, word in enumerate([*pieces[start:end], ""]):
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
        elif end < len(pieces):
            token = base64.b64encode(str(end).encode()).decode()
            last = {"finishReason": "CONTINUATION", "continuationToken": token}
        if fault.how == "quiet":
            last = {}
        self._event({"candidates": [{"index": 0, **last}], "usageMetadata": usage})
        self.chunk(b"")

    def _piece(self, parts: list[dict[str, Any]], usage: dict[str, Any]) -> None:
        content = {"role": "model", "parts": parts}
        candidate = {"content": content, "index": 0}
        self._event({"candidates": [candidate], "usageMetadata": usage})

    def _fail(self, fault: Fault) -> None:
        if fault.how == "stall":
            self.server.released.wait(20)
        elif fault.how == "error":
            self.chunk(b"data: " + json.dumps(fault.body).encode() + b"\r\n\r\n")
        elif fault.how == "garbage":
            self.chunk(b"data: {nonsense\r\n\r\n")
        elif fault.how == "shapes":
            for odd in ('{"candidates": 5}', "[1]", '{"candidates": [{"content": 3}]}'):
                self.chunk(b"data: " + odd.encode() + b"\r\n\r\n")
        while fault.how == "endless" and not self.server.released.wait(0.005):
            self._piece([{"text": "more "}], {"promptTokenCount": 5})
        self.close_connection = True

    def _event(self, fields: dict[str, Any]) -> None:
        self.chunk(b"data: " + json.dumps(fields).encode() + b"\r\n\r\n")
