"""What may be written: names, and what stands at them on the disk.

`refusal` judges a name alone; `Tree` looks at the disk, never through a link. The last
word is the commit's: it looks again, through the same descriptors, while it writes.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from repoctx.apply.folder import Folder, opened, walked
from repoctx.apply.names import fold, unsafe
from repoctx.errors import PathRefused

MAX_SIZE = 32 * 1024 * 1024
"""Bytes; nothing larger is edited, as nothing larger is ever shown."""

SPECIAL = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX
MODES = (0o100644, 0o100755)
OURS = ".repoctx-"
"""How the names of our temporary files begin."""

_WINDOWS = re.compile(r'(?i)[<>:"|?*]|\A(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|\Z)')


class Bar(StrEnum):
    """Why a path must not be written. The value is the code in reports."""

    UNSAFE = "unsafe-path"
    SYMLINK = "symlink"
    SUBMODULE = "submodule"
    SPECIAL = "not-regular"
    HARD_LINK = "hard-link"
    SETUID = "setuid"
    CASE = "case"
    FOLDER = "folder"
    MODE = "mode"
    TOO_LARGE = "too-large"
    IGNORED = "ignored"
    UNREADABLE = "unreadable"
    IN_THE_WAY = "in-the-way"


@dataclass(frozen=True, slots=True)
class Seen:
    """A regular file as it stood: its bytes, its permission bits, and what tells
    whether it was touched since (device, inode, time of change in ns, size)."""

    data: bytes
    perm: int
    stamp: tuple[int, int, int, int]

    @property
    def executable(self) -> bool:
        """Whether its owner may run it, which is all of a mode that git knows."""
        return bool(self.perm & 0o100)


def refusal(path: str) -> str:
    """Why no file may have this name, in a few words; empty when it may.

    A path is POSIX-style and relative to the root.
    """
    if why := unsafe(path):
        return why
    parts = path.split("/")
    if any(part.startswith(OURS) for part in parts):
        return "a name of our temporary files"
    if os.name == "nt" and any(_WINDOWS.search(part) for part in parts):
        return "not a name on Windows"
    return ""


class Tree:
    """The tree below a root, looked at for writing; see `tree`.

    Listings are kept: what a tree saw is as old as the tree.
    """

    def __init__(self, top: Folder) -> None:
        self.top = top
        self._names: dict[tuple[str, ...], dict[str, set[str]]] = {}
        self._plain: set[str] = set()

    def look(self, path: str) -> Seen | None:
        """The file at ``path``; None when there is nothing, nor a folder on the way
        that is no folder. Raises PathRefused."""
        if why := refusal(path):
            raise PathRefused(path, Bar.UNSAFE, why)
        *parents, name = path.split("/")
        try:
            self._check_parents(path, parents)
            with walked(self.top, parents) as folder:
                return see(folder, name, path)
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise self._refused(path, exc) from exc

    def _check_parents(self, path: str, parents: Sequence[str]) -> None:
        """Raises PathRefused when a repository of its own is on the way, OSError when
        the way does not lead through folders alone."""
        for end in range(1, len(parents) + 1):
            inner = "/".join(parents[:end])
            if inner in self._plain:
                continue
            with walked(self.top, parents[:end]) as folder:
                if _has(folder, ".git"):
                    detail = f"{inner} is a repository of its own"
                    raise PathRefused(path, Bar.SUBMODULE, detail)
            self._plain.add(inner)

    def _refused(self, path: str, exc: OSError) -> PathRefused:
        """What ``exc`` means for ``path``."""
        if exc.errno in (errno.ENOTDIR, errno.ELOOP):
            # Systems differ in which of the two a link is.
            parts = path.split("/")
            for end in range(len(parts)):
                with suppress(OSError), walked(self.top, parts[:end]) as above:
                    if stat.S_ISLNK(above.status(parts[end]).st_mode):
                        link = "/".join(parts[: end + 1])
                        return PathRefused(path, Bar.SYMLINK, f"{link} is a link")
            return PathRefused(path, Bar.IN_THE_WAY, "a file is where a folder must be")
        if exc.errno in (errno.ENXIO, errno.EISDIR):
            return PathRefused(path, Bar.SPECIAL, "not a regular file")
        if exc.errno in (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ):
            return PathRefused(path, Bar.UNSAFE, exc.strerror or "no name of a file")
        return PathRefused(path, Bar.UNREADABLE, exc.strerror or "cannot be read")

    def check_case(self, paths: Iterable[str], leaving: Collection[str] = ()) -> None:
        """Raises PathRefused when a name that is not there yet differs by case alone
        from another of ``paths``, or from what is there and does not leave."""
        spelled: dict[str, str] = {}
        for path in paths:
            parts = path.split("/")
            for end in range(1, len(parts) + 1):
                part = "/".join(parts[:end])
                other = spelled.setdefault(fold(part), part)
                if self._is_there(part):
                    continue
                if other == part:
                    other = self._twin(parts[:end], leaving)
                if other:
                    detail = f"differs from {other} by case alone"
                    raise PathRefused(path, Bar.CASE, detail)

    def _is_there(self, path: str) -> bool:
        """Whether this very spelling stands in the folder's list."""
        *parents, name = path.split("/")
        return name in self._listing(tuple(parents)).get(fold(name), ())

    def _twin(self, parts: Sequence[str], leaving: Collection[str]) -> str:
        """Another spelling of a path that is there and does not leave, or ''."""
        known = self._listing(tuple(parts[:-1])).get(fold(parts[-1]), set())
        there = {"/".join((*parts[:-1], name)) for name in known} - set(leaving)
        return min(there, default="")

    def _listing(self, parts: tuple[str, ...]) -> dict[str, set[str]]:
        """The names in a folder by their folded spelling; none when it is not there."""
        if parts not in self._names:
            found: dict[str, set[str]] = {}
            try:
                with walked(self.top, parts) as folder:
                    for name in folder.names():
                        found.setdefault(fold(name), set()).add(name)
            except OSError:
                found = {}
            self._names[parts] = found
        return self._names[parts]

    def names(self, folder: str) -> set[str]:
        """All names in ``folder`` ("" is the root)."""
        parts = tuple(folder.split("/")) if folder else ()
        return {name for same in self._listing(parts).values() for name in same}

    def missing(self, folder: str) -> list[str]:
        """The folders that must be made so that ``folder`` is there, outer first.
        Raises OSError when one of them is something else."""
        parts = folder.split("/") if folder else []
        for end in range(len(parts), 0, -1):
            with suppress(FileNotFoundError), walked(self.top, parts[:end]):
                return ["/".join(parts[: n + 1]) for n in range(end, len(parts))]
        return ["/".join(parts[: n + 1]) for n in range(len(parts))]

    def perm(self, folder: str) -> int:
        """The permission bits of ``folder``. Raises OSError."""
        *parents, name = folder.split("/")
        with walked(self.top, parents) as above:
            return stat.S_IMODE(above.status(name).st_mode)


@contextmanager
def tree(root: Path) -> Iterator[Tree]:
    """The tree below ``root``, held open. Raises OSError when it is no folder."""
    with opened(root) as top:
        yield Tree(top)


def see(folder: Folder, name: str, path: str) -> Seen:
    """Read the regular file ``name``; ``path`` is what errors call it.

    Raises PathRefused for what must not be replaced, OSError for what cannot be read.
    """
    descriptor = folder.open(name, os.O_RDONLY)
    try:
        info = os.fstat(descriptor)
        if stat.S_ISDIR(info.st_mode):
            raise PathRefused(path, Bar.FOLDER, "a folder")
        if not stat.S_ISREG(info.st_mode):
            raise PathRefused(path, Bar.SPECIAL, "not a regular file")
        if info.st_nlink > 1:
            raise PathRefused(path, Bar.HARD_LINK, "has other names (hard links)")
        if info.st_mode & SPECIAL:
            raise PathRefused(path, Bar.SETUID, "runs with another's rights (setuid)")
        if info.st_size > MAX_SIZE:
            raise PathRefused(path, Bar.TOO_LARGE, f"{info.st_size:,} bytes")
        with open(descriptor, "rb", buffering=0, closefd=False) as file:
            data = file.read(info.st_size + 1)
            while more := file.read(1 << 20):
                data += more
        stamp = (info.st_dev, info.st_ino, info.st_mtime_ns, info.st_size)
        return Seen(data, stat.S_IMODE(info.st_mode), stamp)
    finally:
        os.close(descriptor)


def _has(folder: Folder, name: str) -> bool:
    try:
        folder.status(name)
    except FileNotFoundError:
        return False
    return True
