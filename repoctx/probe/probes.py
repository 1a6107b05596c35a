"""The nouns of this room: a probe, what it plants, how it is scored, and of what
repository it is made."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from repoctx.values import Outline, SourceFile

PROBES_VERSION = 2
"""Raised when the same tree and seed give other probes: scores before and after cannot
be compared."""

FAMILIES = (
    "needle",
    "distractors",
    "needles",
    "description",
    "callers",
    "subclasses",
    "definitions",
    "path",
    "count",
    "superseded",
    "copy",
    "edit",
)
"""Every family, in the order of the report."""


class Scoring(Enum):
    """How an answer is compared with the truth."""

    EXACT = "exact"
    """The answer is the one item."""
    SET = "set"
    """F1 of the items listed, one a line."""
    TEXT = "text"
    """Share of the lines of a long copy that are right, in their order."""
    TREE = "tree"
    """F1 of the files that the answer's edits change, each with its whole text."""


@dataclass(frozen=True, slots=True)
class Plant:
    """Whole lines that a probe puts into the context, never into the work tree.

    ``text`` is put before line ``line`` of ``path`` (from 1; 0: at the end) and ends
    with a newline. Lines are those of the file without any plant. Where ``before`` is
    not empty, the base holds ``before`` there and the overlay changes it to ``text``;
    where it is empty, the base holds ``text``.
    """

    path: str
    line: int
    text: str
    before: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """One question with its answer.

    ``id`` is the family and a digest of all the rest: the same for the same tree and
    seed. ``question`` says the exact form of the answer. ``truth`` are the expected
    items; for `Scoring.TEXT` one item, the copy; for `Scoring.TREE` an item for each
    changed file, its path on the first line and its new text below. ``evidence`` are
    the paths that must be in the context whole, in the order in which an answer needs
    them. ``superseded`` are the answers that a stale copy gives, ``wrong`` those of the
    nearest distractors. ``chance`` is the expected score of an answer at random among
    answers of the form asked for.
    """

    id: str
    family: str
    question: str
    truth: tuple[str, ...]
    scoring: Scoring
    evidence: tuple[str, ...]
    plants: tuple[Plant, ...] = ()
    superseded: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    chance: float = 0.0


Applied = Callable[[str], Mapping[str, str | None]]
"""What an answer's edits make of the tree with the probe's plants: the text of each
path that they change (None: deleted). Empty when they cannot be applied."""


class Material(Protocol):
    """A repository as plain values. Same tree, same material."""

    @property
    def files(self) -> Sequence[SourceFile]:
        """The files of the context in bytewise path order."""
        ...

    def text(self, path: str) -> str:
        """A file's text as the context has it; empty when it cannot be had."""
        ...

    def texts(self, paths: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Many files with their texts, in the order of ``paths``."""
        ...

    def outline(self, path: str) -> Outline:
        """What the index knows of a file; an empty one when it knows nothing."""
        ...

    @property
    def twins(self) -> Collection[str]:
        """Paths whose text other paths have too, which ``files`` does not name."""
        ...


def planted(text: str, plants: Sequence[Plant], *, stale: bool = False) -> str:
    """A file's text with its plants in it; ``stale`` gives what the base holds."""
    lines = _lines(text)
    # From the bottom, so that the lines above keep their numbers; of two plants at one
    # line the first comes first.
    order = sorted(enumerate(plants), key=lambda p: (p[1].line or len(lines) + 1, p[0]))
    for _, plant in reversed(order):
        at = plant.line - 1 if plant.line else len(lines)
        put = plant.before if stale and plant.before else plant.text
        if at >= len(lines) and lines and not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        lines[at:at] = [put]
    return "".join(lines)


def _lines(text: str) -> list[str]:
    """The text by ``\\n`` alone, each line with its own."""
    lines = text.split("\n")
    return [line + "\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
