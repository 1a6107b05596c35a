"""Folders below a root, opened part by part and never through a link.

Where the system has ``openat`` every step starts at an open descriptor, so that nothing
that is swapped on the way can lead elsewhere. Where it has not (Windows), each part is
looked at first and the call goes by path: a link that is put there between the look and
the call is followed.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from repoctx.apply.rename import EXCHANGE, NOREPLACE, rename_with

WALKS = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")
"""Whether the system has openat and the like."""

_SAFE = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a FIFO put there meanwhile must not block
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_FOLDER = os.O_RDONLY | _SAFE | getattr(os, "O_DIRECTORY", 0)

Name = str | bytes
"""A name as the system takes it: bytes, except on Windows."""


def raw(part: str) -> Name:
    """A repository path, or a part of one, as the system takes it."""
    return part if os.name == "nt" else part.encode("utf-8", "surrogateescape")


_asking = threading.Lock()


def umask() -> int:
    """The process's umask, which can only be read by setting it, for all threads."""
    with _asking:
        mask = os.umask(0o077)
        os.umask(mask)
    return mask


class Folder:
    """An open folder; the methods take names in it. All raise OSError."""

    def __init__(self, descriptor: int | None, path: Name) -> None:
        self._fd = descriptor
        self._path = path

    def _at(self, name: str) -> Name:
        # By path where there are no descriptors.
        return raw(name) if self._fd is not None else _joined(self._path, name)

    def below(self, name: str) -> Folder:
        """The folder ``name``; ELOOP or ENOTDIR when it is a link or a file."""
        if self._fd is None:
            if not stat.S_ISDIR(self.status(name).st_mode):
                raise NotADirectoryError(errno.ENOTDIR, "not a folder", name)
            return Folder(None, self._at(name))
        return Folder(os.open(self._at(name), _FOLDER, dir_fd=self._fd), b"")

    def close(self) -> None:
        """Give the descriptor back. Never fails: nothing was written through it."""
        if self._fd is not None:
            with suppress(OSError):
                os.close(self._fd)

    def status(self, name: str) -> os.stat_result:
        """What ``name`` itself is, not what it may point to."""
        return os.stat(self._at(name), dir_fd=self._fd, follow_symlinks=False)

    def names(self) -> list[str]:
        """All names in it."""
        if self._fd is None:
            return [entry.name for entry in Path(os.fsdecode(self._path)).iterdir()]
        # Whatever the locale is: back to the bytes, and to text as paths have it.
        with os.scandir(self._fd) as entries:
            found = [os.fsencode(entry.name) for entry in entries]
        return [name.decode("utf-8", "surrogateescape") for name in found]

    def open(self, name: str, flags: int, mode: int = 0o600) -> int:
        """A descriptor of the file ``name``."""
        return os.open(self._at(name), flags | _SAFE, mode, dir_fd=self._fd)

    def make(self, name: str, mode: int) -> None:
        """Make the folder ``name`` with exactly these permission bits."""
        os.mkdir(self._at(name), mode, dir_fd=self._fd)
        if self._fd is not None and stat.S_IMODE(self.status(name).st_mode) != mode:
            descriptor = os.open(raw(name), _FOLDER, dir_fd=self._fd)
            try:
                os.fchmod(descriptor, mode)
            finally:
                os.close(descriptor)

    def drop(self, name: str) -> None:
        """Remove the empty folder ``name``."""
        os.rmdir(self._at(name), dir_fd=self._fd)

    def unlink(self, name: str) -> None:
        """Remove the file ``name``."""
        os.unlink(self._at(name), dir_fd=self._fd)

    def move(self, name: str, to: str) -> None:
        """Rename ``name``; what is called ``to`` is replaced."""
        here = self._fd
        os.replace(self._at(name), self._at(to), src_dir_fd=here, dst_dir_fd=here)

    def exchange(self, name: str, other: str) -> bool:
        """Swap two files' names at once; False where the system cannot."""
        return rename_with(EXCHANGE, self._fd, raw(name), raw(other))

    def place(self, name: str, to: str) -> None:
        """Rename ``name``. Raises FileExistsError when something is called ``to``."""
        if rename_with(NOREPLACE, self._fd, raw(name), raw(to)):
            return
        # Not atomic, which only systems without links or such a rename will notice.
        with suppress(FileNotFoundError):
            self.status(to)
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), to)
        self.move(name, to)

    def sync(self) -> None:
        """Have its names on the disk before anything that is done later."""
        if self._fd is not None:
            os.fsync(self._fd)


@contextmanager
def opened(root: Path) -> Iterator[Folder]:
    """The folder ``root`` itself, which may be reached through links."""
    if not WALKS:
        yield Folder(None, str(root))
        return
    folder = Folder(os.open(root, _FOLDER & ~os.O_NOFOLLOW), b"")
    try:
        yield folder
    finally:
        folder.close()


@contextmanager
def walked(top: Folder, parts: Sequence[str]) -> Iterator[Folder]:
    """The folder that ``parts`` lead to from ``top``. Raises OSError."""
    here = top
    try:
        for part in parts:
            below = here.below(part)
            if here is not top:
                here.close()
            here = below
        yield here
    finally:
        if here is not top:
            here.close()


def sync_folder(path: Path) -> None:
    """`Folder.sync` for a folder by its path."""
    with opened(path) as folder:
        folder.sync()


def _joined(path: Name, name: str) -> str:
    return f"{os.fsdecode(path)}{os.sep}{name}"
