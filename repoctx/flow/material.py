"""A session's snapshot as the probes want it: texts and outlines by path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, lru_cache

from repoctx.flow.session import Session
from repoctx.flow.survey import dirty_files
from repoctx.flow.texts import Changed, Texts
from repoctx.scan import Contents
from repoctx.values import Outline, Reason, Snapshot, SourceFile

KEPT = 64
"""Texts and outlines that are kept: a probe's evidence is read again and again."""


class Indexed:
    """A `probe.Material` over a snapshot, read through the index while ``texts`` is
    open."""

    def __init__(self, session: Session, now: Snapshot, texts: Texts) -> None:
        self._session = session
        self._snapshot = now
        self._texts = texts
        self._by_path = {file.path: file for file in now.files}
        self.text = lru_cache(KEPT)(self._text)
        self.outline = lru_cache(KEPT)(self._outline)

    @property
    def files(self) -> Sequence[SourceFile]:
        """The files of the context in bytewise path order."""
        return self._snapshot.files

    def _text(self, path: str) -> str:
        try:
            return self._texts(self._by_path[path])
        except Changed:
            return ""

    def texts(self, paths: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Many files with their texts, in the order of ``paths``: announced, so that
        they are read several times faster."""
        self._texts.expect(self._by_path[path] for path in paths)
        return ((path, self._text(path)) for path in paths)

    def _outline(self, path: str) -> Outline:
        file = self._by_path[path]
        return self._session.store.outline(file.oid, file.lang) or Outline()

    @cached_property
    def twins(self) -> frozenset[str]:
        """Paths whose text other paths have too, which ``files`` does not name."""
        copies = {
            out.oid for out in self._snapshot.left_out if out.reason is Reason.DUPLICATE
        }
        return frozenset(f.path for f in self._snapshot.files if f.oid in copies)


@contextmanager
def material(session: Session, now: Snapshot) -> Iterator[Indexed]:
    """``now`` as material; its texts are read when they are asked for."""
    with Contents(session.place, dirty_files(now), session.held) as contents:
        yield Indexed(
            session, now, Texts(contents, session.facts, session.settings.redact)
        )
