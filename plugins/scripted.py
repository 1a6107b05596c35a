"""A provider for tests: it says what a script says and keeps a true prefix cache.

The script is a TOML or JSON file, named by ``REPOCTX_SCRIPT`` or by a base URL
``file:PATH``::

    cache = "seen"              # folder beside the script that outlives the process
    record = "requests.jsonl"   # each request, as it was sent
    bytes_per_token = 4
    window = 1000000
    [[replies]]                 # one for each request in turn; the last is repeated
    text = "..."
    chunk = 20                  # characters a delta
    delay = 0.0                 # seconds before each delta
    stop = "end"                # a Stop's value; "" ends the stream without one
    raw = "token"               # given back with the end, as anything TOML can say
    miss = "why"
    output = 12                 # tokens; by default from the text
    cost = 0.01
    [replies.error]             # raised instead of the rest of the text
    kind = "provider"           # or auth, overflow
    message = "..."
    at = 10                     # characters of text that come first
    retryable = true
    retry_after = 1.5

``cached`` is the longest common prefix with any earlier request, counted in bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Sequence
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
        """The window that the script names, an automatic cache, no price."""
        window = int(self._script()[1].get("window", 1_000_000))
        return Capabilities(window=window, output=65_536, cache="automatic")

    def stream(self, request: Request) -> Iterator[Delta]:
        """The next reply, in chunks; usage comes with the end."""
        path, script = self._script()
        sent = prefix_bytes(request.prefix) + last_bytes(request)
        sent += b"".join(map(_turn, request.turns))
        folder = path.parent / script["cache"] if "cache" in script else None
        before = self._remember(sent, folder)
        self._record(path, script, request)
        turn = self._next_turn(path, script)
        per = max(1, int(script.get("bytes_per_token", 4)))
        reply = script["replies"][min(turn, len(script["replies"]) - 1)]
        yield from _said(reply)
        stop = reply.get("stop", "end")
        if stop:
            usage, raw = _usage(reply, len(sent), before, per), reply.get("raw")
            yield Delta("", usage, Stop(stop), raw, reply.get("miss", ""))

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

    def _remember(self, sent: bytes, folder: Path | None) -> int:
        """Bytes of ``sent`` that an earlier request began with."""
        files: list[Path] = []
        if folder is not None:
            folder.mkdir(exist_ok=True)
            files = sorted(folder.iterdir(), key=lambda p: p.stat().st_mtime_ns)
            files = files[-REMEMBERED:]
        seen = [p.read_bytes() for p in files] + self._seen
        if folder is None:
            self._seen = [*self._seen[1 - REMEMBERED :], sent]
        else:
            (folder / hashlib.sha256(sent).hexdigest()).write_bytes(sent)
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
        }
        with (path.parent / script["record"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def _next_turn(self, path: Path, script: dict[str, Any]) -> int:
        """Which reply is due: counted in the record too, so that it goes on."""
        turn, self._turn = self._turn, self._turn + 1
        if "record" in script:
            with (path.parent / script["record"]).open(encoding="utf-8") as file:
                return sum(1 for _ in file) - 1
        return turn


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
        raise _error(error)


def _error(error: dict[str, Any]) -> ProviderError:
    kinds = {"auth": AuthError, "overflow": ContextOverflow}
    return kinds.get(error.get("kind", ""), ProviderError)(
        error.get("message", "scripted failure"),
        retryable=bool(error.get("retryable", False)),
        retry_after=error.get("retry_after"),
    )


def _usage(reply: dict[str, Any], sent: int, before: int, per: int) -> Usage:
    output = reply.get("output", -(-len(reply.get("text", "").encode()) // per))
    total, cached = -(-sent // per), before // per
    return Usage(total, cached, total - cached, output, reply.get("cost"))
