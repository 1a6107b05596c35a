"""Trees on the disk: laid, changed as a patch says, and compared to the last byte."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from repoctx.apply.commit import commit, recover
from repoctx.apply.journal import Record, records
from repoctx.apply.undo import redo, undo
from repoctx.values import FileChange, Patch
from repos import write

Shape = dict[str, tuple[int, bytes]]
"""Path to mode and bytes (of a link its target)."""


@dataclass
class Place:
    """A tree and where its journals are."""

    root: Path
    folder: Path

    def commit(self, *changes: FileChange, title: str = "") -> Record | None:
        return commit(self.root, self.folder, patch(*changes), title)

    def undo(self, wanted: str = "") -> Record:
        return undo(self.root, self.folder, wanted)

    def redo(self, wanted: str = "") -> Record:
        return redo(self.root, self.folder, wanted)

    def recover(self) -> list[str]:
        return recover(self.root, self.folder)

    @property
    def shape(self) -> Shape:
        return shape(self.root)

    @property
    def phases(self) -> list[str]:
        """The phases of the journals, newest first."""
        return [str(record.phase) for record in records(self.folder)]


def place(where: Path, files: Mapping[str, str | bytes]) -> Place:
    """A plain folder, with no git around it."""
    root = where / "root"
    root.mkdir(parents=True)
    write(root, files)
    return Place(root, where / "state" / "journal")


def patch(*changes: FileChange) -> Patch:
    return Patch(tuple(sorted(changes, key=lambda c: os.fsencode(c.path))))


def change(path: str, old: bytes | None, new: bytes | None, mode: int = 0o100644):
    return FileChange(path, old, new, mode)


def shape(root: Path) -> Shape:
    """Every path below ``root``, folders too."""
    found: Shape = {}
    top = os.fsencode(root)
    for here, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(here, name)
            info = os.lstat(path)
            data = b""
            if stat.S_ISREG(info.st_mode):
                with open(path, "rb") as file:
                    data = file.read()
            elif stat.S_ISLNK(info.st_mode):
                data = os.readlink(path)
            relative = os.path.relpath(path, top).decode("utf-8", "surrogateescape")
            found[relative] = (info.st_mode, data)
    return found
