"""Pages: as much of a long result as a client's context should take, and a cursor.

A cursor holds where the next page begins, and a digest of what the page was cut from
(the call's arguments and the tree): over the same tree it gives the same bytes, over
another it is refused.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from repoctx.errors import UsageError
from repoctx.pack.tokens import Estimate

USUAL = 8_000
"""Tokens of one result where the client names no other bound: most clients warn above
10,000."""
LEAST, MOST = 200, 100_000
"""Bounds of what a client may name."""

LONGEST = 16
"""Bytes of a token at most; see `Estimate`."""

Item = TypeVar("Item")
Shown = tuple[dict[str, Any], str]
"""An item as data and as text."""

_counter = Estimate()


def tokens(text: str) -> int:
    """About how many tokens ``text`` has: the same on any machine."""
    return _counter.count(text)


@dataclass(frozen=True, slots=True)
class Window:
    """Which page is asked for: ``room`` in tokens, ``start`` as an offset into what
    ``key`` stands for."""

    room: int
    start: int
    key: str

    def cursor(self, at: int) -> str:
        """The cursor of the page that begins at ``at``."""
        text = json.dumps([self.key, at], separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(text).decode().rstrip("=")


def window(args: Mapping[str, Any], *basis: str) -> Window:
    """The page that ``args`` ask for of what ``basis`` decides: the tool, the tree.

    Raises UsageError for a cursor of another call or another tree.
    """
    rest = {k: v for k, v in args.items() if k not in ("cursor", "max_tokens")}
    text = json.dumps([rest, basis], sort_keys=True)
    key = hashlib.sha256(text.encode()).hexdigest()[:16]
    room = args.get("max_tokens") or USUAL
    given = args.get("cursor") or ""
    if not given:
        return Window(room, 0, key)
    try:
        data = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4))
        found, at = json.loads(data)
    except (ValueError, TypeError):
        raise UsageError("this is no cursor of this server") from None
    if not isinstance(at, int) or isinstance(at, bool) or at < 0:
        raise UsageError("this is no cursor of this server")
    if found != key:
        raise UsageError(
            "the cursor belongs to other arguments, or the repository has changed "
            "since: call again without it"
        )
    return Window(room, at, key)


def page_of(
    items: Sequence[Item],
    at: Window,
    show: Callable[[Item], Shown],
) -> tuple[list[dict[str, Any]], str, str]:
    """The items of a page as data and as text, and the next page's cursor ("": none).

    ``show`` gives an item's data and text; at least one item is shown.
    """
    data: list[dict[str, Any]] = []
    texts: list[str] = []
    left = at.room
    for number in range(at.start, len(items)):
        fields, text = show(items[number])
        spelt = json.dumps(fields, ensure_ascii=False)
        left -= max(tokens(spelt), tokens(text))
        if left < 0 and data:
            return data, "".join(texts), at.cursor(number)
        data.append(fields)
        texts.append(text)
    return data, "".join(texts), ""


def text_page(text: str, at: Window) -> tuple[str, str]:
    """As much of ``text`` as the page takes, whole lines where one fits, and the next
    page's cursor ("": none)."""
    part = cut(text[at.start :], at.room)
    end = at.start + len(part)
    return part, at.cursor(end) if end < len(text) else ""


def cut(text: str, room: int) -> str:
    """The beginning of ``text`` in ``room`` tokens, up to the end of a line where one
    fits."""
    part = text[: room * LONGEST]
    if tokens(part) > room:
        least, most = 1, len(part)
        while least < most:
            middle = (least + most + 1) // 2
            if tokens(part[:middle]) <= room:
                least = middle
            else:
                most = middle - 1
        part = part[:least]
    if len(part) == len(text):
        return text
    return part[: part.rfind("\n") + 1] or part
