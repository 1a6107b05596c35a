"""What a review looks at: the two sides of a change, and the tree that results."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, Protocol

from repoctx.values import Definition, Outline, Redaction, Symbol

FAMILIES = (
    frozenset({"python", "starlark"}),
    frozenset({"javascript", "typescript", "tsx", "vue", "svelte"}),
    frozenset({"c", "cpp"}),
    frozenset({"java", "kotlin", "scala"}),
)
"""Languages whose files use each other's names."""


_TEST = re.compile(
    r"(?:^|/)(?:tests?|testing|specs?|__tests__|fixtures?|testdata|examples?|benches)/"
    r"|(?:^|/)(?:test_[^/]*|[^/]*_test|conftest)\.\w+$|[^/]*\.(?:test|spec)\.\w+$"
)


def is_test(path: str) -> bool:
    """Whether a file is a test, or data of tests, by its path."""
    return bool(_TEST.search(path))


def family(lang: str) -> frozenset[str]:
    """The languages in which a definition made in ``lang`` can be used."""
    return next((f for f in FAMILIES if lang in f), frozenset({lang}))


@dataclass(frozen=True)
class Side:
    """A file's text on one side of the change, and its outline (none: not parsed)."""

    path: str
    text: str
    lang: str
    outline: Outline = field(default_factory=Outline)

    @cached_property
    def lines(self) -> list[str]:
        """The text by lines; line 1 is the first."""
        return self.text.split("\n")

    def line(self, number: int) -> str:
        """One line, empty outside the text."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""


@dataclass(frozen=True)
class Delta:
    """One changed file. ``added`` are line numbers of ``new`` that the change wrote;
    ``shift`` maps a line of ``old`` to the line of ``new`` that stands there now.
    ``ignored`` says by which rule git ignores a new file, ``odd`` why its content would
    be left out of a context. ``secrets`` stand in the new text, which is redacted."""

    old: Side | None
    new: Side | None
    added: frozenset[int] = frozenset()
    shift: Sequence[int] = ()
    ignored: str = ""
    odd: str = ""
    secrets: tuple[Redaction, ...] = ()

    @property
    def path(self) -> str:
        """The file's name after the change, or the one it had."""
        side = self.new or self.old
        assert side is not None  # noqa: S101 - a change has a side
        return side.path

    def now(self, line: int) -> int:
        """Where line ``line`` of the old text is, or what stands in its place."""
        if self.new is None or not self.shift:
            return line
        at = self.shift[min(line, len(self.shift)) - 1]
        return max(1, min(at, len(self.new.lines)))


class Use(NamedTuple):
    """A reference to a name, and where."""

    path: str
    line: int
    kind: str


class Tree(Protocol):
    """The tree after the change, by the index."""

    @property
    def paths(self) -> Collection[str]:
        """Every path of the tree, also those that are no text."""
        ...

    def definitions(self, name: str) -> Sequence[Definition]:
        """All definitions of exactly ``name``."""
        ...

    def uses(self, name: str, langs: Collection[str]) -> Sequence[Use]:
        """All uses of exactly ``name`` in files of these languages, by path."""
        ...

    def side(self, path: str) -> Side | None:
        """A file of the tree with its outline."""
        ...

    def mentions(self, words: str) -> Sequence[str]:
        """Paths of files that hold all the words of ``words``."""
        ...


class Key(NamedTuple):
    """What makes two definitions the same one: names, not lines."""

    parent: str
    name: str


def by_key(side: Side | None) -> dict[Key, list[Symbol]]:
    """The definitions of one side, by enclosing name and name."""
    found: dict[Key, list[Symbol]] = {}
    for symbol in side.outline.definitions if side else ():
        found.setdefault(Key(symbol.parent, symbol.name), []).append(symbol)
    return found
