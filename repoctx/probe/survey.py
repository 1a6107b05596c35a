"""What a repository defines, calls and inherits by name, and where a name stands.

Two accounts of a name are compared: the index (syntax trees) and the text itself. Where
they disagree the name is in doubt, and nothing is asked about it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
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
    parse, files beside it, and files shown once for several paths."""

    material: Material
    files: Mapping[str, SourceFile]
    defined: Mapping[Key, tuple[Definition, ...]]
    calls: Mapping[Key, tuple[Site, ...]]
    inherits: Mapping[Key, tuple[Site, ...]]
    broken: frozenset[str]

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


def survey(material: Material) -> Survey:
    """Read every outline twice: what is defined, then who uses it."""
    files = {file.path: file for file in material.files}
    spoken = [f for f in material.files if f.lang in GROUP_OF]
    defined: dict[Key, list[Definition]] = defaultdict(list)
    broken = {f.path for f in material.files if f.lang in BESIDE}
    for file in spoken:
        outline = material.outline(file.path)
        if outline.errors != 0 or file.path in material.twins:
            broken.add(file.path)
        label = GROUP_OF[file.lang].label
        for symbol in outline.definitions:
            found = Definition(file.path, symbol, file.oid)
            defined[label, symbol.name].append(found)
    calls: dict[Key, list[Site]] = defaultdict(list)
    inherits: dict[Key, list[Site]] = defaultdict(list)
    into = {"call": calls, "inherit": inherits}
    for file in spoken:
        label = GROUP_OF[file.lang].label
        for use in material.outline(file.path).references:
            if use.kind in into and (label, use.name) in defined:
                into[use.kind][label, use.name].append(Site(file.path, use.line))
    return Survey(
        material,
        files,
        {key: tuple(found) for key, found in defined.items()},
        {key: tuple(found) for key, found in calls.items()},
        {key: tuple(found) for key, found in inherits.items()},
        frozenset(broken),
    )


def hits(survey: Survey, keys: Collection[Key]) -> dict[Key, list[Hit]]:
    """Every place in the files of its group, and in those beside it, at which a name
    stands as a whole word; one pass over the texts."""
    found: dict[Key, list[Hit]] = {key: [] for key in keys}
    for file in survey.material.files:
        group = GROUP_OF.get(file.lang) or BESIDE.get(file.lang)
        if group is None:
            continue
        names = {name for label, name in keys if label == group.label}
        for name, hit in _hits(file.path, survey.material.text(file.path), names):
            found[group.label, name].append(hit)
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


def mentions(material: Material, names: Collection[str]) -> dict[str, list[Hit]]:
    """Every place in any file at which a name stands as a whole word."""
    found: dict[str, list[Hit]] = defaultdict(list)
    for file in material.files:
        for name, hit in _hits(file.path, material.text(file.path), names):
            found[name].append(hit)
    return found


def around(outline: Outline, line: int) -> list[Symbol]:
    """The functions and methods whose lines hold ``line``, outermost first."""
    return [
        symbol
        for symbol in outline.definitions
        if symbol.kind in CALLABLE and symbol.start <= line <= symbol.end
    ]
