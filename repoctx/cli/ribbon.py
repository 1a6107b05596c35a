"""The layout of a prompt as one line: what stands where, and what is cached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from repoctx.cli.check import off
from repoctx.values import Count

if TYPE_CHECKING:
    from repoctx.flow.check import Check

NARROWEST = 40
"""Columns below which the line does not shrink."""

LABEL = 10
"""Columns in front of it."""


@dataclass(frozen=True, slots=True)
class Ink:
    """What a state is drawn with, in the order cached, new, free; the border, and the
    colours' numbers."""

    marks: tuple[str, str, str] = ("█", "▒", "·")
    border: str = "│"
    colours: tuple[int, int, int] = (32, 33, 2)


PLAIN = Ink(("#", "=", "."), "|")

CACHED, NEW, FREE = range(3)

RESERVE = "reserve"


@dataclass(frozen=True, slots=True)
class Part:
    """A run of the line: its name, tokens, and the share of them that is cached."""

    name: str
    count: Count
    cached: float = 0.0
    free: bool = False


def ribbon(found: Check, width: int, *, drawn: bool, colour: bool) -> list[str]:
    """The line and what explains it, at most ``width`` columns each.

    ``drawn`` allows other characters than ASCII, ``colour`` escape sequences.
    """
    ink = Ink() if drawn else PLAIN
    parts = layout(found)
    room = max(width, NARROWEST) - LABEL
    cells = _cells(parts, room - len(parts) - 1)
    line = ink.border
    for part, many in zip(parts, cells, strict=True):
        line += _drawn(_states(part, many), ink, colour) + ink.border
    items = [_item(part, ink, found.sends) for part in parts]
    if window := found.window:
        share = f"{found.count.tokens / window:.1%}{off(found)}"
        items.append(f"{share} of a window of {window:,}")
    return [f"{'layout':<{LABEL}}{line}", *_wrapped(items, room)]


def layout(found: Check) -> list[Part]:
    """The parts of the prompt in their order: what is sent, what may follow it, and
    what is kept free for the answer and the error of estimates."""
    parts = [
        Part(band.kind, band.count, band.cached / max(band.count.tokens, 1))
        for band in found.bands
    ]
    used = found.count.tokens
    if found.room:
        parts.append(Part("tail", Count(found.room, exact=True), free=True))
    if (rest := found.window - used - found.room) > 0 and found.room:
        parts.append(Part(RESERVE, Count(rest, exact=True), free=True))
    return parts


def fields(found: Check) -> dict[str, object]:
    """The layout for programs."""
    return {
        "model": found.model.name,
        "window": found.window,
        "tokens": found.count.tokens,
        "error": found.error,
        "cached": found.cached.tokens,
        "warm": found.warm,
        "room": found.room,
        "parts": [
            {
                "kind": band.kind,
                "bytes": band.size,
                "tokens": band.count.tokens,
                "exact": band.count.exact,
                "cached": band.cached,
            }
            for band in found.bands
        ],
    }


def _cells(parts: Sequence[Part], room: int) -> list[int]:
    """Columns of each part: by tokens, at least one each, ``room`` in all."""
    whole = sum(part.count.tokens for part in parts) or 1
    cells = [max(1, room * part.count.tokens // whole) for part in parts]
    # The largest gives or takes what rounding left.
    cells[cells.index(max(cells))] += room - sum(cells)
    return cells


def _states(part: Part, many: int) -> list[int]:
    if part.free:
        return [FREE] * many
    hit = round(part.cached * many)
    # A part of which something is new shows it, however wide a column is.
    hit = min(hit, many - 1) if part.cached < 1 and many > 1 else hit
    return [CACHED] * hit + [NEW] * (many - hit)


def _drawn(states: Sequence[int], ink: Ink, colour: bool) -> str:
    text = ""
    for state, run in groupby(states):
        piece = ink.marks[state] * len(list(run))
        text += f"\033[{ink.colours[state]}m{piece}\033[0m" if colour else piece
    return text


def _item(part: Part, ink: Ink, sends: bool) -> str:
    if part.free:
        most = "" if part.name == RESERVE else "up to "
        return f"{ink.marks[FREE]} {part.name} {most}{part.count}"
    state = CACHED if part.cached == 1 else NEW
    share = f" {_share(part.cached)}" if sends else ""
    return f"{ink.marks[state]} {part.name} {part.count}{share}"


def _share(cached: float) -> str:
    if cached in (0, 1):
        return "cached" if cached else "not cached"
    # 99.96% are not all of it.
    return f"{min(cached, 0.999):.1%} cached"


def _wrapped(items: Sequence[str], room: int) -> list[str]:
    lines: list[str] = []
    for item in items:
        if lines and len(lines[-1]) + 3 + len(item) <= LABEL + room:
            lines[-1] += f"   {item}"
        else:
            lines.append(" " * LABEL + item)
    return lines
