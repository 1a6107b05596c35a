"""Gemini's explicit caches: one holds the base, and is found again by its digest.

What one costs beside an uncached prompt, in input prices (3.8-flash: read 0.1, storage
0.67 an hour): written and read once with `ExplicitCaches.TTL` 1.27, each later
question 0.1 and what its life is prolonged by. The implicit cache costs nothing to
write but promises nothing; whole sessions of misses (1.0 a question) are reported. So
an explicit cache pays from the second question on, if its life is short: hence a
quarter of an hour, prolonged while it is used.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from repoctx.values import Prefix, Request, SegmentKind

from .prompt import prefix_bytes

if TYPE_CHECKING:
    from google.genai import Client

LISTED = 1000
"""The most caches of a project that are looked through for ours."""
MARGIN = 30.0
"""Seconds of life below which a cache is not counted on."""
_TOO_SMALL = re.compile(r"min_total_token_count=(\d+)")


@dataclass(frozen=True, slots=True)
class Held:
    """An explicit cache of ours: its resource name, tokens, the end of its life, and
    whether it was made for this request."""

    name: str
    tokens: int
    expires: datetime
    new: bool = False


class ExplicitCaches:
    """The caches of one key, as far as this process has met them."""

    TTL = 900
    """Seconds that a cache lives after its last use, where a request says nothing."""

    def __init__(self) -> None:
        self.refused = ""
        self._held: dict[tuple[str, str], Held] = {}
        self._least: dict[str, int] = {}

    def held(self, client: Client, request: Request) -> Held | None:
        """The cache of the request's base: met before, found, or made; its life is
        prolonged when half of it is over. None when the service will make none;
        ``refused`` then says why. Lets the SDK's errors through where the service
        could not be asked.
        """
        head, _ = split(request.prefix)
        key = (request.model, _digest(head))
        ttl = request.ttl or self.TTL
        self.refused = ""
        # Bytes are no tokens, but no text has more tokens than bytes.
        if not head or len(head.encode()) < self._least.get(request.model, 0):
            return None
        known = self._held.get(key)
        held = known if known and _life(known) > MARGIN else self._found(client, key)
        held = held and self._prolonged(client, held, ttl)
        if held is None:
            held = self._made(client, key, head, ttl)
        if held is None:
            return None
        self._supersede(client, key)
        # The next request finds it: only this one made it.
        self._held[key] = replace(held, new=False)
        return held

    def forget(self, request: Request) -> None:
        """The service has lost the cache of the request's base."""
        head, _ = split(request.prefix)
        self._held.pop((request.model, _digest(head)), None)

    def _found(self, client: Client, key: tuple[str, str]) -> Held | None:
        """The longest-lived cache under our name: another process may have made it."""
        model, digest = key
        best = None
        for at, row in enumerate(client.caches.list(config={"page_size": 100})):
            if at >= LISTED:
                break
            same = (row.model or "").removeprefix("models/") == model
            if not same or row.display_name != _title(digest) or not row.name:
                continue
            held = _described(row)
            if best is None or held.expires > best.expires:
                best = held
        return best if best and _life(best) > MARGIN else None

    def _prolonged(self, client: Client, held: Held, ttl: int) -> Held | None:
        """The cache with enough life left; None when it is gone."""
        from google.genai.errors import APIError

        if _life(held) > ttl / 2:
            return held
        try:
            row = client.caches.update(name=held.name, config={"ttl": f"{ttl}s"})
        except APIError as exc:
            return None if exc.code in (403, 404) else held
        return replace(held, expires=_described(row).expires)

    def _made(
        self, client: Client, key: tuple[str, str], head: str, ttl: int
    ) -> Held | None:
        from google.genai.errors import APIError
        from google.genai.types import Content, CreateCachedContentConfig, Part

        model, digest = key
        config = CreateCachedContentConfig(
            contents=[Content(role="user", parts=[Part(text=head)])],
            display_name=_title(digest),
            ttl=f"{ttl}s",
        )
        try:
            row = client.caches.create(model=model, config=config)
        except APIError as exc:
            if exc.code in (401, 408) or not 400 <= (exc.code or 0) < 500:
                raise
            said = str(exc.message or "")
            if found := _TOO_SMALL.search(said):
                self._least[model] = int(found[1])
            else:
                words = " ".join(said.split())[:120]
                self.refused = f"Gemini made no explicit cache ({exc.code}): {words}"
            return None
        return replace(_described(row), new=True)

    def _supersede(self, client: Client, key: tuple[str, str]) -> None:
        """Delete what this process used for the model before: its storage is billed.

        What other processes made ends by itself: they may still use it, and to write a
        cache anew costs more than to store it for the rest of its life.
        """
        from google.genai.errors import APIError

        for old in [k for k in self._held if k[0] == key[0] and k != key]:
            held = self._held.pop(old)
            try:
                client.caches.delete(name=held.name)
            except APIError:
                continue  # It is gone, or goes by itself.


def split(prefix: Prefix) -> tuple[str, str]:
    """The prefix's text to the end of the base, and from there on."""
    data = prefix_bytes(prefix)
    end, at = 0, 0
    for segment in prefix.segments:
        at += segment.size
        if segment.kind is SegmentKind.BASE:
            end = at
    return data[:end].decode("utf-8", "replace"), data[end:].decode("utf-8", "replace")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:40]


def _title(digest: str) -> str:
    return f"repoctx {digest}"


def _life(held: Held) -> float:
    """Seconds that a cache still lives."""
    return (held.expires - datetime.now(UTC)).total_seconds()


def _described(row: Any) -> Held:
    tokens = row.usage_metadata.total_token_count if row.usage_metadata else 0
    soon = datetime.now(UTC) + timedelta(seconds=MARGIN)
    return Held(row.name or "", tokens or 0, row.expire_time or soon)
