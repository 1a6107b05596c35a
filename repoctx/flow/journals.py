"""Where a tree's journals lie, and taking back what was killed while it wrote."""

from __future__ import annotations

import os
from pathlib import Path

from repoctx.errors import RepoctxError
from repoctx.flow.state import State
from repoctx.scan import Place

_UNDER_WAY = (".applying", ".undoing", ".redoing")


def journal_folder(place: Place, state: State) -> Path:
    """The folder of the journals of the tree at ``place``.

    Linked worktrees share a state folder; each has a tree of its own.
    """
    folder = state.folder / "journal"
    linked = place.git and place.git_dir.parent.name == "worktrees"
    return folder / place.git_dir.name if linked else folder


def take_back(place: Place, state: State) -> list[str]:
    """Bring the tree back to where an apply began that was killed; lines that tell.

    Never raises: that it cannot be done now is told too.
    """
    folder = journal_folder(place, state)
    try:
        with os.scandir(folder) as entries:
            if not any(entry.name.endswith(_UNDER_WAY) for entry in entries):
                return []
    except OSError:
        return []
    from repoctx.apply.commit import recover

    try:
        return recover(place.root, folder)
    except RepoctxError as exc:
        return [str(exc)]
