"""Families that plant what they ask for: true by construction in any repository."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from repoctx.probe import tongues
from repoctx.probe.draw import Words, digest, near, number, one, values
from repoctx.probe.ground import LARGE, Draft, Ground
from repoctx.probe.probes import Plant, Scoring
from repoctx.probe.tongues import TONGUES, Gap, gaps, put

LOW, HIGH = 10_000, 99_999
CHANCE = 1 / (HIGH - LOW + 1)
FORM = f"The answer is a whole number from {LOW} to {HIGH}. Answer with it alone."

SEVERAL = 5
"""Needles of one question."""
DISTRACTORS = 8
ENOUGH = 3
"""Distractors without which none is asked."""

_PARAMETERS = ("queue", "owner", "region", "label", "stage", "origin", "topic")


class Spot(NamedTuple):
    """A gap of a file."""

    path: str
    lang: str
    gap: Gap


def spots(
    ground: Ground,
    count: int,
    *parts: object,
    langs: Collection[str] = TONGUES,
    together: int = 1,
) -> list[Spot]:
    """``count`` gaps spread evenly over the repository's bytes in path order, each in a
    file of its own; fewer when the repository has no more. One probe needs ``together``
    of them, for which there is room."""
    most = min(LARGE, ground.room // together)
    files = [f for f in ground.material.files if f.size]
    total = sum(f.size for f in files)
    at, middles = 0, []
    for file in files:
        middles.append((at + file.size / 2, file))
        at += file.size
    usable = [
        (middle, file)
        for middle, file in middles
        if file.lang in langs
        and file.size <= most
        and file.path not in ground.material.twins
    ]
    found: list[Spot] = []
    used: set[str] = set()
    for n in range(count):
        # Anywhere in its own slice, so that seeds differ.
        within = number(0, 999, ground.seed, n, *parts) / 1000
        target = total * (n + within) / count
        near_by = sorted(usable, key=lambda u: (abs(u[0] - target), u[1].path))
        for _, file in near_by:
            if file.path in used:
                continue
            used.add(file.path)
            open_at = gaps(
                ground.material.text(file.path),
                ground.material.outline(file.path),
                file.lang,
            )
            if open_at:
                gap = one(open_at, ground.seed, file.path, *parts)
                found.append(Spot(file.path, file.lang, gap))
                break
    return found


def _plant(spot: Spot, code: str, before: str = "") -> Plant:
    old = put(spot.gap, before) if before else ""
    return Plant(spot.path, spot.gap.line, put(spot.gap, code), old)


def needle(ground: Ground, count: int) -> Iterator[Draft]:
    """One constant, planted; its value is asked for."""
    for n, spot in enumerate(spots(ground, count, "needle")):
        value = number(LOW, HIGH, "needle", ground.seed, n)
        name, code = tongues.constant(spot.lang, ground.name("needle", n), value)
        yield Draft(
            f"What is the value of `{name}`? {FORM}",
            (str(value),),
            Scoring.EXACT,
            (spot.path,),
            (_plant(spot, code),),
            chance=CHANCE,
        )


def superseded(ground: Ground, count: int) -> Iterator[Draft]:
    """A planted constant that the overlay gives another value."""
    for n, spot in enumerate(spots(ground, count, "superseded")):
        new, old = values(2, LOW, HIGH, "superseded", ground.seed, n)
        word = ground.name("superseded", n)
        name, code = tongues.constant(spot.lang, word, new)
        _, before = tongues.constant(spot.lang, word, old)
        yield Draft(
            f"What is the present value of `{name}`? {FORM}",
            (str(new),),
            Scoring.EXACT,
            (spot.path,),
            (_plant(spot, code, before),),
            superseded=(str(old),),
            chance=CHANCE,
        )


def needles(ground: Ground, count: int) -> Iterator[Draft]:
    """Several constants at once."""
    for n in range(count):
        found = spots(ground, SEVERAL, "needles", n, together=SEVERAL)
        if len(found) < SEVERAL:
            return
        numbers = values(SEVERAL, LOW, HIGH, "needles", ground.seed, n)
        written = [
            tongues.constant(spot.lang, word, value)
            for spot, word, value in zip(
                found, _names(ground, SEVERAL, "needles", n), numbers, strict=True
            )
        ]
        asked = sorted((name for name, _ in written), key=digest)
        yield Draft(
            "What are the values of "
            + ", ".join(f"`{name}`" for name in asked)
            + f"? Each is a whole number from {LOW} to {HIGH}. Answer with one line "
            "for each, the name, `=` and the value without spaces, and nothing else.",
            tuple(
                f"{name}={value}"
                for (name, _), value in zip(written, numbers, strict=True)
            ),
            Scoring.SET,
            tuple(dict.fromkeys(spot.path for spot in found)),
            tuple(
                _plant(spot, code)
                for spot, (_, code) in zip(found, written, strict=True)
            ),
            chance=CHANCE,
        )


def _names(ground: Ground, count: int, *parts: object) -> list[Words]:
    """Different names that stand nowhere, even case and joints aside."""
    found: dict[Words, None] = {}
    at = 0
    while len(found) < count:
        found[ground.name(at, *parts)] = None
        at += 1
    return list(found)


def distractors(ground: Ground, count: int) -> Iterator[Draft]:
    """One constant or function among others that are nearly the same.

    Every second probe asks for what a function returns; the nearest of its rivals has
    its very name and takes two parameters.
    """
    for n in range(count):
        found = _alike(ground, n)
        if len(found) <= ENOUGH:
            return
        # The needle stands at the depth of its number, the others around it.
        found.insert(0, found.pop(n % len(found)))
        functions = bool(n % 2) and all(TONGUES[s.lang].parameter for s in found)
        numbers = values(len(found), LOW, HIGH, "distractors", ground.seed, n)
        written = _look_alikes(ground, found, numbers, functions)
        what = (
            f"What number does the function `{written[0][0]}` return, the one with "
            "exactly one parameter?"
            if functions
            else f"What is the value of `{written[0][0]}`?"
        )
        yield Draft(
            f"{what} {FORM}",
            (str(numbers[0]),),
            Scoring.EXACT,
            tuple(dict.fromkeys(spot.path for spot in found)),
            tuple(
                _plant(spot, code)
                for spot, (_, code) in zip(found, written, strict=True)
            ),
            wrong=tuple(map(str, numbers[1:])),
            chance=CHANCE,
        )


def _alike(ground: Ground, n: int) -> list[Spot]:
    """Spots in files of one language where there are enough, else in any."""
    parts = "distractors", n
    count = DISTRACTORS + 1
    first = spots(ground, 1, *parts, together=count)
    langs = {spot.lang for spot in first}
    found = spots(ground, count, *parts, langs=langs, together=count)
    if len(found) > ENOUGH:
        return found
    return spots(ground, count, *parts, together=count)


def _look_alikes(
    ground: Ground, found: list[Spot], numbers: list[int], functions: bool
) -> list[tuple[str, str]]:
    """(name as written, code) for each spot; the first is the one that is asked for."""
    name = ground.name("distractors", *numbers)
    others = [o for o in near(name, 60, ground.seed, *numbers) if ground.free(o)]
    if not functions:
        return [
            tongues.constant(spot.lang, word, value)
            for spot, word, value in zip(found, [name, *others], numbers, strict=False)
        ]
    one_more = [(p,) for p in _PARAMETERS]
    return [
        tongues.function(spot.lang, word, one(one_more, value) + extra, value)
        for spot, word, value, extra in zip(
            found,
            [name, name, *others],
            numbers,
            [(), ("context",), *((),) * len(found)],
            strict=False,
        )
    ]
