"""A definition was removed or renamed, and something still uses it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from repoctx.review.binding import FAIR, Target, confidence, rebound
from repoctx.review.change import Delta, Side, Tree, Use, by_key, family, is_test
from repoctx.review.imports import imports_from
from repoctx.review.rules import SEVERITIES, Rule
from repoctx.values import Definition, Finding, Kind, Spot, Symbol

ENOUGH = FAIR
"""How sure a use must be to mean what was removed."""

SHOWN = 5
"""Uses that a finding names."""

USES = 400
"""Uses of one name that are looked at; a name of more is everybody's."""

_LOOKED_AT = frozenset(
    {
        Kind.CLASS,
        Kind.STRUCT,
        Kind.ENUM,
        Kind.INTERFACE,
        Kind.TRAIT,
        Kind.TYPE,
        Kind.FUNCTION,
        Kind.METHOD,
        Kind.MACRO,
        Kind.CONSTANT,
    }
)
_BINDING = frozenset({"call", "import", "type", "inherit", "name"})


def removed(deltas: Sequence[Delta], tree: Tree) -> Iterator[Finding]:
    """One finding for each definition that is gone and still used."""
    for delta in deltas:
        if delta.old is None:
            continue
        old, new = by_key(delta.old), by_key(delta.new)
        names_now = {key.name for key in new}
        for key, symbols in old.items():
            symbol = symbols[0]
            if key.name in names_now or symbol.kind not in _LOOKED_AT:
                continue
            if found := _finding(delta, symbol, tree):
                yield found


def _finding(delta: Delta, symbol: Symbol, tree: Tree) -> Finding | None:
    old = delta.old
    assert old is not None  # noqa: S101 - the caller looked
    if _lives_on(delta.new, symbol.name):
        return None
    prototype = declares_only(old, symbol)
    left = tree.definitions(symbol.name)
    others = any(prototype or not _declared(tree, d) for d in left)
    uses = [
        use for use in tree.uses(symbol.name, family(old.lang)) if use.kind in _BINDING
    ]
    if len(uses) > USES:
        return None
    if others:  # Only who says that it is this one means it.
        uses = [use for use in uses if _says_so(use, delta, symbol, tree)]
    target = Target(old, symbol, declared=bool(left) and not others)
    sure = [(confidence(tree, use, target), use) for use in uses]
    sure = [(score, use) for score, use in sure if score >= ENOUGH]
    if not sure:
        return None
    best = max(score for score, _ in sure)
    places = _places([use for _, use in sure])
    at = delta.now(symbol.start)
    side = delta.new or old
    many = len(places)
    return Finding(
        rule=Rule.REMOVED,
        severity=SEVERITIES[Rule.REMOVED],
        at=Spot(side.path, at, at, before=delta.new is None),
        message=(
            f"{symbol.kind} `{symbol.name}` is gone from {old.path}, and "
            f"{places[0].path}:{places[0].start} still uses it"
            + (f" (and {many - 1} more)" if many > 1 else "")
        ),
        snippet=symbol.signature or symbol.name,
        related=(
            *places[:SHOWN],
            Spot(old.path, symbol.start, symbol.end, "it was here", before=True),
        ),
        confidence=best,
    )


def _says_so(use: Use, delta: Delta, symbol: Symbol, tree: Tree) -> bool:
    side = tree.side(use.path)
    if side is None or delta.new is None or symbol.parent:
        return False
    return imports_from(side, symbol.name, delta.new, tree)


def declares_only(side: Side, symbol: Symbol) -> bool:
    """Whether a definition of C is only a prototype, whose body is elsewhere."""
    text = "\n".join(side.lines[symbol.start - 1 : symbol.end])
    return side.lang in ("c", "cpp") and "{" not in text and ";" in text


def _declared(tree: Tree, found: Definition) -> bool:
    side = tree.side(found.path)
    return side is not None and declares_only(side, found.symbol)


def _lives_on(side: Side | None, name: str) -> bool:
    """Whether the changed file itself still brings the name in: an import, a
    variable, a re-export."""
    if side is None:
        return False
    if any(u.name == name and u.kind == "import" for u in side.outline.references):
        return True
    return rebound(side.text, name)


def _places(uses: Sequence[Use]) -> list[Spot]:
    seen = dict.fromkeys((use.path, use.line) for use in uses)
    places = [Spot(path, line, line, "used here") for path, line in seen]
    return sorted(places, key=lambda spot: is_test(spot.path))  # Tests come last.
