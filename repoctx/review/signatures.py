"""The parameters of a function changed, and a call does not fit them any more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from repoctx.review.arguments import Parameters, calls, fits, parameters
from repoctx.review.binding import FAIR, LIKELY, Target, confidence
from repoctx.review.change import Delta, Side, Tree, by_key, family
from repoctx.review.removed import SHOWN, USES
from repoctx.review.rules import SEVERITIES, Rule
from repoctx.values import Finding, Kind, Spot, Symbol

_CALLABLE = frozenset({Kind.FUNCTION, Kind.METHOD})
_HARMLESS = ("@staticmethod", "@classmethod", "@override", "@Override", "@abstract")


def signatures(deltas: Sequence[Delta], tree: Tree) -> Iterator[Finding]:
    """One finding for each function of which calls that fitted do not fit now."""
    for delta in deltas:
        if delta.old is None or delta.new is None:
            continue
        old, new = by_key(delta.old), by_key(delta.new)
        for key, symbols in new.items():
            before = old.get(key, [])
            if len(symbols) != 1 or len(before) != 1:
                continue  # Overloads, or the same name in two branches.
            if symbols[0].signature == before[0].signature:
                continue
            if found := _finding(delta, before[0], symbols[0], tree):
                yield found


def _finding(
    delta: Delta, before: Symbol, symbol: Symbol, tree: Tree
) -> Finding | None:
    new, old = delta.new, delta.old
    assert new is not None and old is not None  # noqa: S101 - the caller looked
    if symbol.kind not in _CALLABLE or _decorated(new, symbol):
        return None
    was = parameters(before.signature, before.name, old.lang)
    now = parameters(symbol.signature, symbol.name, new.lang)
    if was is None or now is None or was == now:
        return None
    places = _misfits(Target(new, symbol), (was, now), tree)
    if not places:
        return None
    many = len(places)
    return Finding(
        rule=Rule.SIGNATURE,
        severity=SEVERITIES[Rule.SIGNATURE],
        at=Spot(new.path, _line_of(new, symbol), symbol.start),
        message=(
            f"`{symbol.name}` takes other arguments now, and the call at "
            f"{places[0].path}:{places[0].start} does not fit"
            + (f" (and {many - 1} more)" if many > 1 else "")
        ),
        snippet=symbol.signature,
        related=(
            *places[:SHOWN],
            Spot(old.path, before.start, before.start, before.signature, before=True),
        ),
        confidence=LIKELY,
    )


def _misfits(
    target: Target, both: tuple[Parameters, Parameters], tree: Tree
) -> list[Spot]:
    was, now = both
    symbol, name = target.symbol, target.name
    if name == "__init__":
        target = _as_class(target)
        name = target.name
    others = tree.definitions(name)
    same = [d for d in others if d.path == target.side.path]
    unique = len(others) <= 1
    if len(same) > 1 and symbol.name != "__init__":
        return []
    uses = [u for u in tree.uses(name, family(target.side.lang)) if u.kind == "call"]
    if len(uses) > USES:
        return []
    places: dict[tuple[str, int], Spot] = {}
    for use in uses:
        side = tree.side(use.path)
        if side is None:
            continue
        wrong = [
            call
            for call in calls(side.lines, use.line, name, side.lang)
            if not fits(now, call)
            and fits(was, call)
            and not _unbound(call.receiver, target)
        ]
        if not wrong:
            continue
        sure = confidence(tree, use, target)
        # A method's name alone: only when nobody else has it.
        enough = FAIR if unique else LIKELY
        if sure >= enough and (unique or not target.member):
            spot = Spot(use.path, use.line, use.line, "this call does not fit")
            places.setdefault((use.path, use.line), spot)
    return list(places.values())


def _unbound(receiver: str, target: Target) -> bool:
    """Whether the receiver may be passed as the first argument (``Type.method(x)``)."""
    last = receiver.rstrip(".:->").rpartition(".")[2].rpartition(":")[2]
    return target.member and last[:1].isupper()


def _as_class(target: Target) -> Target:
    """A constructor is called by its class's name."""
    name = target.symbol.parent.rpartition(".")[2]
    side, symbol = target.side, target.symbol
    made = Symbol(name, Kind.CLASS, symbol.start, symbol.end, symbol.signature)
    return Target(side, made)


def _decorated(side: Side, symbol: Symbol) -> bool:
    """Whether something above the definition may change how it is called."""
    for number in range(symbol.start, min(symbol.start + 30, symbol.end + 1)):
        line = side.line(number).strip()
        if line.startswith(("@", "[")) and not line.startswith(_HARMLESS):
            return side.lang in ("python", "starlark", "typescript", "tsx")
        if symbol.name in line:
            return False
    return False


def _line_of(side: Side, symbol: Symbol) -> int:
    """The line on which the definition's name stands."""
    for number in range(symbol.start, min(symbol.start + 40, symbol.end + 1)):
        if symbol.name in side.line(number):
            return number
    return symbol.start
