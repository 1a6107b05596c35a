"""All structural rules over one change, each finding once, the worst first."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from repoctx.review.change import Delta, Tree
from repoctx.review.duplicates import duplicates
from repoctx.review.imports import imports
from repoctx.review.paths import dangling
from repoctx.review.plain import (
    ErrorLine,
    conflicts,
    ignored,
    secrets,
    syntax,
)
from repoctx.review.removed import removed
from repoctx.review.rules import OFF, STRUCTURAL, Rule
from repoctx.review.signatures import signatures
from repoctx.values import Finding, byte_order


@dataclass(frozen=True, slots=True)
class Means:
    """What the rules need from other rooms."""

    error_line: ErrorLine


def structural(
    deltas: Sequence[Delta],
    tree: Tree,
    means: Means,
    rules: Collection[Rule] = STRUCTURAL - OFF,
) -> list[Finding]:
    """What ``rules`` find in the change, the worst first, then by place."""
    found = [f for f in _all(deltas, tree, means, rules) if f.rule in rules]
    # Of a deleted module the broken import says it all.
    lost = [s for f in found if f.rule == Rule.IMPORT for s in f.related]
    gone = {s.path for s in lost if s.before}
    found = [f for f in found if f.rule != Rule.REMOVED or f.at.path not in gone]
    return sorted(found, key=order)


def order(finding: Finding) -> tuple[int, float, bytes, int, str]:
    """Sort key: severity, confidence, place, rule."""
    at = finding.at
    return (
        finding.severity.rank,
        -finding.confidence,
        byte_order(at.path),
        at.start,
        finding.rule,
    )


def _all(
    deltas: Sequence[Delta], tree: Tree, means: Means, rules: Collection[Rule]
) -> Iterator[Finding]:
    if Rule.CONFLICT in rules:
        yield from conflicts(deltas)
    if Rule.SYNTAX in rules:
        yield from syntax(deltas, means.error_line)
    if Rule.SECRET in rules:
        yield from secrets(deltas)
    if Rule.IGNORED in rules:
        yield from ignored(deltas)
    if Rule.REMOVED in rules:
        yield from removed(deltas, tree)
    if Rule.SIGNATURE in rules:
        yield from signatures(deltas, tree)
    if Rule.IMPORT in rules:
        yield from imports(deltas, tree)
    if Rule.PATH in rules:
        yield from dangling(deltas, tree)
    if Rule.DUPLICATE in rules:
        yield from duplicates(deltas, tree)
