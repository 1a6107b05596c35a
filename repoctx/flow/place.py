"""Questions and orders about a place: its lines stand beside them, word for word."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from repoctx.errors import OutsideRoot, UsageError
from repoctx.flow.ask import Question
from repoctx.flow.edit import Order
from repoctx.flow.session import Session
from repoctx.flow.tail import Material
from repoctx.scan import Binary, decode, inside, read_file, redact
from repoctx.values import Passage, Spot

SELECTION = "selection"
"""How the lines are called beside the question."""

LOOKED_FOR = 2000
"""Characters of them that search takes into account."""


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines at a place, redacted; ``start`` is 0 where only the file was named."""

    path: str
    start: int
    end: int
    text: str

    @property
    def where(self) -> str:
        """The place in words."""
        if not self.start:
            return f"`{self.path}`"
        if self.end == self.start:
            return f"line {self.start} of `{self.path}`"
        return f"lines {self.start}-{self.end} of `{self.path}`"


def spot_of(root: Path, given: str, folder: Path, start: int = 0, end: int = 0) -> Spot:
    """The place that a user names: ``given`` as seen from ``folder``, lines ``start``
    to ``end`` (0: the whole file, or one line). Raises OutsideRoot, UsageError."""
    if start < 0 or (end and end < start):
        raise UsageError("lines are counted from 1, the first before the last")
    path = inside(root, given, folder)
    if not path:
        raise OutsideRoot(f"{given} is no file")
    return Spot(path, start, (end or start) if start else 0)


def lines_at(session: Session, spot: Spot, unsaved: str | None = None) -> Lines:
    """The lines at ``spot`` as they are now, in ``unsaved`` where an editor holds the
    file's text; only the work tree's regular files are read, through no link.

    Raises UsageError where there are no such lines.
    """
    if not spot.start:
        return Lines(spot.path, 0, 0, "")
    text = _text(session, spot.path) if unsaved is None else unsaved
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if session.settings.redact:
        text = redact(text)[0]
    lines = text.removesuffix("\n").split("\n")
    if spot.start > len(lines):
        raise UsageError(f"{spot.path} has {len(lines):,} lines, no line {spot.start}")
    end = min(max(spot.end, spot.start), len(lines))
    chosen = "\n".join(lines[spot.start - 1 : end]) + "\n"
    return Lines(spot.path, spot.start, end, chosen)


def about(question: Question, lines: Lines) -> Question:
    """``question`` with the place that it is about."""
    query = _query(question.query or question.text, lines)
    text = f"{question.text}\n\n{_said(lines)}"
    material = _beside(question.material, lines)
    at = Passage(lines.path, lines.start, lines.end, lines.text, 1.0, SELECTION)
    return replace(
        question,
        text=text,
        material=material,
        query=query,
        at=at if lines.start else None,
    )


def order_about(order: Order, lines: Lines) -> Order:
    """``order`` with the place that it is about."""
    text = f"{order.text}\n\n{_said(lines)}"
    return replace(order, text=text, material=_beside(order.material, lines))


def _said(lines: Lines) -> str:
    shown = f", beside this under the name `{SELECTION}`" if lines.start else ""
    return f"(This is about {lines.where}{shown}.)"


def _beside(material: Material, lines: Lines) -> Material:
    own = ((SELECTION, lines.text),) if lines.start else ()
    return replace(material, texts=(*material.texts, *own))


def _query(text: str, lines: Lines) -> str:
    return f"{text}\n{lines.path}\n{lines.text[:LOOKED_FOR]}"


def _text(session: Session, path: str) -> str:
    try:
        return decode(read_file(session.place.root, path))[0]
    except Binary:
        raise UsageError(f"{path} is binary") from None
    except OSError as exc:
        raise UsageError(f"{path}: {exc.strerror}") from None
