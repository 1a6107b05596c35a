"""The job of reviewing: what is wrong with a change, by rules and by a model."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from repoctx.flow.session import Session
from repoctx.flow.sides import Sides, Subject, opened, sides
from repoctx.review.change import Side
from repoctx.review.rules import OFF, STRUCTURAL, Rule
from repoctx.review.structural import Means, structural
from repoctx.values import Finding


@dataclass(frozen=True, slots=True)
class Reviewed:
    """The findings, and how many files the change touches."""

    findings: tuple[Finding, ...]
    files: int
    both: Sides


def review(
    session: Session, subject: Subject, rules: Collection[Rule] = STRUCTURAL - OFF
) -> Reviewed:
    """What the structural rules find in ``subject``; no model is asked."""
    both = sides(session, subject)
    with opened(session, both) as (deltas, tree):
        found = structural(deltas, tree, Means(_error_line), rules)
    return Reviewed(tuple(found), len(deltas), both)


def _error_line(side: Side) -> int:
    from repoctx.index.outline import error_line

    return error_line(side.text, side.lang)
