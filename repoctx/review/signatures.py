"""What a function takes or gives changed, and a call does not fit any more."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from repoctx.review.arguments import Parameters, calls, fits, parameters
from repoctx.review.binding import FAIR, LIKELY, Target, confidence
from repoctx.review.change import Delta, Side, Tree, Use, by_key, family, is_test
from repoctx.review.removed import SHOWN, USES
from repoctx.review.results import results, taken
from repoctx.review.rules import SEVERITIES, Rule
from repoctx.values import Finding, Kind, Spot, Symbol

Judge = Callable[[Side, Use, Target], bool]

_CALLABLE = frozenset({Kind.FUNCTION, Kind.METHOD})
_HARMLESS = re.compile(
    r"@(?:typing\.|functools\.|contextlib\.|abc\.)?(?:staticmethod|classmethod|[oO]verride"
    r"|abstract\w*|final|lru_cache|cache|(?:async)?contextmanager)\b"
)
"""Decorators that leave the parameters as they are written."""

_RECEIVER = re.compile(r"\(\s*&?\s*(?:'\w+\s+)?(?:mut\s+)?self\b")


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
    target = Target(new, symbol)
    judged = (
        (what, _misfits(target, wrong, tree))
        for what, wrong in _judges((old, before), (new, symbol))
    )
    what, places = next((pair for pair in judged if pair[1]), ("", []))
    if not places:
        return None
    many = len(places)
    return Finding(
        rule=Rule.SIGNATURE,
        severity=SEVERITIES[Rule.SIGNATURE],
        at=Spot(new.path, _line_of(new, symbol), symbol.start),
        message=(
            f"`{symbol.name}` {what} now, and the call at "
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


def _judges(
    before: tuple[Side, Symbol], after: tuple[Side, Symbol]
) -> Iterator[tuple[str, Judge]]:
    """What changed for callers, in words, and how a call is known that fitted before
    and does not now."""
    (old, had), (new, has) = before, after
    was = parameters(had.signature, had.name, old.lang)
    now = parameters(has.signature, has.name, new.lang)
    if was is not None and now is not None and was != now:
        yield "takes other arguments", partial(_wrong_arguments, was, now)
    if new.lang != "go":
        return
    gave, gives = results(had.signature, had.name), results(has.signature, has.name)
    if gave is not None and gives is not None and gave != gives:
        many = f"{gives} value{'' if gives == 1 else 's'}" if gives else "nothing"
        yield f"gives {many}", partial(_wrong_results, gave)


def _wrong_arguments(
    was: Parameters, now: Parameters, side: Side, use: Use, target: Target
) -> bool:
    return any(
        not fits(now, call) and fits(was, call) and not _unbound(call.receiver, target)
        for call in calls(side.lines, use.line, target.name, side.lang)
    )


def _wrong_results(gave: int, side: Side, use: Use, target: Target) -> bool:
    return gave in taken(side, use.line, target.name)


def _misfits(target: Target, wrong: Judge, tree: Tree) -> list[Spot]:
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
    # A method's name alone: only when nobody else has it.
    enough = FAIR if unique else LIKELY
    places: dict[tuple[str, int], Spot] = {}
    for use in uses:
        side = tree.side(use.path)
        if side is None or not wrong(side, use, target):
            continue
        sure = confidence(tree, use, target)
        if sure >= enough and (unique or not target.member):
            spot = Spot(use.path, use.line, use.line, "this call does not fit")
            places.setdefault((use.path, use.line), spot)
    return sorted(places.values(), key=lambda spot: is_test(spot.path))


def _unbound(receiver: str, target: Target) -> bool:
    """Whether the receiver may be passed as the first argument (``Type.method(x)``)."""
    if target.side.lang == "rust" and not _RECEIVER.search(target.symbol.signature):
        return False
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
        if line.startswith(("@", "[")) and not _HARMLESS.match(line):
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
