"""From outcomes to a report: tables with intervals, and what can be said of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from repoctx.probe.runs import Run, scores_by_probe
from repoctx.probe.sentences import Found, depths_of, said
from repoctx.probe.statistics import Break, Interval, break_in, mean_of
from repoctx.probe.tables import Row, Use, arm_rows, row_of, scores_at, share_of, use_of


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
        row_of(f"{n}", [o for o in grid if o.length == n]) for n in run.lengths
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
        row_of(family, [o for o in grid if o.family == family])
        for family in run.families
    )
    arms = {arm: arm_rows(run, arm, values) for arm, values in run.arms.items()}
    fall = break_in([scores_at(grid, n) for n in run.lengths])
    # Where nothing is found any more, depth says nothing.
    holds = run.lengths[fall.at - 1] if fall and fall.drop.low > 0 else run.lengths[-1]
    whole = [one for one in grid if one.length <= holds]
    depths = depths_of(run, whole)
    sentences, settings = said(Found(run, grid, lengths, arms, fall, depths))
    return Report(
        run,
        lengths,
        cells,
        kinds,
        families,
        arms,
        tuple(use_of(n, [o for o in run.scored if o.length == n]) for n in run.lengths),
        dict(Counter(o.verdict for o in run.outcomes)),
        share_of(grid, "stale", "superseded"),
        share_of(grid, "misled", "distractors"),
        fall,
        depths.middle,
        sentences,
        settings,
    )


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
