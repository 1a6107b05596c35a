"""Hunks that leave lines out: their parts are located one by one."""

from __future__ import annotations

from dataclasses import replace

from repoctx.apply.hunks import Ready, compared, minimal
from repoctx.apply.keys import EXACT, LEADING, Keyed
from repoctx.apply.locate import Place, rows
from repoctx.apply.placeholders import elides
from repoctx.apply.splice import Refused

_DOTS = "\0..."
"""Stands for every line that stands for others."""


def elided(marked: Ready, file: Keyed) -> list[tuple[Ready, Place]]:
    """The parts between the hunk's placeholder lines, and where each stands.

    Empty when the hunk leaves nothing out. Raises Refused when a placeholder is taken
    out or put in, or a part stands in several places.
    """
    lines = [
        line[:1] + _DOTS if elides(line[1:]) and not file.has(line[1:]) else line
        for line in marked.lines
    ]
    if not any(line[1:] == _DOTS for line in lines):
        return []
    lines = _paired(lines) if marked.whole else minimal(lines)
    if any(line[0] != " " and line[1:] == _DOTS for line in lines):
        wrong = next(x for x in marked.lines if elides(x[1:]) and not file.has(x[1:]))
        raise Refused("elided", wrong[1:].strip())
    found: list[tuple[Ready, Place]] = []
    floor = 0
    for part in _parts(lines):
        old = [line[1:] for line in part if line[0] != "+"]
        if not old:
            raise Refused("elided", "new lines have no old line beside them")
        place = _part(old, file, floor)
        found.append((replace(marked, lines=tuple(part)), place))
        floor = place.end
    return found


def _paired(lines: list[str]) -> list[str]:
    """Both sides compared piece by piece between their placeholders."""
    sides = []
    for mark in "+-":
        pieces: list[list[str]] = [[]]
        for line in lines:
            if line[0] == mark:
                continue
            if line[1:] == _DOTS:
                pieces.append([])
            else:
                pieces[-1].append(line[1:])
        sides.append(pieces)
    old, new = sides
    if len(old) != len(new):
        return minimal(lines)
    out: list[str] = []
    for n, (a, b) in enumerate(zip(old, new, strict=True)):
        out += [" " + _DOTS] if n else []
        out += compared(a, b)
    return out


def _parts(lines: list[str]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for line in lines:
        if line == " " + _DOTS:
            parts.append([])
        else:
            parts[-1].append(line)
    # Blank lines around a placeholder belong to it.
    trimmed = []
    for part in parts:
        while part and part[0] == " ":
            part = part[1:]
        while part and part[-1] == " ":
            part = part[:-1]
        if part:
            trimmed.append(part)
    return trimmed


def _part(old: list[str], file: Keyed, floor: int) -> Place:
    for rung in range(EXACT, LEADING + 1):
        places = rows(old, file, rung)
        if len(places) > 1:
            later = [p for p in places if p.start >= floor]
            places = later if floor and len(later) == 1 else places
        if len(places) > 1:
            spans = [(p.start + 1, p.end) for p in places]
            raise Refused("ambiguous", places=spans)
        if places:
            if places[0].start < floor:
                raise Refused("not-found", "its parts stand in another order")
            return places[0]
    raise Refused("not-found", "a part between left-out lines does not stand there")
