"""The job of measuring without a model: what search, cache and index do here.

Everything comes out of the repository's own history and index; nothing is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from repoctx.flow.aside import aside
from repoctx.flow.material import material
from repoctx.flow.recall import BUDGETS, DEPTHS, Found, recall_of
from repoctx.flow.replay import STEPS, replay_of
from repoctx.flow.session import Session, something_in
from repoctx.flow.survey import snapshot_now
from repoctx.probe.generate import drawn
from repoctx.probe.ground import Ground
from repoctx.probe.probes import FAMILIES
from repoctx.probe.shares import Shares
from repoctx.probe.statistics import Interval, mean_of

REQUESTS = 30
"""Requests of the history that search is tried on."""

COMMITS = 20
"""Commits that are lived through again."""


DRAWN = 6
"""Probes drawn of each family, to see whether so many are certain here."""


@dataclass(slots=True)
class Offline:
    """What was measured so far; it grows while `measure` runs."""

    files: int = 0
    requests: list[Found] = field(default_factory=list)
    shares: Shares = field(default_factory=Shares)
    probes: dict[str, int] = field(default_factory=dict)


def measure(session: Session, commits: int, found: Offline) -> None:
    """Fill ``found`` from the last ``commits`` (0: as many as take less than a minute).

    Who interrupts it has what was measured. Raises NotARepository, GitError,
    StorageError.
    """
    now = something_in(session, snapshot_now(session))
    found.files = len(now.files)
    if not session.place.head:
        session.notes.append("there are no commits: recall and cache are not measured")
    with aside(session) as own:
        replay_of(own, commits or COMMITS, found.shares)
        recall_of(own, commits or REQUESTS, found.requests)
    session.progress("generating", 0, 0)
    with material(session, now) as matter:
        ground = Ground(matter, 0)
        for family in FAMILIES:
            found.probes[family] = len(tuple(drawn(ground, family, DRAWN)))


def recall(found: Offline, budget: int, *, tests: bool = False) -> Interval:
    """The share of requests for which all changed code fits ``budget`` tokens."""
    hits = {
        one.commit: [float(budget in (one.also if tests else one.inside))]
        for one in found.requests
    }
    return mean_of(hits)


def as_json(found: Offline) -> dict[str, Any]:
    """All figures; a part that was not measured is None."""
    return {
        "files": found.files,
        "recall": _recall_fields(found) if found.requests else None,
        "cache": _cache_fields(found.shares) if found.shares.questions else None,
        "probes": {"drawn": DRAWN, "certain": dict(found.probes)},
    }


def _recall_fields(found: Offline) -> dict[str, Any]:
    return {
        "requests": len(found.requests),
        "budgets": [
            {
                "tokens": budget,
                "source": interval_fields(recall(found, budget)),
                "with_tests": interval_fields(recall(found, budget, tests=True)),
            }
            for budget in BUDGETS
        ],
        "files": [
            {"best": top, "share": fmean(one.shares[top] for one in found.requests)}
            for top in DEPTHS
        ],
    }


def _cache_fields(shares: Shares) -> Mapping[str, Any]:
    return {"questions_a_commit": STEPS, **shares.row()}


def interval_fields(found: Interval) -> dict[str, float | int]:
    """A mean and its bounds for programs."""
    return {"mean": found.mean, "low": found.low, "high": found.high, "n": found.n}
