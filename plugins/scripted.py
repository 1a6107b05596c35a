"""A provider for tests: it says what a script says and keeps a true prefix cache.

The script is a TOML or JSON file, named by ``REPOCTX_SCRIPT`` or by a base URL
``file:PATH``::

    cache = "seen"              # folder beside the script that outlives the process
    record = "requests.jsonl"   # each request, as it was sent
    bytes_per_token = 4.0
    window = 1000000
    tokenizer = "o200k_base"    # "" or another name: no count of ours is exact
    ttls = [300, 3600]          # with "cache": entries end after the request's ttl
    [prices]                    # USD per million tokens
    input = 4.0
    cache_read = 0.4
    cache_write = 5.0
    output = 20.0
    [[replies]]                 # one for each request in turn; the last is repeated
    text = "..."
    match = "..."             # said to what holds this, whoever's turn it is
    chunk = 20                  # characters a delta
    delay = 0.0                 # seconds before each delta
    stop = "end"                # a Stop's value; "" ends the stream without one
    raw = "token"               # given back with the end, as anything TOML can say
    miss = "tools_changed"      # why the cache did not serve, as a provider says it
    output = 12                 # tokens; by default from the text
    cost = 0.01
    [replies.error]             # raised instead of the rest of the text
    kind = "provider"           # or auth, overflow
    message = "..."
    at = 10                     # characters of text that come first
    retryable = true
    retry_after = 1.5
    stall = 60.0                # seconds of silence before it

``cached`` is the longest common prefix with any earlier request, counted in bytes.
A prewarm fills the cache, stands in the record with the mode ``prewarm``, and takes no
reply.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from repoctx.errors import AuthError, ContextOverflow, ProviderError, UsageError
from repoctx.values import Capabilities, Delta, Endpoint, Request, Stop, Turn, Usage

from .prompt import last_bytes, prefix_bytes

REMEMBERED = 16
"""Earlier requests that the cache knows."""


def provider(endpoint: Endpoint) -> Scripted:
    """The factory that the entry point names."""
    return Scripted(endpoint)


class Scripted:
    """A provider whose answers were written beforehand."""

    name = "scripted"

    def __init__(self, endpoint: Endpoint) -> None:
        self._url = endpoint.base_url
        self._seen: list[bytes] = []
        self._turn = 0

    def models(self) -> Sequence[str]:
        """Any name will do."""
        return ()

    def capabilities(self, model: str) -> Capabilities:
        """What the script names, and an automatic cache."""
        script = self._script()[1]
        return Capabilities(
            window=int(script.get("window", 1_000_000)),
            output=65_536,
            cache="automatic",
            ttls=tuple(script.get("ttls", ())),
            prices=script.get("prices"),
            tokenizer=script.get("tokenizer", "o200k_base"),
        )

    def stream(self, request: Request) -> Iterator[Delta]:
        """The next reply, in chunks; usage comes with the end."""
        path, script = self._script()
        reply = self._reply(path, script, request)
        used = self._used(path, script, request, last_bytes(request), reply)
        yield from _said(reply)
        stop = reply.get("stop", "end")
        if stop:
            raw, miss = reply.get("raw"), reply.get("miss", "")
            yield Delta("", used, Stop(stop), raw, miss)

    def _reply(
        self, path: Path, script: dict[str, Any], request: Request
    ) -> dict[str, Any]:
        """The first reply whose ``match`` was asked, else the one that is due."""
        turn, replies = self._next_turn(path, script), script["replies"]
        asked = [request.question, *(turn.text for turn in request.turns)][-1]
        for reply in replies:
            if reply.get("match", "\0") in asked:
                return dict(reply)
        rest = [reply for reply in replies if "match" not in reply] or replies
        return dict(rest[min(turn, len(rest) - 1)])

    def prewarm(self, request: Request) -> Usage:
        """Fill the cache with the prefix."""
        path, script = self._script()
        asked = replace(request, mode="prewarm", tail="", question="", turns=())
        return self._used(path, script, asked, b"", {"output": 0})

    def _used(
        self,
        path: Path,
        script: dict[str, Any],
        request: Request,
        last: bytes,
        reply: dict[str, Any],
    ) -> Usage:
        """Send, so to speak: the cache takes all of it, and the record a line."""
        sent = prefix_bytes(request.prefix) + last
        sent += b"".join(map(_turn, request.turns))
        folder = path.parent / script["cache"] if "cache" in script else None
        before = self._remember(sent, folder, request.ttl or _usual(script))
        self._record(path, script, request)
        per = max(1.0, float(script.get("bytes_per_token", 4)))
        return _usage(reply, len(sent), before, per)

    def _script(self) -> tuple[Path, dict[str, Any]]:
        url = self._url
        name = unquote(url.removeprefix("file:")) if url.startswith("file:") else ""
        path = Path(name.removeprefix("//") or os.environ.get("REPOCTX_SCRIPT", ""))
        if not path.is_file():
            raise UsageError("scripted: REPOCTX_SCRIPT names no file")
        try:
            script = _parsed(path)
        except ValueError as exc:
            raise UsageError(f"scripted: {path}: {exc}") from None
        if not script.get("replies"):
            raise UsageError(f"scripted: {path}: no replies")
        return path, script

    def _remember(self, sent: bytes, folder: Path | None, ttl: int) -> int:
        """Bytes of ``sent`` that an earlier request, not too old, began with."""
        files: list[Path] = []
        if folder is not None:
            folder.mkdir(exist_ok=True)
            files = sorted(folder.iterdir(), key=lambda p: p.stat().st_mtime_ns)
            files = files[-REMEMBERED:]
            oldest = time.time() - ttl if ttl else 0
            files = [p for p in files if p.stat().st_mtime >= oldest]
        seen = [p.read_bytes() for p in files] + self._seen
        if folder is None:
            self._seen = [*self._seen[1 - REMEMBERED :], sent]
        else:
            kept, now = folder / hashlib.sha256(sent).hexdigest(), time.time()
            kept.write_bytes(sent)
            os.utime(kept, (now, now))
        return max((_common(sent, old) for old in seen), default=0)

    def _record(self, path: Path, script: dict[str, Any], request: Request) -> None:
        if "record" not in script:
            return
        row = {
            "model": request.model,
            "mode": request.mode,
            "digest": request.prefix.digest,
            "prefix": prefix_bytes(request.prefix).decode("utf-8", "replace"),
            "tail": request.tail,
            "question": request.question,
            "turns": [list(turn) for turn in request.turns],
            "max_output": request.max_output,
            "ttl": request.ttl,
        }
        with (path.parent / script["record"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def _next_turn(self, path: Path, script: dict[str, Any]) -> int:
        """Which reply is due: counted in the record too, so that it goes on."""
        turn, self._turn = self._turn, self._turn + 1
        if "record" not in script:
            return turn
        try:
            with (path.parent / script["record"]).open(encoding="utf-8") as file:
                return sum(json.loads(line)["mode"] != "prewarm" for line in file)
        except FileNotFoundError:
            return 0


def _turn(turn: Turn) -> bytes:
    return f"\n[{turn.role}]\n{turn.text}".encode("utf-8", "replace")


def _common(one: bytes, other: bytes) -> int:
    """The length of the longest common prefix, by halving."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _parsed(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        script = json.loads(text)
    else:
        import tomllib

        script = tomllib.loads(text)
    if not isinstance(script, dict):
        raise ValueError("not a table")
    return script


def _said(reply: dict[str, Any]) -> Iterator[Delta]:
    text, error = reply.get("text", ""), reply.get("error")
    end = int(error.get("at", 0)) if error else len(text)
    step = max(1, int(reply.get("chunk", 20)))
    for start in range(0, min(end, len(text)), step):
        time.sleep(float(reply.get("delay", 0)))
        yield Delta(text[start : min(start + step, end)])
    if error:
        time.sleep(float(error.get("stall", 0)))
        raise _error(error)


def _error(error: dict[str, Any]) -> ProviderError:
    kinds = {"auth": AuthError, "overflow": ContextOverflow}
    return kinds.get(error.get("kind", ""), ProviderError)(
        error.get("message", "scripted failure"),
        retryable=bool(error.get("retryable", False)),
        retry_after=error.get("retry_after"),
    )


def _usual(script: dict[str, Any]) -> int:
    """Seconds that a cache entry lives when no request says it; 0: for ever."""
    return int(next(iter(script.get("ttls", ())), 0))


def _usage(reply: dict[str, Any], sent: int, before: int, per: float) -> Usage:
    said = len(reply.get("text", "").encode())
    output = reply.get("output", math.ceil(said / per))
    total, cached = math.ceil(sent / per), int(before / per)
    return Usage(total, cached, total - cached, output, reply.get("cost"))
