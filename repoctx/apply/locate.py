"""Where a hunk's old side stands in a file: the rungs that keep its lines in a row.

Every rung counts all candidates; what more than one means is decided by the caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from repoctx.apply.keys import BLANKS, DENSE, EXACT, LEADING, PUNCTUATION, Keyed

WORK = 4_000_000
"""Line comparisons that one hunk may cost on one rung."""
MOST = 200
"""Candidates that are listed; more are ambiguous anyway."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where each old line of a hunk stands: its index in the file, None for nowhere."""

    rung: int
    at: tuple[int | None, ...]

    @property
    def start(self) -> int:
        """Index of the first line found."""
        return next(n for n in self.at if n is not None)

    @property
    def end(self) -> int:
        """Index after the last line found."""
        return next(n for n in reversed(self.at) if n is not None) + 1


def rows(old: Sequence[str], file: Keyed, rung: int) -> list[Place]:
    """All places where ``old`` stands line by line under the rung's key."""
    index = file.index(rung)
    wanted = file.known(old, rung, index)
    return [
        Place(rung, tuple(range(at, at + len(old))))
        for at in _starts(wanted, file.keys(rung), index)
    ]


def without_blanks(old: Sequence[str], file: Keyed) -> list[Place]:
    """All places where ``old`` stands when blank lines count on neither side."""
    full = [n for n, line in enumerate(old) if line.strip()]
    if not full:
        return []
    for rung in (PUNCTUATION, LEADING, DENSE):
        keys = file.keys(rung)
        kept, squeezed, index = file.full(rung)
        wanted = file.known([old[n] for n in full], rung, index)
        found = [
            _spread(len(old), full, kept[at : at + len(full)], keys)
            for at in _starts(wanted, squeezed, index)
        ]
        if found:
            return [Place(BLANKS, at) for at in found]
    return []


def _spread(
    length: int, full: Sequence[int], at: Sequence[int], keys: Sequence[str]
) -> tuple[int | None, ...]:
    """Give blank old lines the file's blank lines between their neighbours, in turn."""
    out: list[int | None] = [None] * length
    for n, index in zip(full, at, strict=True):
        out[n] = index
    for (a, i), (b, j) in zip(
        zip(full, at, strict=True), zip(full[1:], at[1:], strict=True), strict=False
    ):
        if b - a == j - i:
            for step in range(1, b - a):
                out[a + step] = i + step
        else:
            for step in range(1, min(b - a, j - i)):
                out[a + step] = i + step
    for n, index, step in ((full[0], at[0], -1), (full[-1], at[-1], 1)):
        while 0 <= n + step < length and 0 <= index + step < len(keys):
            n, index = n + step, index + step
            if keys[index].strip():
                break
            out[n] = index
    return tuple(out)


def _starts(
    wanted: Sequence[str], keys: Sequence[str], index: dict[str, list[int]]
) -> list[int]:
    """Every index at which ``wanted`` stands in ``keys``, the first `MOST`."""
    size = len(wanted)
    if not size or size > len(keys):
        return []
    best: list[int] = []
    anchor = -1
    for n, key in enumerate(wanted):
        places = index.get(key)
        if places is None:
            return []
        if anchor < 0 or len(places) < len(best):
            best, anchor = places, n
            if len(places) == 1:
                break
    found = []
    wanted = list(wanted)
    budget = WORK
    for at in best:
        start = at - anchor
        if start < 0 or start + size > len(keys):
            continue
        budget -= size if keys[start] == wanted[0] else 1
        if keys[start] == wanted[0] and keys[start : start + size] == wanted:
            found.append(start)
        if len(found) >= MOST or budget < 0:
            break
    return found


def stands(new: Sequence[str], file: Keyed, at: int, rung: int = EXACT) -> bool:
    """Whether ``new`` stands at index ``at``."""
    there = file.keys(rung)[at : at + len(new)]
    return len(there) == len(new) and there == file.of(new, rung)
