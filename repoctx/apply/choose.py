"""One place out of several, only where the answer itself says which."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from repoctx.apply.indent import indent
from repoctx.apply.keys import DENSE, LEADING, Keyed
from repoctx.apply.locate import Place, stands
from repoctx.apply.splice import Refused
from repoctx.values import Hunk

_OPENS = re.compile(r"[A-Za-z_$@]")


Trusted = Callable[[], bool]
"""Whether the lines that a block states are right where that can be checked."""


def choose(places: Sequence[Place], hunk: Hunk, file: Keyed, trusted: Trusted) -> Place:
    """The one place that is meant. Raises Refused when that is not certain.

    A stated line counts only where it equals a place's first line, and only while the
    block's other lines are ``trusted``; an ``@@`` header when it leaves exactly one.
    """
    if hunk.at_end or hunk.old_open or hunk.new_open:
        last = [p for p in places if p.end == len(file.source.lines)]
        places = last or places
    if len(places) == 1:
        return places[0]
    told: list[Place] = []
    if hunk.scopes:
        under = [p for p in places if governed(hunk.scopes, p.start, file)]
        told += under if len(under) == 1 else []
    if hunk.start and trusted():
        told += [p for p in places if p.start + 1 == hunk.start]
    if told and all(p == told[0] for p in told):
        return told[0]
    spans = [(p.start + 1, p.end) for p in places]
    raise Refused("ambiguous", places=spans)


def certain(place: Place, hunk: Hunk, old: Sequence[str], file: Keyed) -> None:
    """Raise Refused when the stated line holds a looser match than the only place.

    Code that stands twice, once deeper, makes a block with lost indentation fit the
    wrong one exactly.
    """
    at = hunk.start - 1
    if at < 0 or at == place.start:
        return
    for rung in range(place.rung + 1, DENSE + 1):
        if stands(old, file, at, rung):
            spans = [(place.start + 1, place.end), (at + 1, at + len(old))]
            raise Refused("ambiguous", places=spans)


def governed(scopes: Sequence[str], at: int, file: Keyed) -> bool:
    """Whether the line at index ``at`` stands under the headers, outermost first."""
    for scope in reversed(scopes):
        found = _header(scope, at, file)
        if found < 0:
            return False
        at = found
    return True


def _header(scope: str, at: int, file: Keyed) -> int:
    """The index of the header line that governs ``at``, -1 when there is none."""
    wanted = file.of([scope], LEADING)[0]
    if not wanted:
        return -1
    keys, lines = file.keys(LEADING), file.source.lines
    least = 1 << 30
    for n in range(at, -1, -1):
        line = lines[n]
        if not line.strip():
            continue
        depth = len(indent(line.expandtabs()))
        if _named(keys[n], wanted):
            return n if depth < least or n == at else -1
        if n < at and depth < least and _OPENS.match(line.lstrip()):
            least = depth
    return -1


def _named(key: str, wanted: str) -> bool:
    """Whether a line is the header; git cuts headers after 80 bytes."""
    return key == wanted or (len(wanted) > 20 and key.startswith(wanted))
