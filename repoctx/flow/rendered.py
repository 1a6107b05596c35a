"""What was found before of the overlay: committed changes seldom change again.

One note in the state folder, for the base that was used last. It only saves time: a
warm run then reads, compares and renders the uncommitted files alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from repoctx.errors import GitError, StorageError
from repoctx.flow.anchoring import TREE
from repoctx.flow.state import read_checked, write_checked
from repoctx.pack.overlay import Change
from repoctx.scan import Place, run
from repoctx.scan.history import Touch, committed, touched
from repoctx.values import State

MOST = 4 * 1024 * 1024
"""Characters of what is kept."""


class Rendered:
    """The note at ``path``; empty unless it speaks of ``key``, which names all that
    decides what is found but the changes themselves ("": nothing is kept)."""

    def __init__(self, path: Path, key: str) -> None:
        self._path, self._key = path, key
        kept = read_checked(path)
        self._old: dict[str, Any] = (
            kept.get("found", {}) if kept.get("key") == key else {}
        )
        self._new: dict[str, Any] = {}

    def get(self, name: str, find: Callable[[], Any]) -> Any:
        """What ``find`` gave under this name: a value of JSON, with lists for tuples.
        Without a name it is found anew."""
        if not name:
            return find()
        found = self._old[name] if name in self._old else find()
        self._new[name] = found
        return found

    def keep(self) -> None:
        """Keep what this run asked for, and nothing else."""
        if not self._key or self._old.keys() == self._new.keys():
            return
        if len(repr(self._new)) <= MOST:
            with suppress(StorageError):
                write_checked(self._path, {"key": self._key, "found": self._new})


def name_of(change: Change) -> str:
    """What names a committed change and the texts on both sides; "" for others."""
    files = (change.old, change.new)
    if change.new is not None and change.new.state is not State.CLEAN:
        return ""
    ids = (file.oid if file else "" for file in files)
    return "\0".join((*ids, change.source, change.path))


def touch_order(
    place: Place, name: str, found: tuple[Change, ...], kept: Rendered
) -> Mapping[str, int]:
    """The order of the commits that last touched the changed paths since the base
    ``name``."""
    head = place.head
    if not head or name.startswith(TREE) or name == head:
        return {}  # An unborn branch has no commit that touched anything.

    def find() -> list[tuple[str, int, str]]:
        touches = touched(partial(run, place), name, head)
        return [(path, touch.order, touch.oid) for path, touch in touches.items()]

    try:
        rows = kept.get(f"touched {head}", find)
    except GitError:  # The base's commit is gone; its rendering is not.
        return {}
    touches = {path: Touch(order, oid) for path, order, oid in rows}
    return committed(touches, {c.path: c.new.oid if c.new else "" for c in found})
