"""Findings that a model made: believed only where their quote stands in the change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from repoctx.review.change import Delta, Side, Tree
from repoctx.review.rules import STRUCTURAL, Rule
from repoctx.values import Finding, Remark, Severity, Spot

NEAR = 2
"""Lines within which two findings are about the same place."""

MOST = 5
"""Findings of a model that are shown."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The findings that hold, and how many were dropped: because the quote is not in
    the change, because the rule is not ours, because a structural rule says it.
    ``unfit`` findings were kept without their fix, which cannot be applied."""

    findings: tuple[Finding, ...]
    unquoted: int = 0
    unknown: int = 0
    repeated: int = 0
    unfit: int = 0


def judged(
    said: Iterable[Remark],
    deltas: Sequence[Delta],
    tree: Tree,
    known: Sequence[Finding],
    fits: Callable[[str], bool],
) -> Judged:
    """What holds of ``said``; ``fits`` tells whether a fix can be applied."""
    by_path = {d.path: d for d in deltas if d.new is not None}
    kept: list[Finding] = []
    unquoted = unknown = repeated = unfit = 0
    for one in said:
        rule, severity = _named(one)
        if rule is None or severity is None:
            unknown += 1
            continue
        delta = by_path.get(one.path.removeprefix("./"))
        spot = _place(one, delta) if delta else None
        if spot is None:
            unquoted += 1
        elif any(_same(spot, other) for other in (*known, *kept)):
            repeated += 1
        else:
            related = tuple(_related(one, tree))
            fix = one.fix if one.fix.strip() else ""
            if fix and not fits(fix):
                fix, unfit = "", unfit + 1
            snippet = one.quote.strip()
            kept.append(
                Finding(
                    rule,
                    severity,
                    spot,
                    one.message,
                    snippet,
                    related,
                    one.confidence,
                    fix,
                )
            )
    kept.sort(key=lambda f: (f.severity.rank, -f.confidence))
    return Judged(tuple(kept[:MOST]), unquoted, unknown, repeated, unfit)


def _named(one: Remark) -> tuple[Rule | None, Severity | None]:
    try:
        rule, severity = Rule(one.rule), Severity(one.severity)
    except ValueError:
        return None, None
    return (None if rule in STRUCTURAL else rule), severity


def _place(one: Remark, delta: Delta) -> Spot | None:
    """Where the quote stands in the new text, with a line that the change wrote."""
    assert delta.new is not None  # noqa: S101 - the caller looked
    best: tuple[int, int, int] | None = None
    for start, end in quoted(delta.new, one.quote):
        if delta.added.isdisjoint(range(start, end + 1)):
            continue
        far = abs(start - one.line) if one.line else start
        if best is None or far < best[0]:
            best = far, start, end
    return Spot(delta.new.path, best[1], best[2]) if best else None


def quoted(side: Side, quote: str) -> Iterator[tuple[int, int]]:
    """The places (first line, last line) where ``quote`` stands, indentation aside."""
    wanted = [line.strip() for line in quote.strip("\n").split("\n")]
    while wanted and not wanted[-1]:
        wanted.pop()
    while wanted and not wanted[0]:
        wanted.pop(0)
    if not any(len(line) >= 3 for line in wanted):
        return
    lines = [line.strip() for line in side.lines]
    one = len(wanted) == 1
    for at in range(len(lines) - len(wanted) + 1):
        if lines[at : at + len(wanted)] == wanted or (
            one and len(wanted[0]) >= 8 and wanted[0] in lines[at]
        ):
            yield at + 1, at + len(wanted)


def _same(spot: Spot, other: Finding) -> bool:
    at = other.at
    near = at.start - NEAR <= spot.start <= max(at.end, at.start) + NEAR
    return at.path == spot.path and not at.before and near


def _related(one: Remark, tree: Tree) -> Iterator[Spot]:
    """The other ends, where what was quoted stands."""
    for path, quote in one.related:
        side = tree.side(path.removeprefix("./"))
        place = next(quoted(side, quote), None) if side else None
        if side and place:
            yield Spot(side.path, *place, "see")
