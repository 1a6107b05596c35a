"""What can be said of a run in plain sentences, which claim no more than the intervals
hold, and the settings that they speak for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from repoctx.probe.runs import Outcome, Run, scores_by_probe
from repoctx.probe.statistics import CONFIDENCE, Break, Interval, apart, mean_of
from repoctx.probe.tables import Row, percent, points

TELLING = 0.2
"""A difference that an interval must exclude before it is said that there is none."""

Settings = dict[str, object]


@dataclass(frozen=True, slots=True)
class Depths:
    """``middle``: by how much evidence in the middle scores more than at the ends;
    ``inner`` and ``outer`` are the depths that surely score less than the ends, or than
    the middle; ``end``: by how much those of ``outer`` score more than the middle."""

    middle: Interval
    inner: tuple[float, ...]
    outer: tuple[float, ...]
    end: Interval


@dataclass(frozen=True, slots=True)
class Found:
    """What sentences are made of: ``grid`` are the outcomes in the usual setting."""

    run: Run
    grid: Sequence[Outcome]
    lengths: Sequence[Row]
    arms: Mapping[str, Sequence[Row]]
    fall: Break | None
    depths: Depths


def depths_of(run: Run, outcomes: Sequence[Outcome]) -> Depths:
    """Which depths of the context are lost."""

    def at(depths: Sequence[float]) -> dict[str, list[float]]:
        return scores_by_probe([one for one in outcomes if one.depth in depths])

    inner = tuple(depth for depth in run.depths if 0.2 < depth < 0.8)
    ends = tuple(depth for depth in run.depths if depth not in inner)
    sure = 1 - (1 - CONFIDENCE) / max(len(run.depths), 1)

    def lost(some: Sequence[float], rest: Sequence[float]) -> tuple[float, ...]:
        return tuple(d for d in some if apart(at(rest), at([d]), sure).high < 0)

    outer = lost(ends, inner)
    return Depths(
        apart(at(ends), at(inner)),
        lost(inner, ends),
        outer,
        apart(at(inner), at(outer)),
    )


def said(found: Found) -> tuple[tuple[str, ...], Settings]:
    """The sentences, and the settings by key."""
    settings: Settings = {}
    whole = mean_of(scores_by_probe(found.grid))
    if not whole.known:
        return ("Nothing was answered yet.",), settings
    chance = fmean([one.chance for one in found.grid])
    if whole.low <= chance:
        lines = [
            _arm_said(found.run, arm, rows, settings)
            for arm, rows in found.arms.items()
            if _rescues(rows)
        ]
        rest = (
            "But one thing changes that."
            if len(lines) == 1
            else "But some things change that."
            if lines
            else "Nothing below means anything."
        )
        first = (
            f"{found.run.model} scores {percent(whole)}: no better than chance "
            f"({chance:.0%}). {rest}"
        )
        return (first, *lines), settings
    lines = [_length_said(found, settings)]
    if found.depths.middle.known:
        lines.append(_depth_said(found.depths))
    for arm, rows in found.arms.items():
        line = _arm_said(found.run, arm, rows, settings)
        lines += [line] if line else []
    return tuple(lines), settings


def _rescues(rows: Sequence[Row]) -> bool:
    """Whether some value of an arm surely beats the usual one, and chance."""
    return any(
        row.gain is not None and row.gain.low > 0 and row.score.low > row.chance
        for row in rows
    )


def _length_said(found: Found, settings: Settings) -> str:
    run, fall = found.run, found.fall
    longest = run.lengths[-1]
    if fall is None or not fall.drop.known:
        return f"One length was measured: {percent(found.lengths[-1].score)}."
    drop = fall.drop
    if drop.low > 0:
        good, bad = run.lengths[fall.at - 1], run.lengths[fall.at]
        below = mean_of(scores_by_probe(found.grid, lambda o: o.length <= good))
        above = mean_of(scores_by_probe(found.grid, lambda o: o.length > good))
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
    turned = Interval(-drop.mean, -drop.high, -drop.low, drop.n)
    return (
        f"Not enough probes to tell whether {run.model} breaks before {longest:,} "
        f"tokens: long contexts score {points(turned)} points."
    )


def _depth_said(depths: Depths) -> str:
    def where(lost: Sequence[float]) -> str:
        return "at " + ", ".join(f"{depth:.0%}" for depth in lost)

    middle = depths.middle
    if depths.inner or middle.high < 0:
        lost = where(depths.inner) if depths.inner else "in the middle"
        return (
            f"It loses what stands {lost} of the context: the middle scores "
            f"{points(middle)} points against the ends."
        )
    if depths.outer:
        return (
            f"It loses what stands {where(depths.outer)} of the context: "
            f"{points(depths.end)} points against the middle."
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


def _named(arm: str, value: str) -> str:
    if arm == "effort" and not value:
        return "the usual effort"
    return _ARMS_SAID[arm].format(value)


def _arm_said(run: Run, arm: str, rows: Sequence[Row], settings: Settings) -> str:
    usual, *others = rows
    told = [row for row in others if row.gain is not None and row.gain.known]
    if not told:
        return ""
    best = max(told, key=lambda row: (row.gain or row.score).mean)
    worst = min(told, key=lambda row: (row.gain or row.score).mean)
    at = f"At {run.arm_length:,} tokens"
    against = f"against {_named(arm, usual.name)} ({percent(usual.score)})."
    all_of = _ARMS_SAID[arm].format("/".join(row.name or "as usual" for row in rows))
    if best.gain and best.gain.low > 0:
        start = _recommended(arm, best.name, settings)
        line = (
            f"{start}{at} {_named(arm, best.name)} scores {points(best.gain)} points "
            f"{against}"
        )
    elif worst.gain and worst.gain.high < 0:
        line = (
            f"{at} {_named(arm, worst.name)} scores {points(worst.gain)} points "
            f"{against}"
        )
    elif all(r.gain and max(r.gain.high, -r.gain.low) < TELLING for r in told):
        line = f"{at} {all_of} makes no difference."
    else:
        widest = max(
            told, key=lambda row: row.gain.high - row.gain.low if row.gain else 0
        )
        line = (
            f"Not enough probes to tell {all_of} apart: {widest.name} "
            f"{points(widest.gain or widest.score)} points."
        )
    return line[:1].upper() + line[1:]


def _recommended(arm: str, value: str, settings: Settings) -> str:
    """How to use what is better, where a setting does it, which is noted."""
    if arm == "overlay" and value == "strict":
        settings["strict"] = True
        return "Use --strict: "
    if arm in ("overlay", "effort"):
        settings[arm] = value
        return f"Use {arm} {value}: "
    return ""
