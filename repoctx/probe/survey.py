"""What a repository defines, calls and inherits by name, and where a name stands.

Two accounts of a name are compared: the index (syntax trees) and the text itself. Where
they disagree the name is in doubt, and nothing is asked about it.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from repoctx.probe.probes import Material
from repoctx.probe.tongues import BESIDE, CALLABLE, GROUP_OF, Group
from repoctx.values import Definition, Outline, SourceFile, Symbol

_WORD = re.compile(r"\w+")

Key = tuple[str, str]
"""A group's label and a name."""


class Site(NamedTuple):
    """A line of a file."""

    path: str
    line: int


class Hit(NamedTuple):
    """Where a name stands as a whole word: its line, and the line's text around it."""

    path: str
    line: int
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Survey:
    """``defined`` holds every definition by group and name, ``calls`` and ``inherits``
    every use of a name that is defined. ``broken`` are files of a group that did not
    parse, files beside it, and files shown once for several paths. ``holders`` are
    the numbers, in ``material.files``, of the files that hold the name of a definition
    of whatever language."""

    material: Material
    files: Mapping[str, SourceFile]
    defined: Mapping[Key, tuple[Definition, ...]]
    calls: Mapping[Key, tuple[Site, ...]]
    inherits: Mapping[Key, tuple[Site, ...]]
    broken: frozenset[str]
    holders: Mapping[str, Sequence[int]]

    def callables(self) -> list[Key]:
        """Names of which the only definition is a function or a method."""
        return [
            key
            for key, found in self.defined.items()
            if len(found) == 1 and found[0].symbol.kind in CALLABLE
        ]

    def group(self, path: str) -> Group | None:
        """The group whose names stand in a file."""
        return GROUP_OF.get(self.files[path].lang)

    def rare(self, name: str, most: int) -> bool:
        """Whether a name stands in few files: only then is it worth a look."""
        return len(self.holders.get(name, ())) <= most

    def holding(self, names: Collection[str]) -> list[str]:
        """The files in which one of the names stands, in their order."""
        numbers = {n for name in names for n in self.holders.get(name, ())}
        return [self.material.files[n].path for n in sorted(numbers)]


def survey(material: Material) -> Survey:
    """Read what is defined, then who uses it, then which files hold the names."""
    files = {file.path: file for file in material.files}
    defined: dict[Key, list[Definition]] = defaultdict(list)
    broken = {f.path for f in material.files if f.lang in BESIDE}
    names: set[str] = set()
    for file in material.files:
        outline = material.outline(file.path)
        symbols = outline.definitions
        names.update(symbol.name for symbol in symbols if symbol.kind in CALLABLE)
        if group := GROUP_OF.get(file.lang):
            if outline.errors != 0 or file.path in material.twins:
                broken.add(file.path)
            for symbol in symbols:
                found = Definition(file.path, symbol, file.oid)
                defined[group.label, symbol.name].append(found)
    names.update(name for _, name in defined)
    calls, inherits = _uses(material, defined)
    return Survey(
        material,
        files,
        {key: tuple(found) for key, found in defined.items()},
        calls,
        inherits,
        frozenset(broken),
        _holders(material, names),
    )


def _uses(
    material: Material, defined: Collection[Key]
) -> tuple[dict[Key, tuple[Site, ...]], dict[Key, tuple[Site, ...]]]:
    """Who calls each defined name, and who inherits from it."""
    found: dict[str, dict[Key, list[Site]]] = {"call": {}, "inherit": {}}
    for file in material.files:
        group = GROUP_OF.get(file.lang)
        for use in material.outline(file.path).references if group else ():
            key = (group.label if group else "", use.name)
            if use.kind in found and key in defined:
                found[use.kind].setdefault(key, []).append(Site(file.path, use.line))
    calls, inherits = (
        {key: tuple(sites) for key, sites in kind.items()} for kind in found.values()
    )
    return calls, inherits


def _holders(material: Material, names: set[str]) -> dict[str, array[int]]:
    """Which files hold each of the names, by their numbers."""
    found: dict[str, array[int]] = {}
    paths = [file.path for file in material.files]
    for number, (_, text) in enumerate(material.texts(paths)):
        for name in names & set(_WORD.findall(text)):
            found.setdefault(name, array("L")).append(number)
    return found


def hits(survey: Survey, keys: Collection[Key]) -> dict[Key, list[Hit]]:
    """Every place in the files of its group, and in those beside it, at which a defined
    name stands as a whole word."""
    found: dict[Key, list[Hit]] = {key: [] for key in keys}
    for name, where in mentions(survey, {name for _, name in keys}).items():
        for hit in where:
            lang = survey.files[hit.path].lang
            group = GROUP_OF.get(lang) or BESIDE.get(lang)
            if group and (group.label, name) in found:
                found[group.label, name].append(hit)
    return found


def mentions(survey: Survey, names: Collection[str]) -> dict[str, list[Hit]]:
    """Every place in any file at which a defined name stands as a whole word."""
    found: dict[str, list[Hit]] = {name: [] for name in names}
    for path, text in survey.material.texts(survey.holding(names)):
        for name, hit in _hits(path, text, names):
            found[name].append(hit)
    return found


def _hits(path: str, text: str, names: Collection[str]) -> Iterable[tuple[str, Hit]]:
    starts: list[int] = []
    for match in _WORD.finditer(text):
        if match[0] not in names:
            continue
        if not starts:
            starts = [0, *(m.end() for m in re.finditer("\n", text))]
        row = bisect_right(starts, match.start()) - 1
        end = text.find("\n", match.end())
        yield (
            match[0],
            Hit(
                path,
                row + 1,
                text[starts[row] : match.start()],
                text[match.end() : end if end >= 0 else len(text)],
            ),
        )


def around(outline: Outline, line: int) -> list[Symbol]:
    """The functions and methods whose lines hold ``line``, outermost first."""
    return [
        symbol
        for symbol in outline.definitions
        if symbol.kind in CALLABLE and symbol.start <= line <= symbol.end
    ]
