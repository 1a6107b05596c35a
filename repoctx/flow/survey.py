"""What is there now: list the tree, read and index what is new, settle the snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from repoctx.errors import StorageError
from repoctx.flow.session import Session
from repoctx.flow.state import read_bytes, replacing
from repoctx.index import detect
from repoctx.scan import (
    Chosen,
    Contents,
    Listing,
    Place,
    StatCache,
    examine,
    list_commit,
    list_tree,
    own_rules,
    select,
    settle,
)
from repoctx.values import BlobFacts, Reason, Snapshot, State

if TYPE_CHECKING:
    from repoctx.index import Prepared

BATCH_FILES = 96
"""Files a batch."""

INLINE_FILES = 24
"""So few new files are read in this process: workers take 50 ms to start."""


class Task(NamedTuple):
    """One blob to read, and the language to parse it as. ``keep``: it was asked for by
    hand, so it is parsed even when its content would leave it out."""

    oid: str
    path: str
    lang: str
    keep: bool = False
    size: int = 0


class Read(NamedTuple):
    """What reading one blob gave; ``row`` is None when its bytes were not to be had."""

    oid: str
    facts: BlobFacts
    row: Prepared | None


def snapshot_now(session: Session) -> Snapshot:
    """The work tree as it is; new and changed files enter the index.

    Raises NotARepository, GitError, SettingsError, StorageError.
    """
    kept = session.state.folder / "stats"
    stats = StatCache.parse(read_bytes(kept))
    stats.held = session.held
    listing = list_tree(session.place, stats, _sizes(session))
    if stats.changed:
        try:
            with replacing(kept) as handle:
                handle.write(stats.dump())
        except StorageError as exc:  # It only saves time.
            session.notes.append(str(exc))
    session.own = None  # Read anew: these are the rules that hold now.
    return _settled(session, listing)


def snapshot_at(session: Session, commit: str) -> Snapshot:
    """The tree of ``commit``, chosen by the rules that the work tree has now."""
    return _settled(session, list_commit(session.place, commit, _sizes(session)))


def snapshot_of(session: Session, listing: Listing) -> Snapshot:
    """The snapshot of a listing whose files git has: a commit's or the index's."""
    return _settled(session, listing)


def sizes_known(session: Session) -> dict[str, int]:
    """Bytes of every known blob, by id."""
    return _sizes(session)


def _sizes(session: Session) -> dict[str, int]:
    return {oid: facts.size for oid, facts in session.facts.items()}


def dirty_files(tree: Snapshot) -> frozenset[str]:
    """The files whose bytes only the work tree has."""
    return frozenset(f.path for f in tree.files if f.state is not State.CLEAN)


def _settled(session: Session, listing: Listing) -> Snapshot:
    dirty = frozenset(e.path for e in listing.entries if e.state is not State.CLEAN)
    with Contents(session.place, dirty, session.held) as contents:
        if session.own is None:
            session.own = own_rules(listing, session.selection, contents)
        chosen = select(listing, session.selection, contents, session.own)
        new = _unread(session, chosen)
        done = 0
        for batch in _read_all(
            partial(_begin, session.place, dirty, session.held), new
        ):
            session.store.add(read.row for read in batch if read.row is not None)
            session.facts.update((read.oid, read.facts) for read in batch)
            done += len(batch)
            session.progress("indexing", done, len(new))
    return settle(chosen, session.facts, detect)


def _unread(session: Session, chosen: Chosen) -> list[Task]:
    """The blobs that the index does not know, once each, in path order."""
    outlined = session.store.outlined()
    new: dict[tuple[str, str], Task] = {}
    for entry in chosen.files:
        facts = session.facts.get(entry.oid)
        key = (entry.oid, detect(entry.path))
        keep = chosen.keep(entry.path)
        wanted = facts is None or facts.reason is None or keep
        if facts is None or (wanted and key not in outlined):
            task = Task(entry.oid, entry.path, key[1], keep, entry.size)
            new.setdefault(key, task)
    return list(new.values())


def _read_all(
    begin: Callable[[], None], tasks: Sequence[Task]
) -> Iterator[Sequence[Read]]:
    if not tasks:
        return
    begin()
    if len(tasks) <= INLINE_FILES:
        yield _read_batch(tasks)
        _contents.clear()
        return
    # Loaded before the workers are forked, which then need not.
    import repoctx.index.outline
    import repoctx.index.terms  # noqa: F401
    from repoctx.flow.workers import in_processes

    batches = [tasks[at : at + BATCH_FILES] for at in range(0, len(tasks), BATCH_FILES)]
    yield from in_processes(_work_batch, _read_plain, batches, begin)
    _contents.clear()


# One reader a process; a fork or a spawn gets its own through `_begin`.
_contents: list[Contents] = []


def _begin(
    place: Place, dirty: frozenset[str], held: Mapping[str, bytes] | None
) -> None:
    _contents[:] = [Contents(place, dirty, held)]


def _read_batch(tasks: Sequence[Task]) -> Sequence[Read]:
    _contents[0].expect((task.oid, task.path, task.size) for task in tasks)
    return [_read(task) for task in tasks]


def _work_batch(tasks: Sequence[Task]) -> Sequence[Read]:
    """As `_read_batch`, in a worker: what takes too long ends the worker."""
    from repoctx.flow.workers import bounded

    _contents[0].expect((task.oid, task.path, task.size) for task in tasks)
    found = []
    for task in tasks:
        with bounded():
            found.append(_read(task))
    return found


def _read_plain(task: Task) -> Sequence[Read]:
    """Without parsing: for a blob on which a parser died."""
    return [_read(task, parse=False)]


def _read(task: Task, *, parse: bool = True) -> Read:
    # Imported here: a warm run parses nothing.
    from repoctx.index import Row, prepare, with_terms
    from repoctx.index.outline import outline

    try:
        data = _contents[0](task.oid, task.path)
    except KeyError:
        return Read(task.oid, BlobFacts(0, Reason.VANISHED), None)
    facts, text = examine(data, keep=task.keep)
    if text is None:
        return Read(task.oid, facts, prepare(Row(task.oid, task.lang, facts)))
    found = outline(text.text, task.lang if parse else "")
    row = Row(task.oid, task.lang, facts, with_terms(found, text.text))
    return Read(task.oid, facts, prepare(row))
