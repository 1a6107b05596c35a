"""Honest intervals: what a few probes can tell, and what they cannot.

Scores lie between 0 and 1. The units that are drawn again are probes, not answers: the
same probe asked in five places is one probe. The bootstrap (percentile, Efron 1979)
says nothing where all scores are equal, so every interval is at least as wide as the
one for a share of so many (Wilson 1927; for differences Bonett and Price 2012, with
their added half wins and losses). The same numbers give the same interval.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean

RESAMPLES = 1000
CONFIDENCE = 0.95

Scores = Mapping[str, Sequence[float]]
"""The scores of each probe, by its id."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean, the bounds that hold it in 95 of 100 cases (or as was asked for), and the
    number of probes behind it (0: nothing is known)."""

    mean: float
    low: float
    high: float
    n: int

    @property
    def known(self) -> bool:
        """Whether there is anything behind it."""
        return self.n > 0


NOTHING = Interval(0.0, 0.0, 1.0, 0)


def mean_of(scores: Scores, confidence: float = CONFIDENCE) -> Interval:
    """The mean score, each answer with equal weight."""
    groups = [list(found) for found in scores.values() if found]
    if not groups:
        return NOTHING
    mean = fmean([one for group in groups for one in group])
    low, high = _wilson(mean, len(groups), confidence)
    drawn = _drawn([(sum(group), len(group)) for group in groups])
    below, above = _percentiles([a / b for a, b in drawn], confidence)
    return Interval(mean, min(low, below), max(high, above), len(groups))


def difference(one: Scores, other: Scores, confidence: float = CONFIDENCE) -> Interval:
    """By how much ``other`` scores more than ``one``, of the probes that both have."""
    both = [probe for probe in one if one[probe] and other.get(probe)]
    gains = [fmean(other[probe]) - fmean(one[probe]) for probe in both]
    return difference_of(gains, confidence)


def difference_of(gains: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """The mean of ``gains``, each a difference of two scores."""
    n = len(gains)
    if not n:
        return Interval(0.0, -1.0, 1.0, 0)
    mean, z = fmean(gains), NormalDist().inv_cdf((1 + confidence) / 2)
    won = (sum(max(gain, 0.0) for gain in gains) + 1) / (n + 2)
    lost = (sum(max(-gain, 0.0) for gain in gains) + 1) / (n + 2)
    half = z * ((won + lost - (won - lost) ** 2) / (n + 2)) ** 0.5
    drawn = _drawn([(gain, 1) for gain in gains])
    below, above = _percentiles([a / b for a, b in drawn], confidence)
    low = max(-1.0, min(won - lost - half, below))
    return Interval(mean, low, min(1.0, max(won - lost + half, above)), n)


def apart(one: Scores, other: Scores, confidence: float = CONFIDENCE) -> Interval:
    """By how much ``other`` scores more than ``one``, where they are not the same
    probes (Newcombe 1998, from the intervals of both)."""
    a, b = mean_of(one, confidence), mean_of(other, confidence)
    if not (a.known and b.known):
        return Interval(0.0, -1.0, 1.0, 0)
    gain = b.mean - a.mean
    low = gain - ((b.mean - b.low) ** 2 + (a.high - a.mean) ** 2) ** 0.5
    high = gain + ((b.high - b.mean) ** 2 + (a.mean - a.low) ** 2) ** 0.5
    return Interval(gain, max(low, -1.0), min(high, 1.0), min(a.n, b.n))


@dataclass(frozen=True, slots=True)
class Break:
    """Where scores fall along an ordered scale. ``at`` is the number of steps before
    the fall, ``low`` to ``high`` hold it in 95 of 100 cases; ``drop`` is by how much
    the score is less behind it."""

    at: int
    low: int
    high: int
    drop: Interval


def break_in(steps: Sequence[Scores]) -> Break | None:
    """The fall that explains the scores of ``steps`` best; None for less than two.

    One level before it, one behind it, by least squares. The interval of the drop is
    widened for the number of places that were tried (Bonferroni), so one that is above
    0 is a fall and not the luck of having looked everywhere.
    """
    if len(steps) < 2:
        return None
    probes = sorted({probe for step in steps for probe in step})
    if not probes:
        return None
    rows = [
        [(sum(step.get(p, ())), len(step.get(p, ()))) for step in steps] for p in probes
    ]
    at = _best_split(rows)
    sure = 1 - (1 - CONFIDENCE) / (len(steps) - 1)
    before, after = _joined(steps[:at]), _joined(steps[at:])
    drop = difference(after, before, sure)
    if not drop.known:
        drop = apart(after, before, sure)
    draw = random.Random(len(rows))  # noqa: S311 (the same numbers, the same interval)
    found = sorted(
        _best_split(draw.choices(rows, k=len(rows))) for _ in range(RESAMPLES // 4)
    )
    tail = round(len(found) * (1 - CONFIDENCE) / 2)
    return Break(at, found[tail], found[-1 - tail], drop)


def _joined(steps: Sequence[Scores]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for step in steps:
        for probe, scores in step.items():
            found.setdefault(probe, []).extend(scores)
    return found


def _best_split(rows: Sequence[Sequence[tuple[float, int]]]) -> int:
    """The number of steps before the fall; ``rows`` are (sum, number) by step."""
    sums = [sum(a for a, _ in column) for column in zip(*rows, strict=True)]
    counts = [sum(b for _, b in column) for column in zip(*rows, strict=True)]
    best, least = 1, float("inf")
    for at in range(1, len(sums)):
        error = 0.0
        means = []
        for part in (slice(at), slice(at, None)):
            total, number = sum(sums[part]), sum(counts[part])
            # Squares of the scores are the same for every split.
            error -= total * total / number if number else 0.0
            means.append(total / number if number else 0.0)
        if means[0] >= means[1] and error < least - 1e-12:
            best, least = at, error
    return best


def _wilson(mean: float, n: int, confidence: float) -> tuple[float, float]:
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    middle = (mean + z * z / (2 * n)) / (1 + z * z / n)
    half = z * (mean * (1 - mean) / n + z * z / (4 * n * n)) ** 0.5 / (1 + z * z / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def _drawn(groups: Sequence[tuple[float, int]]) -> list[tuple[float, int]]:
    """(sum, number) of as many groups as there are, drawn with putting back."""
    draw = random.Random(len(groups))  # noqa: S311
    found = []
    for _ in range(RESAMPLES):
        chosen = draw.choices(groups, k=len(groups))
        found.append((sum(a for a, _ in chosen), sum(b for _, b in chosen)))
    return found


def _percentiles(values: Sequence[float], confidence: float) -> tuple[float, float]:
    ranked = sorted(values)
    tail = int(len(ranked) * (1 - confidence) / 2)
    return ranked[tail], ranked[-1 - tail]
