"""Whole changed definitions instead of a diff: what ``--overlay blocks`` shows.

A body is a list of replacements in the order of the old text. Each is a head line,

    @@ -10,4 +12,6 @@ Shelf.text

and then the new lines 12 to 17, each after one space: "lines 10 to 13 of the old text
are these now". Numbers are a unified diff's: a side without lines names the line it
stands after. ``\\ No newline at end of file`` follows a last line that has none. So
every line begins with ``@``, a space or ``\\``, and no renderer has to escape one.

A change is shown with the smallest definition that encloses it. Where none does, or it
is longer than ``LONGEST`` lines, it is shown with ``AROUND`` lines on either side.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from repoctx.pack.diff import NO_NEWLINE, Edit, edits, split

LONGEST = 200
"""Lines of a definition that is shown whole; in a longer one a diff reads better."""

AROUND = 3
"""Unchanged lines on either side of a change outside of all definitions."""

NAMES = 80
"""Characters of the names in a head line, at most."""

Span = tuple[int, int, str]
"""A definition of the new text: its first and last line, from 1, and its name."""

_HEAD = re.compile(r"@@ -(\d{1,18}),(\d{1,18}) \+(\d{1,18}),(\d{1,18}) @@(?: .*)?")


@dataclass(frozen=True, slots=True)
class Block:
    """Lines ``[old_start, old_end)`` become ``[new_start, new_end)``, from index 0."""

    old_start: int
    old_end: int
    new_start: int
    new_end: int
    names: tuple[str, ...] = ()


def blocks(old: str, new: str, spans: Sequence[Span]) -> str:
    """The body that turns ``old`` into ``new``; empty when they are equal.

    ``spans`` may overlap, nest and lie outside the text.
    """
    if old == new:
        return ""
    a, b = split(old), split(new)
    out: list[str] = []
    for block in changed(edits(a, b), len(b), spans):
        old_count = block.old_end - block.old_start
        new_count = block.new_end - block.new_start
        before = f"-{block.old_start + (old_count > 0)},{old_count}"
        after = f"+{block.new_start + (new_count > 0)},{new_count}"
        names = ", ".join(" ".join(name.split()) for name in block.names)
        out.append(f"@@ {before} {after} @@ {names[:NAMES]}".rstrip() + "\n")
        for line in b[block.new_start : block.new_end]:
            out.append(" " + line)
            if not line.endswith("\n"):
                out.append(f"\n{NO_NEWLINE}\n")
    return "".join(out)


def changed(found: Sequence[Edit], length: int, spans: Sequence[Span]) -> list[Block]:
    """Each edit with what encloses it, joined where they touch.

    ``length`` is the number of lines of the new text.
    """
    areas: list[_Area] = []
    for edit, span in zip(found, _enclosing(found, length, spans), strict=True):
        start, end = edit.new_start - AROUND, edit.new_end + AROUND
        names: tuple[str, ...] = ()
        if span:
            start, end, names = span[0] - 1, span[1], (span[2],)
        start, end = min(start, edit.new_start), max(end, edit.new_end)
        area = _Area(max(start, 0), min(end, length), edit, edit, names)
        while areas and areas[-1].end >= area.start:
            area = _joined(areas.pop(), area)
        areas.append(area)
    return [_block(area) for area in areas]


@dataclass(frozen=True, slots=True)
class _Area:
    """Lines ``[start, end)`` of the new text, and the first and last edit in them.

    No other edit lies in an area: it would have an area that touches this one.
    """

    start: int
    end: int
    first: Edit
    last: Edit
    names: tuple[str, ...]


def _joined(one: _Area, other: _Area) -> _Area:
    names = one.names + tuple(n for n in other.names if n not in one.names)
    start, end = min(one.start, other.start), max(one.end, other.end)
    return _Area(start, end, one.first, other.last, names)


def _block(area: _Area) -> Block:
    """Outside of its edits both texts go in step: so the old lines follow."""
    return Block(
        area.first.old_start - (area.first.new_start - area.start),
        area.last.old_end + (area.end - area.last.new_end),
        area.start,
        area.end,
        area.names,
    )


def _enclosing(
    found: Sequence[Edit], length: int, spans: Sequence[Span]
) -> list[Span | None]:
    """For each edit the smallest definition around it, and around its neighbours if
    it only deletes."""
    best: list[Span | None] = [None] * len(found)
    ranges = []
    for edit in found:
        empty = edit.new_start == edit.new_end
        start = max(edit.new_start - empty, 0)
        ranges.append((start, min(edit.new_end + empty, length)))
    starts = [start for start, _ in ranges]
    for span in sorted(spans, key=lambda s: (s[1] - s[0], s)):
        if not 1 <= span[0] <= span[1] <= length or span[1] - span[0] >= LONGEST:
            continue
        first = bisect_left(starts, span[0] - 1)
        for index in range(first, bisect_right(starts, span[1] - 1)):
            if best[index] is None and ranges[index][1] <= span[1]:
                best[index] = span
    return best


def apply(old: str, body: str) -> str:
    """What ``body`` makes of ``old``. Raises ValueError when it does not fit."""
    lines, rows = split(old), split(body)
    out: list[str] = []
    at = row = 0
    while row < len(rows):
        head = _HEAD.fullmatch(rows[row].removesuffix("\n"))
        if head is None:
            raise ValueError(f"not a replacement's head: {rows[row]!r}")
        old_start, old_count, new_start, new_count = map(int, head.groups())
        start = old_start - (old_count > 0)
        if start < at or start + old_count > len(lines):
            raise ValueError(f"replacement out of place: {rows[row]!r}")
        out += lines[at:start]
        if new_start - (new_count > 0) != len(out):
            raise ValueError(f"replacement out of step: {rows[row]!r}")
        taken = rows[row + 1 : row + 1 + new_count]
        row += 1 + new_count
        if len(taken) != new_count or not all(
            line.startswith(" ") and line.endswith("\n") for line in taken
        ):
            raise ValueError("a replacement's lines do not agree with its head")
        out += [line[1:] for line in taken]
        if row < len(rows) and new_count and rows[row] == NO_NEWLINE + "\n":
            out[-1] = out[-1][:-1]
            row += 1
        at = start + old_count
    out += lines[at:]
    if any(not line.endswith("\n") for line in out[:-1]):
        raise ValueError("a line without its newline stands before the end")
    return "".join(out)
