"""What was rendered before of the overlay: committed changes seldom change again.

One note in the state folder, for the base that was used last. It only saves time: a
warm run then reads, compares and renders the uncommitted files alone.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from repoctx.errors import StorageError
from repoctx.flow.state import read_checked, write_checked
from repoctx.pack.overlay import Change
from repoctx.scan.history import Touch
from repoctx.values import State

MOST = 4 * 1024 * 1024
"""Characters of documents that are kept."""

Pieces = list[tuple[str, str]]
"""(path, rendered document) of one change: mostly one, two for a move in full."""


class Rendered:
    """The note at ``path``; empty unless it speaks of ``key``, which names all that
    decides how a change is rendered but the change itself ("": nothing is kept)."""

    def __init__(self, path: Path, key: str) -> None:
        self._path, self._key = path, key
        kept = read_checked(path)
        self._old: dict[str, Any] = kept if kept.get("key") == key else {}
        self._new: dict[str, Any] = {"key": key, "touches": {}, "docs": {}}

    def touches(
        self, head: str, find: Callable[[], dict[str, Touch]]
    ) -> dict[str, Touch]:
        """What ``find`` gives for ``head``."""
        kept = self._old.get("touches", {}).get(head)
        if kept is not None:
            self._new["touches"][head] = kept
            return {path: Touch(order, oid) for path, order, oid in kept}
        found = find()
        rows = [[path, touch.order, touch.oid] for path, touch in found.items()]
        self._new["touches"][head] = rows
        return found

    def pieces(self, change: Change, render: Callable[[], Pieces]) -> Pieces:
        """What ``render`` gives for ``change``."""
        if change.new is not None and change.new.state is not State.CLEAN:
            return render()
        ids = [file.oid if file else "" for file in (change.old, change.new)]
        name = "\0".join((*ids, change.source, change.path))
        kept = self._old.get("docs", {}).get(name)
        made: Pieces = render() if kept is None else [(p, text) for p, text in kept]
        self._new["docs"][name] = made
        return made

    def keep(self) -> None:
        """Keep what this run asked for, and nothing else."""
        docs, touches = self._new["docs"], self._new["touches"]
        same = self._old and (self._old["docs"].keys() == docs.keys())
        if not self._key or (same and self._old["touches"].keys() == touches.keys()):
            return
        if sum(len(text) for made in docs.values() for _, text in made) <= MOST:
            with suppress(StorageError):
                write_checked(self._path, self._new)
