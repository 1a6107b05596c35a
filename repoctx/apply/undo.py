"""Undo and redo: the same journals, read from the other side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from repoctx.apply import journal as journals
from repoctx.apply.commit import (
    carry_out,
    recover_locked,
    refusals_told,
    steps_of,
    uninterrupted,
)
from repoctx.apply.guard import Tree, tree
from repoctx.apply.journal import Journal, Phase, Record, Side
from repoctx.errors import Drifted, UsageError

_FROM = {Phase.UNDOING: Phase.DONE, Phase.REDOING: Phase.UNDONE}
_TO = {Phase.UNDOING: Phase.UNDONE, Phase.REDOING: Phase.DONE}
_WORD = {Phase.UNDOING: "undone", Phase.REDOING: "redone"}


def undo(root: Path, folder: Path, wanted: str = "") -> Record:
    """Take the last apply back, or the one named ``wanted``.

    Raises Drifted when a file is not as that apply left it, UsageError when there is
    none, and as `commit`. Nothing is changed then.
    """
    return _turn(root, folder, wanted, Phase.UNDOING)


def redo(root: Path, folder: Path, wanted: str = "") -> Record:
    """Make again what was undone last, or what ``wanted`` names; raises as `undo`."""
    return _turn(root, folder, wanted, Phase.REDOING)


def find(folder: Path, wanted: str) -> Record:
    """The record whose id is, begins or ends as ``wanted``. Raises UsageError."""
    found = [
        record
        for record in journals.records(folder)
        if wanted and (record.id.startswith(wanted) or record.id.endswith(wanted))
    ]
    if len(found) != 1:
        what = "no apply" if not found else "more than one apply"
        raise UsageError(f"{what} has the id {wanted!r}: repoctx undo --list")
    return found[0]


def _turn(root: Path, folder: Path, wanted: str, phase: Phase) -> Record:
    word = _WORD[phase]
    with journals.locked(folder):
        recover_locked(root, folder)
        record = find(folder, wanted) if wanted else _next(folder, phase)
        if record.phase is not _FROM[phase]:
            raise UsageError(f"{record.id} is {record.phase}: it cannot be {word}")
        journal = replace(journals.read(folder, record), phase=phase)
        with refusals_told(word), tree(root) as disk:
            _check(disk, journal, word)
            with uninterrupted(word):
                journals.mark(folder, record.id, record.phase, phase)
                carry_out(disk.top, folder, journal, _TO[phase])
    return replace(record, phase=_TO[phase])


def _next(folder: Path, phase: Phase) -> Record:
    """What comes next: the newest that is done; or of the undone ones behind it, the
    oldest."""
    undone = []
    for record in journals.records(folder):
        if record.phase is Phase.DONE:
            if phase is Phase.UNDOING:
                return record
            break
        if record.phase is Phase.UNDONE:
            undone.append(record)
    if phase is Phase.UNDOING or not undone:
        raise UsageError(f"there is nothing to be {_WORD[phase]} here")
    return undone[-1]


def _check(disk: Tree, journal: Journal, word: str) -> None:
    """Raises Drifted when the tree is not on the side that it is to leave."""
    steps = steps_of(journal)
    changed = []
    for step in steps:
        seen = disk.look(step.path)
        if (Side(seen.data, seen.perm) if seen else None) != step.before:
            changed.append(step.path)
    if changed:
        message = f"{', '.join(sorted(changed))} changed since: nothing was {word}"
        raise Drifted(message, tuple(changed))
    leaving = {step.path for step in steps if step.after is None}
    disk.check_case([step.path for step in steps if step.after is not None], leaving)
