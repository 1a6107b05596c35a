"""Fill a number of tokens with the best files, generously: recall comes first.

Whole files in rank order, as long as they fit. Where the room is small, or a file would
take more than half of it, only the best pieces of a file enter. A file that does not
fit is passed over and smaller ones behind it still get their chance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from repoctx.pack.render import Doc, Tag

SMALL_ROOM = 16_000
"""Tokens: in a room this small pieces of many files say more than a few whole ones."""

LARGE_SHARE = 0.5
"""A file that would take more than this share of the room enters in pieces."""

FULL = 150
"""Tokens: less room than this is none."""


@dataclass(frozen=True, slots=True)
class Pick:
    """A file, or lines ``start`` to ``end`` of it (0: whole), and its tokens."""

    path: str
    start: int
    end: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Offer:
    """A ranked file. ``tokens`` counts lines of it (0, 0: all of it), ``pieces`` finds
    its best ones; neither is called before it is needed."""

    path: str
    tokens: Callable[[str, int, int], int]
    pieces: Callable[[str], Iterable[Pick]]


def fill(offers: Iterable[Offer], room: int) -> Iterator[Pick]:
    """Yield what enters ``room`` tokens, in rank order; never more than fits."""
    small, large = room <= SMALL_ROOM, room * LARGE_SHARE
    for offer in offers:
        if room < FULL:
            return
        whole = 0 if small else offer.tokens(offer.path, 0, 0)
        if small or whole > large:
            for pick in offer.pieces(offer.path):
                if pick.tokens <= room:
                    room -= pick.tokens
                    yield pick
        elif whole <= room:
            room -= whole
            yield Pick(offer.path, 0, 0, whole)


def lines_of(text: str, start: int, end: int) -> str:
    """Lines ``start`` to ``end`` of a text (from 1; 0: all of it)."""
    return "\n".join(text.split("\n")[start - 1 : end]) + "\n" if start else text


def excerpt(path: str, text: str, start: int, end: int) -> Doc:
    """The document that shows these lines of a file; see `lines_of`."""
    where: tuple[tuple[str, str], ...] = (("path", path),)
    if start:
        where = (*where, ("lines", f"{start}-{end}"))
    return Doc(Tag.FILE, where, lines_of(text, start, end))
