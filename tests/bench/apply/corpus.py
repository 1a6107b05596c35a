"""The corpus: for every repository, kind of slip and format, cases of real commits.

Everything follows from the seed, the clones' heads and this code. A case depends on no
other one, so a part of the corpus can be made alone.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import slips_bytes
import slips_cut
import slips_drift
import slips_lines
import slips_names
import slips_order
import slips_places
import slips_unsafe
import slips_wrap
from commits import Change, Repository
from work import KINDS, Case, Kind, Work

SLIPS = (
    slips_lines,
    slips_drift,
    slips_bytes,
    slips_names,
    slips_wrap,
    slips_places,
    slips_order,
    slips_cut,
    slips_unsafe,
)
CLEAN = 6
"""How many clean cases stand beside one of each kind of slip."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to make: ``per`` cases of each kind, format and repository."""

    seed: int = 1
    per: int = 1
    commits: int = 150
    kinds: Collection[str] = ()
    formats: Collection[str] = ()


def generate(at: int, clone: Path, plan: Plan) -> list[Case]:
    """The cases of one repository, the ``at``-th of those given."""
    repository = Repository(clone)
    changes: list[Change] = []
    for change in repository.changes(plan.seed, plan.commits * 8):
        changes.append(change)
        if len(changes) == plan.commits:
            break
    repository.close()
    cases: list[Case] = []
    for kind in KINDS:
        if plan.kinds and kind.name not in plan.kinds and kind.group not in plan.kinds:
            continue
        # Unsafe targets are alike in every format: one a repository, in turn.
        forms = kind.formats
        if kind.group == "unsafe":
            forms = (forms[(len(kind.name) + plan.seed + at) % len(forms)],)
        for form in forms:
            if not plan.formats or form in plan.formats:
                count = plan.per * (CLEAN if kind.name == "clean" else 1)
                cases += _some(changes, kind, form, count, plan.seed)
    return cases


def _some(
    changes: list[Change], kind: Kind, form: str, count: int, seed: int
) -> list[Case]:
    """The first ``count`` cases that the kind makes of the changes, in seeded order."""
    cases: list[Case] = []
    if not changes:
        return cases
    order = random.Random(f"{seed} {kind.name} {form}").sample(changes, len(changes))
    for change in order:
        rng = random.Random(f"{seed} {change.commit} {kind.name} {form}")
        work = Work(change, form, rng, kind.name, kind.group)
        if not work.changed():
            continue
        case = kind.make(work)
        if case:
            cases.append(case)
        if len(cases) == count:
            break
    return cases
