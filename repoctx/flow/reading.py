"""Read many blobs into the index, a few in this process, many in workers.

First comes what their bytes decide (facts), which every listing needs; their texts are
parsed later, when something asks the index for more.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from repoctx.flow.session import Session
from repoctx.index import Prepared, Row, prepare
from repoctx.scan import Contents, Entry, Place, decode, examine, redact
from repoctx.values import BlobFacts, Reason, SourceFile

if TYPE_CHECKING:
    from repoctx.values import Outline

BATCH_FILES = 96
"""Files a batch."""

EXAMINED_INLINE, PARSED_INLINE = 400, 24
"""So few blobs are read in this process: workers take as long to start."""


class Task(NamedTuple):
    """One blob to read; once its ``facts`` are known, to be parsed as ``lang``."""

    oid: str
    path: str
    size: int
    lang: str = ""
    facts: BlobFacts | None = None


class Read(NamedTuple):
    """What reading one blob gave; ``row`` is None when its bytes were not to be had."""

    oid: str
    facts: BlobFacts
    row: Prepared | None


class Source(NamedTuple):
    """Where blobs are read: a place, the paths of which only the work tree has the
    bytes, and bytes that are held by id."""

    place: Place
    dirty: frozenset[str]
    held: Mapping[str, bytes] | None


def examine_all(session: Session, source: Source, files: Iterable[Entry]) -> None:
    """Learn the facts of the blobs of ``files``. Raises StorageError."""
    new: dict[str, Task] = {}
    for file in files:
        new.setdefault(file.oid, Task(file.oid, file.path, file.size))
    for batch in _batches(session, source, list(new.values()), EXAMINED_INLINE):
        session.facts.update((read.oid, read.facts) for read in batch)


def parse_all(session: Session, source: Source, files: Iterable[SourceFile]) -> None:
    """Parse the texts of ``files`` but for those that the index has. Raises
    StorageError."""
    known = session.rows.outlined()
    new: dict[tuple[str, str], Task] = {}
    for path, oid, _, size, lang, _ in files:
        if (oid, lang) not in known:
            task = Task(oid, path, size, lang, session.facts[oid])
            new.setdefault((oid, lang), task)
    for _ in _batches(session, source, list(new.values()), PARSED_INLINE):
        pass


def _batches(
    session: Session, source: Source, tasks: Sequence[Task], inline: int
) -> Iterator[Sequence[Read]]:
    """Read ``tasks`` into the index, batch by batch."""
    done = 0
    for batch in _read_all(source, tasks, inline):
        session.rows.add(read.row for read in batch if read.row is not None)
        done += len(batch)
        session.progress("indexing", done, len(tasks))
        yield batch


def _read_all(
    source: Source, tasks: Sequence[Task], inline: int
) -> Iterator[Sequence[Read]]:
    if not tasks:
        return
    begin = partial(_begin, source)
    begin()
    if len(tasks) <= inline:
        yield [_read(task) for task in _expected(tasks)]
        _readers.contents.clear()
        return
    if tasks[0].facts is not None:
        # Loaded before the workers are forked, which then need not.
        import repoctx.index.outline
        import repoctx.index.terms  # noqa: F401
    from repoctx.flow.workers import in_processes

    batches = [tasks[at : at + BATCH_FILES] for at in range(0, len(tasks), BATCH_FILES)]
    yield from in_processes(_work, _read_plain, batches, begin)
    _readers.contents.clear()


class _Readers(threading.local):
    """One reader a thread; a fork or a spawn gets its own through `_begin`."""

    def __init__(self) -> None:
        self.contents: list[Contents] = []


_readers = _Readers()


def _begin(source: Source) -> None:
    _readers.contents[:] = [Contents(*source)]


def _expected(tasks: Sequence[Task]) -> Sequence[Task]:
    _readers.contents[0].expect((task.oid, task.path, task.size) for task in tasks)
    return tasks


def _work(tasks: Sequence[Task]) -> Sequence[Read]:
    """In a worker: what takes too long ends the worker."""
    from repoctx.flow.workers import bounded

    found = []
    for task in _expected(tasks):
        with bounded():
            found.append(_read(task))
    return found


def _read_plain(task: Task) -> Sequence[Read]:
    """Without parsing: for a blob on which a worker died."""
    return [_read(task, parse=False)]


def _read(task: Task, *, parse: bool = True) -> Read:
    oid, lang = task.oid, task.lang
    try:
        data = _readers.contents[0](oid, task.path)
    except KeyError:
        return Read(oid, BlobFacts(0, Reason.VANISHED), None)
    if task.facts is None:
        facts, _ = examine(data)
        return Read(oid, facts, prepare(Row(oid, lang, facts)))
    found = _outline(data, task.facts, lang if parse else "")
    return Read(oid, task.facts, prepare(Row(oid, lang, task.facts, found)))


def _outline(data: bytes, facts: BlobFacts, lang: str) -> Outline:
    # Imported here: a run that packs parses nothing.
    from repoctx.index import with_terms
    from repoctx.index.outline import outline

    text, _, _ = decode(data)
    if facts.redactions:
        text, _ = redact(text)
    return with_terms(outline(text, lang), text)
