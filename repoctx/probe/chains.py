"""The family of call paths: which functions lie between two others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from repoctx.probe.ground import Draft, Ground
from repoctx.probe.probes import Scoring
from repoctx.probe.sets import batches, called, callers_of, drawn, number_of
from repoctx.probe.survey import Hit, Key, hits
from repoctx.probe.tongues import CALLABLE

WIDEST = 6
"""Callers of any function on the way back; more are seldom all certain."""

_DOUBT = None


@dataclass
class _Callers:
    """Who calls a name, by name; None where that is in doubt."""

    ground: Ground
    known: dict[Key, frozenset[str] | None] = field(default_factory=dict)

    def learn(self, keys: Iterable[Key]) -> None:
        """Look up names, in one pass over the texts."""
        new = sorted({key for key in keys if key not in self.known})
        places = hits(self.ground.survey, new) if new else {}
        for key in new:
            self.known[key] = self._callers(key, places[key])

    def _callers(self, key: Key, places: list[Hit]) -> frozenset[str] | None:
        survey = self.ground.survey
        found = survey.defined.get(key, ())
        if len(found) != 1:
            # Of several functions with the name it matters only if any is called.
            lines = {(hit.path, hit.line) for hit in places if called(hit)}
            uncalled = not survey.calls.get(key) and len(lines) <= len(found)
            return frozenset() if uncalled else _DOUBT
        if found[0].symbol.kind not in CALLABLE:
            return _DOUBT
        truth = callers_of(survey, key, places)
        if truth is None:
            return _DOUBT
        names = frozenset(item.rpartition("::")[2] for item in truth.items)
        return names if len(names) <= WIDEST else _DOUBT


def paths(ground: Ground, count: int) -> Iterator[Draft]:
    """The functions between A and B on the only shortest chain of calls.

    Searched from B backwards, each step only where all callers are certain; so no other
    chain of the same or a smaller length is missed.
    """
    survey = ground.survey
    keys = [
        key for key in survey.callables() if 1 <= len(survey.calls.get(key, ())) <= 8
    ]
    names = drawn(ground, keys, "path")
    who = _Callers(ground)
    found = 0
    for batch in batches(names, count):
        who.learn(batch)
        second = {key: _step(who, {key[1]}, key[0]) for key in batch}
        who.learn((key[0], y) for key, ys in second.items() for y in ys or ())
        third = {k: _step(who, ys, k[0]) for k, ys in second.items() if ys}
        who.learn((key[0], x) for key, xs in third.items() for x in xs or ())
        for key in batch:
            chain = _chain(ground, who, key)
            if chain and (draft := _asked(ground, key[0], chain)):
                yield draft
                found += 1
                if found == count:
                    return


def _step(who: _Callers, names: Iterable[str], label: str) -> frozenset[str] | None:
    """All callers of all the names; None where one is in doubt."""
    each = [who.known.get((label, name), _DOUBT) for name in sorted(names)]
    return frozenset().union(*(e or () for e in each)) if None not in each else _DOUBT


def _chain(ground: Ground, who: _Callers, key: Key) -> tuple[str, ...] | None:
    """A, what lies between, B; None when no chain is the only shortest one."""
    label, last = key
    ys = _step(who, {last}, label)
    xs = _step(who, ys, label) if ys else _DOUBT
    firsts = _step(who, xs, label) if xs else _DOUBT
    if not ys or not xs or not firsts:
        return None
    for first in sorted(firsts - xs - ys - {last}):
        between = [
            (x, y)
            for y in sorted(ys)
            for x in sorted(who.known[label, y] or ())
            if first in (who.known[label, x] or ())
        ]
        if len(between) == 1 and len({first, *between[0], last}) == 4:
            return first, *between[0], last
    return None


def _asked(ground: Ground, label: str, chain: tuple[str, ...]) -> Draft | None:
    survey = ground.survey
    found = [survey.defined.get((label, name), ()) for name in chain]
    if any(len(f) != 1 for f in found):
        return None
    evidence = tuple(dict.fromkeys(f[0].path for f in found))
    if not ground.fits(evidence):
        return None
    first, *between, last = chain
    return Draft(
        f"`{first}` does not call `{last}` itself, but reaches it through other "
        f"functions. On the shortest chain of calls in the {label} files, which "
        f"functions or methods lie between `{first}` and `{last}`? Answer with their "
        f"names alone, one on a line, in the order of the calls.",
        tuple(between),
        Scoring.SET,
        evidence,
        chance=len(between) / max(number_of(survey, label, CALLABLE), len(between)),
    )
