"""The region of a file that is most like a hunk that was not found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from repoctx.apply.keys import LEADING, Keyed
from repoctx.apply.report import Outcome, Region
from repoctx.values import Block

WINDOW = 40
"""Lines of the closest region that are shown."""
MOST = 400
"""Places that are looked at."""
LINES = 20_000
"""Lines that are compared where no line is the same."""
LIKE = 60
"""How alike, of 100, two lines must be."""


def closest(outcome: Outcome, block: Block, file: Keyed) -> Outcome:
    """The outcome with the region closest to the first hunk that does not fit."""
    for hunk in block.hunks:
        old = [line[1:].rstrip("\r") for line in hunk.lines if line[:1] in " -"]
        found = region(old, file)
        if found is None:
            continue
        start, first = found
        lines = file.source.lines
        end = min(len(lines), start + min(len(old), WINDOW))
        if first < 0:
            continue
        text = "\n".join(lines[start:end])
        at = min(start + first, len(lines) - 1)
        return replace(
            outcome,
            wanted=old[first],
            closest=Region(start + 1, end, text),
            differs=at + 1,
        )
    return outcome


def _alike(wanted: Sequence[str], keys: Sequence[str]) -> int | None:
    """Where the hunk would begin if its longest line were the line most like it."""
    from rapidfuzz import fuzz, process

    n = max(range(len(wanted)), key=lambda n: len(wanted[n]), default=0)
    if not wanted or not wanted[n]:
        return None
    found = process.extractOne(
        wanted[n], keys[:LINES], scorer=fuzz.ratio, score_cutoff=LIKE
    )
    return found[2] - n if found else None


def region(old: Sequence[str], file: Keyed) -> tuple[int, int] | None:
    """Where most lines of ``old`` stand, and the first of them that does not stand
    there (-1: all do)."""
    keys, index = file.keys(LEADING), file.index(LEADING)
    wanted = file.of(old, LEADING)
    votes: dict[int, int] = {}
    for n, key in enumerate(wanted):
        if key:
            for at in index.get(key, ())[:MOST]:
                votes[at - n] = votes.get(at - n, 0) + 1
    if votes:
        start = max(0, max(votes, key=lambda s: (votes[s], -s)))
    elif (alike := _alike(wanted, keys)) is not None:
        start = max(0, alike)
    else:
        return None
    there = keys[start : start + len(wanted)]
    differs = [n for n, key in enumerate(wanted) if n >= len(there) or there[n] != key]
    return start, differs[0] if differs else -1
