"""What the replay measures: anything that makes a prefix for a work tree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from repoctx.flow.pack import Memory, Packed, pack
from repoctx.flow.prefix import BaseTexts, chunks
from repoctx.flow.session import open_session
from repoctx.flow.survey import dirty_files
from repoctx.flow.texts import Texts
from repoctx.pack.base import TextOf
from repoctx.pack.overlay import FULL_TEXT_RATIO, Change
from repoctx.pack.patch import patch
from repoctx.pack.render import Style
from repoctx.scan import Contents
from repoctx.values import SegmentKind


@dataclass(frozen=True, slots=True)
class Shot:
    """One prefix: its bytes, the files in it as (path, blob id, bytes) in path order,
    and how many lines of it no longer hold."""

    chunks: Iterable[bytes]
    files: Sequence[tuple[str, str, int]]
    superseded: int = 0


class Packer(Protocol):
    """What is measured."""

    def restart(self) -> None:
        """From here on the provider's cache is cold, and the packer may know."""
        ...

    def shot(self, worktree: Path) -> Shot:
        """The prefix for the work tree as it is."""
        ...


class Lines:
    """Counts tokens as lines: the replay weighs bytes, and must not wait for tokens."""

    name = "lines"
    exact = False

    def count(self, text: str) -> int:
        """Lines of ``text``."""
        return text.count("\n")

    def count_many(self, texts: Sequence[str]) -> list[int]:
        """Lines of each text."""
        return [self.count(text) for text in texts]


class Repoctx:
    """Our own packer in this process, with a state folder of its own.

    What flow learns from the last answer (which base the cache holds, whether it has
    ended) is told here by the replay, which knows it for certain.
    """

    def __init__(self, state: Path) -> None:
        self._flags = {"state_dir": str(state)}
        self._memory = Memory()
        self._known: dict[tuple[str, str], int] = {}

    def restart(self) -> None:
        """The cache has ended, if there was one."""
        self._memory = Memory(cold=bool(self._memory.warm))

    def shot(self, worktree: Path) -> Shot:
        """Pack the work tree."""
        with open_session(worktree, self._flags) as session:
            packed = pack(session, Lines(), self._memory)
            self._memory = Memory(warm=(packed.name,))
            segments = packed.prefix.segments
            base = next(s for s in segments if s.kind is SegmentKind.BASE)
            style = Style(session.settings.style)
            with (
                Contents(session.place, dirty_files(packed.now)) as contents,
                BaseTexts(base, style) as old,
            ):
                new = Texts(contents, session.facts, session.settings.redact)
                lost = sum(self._lost(change, old, new) for change in packed.changes)
        return Shot(stream(packed), files(packed), lost)

    def _lost(self, change: Change, before: TextOf, after: TextOf) -> int:
        """Lines of the base that a change supersedes."""
        if change.old is None:
            return 0
        key = (change.old.oid, change.new.oid if change.new else "")
        if key not in self._known:
            old = before(change.old)
            new = after(change.new) if change.new else ""
            body = patch(old, new)
            whole = len(body) >= FULL_TEXT_RATIO * len(new)
            text = old if whole else body
            mark = "" if whole else "-"
            rows = text.split("\n")[:-1]
            self._known[key] = sum(row.startswith(mark) for row in rows)
        return self._known[key]


def stream(packed: Packed) -> Iterable[bytes]:
    """The prefix's bytes, a chunk at a time."""
    for segment in packed.prefix.segments:
        yield from chunks(segment)


def files(packed: Packed) -> list[tuple[str, str, int]]:
    """What a packer without base and overlay would have to send."""
    return [(file.path, file.oid, file.size) for file in packed.now.files]
