"""How often search puts all that a real change touched into a budget, by this
repository's own history: no model, no network.

For each commit its message is the query and its parent's tree the repository; the lines
that it changed must all lie in the files, or the pieces of files, that fit the budget
in rank order. Tokens are estimated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import tee

from repoctx.flow.requests import Asked, asked_for, kind_of_path
from repoctx.flow.search import offers_for, reading
from repoctx.flow.session import Session
from repoctx.flow.survey import snapshot_at
from repoctx.index import rank
from repoctx.pack.retrieve import Pick, fill, lines_of
from repoctx.pack.tokens import Estimate
from repoctx.scan import run
from repoctx.scan.requests import Spans

BUDGETS = (128_000, 64_000, 32_000)
"""Tokens that what is retrieved may take."""

DEPTHS = (10, 50)
"""Files from the top of which the share of changed ones is told."""

Covered = dict[str, list[tuple[int, int]]]
"""The line ranges that enter a budget, by path."""


@dataclass(frozen=True, slots=True)
class Found:
    """What search did for one request. ``inside`` are the budgets that hold all changed
    source lines, ``also`` those that hold the changed tests too; ``shares`` the share
    of changed source files among the best so many."""

    commit: str
    inside: frozenset[int]
    also: frozenset[int]
    shares: Mapping[int, float]


def recall_of(
    session: Session, number: int, found: list[Found], budgets: Sequence[int] = BUDGETS
) -> None:
    """Add to ``found`` what search does for the last ``number`` requests, one after
    another, so that who interrupts it has what was done. Raises GitError, StorageError.
    """
    place = session.place
    if not place.head:
        return
    asked = list(asked_for(partial(run, place), place.head, number))
    for done, change in enumerate(asked, start=1):
        if one := _found(session, change, budgets):
            found.append(one)
        session.progress("recall", done, len(asked))


def _found(session: Session, change: Asked, budgets: Sequence[int]) -> Found | None:
    """None where a changed file is not in the context at all."""
    then = snapshot_at(session, change.parent)
    here = {file.path for file in then.files}
    if not change.hunks.keys() <= here:
        return None
    source = {path for path in change.hunks if kind_of_path(path) == "source"}
    ranked = [r.path for r in rank(session.store, then, change.query)]
    count = Estimate()
    with reading(session, then) as read:
        files = {file.path: file for file in then.files}

        def tokens(path: str, start: int, end: int) -> int:
            return count.count(lines_of(read(files[path]), start, end))

        # Searched once: each budget takes its part of the same offers.
        offers = tee(
            offers_for(session, then, change.query, read, tokens), len(budgets)
        )
        covers = {
            room: covered(fill(own, room))
            for room, own in zip(budgets, offers, strict=True)
        }
    return Found(
        change.commit,
        frozenset(b for b, c in covers.items() if inside(change.hunks, source, c)),
        frozenset(
            b for b, c in covers.items() if inside(change.hunks, change.hunks, c)
        ),
        {top: len(source.intersection(ranked[:top])) / len(source) for top in DEPTHS},
    )


def covered(picks: Iterable[Pick]) -> Covered:
    """The line ranges that were picked."""
    found: Covered = {}
    for pick in picks:
        lines = (pick.start, pick.end) if pick.start else (1, 10**9)
        found.setdefault(pick.path, []).append(lines)
    return found


def inside(hunks: Mapping[str, Spans], paths: Iterable[str], covers: Covered) -> bool:
    """Whether every changed line of ``paths`` is covered."""
    return all(
        any(a <= first and last <= b for a, b in covers.get(path, ()))
        for path in paths
        for first, last in hunks[path]
    )
