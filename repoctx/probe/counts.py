"""The family that asks how many there are, of each kind of set in turn."""

from __future__ import annotations

from collections.abc import Iterator

from repoctx.probe.ground import Draft, Ground
from repoctx.probe.probes import Scoring
from repoctx.probe.sets import (
    Truth,
    bases,
    called_often,
    callers_of,
    certain,
    definitions_of,
    drawn,
    repeated,
    subclasses_of,
    within,
)

LEAST, COUNTED = 3, 24
"""The numbers that are true of a name that is asked for..."""
FROM, TO = 2, 25
"""...and those that the question names: never the truth itself."""

MORE = 4
"""Times as many names are looked at as are asked for: most numbers are small."""

_KINDS = (
    (
        callers_of,
        called_often,
        "How many different functions and methods call `{name}`, in all {label} files, "
        "tests included? A call counts by its name, whatever it is called on; a call "
        "in an anonymous function counts for the named function around it; a function "
        "counts once however often it calls.",
    ),
    (
        definitions_of,
        repeated,
        "In how many {label} files is a function or method with the name `{name}` "
        "defined, tests included? One that is only declared, in an interface or a "
        "trait, counts too; a file counts once.",
    ),
    (
        subclasses_of,
        bases,
        "How many classes and interfaces derive directly from `{name}`, that is, name "
        "it among their bases, in all {label} files, tests included?",
    ),
)


def counts(ground: Ground, count: int) -> Iterator[Draft]:
    """How many callers, files that define, or subclasses a name has."""
    each = []
    for check, keys, question in _KINDS:
        names = drawn(ground, keys(ground.survey), f"count {check.__name__}")
        found = certain(ground, names, within(check, COUNTED, LEAST), MORE * count)
        each.append((question, _spread(list(found), count)))
    at = 0
    while count and any(left for _, left in each):
        question, left = each[at % len(each)]
        at += 1
        if not left:
            continue
        truth = left.pop(0)
        count -= 1
        label, name = truth.key
        yield Draft(
            f"{question.format(label=label, name=name)} The answer is a whole number "
            f"above {FROM} and below {TO}. Answer with it alone.",
            (str(len(truth.items)),),
            Scoring.EXACT,
            truth.paths,
            chance=1 / (COUNTED - LEAST + 1),
        )


def _spread(found: list[Truth], count: int) -> list[Truth]:
    """``count`` of them, from those with few items to those with many."""
    found.sort(key=lambda truth: (len(truth.items), truth.key))
    if len(found) <= count:
        return found
    return [found[at * (len(found) - 1) // max(count - 1, 1)] for at in range(count)]
