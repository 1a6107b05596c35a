"""The net patch of one file: exact bytes out, the exact text back.

A body is a unified diff without file headers. It applies by line numbers alone, each
context line checked, never searched for. Its empty form is the empty body: no change.

Every line of a body begins with ``@``, a space, ``-``, ``+`` or ``\\``, so a renderer
that marks structure with any other character never has to escape one. The section
heading after the second ``@@`` is for the reader; ``apply`` ignores it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from repoctx.pack.diff import NO_NEWLINE, Hunk, hunks, split

HEADING = 80
"""Characters of a section heading, at most."""

_HEAD = re.compile(r"@@ -(\d{1,18}),(\d{1,18}) \+(\d{1,18}),(\d{1,18}) @@(?: .*)?")


def patch(old: str, new: str, context: int = 3) -> str:
    """The body that turns ``old`` into ``new``; empty when they are equal."""
    return render(hunks(old, new, context), old)


def render(found: Sequence[Hunk], old: str) -> str:
    """The body for hunks of ``old``, each line ended by a newline."""
    lines = split(old) if found else []
    out: list[str] = []
    for hunk in found:
        sides = f"-{hunk.old_start},{hunk.old_count} +{hunk.new_start},{hunk.new_count}"
        out.append(f"@@ {sides} @@{heading(lines, hunk)}")
        out += hunk.lines
    return "".join(f"{line}\n" for line in out)


def heading(lines: Sequence[str], hunk: Hunk) -> str:
    """A space and the nearest line above the hunk that opens a section, or nothing.

    A line opens a section when it begins with a letter, ``_`` or ``$`` in the first
    column. The line numbers tell a model little, this line tells it where it is.
    """
    for index in range(min(hunk.old_start - 2, len(lines) - 1), -1, -1):
        line = lines[index]
        if line[0].isalpha() or line[0] in "_$":
            return " " + line[:HEADING].rstrip()
    return ""


def apply(old: str, body: str) -> str:
    """What ``body`` makes of ``old``. Raises ValueError when it does not fit."""
    if not body:
        return old
    lines = split(old)
    out: list[str] = []
    at = 0
    rows = split(body)
    row = 0
    while row < len(rows):
        old_start, old_count, new_start, new_count = _numbers(rows[row])
        start = old_start - 1 if old_count else old_start
        if start < at or start + old_count > len(lines):
            raise ValueError(f"hunk out of place: {rows[row]!r}")
        out += lines[at:start]
        if new_start - (new_count > 0) != len(out):
            raise ValueError(f"hunk out of step: {rows[row]!r}")
        before, after, row = _sides(rows, row + 1, (old_count, new_count))
        if before != lines[start : start + old_count]:
            raise ValueError(f"lines {old_start}-{old_start + old_count - 1} differ")
        out += after
        at = start + old_count
    out += lines[at:]
    if any(not line.endswith("\n") for line in out[:-1]):
        raise ValueError("a line without its newline stands before the end")
    return "".join(out)


def ratio(body: str, new: str) -> float:
    """Bytes of ``body`` for each byte of ``new``: near 1, the full text says more."""
    return size(body) / max(size(new), 1)


def size(text: str) -> int:
    """Bytes of ``text`` in UTF-8, surrogate escapes counted as three."""
    return len(text.encode("utf-8", "surrogatepass"))


def _numbers(row: str) -> tuple[int, int, int, int]:
    found = _HEAD.fullmatch(row.removesuffix("\n"))
    if found is None:
        raise ValueError(f"not a hunk's head: {row!r}")
    a, b, c, d = (int(number) for number in found.groups())
    return a, b, c, d


def _sides(
    rows: Sequence[str], row: int, counts: tuple[int, int]
) -> tuple[list[str], list[str], int]:
    """The old and the new lines of the hunk that begins at ``row``, and its end."""
    before: list[str] = []
    after: list[str] = []
    while row < len(rows) and (len(before), len(after)) != counts:
        mark, line = rows[row][:1], rows[row][1:]
        if not line.endswith("\n") or mark not in (" ", "-", "+"):
            raise ValueError(f"not a hunk's line: {rows[row]!r}")
        row += 1
        if row < len(rows) and rows[row] == NO_NEWLINE + "\n":
            line = line[:-1]
            row += 1
        if mark != "+":
            before.append(line)
        if mark != "-":
            after.append(line)
        if len(before) > counts[0] or len(after) > counts[1]:
            break
    if (len(before), len(after)) != counts:
        raise ValueError("a hunk's lines do not agree with its head")
    return before, after, row
