"""Families about a name in the whole repository: who calls it, who derives from it,
where it is defined. PROBES.md states when a name is certain."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from repoctx.probe.draw import shuffled
from repoctx.probe.ground import Draft, Ground
from repoctx.probe.probes import Scoring
from repoctx.probe.survey import Hit, Key, Site, Survey, around, hits
from repoctx.probe.tongues import CALLABLE, HOLDERS
from repoctx.values import Definition, Kind

T = TypeVar("T")

FEWEST, MOST = 2, 12
"""Items of a set that is asked for."""

RARE = 60
"""Files in which a name may stand, whatever for; more are seldom all understood."""

_CALL = r"^\s*(?:::\s*<[^()]*>|<[^()=]*>)?\s*(?:\?\.)?\("
"""What follows a name where it is called, type arguments aside."""


class Truth(NamedTuple):
    """A name and what is true of it: the items, and the files that show them."""

    key: Key
    items: tuple[str, ...]
    paths: tuple[str, ...]


Check = Callable[[Survey, Key, Sequence[Hit]], Truth | None]
"""The truth about a name, None when it is in doubt."""


def certain(
    ground: Ground, names: Sequence[Key], check: Check, count: int
) -> Iterator[Truth]:
    """The first ``count`` names of which the truth is certain."""
    found = 0
    for batch in batches(names, count):
        places = hits(ground.survey, batch)
        for key in batch:
            truth = check(ground.survey, key, places[key])
            if truth and ground.fits(truth.paths):
                yield truth
                found += 1
                if found == count:
                    return


def batches(names: Sequence[T], count: int) -> Iterator[Sequence[T]]:
    """Names to be looked up together, of which ``count`` are wanted."""
    size = 16 + 4 * count
    return (names[at : at + size] for at in range(0, len(names), size))


def drawn(ground: Ground, keys: Sequence[Key], family: str) -> list[Key]:
    """Names in the order in which they are tried; short and common ones are not."""
    telling = [
        key
        for key in keys
        if len(key[1]) > 3
        and not key[1].startswith("__")
        and ground.survey.rare(key[1], RARE)
    ]
    return shuffled(telling, (ground.seed, family), "\0".join)


# --- callers --------------------------------------------------------------------------


def called(hit: Hit) -> bool:
    """Whether the name stands before an argument list."""
    return bool(re.match(_CALL, hit.after))


_DECLARED = re.compile(r"\b(?:def|fn|func|function|macro_rules!)\s+(?:\([^)]*\)\s*)?$")


def declared(hit: Hit) -> bool:
    """Whether the name is defined there, also where the index sees a call: in what a
    macro is given."""
    return bool(_DECLARED.search(hit.before))


def callers_of(survey: Survey, key: Key, places: Sequence[Hit]) -> Truth | None:
    """Each function that calls the only function of that name.

    In doubt when the index and the text disagree on a single call, when a call stands
    outside every function or inside two, when the name is in a file that did not parse,
    or when it calls itself.
    """
    [definition] = survey.defined[key]
    sites = set(survey.calls.get(key, ()))
    seen = {Site(hit.path, hit.line) for hit in places if called(hit)}
    own = _own_line(definition, places)
    if seen - {own} != sites - {own} or own in sites:
        return None
    if any(declared(hit) and Site(hit.path, hit.line) != own for hit in places):
        return None
    if any(hit.path in survey.broken for hit in places):
        return None
    if any(hit.before.lstrip().startswith("@") for hit in places if called(hit)):
        return None
    items = []
    for site in sorted(sites):
        holders = around(survey.material.outline(site.path), site.line)
        if len(holders) != 1 or holders[0].name == key[1]:
            return None
        if not re.fullmatch(r"[A-Za-z_]\w*", holders[0].name):
            return None
        if site.line == holders[0].start and holders[0].end > site.line:
            return None  # A decorator or a default value: not in the body.
        items.append(f"{site.path}::{holders[0].name}")
    paths = (definition.path, *(site.path for site in sorted(sites)))
    return Truth(key, tuple(dict.fromkeys(items)), tuple(dict.fromkeys(paths)))


def _own_line(definition: Definition, places: Sequence[Hit]) -> Site | None:
    """The line on which a definition states its name."""
    symbol = definition.symbol
    for hit in places:
        if hit.path == definition.path and symbol.start <= hit.line <= symbol.end:
            return Site(hit.path, hit.line)
    return None


def called_often(survey: Survey) -> list[Key]:
    """Names of one function that is called from several places."""
    return [
        key
        for key in survey.callables()
        if FEWEST <= len(survey.calls.get(key, ())) <= 3 * MOST
    ]


def callers(ground: Ground, count: int) -> Iterator[Draft]:
    """Every function that calls X."""
    survey = ground.survey
    names = drawn(ground, called_often(survey), "callers")
    for truth in certain(ground, names, within(callers_of), count):
        label, name = truth.key
        yield Draft(
            f"Which functions and methods call `{name}`? Look through all {label} "
            "files, tests included. A call counts by its name, whatever it is called "
            "on; a call in an anonymous function counts for the named function around "
            "it. List each once, one on a line, as `path::name`, and nothing else.",
            truth.items,
            Scoring.SET,
            truth.paths,
            chance=_share(truth, number_of(survey, label, CALLABLE)),
        )


def within(check: Check, most: int = MOST, fewest: int = FEWEST) -> Check:
    """Only sets of a size that is asked for."""

    def checked(survey: Survey, key: Key, places: Sequence[Hit]) -> Truth | None:
        truth = check(survey, key, places)
        return truth if truth and fewest <= len(truth.items) <= most else None

    return checked


def _share(truth: Truth, of: int) -> float:
    """The expected F1 of n of N items at random: n * n / N hits, so n / N."""
    return min(1.0, len(truth.items) / max(of, 1))


def number_of(survey: Survey, label: str, kinds: frozenset[Kind]) -> int:
    """How many definitions of these kinds a group has."""
    return sum(
        definition.symbol.kind in kinds
        for (group, _), found in survey.defined.items()
        if group == label
        for definition in found
    )


# --- subclasses -----------------------------------------------------------------------

_BASES = {
    "Python": re.compile(r"^\s*class\s+\w+.*\("),
    "Java": re.compile(r"\b(?:extends|implements)\b"),
    "JavaScript and TypeScript": re.compile(r"\b(?:extends|implements)\b"),
}
"""How a line begins, up to the name, that may state a base."""


def subclasses_of(survey: Survey, key: Key, places: Sequence[Hit]) -> Truth | None:
    """Each class whose header names the only class of that name as a base.

    In doubt when a line that looks like a header holds the name and the index saw no
    base there, when the class around a base does not name it in its signature, or when
    the name is in a file that did not parse.
    """
    [definition] = survey.defined[key]
    if any(hit.path in survey.broken for hit in places):
        return None
    sites = set(survey.inherits.get(key, ()))
    for hit in places:
        if _BASES[key[0]].search(hit.before) and Site(hit.path, hit.line) not in sites:
            return None
    items = []
    for site in sorted(sites):
        outline = survey.material.outline(site.path)
        holders = [
            s
            for s in outline.definitions
            if s.kind in HOLDERS and s.start <= site.line <= s.end
        ]
        if not holders:
            return None
        holder = max(holders, key=lambda s: (s.start, -s.end))
        if key[1] not in re.findall(r"\w+", holder.signature):
            return None
        items.append(f"{site.path}::{holder.name}")
    if len(set(items)) != len(items):
        return None
    paths = (definition.path, *(site.path for site in sorted(sites)))
    return Truth(key, tuple(items), tuple(dict.fromkeys(paths)))


def bases(survey: Survey) -> list[Key]:
    """Names of which the only definition is a class or an interface, with heirs."""
    return [
        key
        for key, found in survey.defined.items()
        if len(found) == 1
        and found[0].symbol.kind in (Kind.CLASS, Kind.INTERFACE)
        and key[0] in _BASES
        and len(survey.inherits.get(key, ())) >= FEWEST
    ]


def subclasses(ground: Ground, count: int) -> Iterator[Draft]:
    """Every class that derives from Y."""
    survey = ground.survey
    names = drawn(ground, bases(survey), "subclasses")
    for truth in certain(ground, names, within(subclasses_of), count):
        label, name = truth.key
        yield Draft(
            f"Which classes and interfaces derive directly from `{name}`, that is, "
            f"name it among their bases? Look through all {label} files, tests "
            "included. List each once, one on a line, as `path::name`, and nothing "
            "else.",
            truth.items,
            Scoring.SET,
            truth.paths,
            chance=_share(truth, number_of(survey, label, HOLDERS)),
        )


# --- definitions ----------------------------------------------------------------------

_MADE = {
    "Python": r"(?:\bdef|\bclass|\bas)\s+$|^\s*(?:\w+\.)*$",
    "JavaScript and TypeScript": (
        r"\b(?:function|class|const|let|var|get|set|async|type|interface|as|static)"
        r"[\s*]+$|^\s*(?:[\w]+\.)*$|[{,]\s*$|\bprototype\.$"
    ),
    "Go": r"\b(?:func|type|var|const)\s+$|\bfunc\s*\([^)]*\)\s*$",
    "Rust": r"\b(?:fn|macro_rules!|mod|as|let|static|const|type|struct)\s+$",
    "Java": r"[\w>\]]\s+$",
}
"""What stands before a name where it may be defined."""

_GIVEN = {
    "Python": r"^\s*(?::[^=]+)?=(?!=)|^\(|^\s*:|^$",
    "JavaScript and TypeScript": r"^\s*[?!]?\s*(?:[:=](?![=>])|<[^()]*>\s*\(|\()",
    "Go": r"",
    "Rust": r"",
    "Java": r"^\s*\([^;]*[{,]\s*$|^\s*\([^;]*$",
}
"""And what behind it."""


def definitions_of(survey: Survey, key: Key, places: Sequence[Hit]) -> Truth | None:
    """Each file with a function or method of that name.

    In doubt when something else has the name too, when a line looks like a definition
    of it that the index does not know, or when it is in a file that did not parse.
    """
    found = survey.defined[key]
    if any(d.symbol.kind not in CALLABLE for d in found):
        return None
    if any(hit.path in survey.broken for hit in places):
        return None
    owns = {_own_line(definition, places) for definition in found}
    known = owns | set(survey.calls.get(key, ()))
    for hit in places:
        site = Site(hit.path, hit.line)
        if None in owns or (declared(hit) and site not in owns):
            return None
        if site in known:
            continue
        if re.search(_MADE[key[0]], hit.before) and re.match(_GIVEN[key[0]], hit.after):
            return None
    paths = tuple(dict.fromkeys(sorted(d.path for d in found)))
    return Truth(key, paths, paths)


def repeated(survey: Survey) -> list[Key]:
    """Names of several functions, and of nothing else."""
    return [
        key
        for key, found in survey.defined.items()
        if FEWEST <= len(found) <= 3 * MOST
        and all(d.symbol.kind in CALLABLE for d in found)
    ]


def definitions(ground: Ground, count: int) -> Iterator[Draft]:
    """Every file that defines a name."""
    survey = ground.survey
    names = drawn(ground, repeated(survey), "definitions")
    for truth in certain(ground, names, within(definitions_of), count):
        label, name = truth.key
        groups = map(survey.group, survey.files)
        files = sum(g.label == label for g in groups if g)
        yield Draft(
            f"In which {label} files is a function or method with the name `{name}` "
            "defined? One that is only declared, in an interface or a trait, counts "
            "too. Tests are included. List the paths, one on a line, and nothing else.",
            truth.items,
            Scoring.SET,
            truth.paths,
            chance=_share(truth, files),
        )
