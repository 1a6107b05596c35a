"""From outcomes to what can be said: tables with intervals, and sentences that claim no
more than they hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import fmean, median
from typing import Any

from repoctx.probe.runs import Outcome, Run, scores_by_probe
from repoctx.probe.statistics import (
    CONFIDENCE,
    Break,
    Interval,
    apart,
    break_in,
    difference,
    mean_of,
)

TELLING = 0.2
"""A difference that an interval must exclude before it is said that there is none."""


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


@dataclass(frozen=True, slots=True)
class Report:
    """All that is said of a run. ``settings`` are those that it speaks for, by key;
    ``cells`` are by (depth, length), ``kinds`` by (family, length); ``stale`` and
    ``misled`` the shares of such answers among the probes that could have them."""

    run: Run
    lengths: tuple[Row, ...]
    cells: Mapping[tuple[float, int], Interval]
    kinds: Mapping[tuple[str, int], Interval]
    families: tuple[Row, ...]
    arms: Mapping[str, tuple[Row, ...]]
    uses: tuple[Use, ...]
    verdicts: Mapping[str, int]
    stale: Interval
    misled: Interval
    fall: Break | None
    middle: Interval
    sentences: tuple[str, ...]
    settings: Mapping[str, object] = field(default_factory=dict)


def report_of(run: Run) -> Report:
    """The report of what was measured so far."""
    grid = [one for one in run.scored if not one.arm]
    lengths = tuple(
        _row(f"{n}", [o for o in grid if o.length == n]) for n in run.lengths
    )
    cells = {
        (depth, n): mean_of(
            scores_by_probe([o for o in grid if (o.depth, o.length) == (depth, n)])
        )
        for depth in run.depths
        for n in run.lengths
    }
    kinds = {
        (family, n): mean_of(
            scores_by_probe([o for o in grid if (o.family, o.length) == (family, n)])
        )
        for family in run.families
        for n in run.lengths
    }
    families = tuple(
        _row(family, [o for o in grid if o.family == family]) for family in run.families
    )
    arms = {arm: _arm(run, arm, values) for arm, values in run.arms.items()}
    fall = break_in([_scores(grid, n) for n in run.lengths])
    # Where nothing is found any more, depth says nothing.
    holds = run.lengths[fall.at - 1] if fall and fall.drop.low > 0 else run.lengths[-1]
    whole = [one for one in grid if one.length <= holds]
    middle, lost = _middle(run, whole), _lost(run, whole)
    sentences, settings = _said(run, grid, lengths, arms, fall, (middle, lost))
    return Report(
        run,
        lengths,
        cells,
        kinds,
        families,
        arms,
        tuple(_use(n, [o for o in run.scored if o.length == n]) for n in run.lengths),
        dict(Counter(o.verdict for o in run.outcomes)),
        _share(grid, "stale", "superseded"),
        _share(grid, "misled", "distractors"),
        fall,
        middle,
        sentences,
        settings,
    )


def _row(name: str, outcomes: Sequence[Outcome]) -> Row:
    chance = fmean([o.chance for o in outcomes]) if outcomes else 0.0
    return Row(name, mean_of(scores_by_probe(outcomes)), chance)


def _scores(outcomes: Sequence[Outcome], length: int) -> dict[str, list[float]]:
    return scores_by_probe(outcomes, lambda o: o.length == length)


def _share(outcomes: Sequence[Outcome], verdict: str, family: str) -> Interval:
    found: dict[str, list[float]] = {}
    for one in outcomes:
        if one.family == family:
            found.setdefault(one.probe, []).append(float(one.verdict == verdict))
    return mean_of(found)


def _use(length: int, outcomes: Sequence[Outcome]) -> Use:
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


def _arm(run: Run, arm: str, values: Sequence[str]) -> tuple[Row, ...]:
    """The values of an arm, each on the probes that all of them were tried on."""
    here = [o for o in run.scored if o.length == run.arm_length]
    tried = {
        value: [o for o in here if o.arm == arm and getattr(o.setting, arm) == value]
        for value in values[1:]
    }
    probes = {o.probe for found in tried.values() for o in found}
    usual = [o for o in here if not o.arm and o.probe in probes]
    sure = 1 - (1 - CONFIDENCE) / max(len(values) - 1, 1)
    rows = [_row(values[0], usual)]
    for value, found in tried.items():
        gain = difference(scores_by_probe(usual), scores_by_probe(found), sure)
        row = _row(value, found)
        rows.append(Row(value, row.score, row.chance, gain))
    return tuple(rows)


def _at(outcomes: Sequence[Outcome], depths: Sequence[float]) -> dict[str, list[float]]:
    return scores_by_probe([one for one in outcomes if one.depth in depths])


def _inner(run: Run) -> tuple[float, ...]:
    return tuple(depth for depth in run.depths if 0.2 < depth < 0.8)


def _middle(run: Run, outcomes: Sequence[Outcome]) -> Interval:
    """By how much evidence in the middle scores more than at the ends."""
    inner = _inner(run)
    ends = [depth for depth in run.depths if depth not in inner]
    return apart(_at(outcomes, ends), _at(outcomes, inner))


def _lost(run: Run, outcomes: Sequence[Outcome]) -> tuple[float, ...]:
    """The inner depths that score less than the ends, each surely."""
    inner = _inner(run)
    ends = [depth for depth in run.depths if depth not in inner]
    sure = 1 - (1 - CONFIDENCE) / max(len(inner), 1)
    return tuple(
        depth
        for depth in inner
        if apart(_at(outcomes, ends), _at(outcomes, [depth]), sure).high < 0
    )


# --- sentences ------------------------------------------------------------------------


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


def _said(
    run: Run,
    grid: Sequence[Outcome],
    lengths: Sequence[Row],
    arms: Mapping[str, Sequence[Row]],
    fall: Break | None,
    depth: tuple[Interval, Sequence[float]],
) -> tuple[tuple[str, ...], dict[str, object]]:
    said: list[str] = []
    settings: dict[str, object] = {}
    whole = mean_of(scores_by_probe(grid))
    if not whole.known:
        return ("Nothing was answered yet.",), settings
    chance = fmean([one.chance for one in grid])
    if whole.low <= chance:
        said.append(
            f"{run.model} scores {percent(whole)}: no better than chance "
            f"({chance:.0%}). Nothing below means anything."
        )
        return tuple(said), settings
    said.append(_length_said(run, grid, lengths, fall, settings))
    if depth[0].known:
        said.append(_middle_said(*depth))
    for arm, rows in arms.items():
        line = _arm_said(run, arm, rows, settings)
        said += [line] if line else []
    return tuple(said), settings


def _length_said(
    run: Run,
    grid: Sequence[Outcome],
    lengths: Sequence[Row],
    fall: Break | None,
    settings: dict[str, object],
) -> str:
    longest = run.lengths[-1]
    if fall is None or not fall.drop.known:
        return f"One length was measured: {percent(lengths[-1].score)}."
    drop = fall.drop
    if drop.low > 0:
        good, bad = run.lengths[fall.at - 1], run.lengths[fall.at]
        below = mean_of(scores_by_probe(grid, lambda o: o.length <= good))
        above = mean_of(scores_by_probe(grid, lambda o: o.length > good))
        settings["budget"] = good
        low, high = run.lengths[fall.low - 1], run.lengths[fall.high]
        return (
            f"For {run.model}, keep the context under {good:,} tokens: up to there it "
            f"scores {percent(below)}, above {percent(above)}. It breaks between "
            f"{good:,} and {bad:,} tokens (95 of 100: between {low:,} and {high:,})."
        )
    if drop.high < TELLING:
        return (
            f"{run.model} holds up to {longest:,} tokens: a fall of more than "
            f"{100 * max(drop.high, 0):.0f} points would have been seen."
        )
    return (
        f"Not enough probes to tell whether {run.model} breaks before {longest:,} "
        f"tokens: long contexts score {points(_turned(drop))} points."
    )


def _turned(found: Interval) -> Interval:
    return Interval(-found.mean, -found.high, -found.low, found.n)


def _middle_said(middle: Interval, lost: Sequence[float]) -> str:
    if lost or middle.high < 0:
        where = ", ".join(f"{depth:.0%}" for depth in lost) or "the middle"
        at = "at " if lost else "in "
        return (
            f"It loses what stands {at}{where} of the context: the middle scores "
            f"{points(middle)} points against the ends."
        )
    if middle.low > 0:
        return f"The middle scores {points(middle)} points against the ends."
    if middle.low > -TELLING:
        return "The middle of the context is read as well as its ends."
    return (
        "Not enough probes to tell whether the middle of the context is lost: "
        f"{points(middle)} points against the ends."
    )


_ARMS_SAID = {
    "anchor": '"Based on the code above" {}',
    "question": "the question {} the context",
    "overlay": "changes shown as {}",
    "distractors": "look-alikes {}",
    "context": "{} context",
    "effort": "effort {}",
}


def _arm_said(
    run: Run, arm: str, rows: Sequence[Row], settings: dict[str, object]
) -> str:
    usual, *others = rows
    told = [row for row in others if row.gain is not None and row.gain.known]
    if not told:
        return ""
    name = _ARMS_SAID[arm].format
    best = max(told, key=lambda row: (row.gain or row.score).mean)
    worst = min(told, key=lambda row: (row.gain or row.score).mean)
    at = f"At {run.arm_length:,} tokens"
    if best.gain and best.gain.low > 0:
        if arm == "overlay":
            strict = best.name == "strict"
            settings |= {"strict": True} if strict else {"overlay": best.name}
            start = f"Use {'--strict' if strict else f'overlay {best.name}'}: "
        else:
            start = ""
        line = (
            f"{start}{at} {name(best.name)} scores {points(best.gain)} points "
            f"against {name(usual.name)} ({percent(usual.score)})."
        )
    elif worst.gain and worst.gain.high < 0:
        line = (
            f"{at} {name(worst.name)} scores {points(worst.gain)} points against "
            f"{name(usual.name)} ({percent(usual.score)})."
        )
    elif all(r.gain and max(r.gain.high, -r.gain.low) < TELLING for r in told):
        line = f"{at} {name('/'.join(row.name for row in rows))} makes no difference."
    else:
        widest = max(
            told, key=lambda row: row.gain.high - row.gain.low if row.gain else 0
        )
        line = (
            f"Not enough probes to tell {name('/'.join(row.name for row in rows))} "
            f"apart: {widest.name} {points(widest.gain or widest.score)} points."
        )
    return line[:1].upper() + line[1:]


# --- for programs ---------------------------------------------------------------------


def as_json(report: Report) -> dict[str, Any]:
    """The report without the single outcomes."""
    run = report.run
    return {
        "id": run.id,
        "repository": run.repository,
        "model": run.model,
        "window": run.window,
        "seed": run.seed,
        "probes_version": run.probes_version,
        "asked": len(run.outcomes),
        "wanted": run.wanted,
        "families": [_row_fields(row) for row in report.families],
        "lengths": [
            {"tokens": n, **_row_fields(row)}
            for n, row in zip(run.lengths, report.lengths, strict=True)
        ],
        "cells": [
            {"depth": depth, "tokens": n, **asdict(found)}
            for (depth, n), found in report.cells.items()
        ],
        "arms": {
            arm: [_row_fields(row) for row in rows] for arm, rows in report.arms.items()
        },
        "arm_tokens": run.arm_length,
        "use": [asdict(use) for use in report.uses],
        "verdicts": dict(report.verdicts),
        "stale": asdict(report.stale),
        "misled": asdict(report.misled),
        "middle": asdict(report.middle),
        "break": _break_fields(report),
        "sentences": list(report.sentences),
        "settings": dict(report.settings),
        "foreseen": asdict(run.foreseen),
    }


def _row_fields(row: Row) -> dict[str, Any]:
    fields: dict[str, Any] = {"name": row.name, **asdict(row.score)}
    fields["chance"] = row.chance
    if row.gain is not None:
        fields["gain"] = asdict(row.gain)
    return fields


def _break_fields(report: Report) -> dict[str, Any] | None:
    fall, lengths = report.fall, report.run.lengths
    if fall is None:
        return None
    return {
        "found": fall.drop.known and fall.drop.low > 0,
        "holds_to": lengths[fall.at - 1],
        "broken_at": lengths[fall.at],
        "low": lengths[fall.low - 1],
        "high": lengths[fall.high],
        "drop": asdict(fall.drop),
    }
