"""A new definition repeats another: the same body elsewhere, or the same name twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from repoctx.review.change import Delta, Side, Tree, by_key, family, is_test
from repoctx.review.rules import SEVERITIES, Rule
from repoctx.values import Finding, Kind, Spot, Symbol

SMALLEST = 6
"""Lines of a body that can be a repetition worth a word."""

_CALLABLE = frozenset({Kind.FUNCTION, Kind.METHOD})
_ONCE = frozenset({"python", "go", "javascript"})
"""Languages in which a second definition of a name in one place replaces the first or
is an error."""


def duplicates(deltas: Sequence[Delta], tree: Tree) -> Iterator[Finding]:
    """One finding for each new function that was there already."""
    for delta in deltas:
        side = delta.new
        if side is None:
            continue
        before = by_key(delta.old)
        for key, symbols in by_key(side).items():
            fresh = [s for s in symbols if s.kind in _CALLABLE]
            if key in before:
                if len(symbols) > len(before[key]) and (
                    found := _twice(delta, side, fresh)
                ):
                    yield found
                continue
            found = _twice(delta, side, fresh)
            if found is None and fresh:
                found = _copied(delta, side, fresh[0], tree)
            if found:
                yield found


def _twice(delta: Delta, side: Side, symbols: Sequence[Symbol]) -> Finding | None:
    """The same name defined twice in the same scope, without a decorator or a branch
    that would explain it."""
    if side.lang not in _ONCE or len(symbols) < 2:
        return None
    first, second = symbols[0], symbols[-1]
    if first.name in ("init", "_", "main") and side.lang == "go":
        return None
    marked = any(side.line(s.start).lstrip().startswith("@") for s in symbols)
    depths = {_indent(side.line(s.start)) for s in symbols}
    if marked or len(depths) > 1 or second.start not in delta.added:
        return None
    owner = first.parent.rpartition(".")[2]
    if owner and sum(s.name == owner for s in side.outline.definitions) > 1:
        return None  # Two types of one name, as in two functions.
    if _indent(side.line(first.start)) and not first.parent:
        return None  # In a branch: one of them is taken.
    return Finding(
        rule=Rule.DUPLICATE,
        severity=SEVERITIES[Rule.DUPLICATE],
        at=Spot(side.path, second.start, second.end),
        message=f"`{second.name}` is defined twice, at lines {first.start} and "
        f"{second.start}",
        snippet=second.signature,
        related=(Spot(side.path, first.start, first.end, "the first one"),),
        confidence=0.9,
    )


def _copied(delta: Delta, side: Side, symbol: Symbol, tree: Tree) -> Finding | None:
    body = _body(side, symbol)
    if len(body) < SMALLEST or symbol.start not in delta.added:
        return None
    if symbol.name.startswith("_") or is_test(side.path):
        return None  # Tests repeat each other on purpose.
    for other in tree.definitions(symbol.name):
        there = tree.side(other.path)
        if there is None or there.lang not in family(side.lang):
            continue
        if other.path == side.path or is_test(other.path):
            continue  # In one file: for another platform, or told by `_twice`.
        if _body(there, other.symbol) == body:
            place = f"{other.path}:{other.symbol.start}"
            return Finding(
                rule=Rule.DUPLICATE,
                severity=SEVERITIES[Rule.DUPLICATE],
                at=Spot(side.path, symbol.start, symbol.end),
                message=f"`{symbol.name}` repeats {place} line by line",
                snippet=symbol.signature,
                related=(
                    Spot(other.path, other.symbol.start, other.symbol.end, "the same"),
                ),
                confidence=0.9,
            )
    return None


def _body(side: Side, symbol: Symbol) -> list[str]:
    """The lines of a definition without indentation, blank lines and comments."""
    lines = (line.strip() for line in side.lines[symbol.start - 1 : symbol.end])
    return [s for s in lines if s and not s.startswith(("#", "//", "*", "/*"))]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
