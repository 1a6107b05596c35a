"""Which ledgers this user has: a note a repository in the user's own state folder.

A ledger lies beside the repository that it is about. So that spending can be told over
all of them, the place of each one that counts tokens is noted once, in a file of its
own that holds the path and nothing else: nothing to lock, and nothing to leak but that
repoctx was used there. Any of these notes may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from repoctx.errors import StorageError
from repoctx.flow.session import Session
from repoctx.flow.state import replacing


def note_ledger(session: Session) -> None:
    """Remember that this repository's ledger exists. Never fails: only the overview
    over all repositories would miss it."""
    path = os.fsencode(session.state.ledger.absolute())
    note = _folder(session) / hashlib.sha256(path).hexdigest()[:32]
    with suppress(StorageError, OSError):
        if not note.exists():
            with replacing(note) as handle:
                handle.write(path)


def known_ledgers(session: Session) -> list[Path]:
    """Every ledger that is still there, this repository's among them. Notes of others
    are deleted: the next request there makes a new one."""
    found = {session.state.ledger.absolute()}
    try:
        notes = sorted(_folder(session).iterdir())
    except OSError:
        notes = []
    for note in notes:
        with suppress(OSError, ValueError):
            ledger = Path(os.fsdecode(note.read_bytes()))
            if ledger.is_absolute() and ledger.is_file():
                found.add(ledger)
            else:
                note.unlink()
    return sorted(found)


def repository_of(session: Session) -> str:
    """The path by which people know this repository: one for all its work trees."""
    place = session.place
    common = place.state.parent
    linked = place.git and common.name == ".git"
    return str(common.parent if linked else place.root)


def _folder(session: Session) -> Path:
    if session.settings.state_dir:
        return session.settings.state_dir / "ledgers"
    from platformdirs import user_state_path

    return user_state_path("repoctx", appauthor=False) / "ledgers"
