"""Rows of tables out of outcomes, each with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from repoctx.probe.runs import Outcome, Run, scores_by_probe
from repoctx.probe.statistics import CONFIDENCE, Interval, difference, mean_of


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: its name, the score, what chance alone would score, and in
    the tables of arms by how much it is better than the usual value."""

    name: str
    score: Interval
    chance: float = 0.0
    gain: Interval | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """What the requests of one length used: means of tokens, of the share that the
    cache served, of USD (None: not known), and medians of seconds."""

    length: int
    requests: int
    tokens: float
    cached: float
    cost: float | None
    first: float
    seconds: float


def row_of(name: str, outcomes: Sequence[Outcome]) -> Row:
    """A row of these outcomes' scores, each answer with equal weight."""
    chance = fmean([o.chance for o in outcomes]) if outcomes else 0.0
    return Row(name, mean_of(scores_by_probe(outcomes)), chance)


def scores_at(outcomes: Sequence[Outcome], length: int) -> dict[str, list[float]]:
    """The scores of one length, by probe."""
    return scores_by_probe(outcomes, lambda o: o.length == length)


def share_of(outcomes: Sequence[Outcome], verdict: str, family: str) -> Interval:
    """The share of a family's answers that have this verdict."""
    found: dict[str, list[float]] = {}
    for one in outcomes:
        if one.family == family:
            found.setdefault(one.probe, []).append(float(one.verdict == verdict))
    return mean_of(found)


def use_of(length: int, outcomes: Sequence[Outcome]) -> Use:
    """What the requests of one length used; answers of an earlier run count too."""
    asked = [one for one in outcomes if one.input]
    if not asked:
        return Use(length, 0, 0.0, 0.0, None, 0.0, 0.0)
    costs = [one.cost for one in asked if one.cost is not None]
    return Use(
        length,
        len(asked),
        fmean(one.input for one in asked),
        sum(one.cached for one in asked) / sum(one.input for one in asked),
        fmean(costs) if len(costs) == len(asked) else None,
        median(one.first for one in asked),
        median(one.seconds for one in asked),
    )


def arm_rows(run: Run, arm: str, values: Sequence[str]) -> tuple[Row, ...]:
    """The values of an arm, each on the probes that all of them were tried on."""
    here = [o for o in run.scored if o.length == run.arm_length]
    tried = {
        value: [o for o in here if o.arm == arm and getattr(o.setting, arm) == value]
        for value in values[1:]
    }
    probes = {o.probe for found in tried.values() for o in found}
    usual = [o for o in here if not o.arm and o.probe in probes]
    sure = 1 - (1 - CONFIDENCE) / max(len(values) - 1, 1)
    rows = [row_of(values[0], usual)]
    for value, found in tried.items():
        gain = difference(scores_by_probe(usual), scores_by_probe(found), sure)
        row = row_of(value, found)
        rows.append(Row(value, row.score, row.chance, gain))
    return tuple(rows)


def percent(found: Interval) -> str:
    """``87% (74-94)``."""
    if not found.known:
        return "-"
    return f"{found.mean:.0%} ({100 * found.low:.0f}-{100 * found.high:.0f})"


def points(found: Interval) -> str:
    """A difference in points of a hundred, ``+12 (3 to 20)``."""
    if not found.known:
        return "-"
    return f"{100 * found.mean:+.0f} ({100 * found.low:.0f} to {100 * found.high:.0f})"
