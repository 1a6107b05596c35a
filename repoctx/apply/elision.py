"""Hunks that leave lines out: their parts are located one by one."""

from __future__ import annotations

from dataclasses import replace

from repoctx.apply.hunks import Ready, minimal
from repoctx.apply.keys import ELISION, EXACT, LEADING, Keyed
from repoctx.apply.locate import Place, rows
from repoctx.apply.placeholders import elides
from repoctx.apply.splice import Refused

_DOTS = "\0..."
"""Stands for every line that stands for others."""


def elided(marked: Ready, file: Keyed) -> tuple[Ready, Place] | None:
    """The hunk without its placeholder lines, and where its parts stand.

    None when the hunk leaves nothing out. Raises Refused when a placeholder is taken
    out or put in, or a part stands in several places.
    """
    lines = [
        line[:1] + _DOTS if elides(line[1:]) and not file.has(line[1:]) else line
        for line in marked.lines
    ]
    if not any(line[1:] == _DOTS for line in lines):
        return None
    lines = minimal(lines)
    if any(line[0] != " " and line[1:] == _DOTS for line in lines):
        wrong = next(x for x in marked.lines if elides(x[1:]) and not file.has(x[1:]))
        raise Refused("elided", wrong[1:].strip())
    parts = _parts(lines)
    if not all(any(line[0] != "+" for line in part) for part in parts):
        raise Refused("elided", "new lines have no old line beside them")
    at: list[int | None] = []
    floor = 0
    for part in parts:
        place = _part([line[1:] for line in part if line[0] != "+"], file, floor)
        at += place.at
        floor = place.end
    kept = tuple(line for part in parts for line in part)
    return replace(marked, lines=kept), Place(ELISION, tuple(at))


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
