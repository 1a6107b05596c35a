"""Two runs side by side: two models, or one before and after."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from repoctx.probe.runs import Outcome, Run, scores_by_probe
from repoctx.probe.statistics import CONFIDENCE, Interval, apart, difference, mean_of
from repoctx.probe.tables import percent, points


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that both were asked: both scores and by how much the second is more.
    ``same``: on the same probes, so that they are paired."""

    name: str
    one: Interval
    other: Interval
    gain: Interval
    same: bool


def compared(one: Run, other: Run) -> tuple[Line, ...]:
    """The whole, the lengths and the families that both have. The intervals of the
    parts are widened for their number (Bonferroni)."""
    lengths = [n for n in one.lengths if n in other.lengths]
    families = [f for f in one.families if f in other.families]
    parts: list[tuple[str, Callable[[Outcome], bool]]] = [
        *((f"{n:,} tokens", lambda o, n=n: o.length == n) for n in lengths),
        *((f, lambda o, f=f: o.family == f) for f in families),
    ]
    sure = 1 - (1 - CONFIDENCE) / max(len(parts), 1)
    same = (one.tree, one.seed, one.probes_version, one.lengths) == (
        other.tree,
        other.seed,
        other.probes_version,
        other.lengths,
    )
    found = [_line("all", one, other, lambda _: True, CONFIDENCE, same)]
    found += [_line(name, one, other, chosen, sure, same) for name, chosen in parts]
    return tuple(found)


def _line(
    name: str,
    one: Run,
    other: Run,
    chosen: Callable[[Outcome], bool],
    confidence: float,
    same: bool,
) -> Line:
    def of(run: Run) -> Mapping[str, list[float]]:
        return scores_by_probe(run.outcomes, lambda o: not o.arm and chosen(o))

    a, b = of(one), of(other)
    gain = difference(a, b, confidence) if same else apart(a, b, confidence)
    return Line(name, mean_of(a), mean_of(b), gain, same)


def verdict(line: Line, one: str, other: str) -> str:
    """What can be said of it, in a few words."""
    if not line.gain.known:
        return "nothing in common"
    if line.gain.low > 0:
        return f"{other} is better"
    if line.gain.high < 0:
        return f"{one} is better"
    return "not told apart"


def rows_of(lines: Sequence[Line], one: str, other: str) -> list[tuple[str, ...]]:
    """A table's rows: the name, both scores, the difference, what can be said."""
    return [
        (
            line.name,
            percent(line.one),
            percent(line.other),
            points(line.gain),
            verdict(line, one, other),
        )
        for line in lines
    ]


def as_json(lines: tuple[Line, ...]) -> list[dict[str, Any]]:
    """The lines for programs."""
    return [asdict(line) for line in lines]
