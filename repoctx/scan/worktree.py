"""Read single files of a work tree, safely: never through a link, never a device."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from types import TracebackType

from repoctx.scan.blobs import Blobs
from repoctx.scan.git import Place

HARD_LIMIT = 32 * 1024 * 1024
"""Bytes: nothing larger is ever read, whatever is included."""

_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a FIFO put there meanwhile must not block
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_FOLDER = _FLAGS | getattr(os, "O_DIRECTORY", 0)
_WALKS = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")


def blob_id(data: bytes, object_format: str = "sha1") -> str:
    """The id (hex) that git gives a blob of these bytes."""
    digest = hashlib.new(object_format, b"blob %d\0" % len(data), usedforsecurity=False)
    digest.update(data)
    return digest.hexdigest()


def raw_path(path: str) -> bytes:
    """The bytes of a repository path, whatever the locale."""
    return path.encode("utf-8", "surrogateescape")


def read_file(root: Path, path: str, limit: int = HARD_LIMIT) -> bytes:
    """The bytes of a regular file below ``root``.

    Raises OSError: FileNotFoundError when it or a folder is gone, ELOOP or ENOTDIR for
    a link on the way, EINVAL for no regular file, EFBIG above ``limit`` bytes.
    """
    descriptor = _open(os.fsencode(root), raw_path(path))
    try:
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        if info.st_size > limit:
            raise OSError(errno.EFBIG, "too large", path)
        with open(descriptor, "rb", buffering=0, closefd=False) as file:
            # One byte more than there should be: the end shows in one read.
            data = file.read(info.st_size + 1)
            while more := file.read(1 << 20):
                data += more
                if len(data) > limit:
                    raise OSError(errno.EFBIG, "grew while it was read", path)
        return data
    finally:
        os.close(descriptor)


def _open(root: bytes, path: bytes) -> int:
    *folders, name = path.split(b"/")
    if b".." in folders or name in (b"", b"..", b"."):
        raise OSError(errno.EINVAL, "not a path below the root", path)
    if not _WALKS:
        return _open_checked(root, folders, name)
    here = os.open(root, _FOLDER & ~getattr(os, "O_NOFOLLOW", 0))
    try:
        for folder in folders:
            below = os.open(folder, _FOLDER, dir_fd=here)
            os.close(here)
            here = below
        return os.open(name, _FLAGS, dir_fd=here)
    finally:
        os.close(here)


def _open_checked(root: bytes, folders: list[bytes], name: bytes) -> int:
    """Where the system has no openat: check each part, then open."""
    here = root
    for part in (*folders, name):
        here = os.path.join(here, part)  # noqa: PTH118 - bytes
        if stat.S_ISLNK(os.lstat(here).st_mode):
            raise OSError(errno.ELOOP, "a link on the way", here)
    return os.open(here, _FLAGS)


class Contents:
    """A Reader (see protocols) over one place: blobs from git, and from the work tree
    the files named in ``dirty`` (all of them outside git), checked against their id,
    or out of ``held``, by id, whatever became of the file.

    Not for use by two threads, nor across a fork: open one in each worker.
    """

    def __init__(
        self,
        place: Place,
        dirty: Collection[str] = frozenset(),
        held: Mapping[str, bytes] | None = None,
    ) -> None:
        self._place = place
        self._dirty = dirty
        self._held = held or {}
        self._blobs = Blobs(place)

    def __enter__(self) -> Contents:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._blobs.close()

    def expect(self, files: Iterable[tuple[str, str, int]]) -> None:
        """Announce the (id, path, bytes) of files that will be read next, in order."""
        if self._place.git:
            known = ((o, size) for o, path, size in files if path not in self._dirty)
            self._blobs.expect(known)

    def __call__(self, oid: str, path: str) -> bytes:
        """The bytes with the id ``oid``. Raises KeyError when they are not to be had
        any more: the file changed, vanished or cannot be read."""
        if self._place.git and path not in self._dirty:
            return self._blobs.read(oid)
        if oid in self._held:
            return self._held[oid]
        try:
            data = read_file(self._place.root, path)
        except OSError as exc:
            raise KeyError(oid) from exc
        if blob_id(data, self._place.object_format) != oid:
            raise KeyError(oid)
        return data
