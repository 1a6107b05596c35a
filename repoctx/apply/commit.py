"""All files or none: the commit of a patch to the tree, and what takes it back.

FORMAT.md gives the order of the steps and why a crash at any of them is harmless.
"""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from repoctx.apply import journal as journals
from repoctx.apply import steps as s
from repoctx.apply.folder import Folder, opened, umask, walked
from repoctx.apply.guard import MODES, Bar, Tree, tree
from repoctx.apply.journal import Entry, Journal, Phase, Record, Side
from repoctx.errors import (
    Drifted,
    Interrupted,
    NotApplied,
    PathRefused,
    StorageError,
)
from repoctx.values import FileChange, Patch

Steps = Sequence[s.Step]

_STAYS = {
    *(errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR),
    *(errno.EACCES, errno.EPERM, errno.EBUSY),
}
"""Why an empty folder may stay: it is not, it is gone already, or it may not go."""


def commit(root: Path, folder: Path, patch: Patch, title: str = "") -> Record | None:
    """Make all changes of ``patch`` below ``root``, or none; None: nothing to change.

    ``folder`` holds the journals of this tree, ``title`` is a line for `undo`'s list.
    Raises Drifted when a file is not what ``patch`` was computed from, PathRefused,
    NotApplied when the disk refuses: then the tree is as it was. Raises StorageError
    when it could not be brought back, which the next start tries again, and Interrupted
    when all was applied and somebody wanted it to stop meanwhile.
    """
    with journals.locked(folder):
        recover_locked(root, folder)
        with refusals_told("applied"), tree(root) as disk:
            journal = _plan(disk, patch, title)
            if journal is None:
                return None
            with uninterrupted("applied"):
                journals.write(folder, journal)
                carry_out(disk.top, folder, journal, Phase.DONE)
            journals.prune(folder)
    return replace(journals.record_of(journal), phase=Phase.DONE)


def carry_out(top: Folder, folder: Path, journal: Journal, end: Phase) -> None:
    """Bring the tree from the journal's one side to the other, and mark it as ``end``;
    when that fails, back to where it was.

    The journal is under way already: it is on the disk before anything is touched.
    Raises as `commit`.
    """
    steps = steps_of(journal)
    swapped: set[str] = set()

    def swap(home: Folder, step: s.Step) -> None:
        s.swap(home, step)
        swapped.add(step.path)

    try:
        for path, perm in _made(journal):
            _make_folder(top, path, perm)
        for act in (s.write_new, s.recheck, swap, s.verify, s.sweep):
            _each(top, steps, act)
        for path, _ in _dropped(journal):
            _drop_folder(top, path)
        _sync(top, journal, steps)
        journals.mark(folder, journal.id, journal.phase, end)
    except BaseException as exc:
        _back(top, folder, journal, swapped, exc)
        raise


def recover(root: Path, folder: Path) -> list[str]:
    """Take back what was killed while it wrote the tree at ``root``; lines that tell.

    Does nothing when another process is at work. Raises StorageError.
    """
    if not journals.under_way(folder):
        return []
    try:
        with journals.locked(folder, 0):
            return recover_locked(root, folder)
    except NotApplied:
        return []


def recover_locked(root: Path, folder: Path) -> list[str]:
    """`recover`, by who holds the lock."""
    told = []
    for record in journals.records(folder):
        if record.phase not in journals.UNDER_WAY:
            continue
        try:
            journal = journals.read(folder, record)
        except StorageError as exc:
            journals.mark(folder, record.id, record.phase, Phase.LEFT)
            told.append(f"an interrupted apply cannot be taken back: {exc}")
            continue
        try:
            with opened(root) as top:
                left = roll_back(top, folder, journal, None)
        except OSError as exc:
            raise StorageError(
                f"an interrupted apply could not be taken back: {_told(exc)}"
            ) from exc
        told.append(_recovered(record, left))
    return told


def roll_back(
    top: Folder, folder: Path, journal: Journal, swapped: Set[str] | None
) -> tuple[str, ...]:
    """Bring the tree back to where the journal began, from wherever it stopped, and
    end the journal. Paths that were changed since are left alone and returned.

    ``swapped`` are the paths that had their new side, None when nobody knows.
    """
    steps = steps_of(journal)
    perms = dict(_dropped(journal))
    left = []
    for step in reversed(steps):
        known = None if swapped is None else step.path in swapped
        if not _restored(top, step, perms, known):
            left.append(step.path)
    for path, _ in reversed(_made(journal)):
        _drop_folder(top, path)
    _sync(top, journal, steps)
    if left:
        journals.mark(folder, journal.id, journal.phase, Phase.LEFT)
    elif journal.phase is Phase.APPLYING:
        journals.forget(folder, journal)
    else:
        undoing = journal.phase is Phase.UNDOING
        end = Phase.DONE if undoing else Phase.UNDONE
        journals.mark(folder, journal.id, journal.phase, end)
    return tuple(left)


def steps_of(journal: Journal) -> list[s.Step]:
    """The steps in the direction of the journal's phase; deletions first, so that a
    name can change its case on a file system that ignores it."""
    found = []
    for number, entry in enumerate(journal.entries):
        sides = (entry.old, entry.new)
        before, after = sides[::-1] if journal.phase is Phase.UNDOING else sides
        found.append(s.make_step(entry.path, before, after, journal.id, number))
    return sorted(found, key=lambda step: step.after is not None)


# --- planning ---------------------------------------------------------------------


def _plan(disk: Tree, patch: Patch, title: str) -> Journal | None:
    """The journal of ``patch``. Raises PathRefused, Drifted, OSError."""
    entries = tuple(e for c in patch.changes if (e := _entry(disk, c)).old != e.new)
    if not entries:
        return None
    gone = {e.path for e in entries if e.new is None}
    disk.check_case([e.path for e in entries if e.new is not None], leaving=gone)
    perm = 0o777 & ~umask()
    homes = {_parent(e.path) for e in entries if e.old is None}
    made = {path for home in homes for path in disk.missing(home)}
    now = time.time()
    return Journal(
        id=journals.new_id(now),
        time=now,
        title=title,
        entries=entries,
        made=tuple((path, perm) for path in sorted(made)),
        dropped=_left_empty(disk, entries),
    )


def _entry(disk: Tree, change: FileChange) -> Entry:
    seen = disk.look(change.path)
    if (seen.data if seen else None) != change.old:
        what = "has changed" if seen else "is not there"
        raise Drifted(
            f"{change.path} {'is there already' if change.old is None else what}",
            (change.path,),
        )
    old = Side(seen.data, seen.perm) if seen else None
    if change.new is None:
        return Entry(change.path, old, None, change.source)
    if change.mode not in MODES:
        raise PathRefused(change.path, Bar.MODE, f"mode {change.mode:o} is not allowed")
    model = seen or (disk.look(change.source) if change.source else None)
    perm = model.perm if model else 0o666 & ~umask()
    executable = change.mode == MODES[1]
    if executable != bool(perm & 0o100):
        # Whoever may read it may run it, as git has it.
        perm = perm | (perm & 0o444) >> 2 if executable else perm & ~0o111
    return Entry(change.path, old, Side(change.new, perm), change.source)


def _left_empty(disk: Tree, entries: Sequence[Entry]) -> tuple[tuple[str, int], ...]:
    """The folders in which nothing stays, inner first."""
    leaving = {e.path for e in entries if e.new is None}
    staying = {
        path for e in entries if e.new is not None for path in _ancestors(e.path)
    }
    dropped = []
    homes = {home for path in leaving for home in _ancestors(path)} - staying
    for home in sorted(homes, key=lambda path: (-path.count("/"), path)):
        if all(f"{home}/{name}" in leaving for name in disk.names(home)):
            leaving.add(home)
            dropped.append((home, disk.perm(home)))
    return tuple(dropped)


def _ancestors(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


# --- on the disk ------------------------------------------------------------------


def _made(journal: Journal) -> tuple[tuple[str, int], ...]:
    """Folders that this direction makes, outer first."""
    if journal.phase is Phase.UNDOING:
        return journal.dropped[::-1]
    return journal.made


def _dropped(journal: Journal) -> tuple[tuple[str, int], ...]:
    """Folders that this direction leaves empty, inner first."""
    if journal.phase is Phase.UNDOING:
        return journal.made[::-1]
    return journal.dropped


def _each(top: Folder, steps: Steps, act: Callable[[Folder, s.Step], None]) -> None:
    for step in steps:
        try:
            with walked(top, step.parents) as folder:
                act(folder, step)
        except OSError as exc:
            # Errors name our temporary files, or nothing.
            exc.filename, exc.filename2 = step.path, None
            raise


def _restored(
    top: Folder, step: s.Step, perms: dict[str, int], swapped: bool | None
) -> bool:
    if step.before is not None and step.after is None:
        for home in _ancestors(step.path):
            if home in perms:
                _make_folder(top, home, perms[home])
    try:
        with walked(top, step.parents) as folder:
            return s.restore(folder, step, swapped)
    except (FileNotFoundError, NotADirectoryError):
        return step.before is None


def _make_folder(top: Folder, path: str, perm: int) -> None:
    *parents, name = path.split("/")
    with suppress(FileExistsError), walked(top, parents) as folder:
        folder.make(name, perm)


def _drop_folder(top: Folder, path: str) -> None:
    """Remove a folder, unless something is in it or holds it. Raises OSError."""
    *parents, name = path.split("/")
    try:
        with walked(top, parents) as folder:
            folder.drop(name)
    except OSError as exc:
        if exc.errno not in _STAYS:
            raise


def _sync(top: Folder, journal: Journal, steps: Steps) -> None:
    """Have every name that was changed on the disk."""
    changed = [step.path for step in steps]
    changed += [path for path, _ in (*journal.made, *journal.dropped)]
    for home in sorted({_parent(path) for path in changed}):
        parts = home.split("/") if home else ()
        with (
            suppress(FileNotFoundError, NotADirectoryError),
            walked(top, parts) as folder,
        ):
            folder.sync()


def _back(
    top: Folder, folder: Path, journal: Journal, swapped: Set[str], exc: BaseException
) -> None:
    """Take back what was begun. Raises StorageError when that fails too."""
    try:
        # The mark itself may be what failed: a crash now must find it under way.
        for end in (Phase.DONE, Phase.UNDONE):
            with suppress(FileNotFoundError):
                journals.mark(folder, journal.id, end, journal.phase)
        left = roll_back(top, folder, journal, swapped)
    except OSError as second:
        raise StorageError(
            f"{_told(exc)}, and it could not be taken back: {_told(second)}; the next "
            "start of repoctx tries again"
        ) from exc
    if left:
        raise StorageError(
            f"{_told(exc)}; all is as it was before, but for {', '.join(left)}"
        ) from exc


@contextmanager
def refusals_told(what: str) -> Iterator[None]:
    """What the disk refuses, as the error that nothing was ``what``."""
    try:
        yield
    except OSError as exc:
        raise NotApplied(f"nothing was {what}: {_told(exc)}") from exc


def _told(exc: BaseException) -> str:
    if not isinstance(exc, OSError):
        return str(exc) or type(exc).__name__
    name = os.fsdecode(exc.filename) if isinstance(exc.filename, str | bytes) else ""
    return f"{name}: {exc.strerror}" if name else exc.strerror or str(exc)


def _recovered(record: Record, left: Sequence[str]) -> str:
    what = "undo" if record.phase is Phase.UNDOING else "apply"
    if not left:
        return f"an interrupted {what} of {len(record.files)} file(s) was taken back"
    return (
        f"an interrupted {what} was taken back, but for {', '.join(left)}, changed "
        f"since: repoctx undo --show {record.id}"
    )


@contextmanager
def uninterrupted(what: str) -> Iterator[None]:
    """Ctrl-C, and a plea to end, wait until the block is through.

    Raises Interrupted then, and says that all was ``what``.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Python interrupts the main thread alone.
        return
    came: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    old = [signal.signal(n, lambda number, _: came.append(number)) for n in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, old, strict=True):
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
    if came:
        raise Interrupted(f"interrupted when everything had been {what}")
