"""The job of undoing: what was applied in this tree, taken back or made again."""

from __future__ import annotations

from repoctx.apply import undo as by_journal
from repoctx.apply.journal import Journal, Record, read, records
from repoctx.flow.difftext import Change, changes_of
from repoctx.flow.journals import journal_folder
from repoctx.flow.session import Session
from repoctx.flow.unsaved import tell
from repoctx.values import FileChange


def history(session: Session) -> list[Record]:
    """What was applied in this tree, newest first."""
    return records(journal_folder(session.place, session.state))


def undo(session: Session, wanted: str = "") -> Record:
    """Take the last apply back, or the one named; see `apply.undo.undo`."""
    folder = journal_folder(session.place, session.state)
    record = by_journal.undo(session.place.root, folder, wanted)
    _tell(session, read(folder, record), True)
    return record


def redo(session: Session, wanted: str = "") -> Record:
    """Make again what was undone; see `apply.undo.redo`."""
    folder = journal_folder(session.place, session.state)
    record = by_journal.redo(session.place.root, folder, wanted)
    _tell(session, read(folder, record), False)
    return record


def _tell(session: Session, journal: Journal, back: bool) -> None:
    """Give an editor that still holds files as they were what they are now."""
    if session.editor is None:
        return
    changes = []
    for entry in journal.entries:
        if entry.old and entry.new and not entry.source:
            sides = (entry.old.data, entry.new.data)
            was, now = reversed(sides) if back else sides
            changes.append(FileChange(entry.path, was, now, _mode(entry.new.perm)))
    session.notes += tell(session.place.root, session.editor, changes)


def show(session: Session, wanted: str) -> tuple[Record, tuple[Change, ...]]:
    """What the apply ``wanted`` changed. Raises UsageError, StorageError."""
    folder = journal_folder(session.place, session.state)
    record = by_journal.find(folder, wanted)
    return record, _changes(read(folder, record))


def _changes(journal: Journal) -> tuple[Change, ...]:
    found = []
    for entry in journal.entries:
        side = entry.new or entry.old
        change = FileChange(
            entry.path,
            entry.old.data if entry.old else None,
            entry.new.data if entry.new else None,
            _mode(side.perm) if side else 0,
            entry.source,
        )
        found.append((change, _mode(entry.old.perm) if entry.old else 0))
    return changes_of(found)


def _mode(perm: int) -> int:
    return 0o100755 if perm & 0o100 else 0o100644
