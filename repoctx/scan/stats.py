"""Remember which blob id a work-tree file had, so that nothing is hashed twice."""

from __future__ import annotations

import os
from typing import NamedTuple

_HEADER = b"repoctx stats 1\n"
_RACY_NS = 2_000_000_000
"""A file younger than this when it was hashed may change again under the same times
(FAT keeps two seconds); it is hashed again next time."""


class Stamp(NamedTuple):
    """What must not have moved for a remembered id to hold (times in nanoseconds).

    ``oid`` is the id of the raw bytes; ``lf_oid`` the id with CRLF turned into LF, or
    empty when there is no CRLF.
    """

    mtime: int
    ctime: int
    size: int
    inode: int
    oid: str
    lf_oid: str = ""


HELD = 64 * 1024 * 1024
"""Bytes of contents that are held at most."""


class StatCache:
    """Path -> Stamp. The caller keeps ``dump()`` and gives it back to ``parse``.

    ``held``, when it is set, receives by id the bytes of every file that is hashed: a
    file that is written all the time can then be used as it was listed.
    """

    def __init__(self, stamps: dict[str, Stamp] | None = None) -> None:
        self._stamps = stamps or {}
        self.changed = False
        self.held: dict[str, bytes] | None = None
        self._room = HELD

    def hold(self, oid: str, data: bytes) -> None:
        """Keep ``data``, if it is wanted and there is room."""
        if self.held is not None and len(data) <= self._room and oid not in self.held:
            self._room -= len(data)
            self.held[oid] = data

    def get(self, path: str, info: os.stat_result) -> Stamp | None:
        """The stamp of ``path``, if the file still has the times it speaks of."""
        stamp = self._stamps.get(path)
        if stamp is None:
            return None
        same = (
            stamp.mtime == info.st_mtime_ns
            and stamp.ctime == info.st_ctime_ns
            and stamp.size == info.st_size
            and stamp.inode == info.st_ino
        )
        return stamp if same else None

    def put(self, path: str, stamp: Stamp, now: int) -> None:
        """Remember ``stamp`` of a file read not before ``now`` (ns since the epoch)."""
        if max(stamp.mtime, stamp.ctime) + _RACY_NS < now:
            self._stamps[path] = stamp
            self.changed = True

    def keep_only(self, paths: set[str]) -> None:
        """Forget all other paths."""
        for path in self._stamps.keys() - paths:
            del self._stamps[path]
            self.changed = True

    def dump(self) -> bytes:
        """All stamps as bytes, in path order."""
        rows = (
            f"{s.mtime} {s.ctime} {s.size} {s.inode} {s.oid} {s.lf_oid or '-'} {path}\0"
            for path, s in sorted(self._stamps.items())
        )
        return _HEADER + "".join(rows).encode("utf-8", "surrogateescape")

    @classmethod
    def parse(cls, data: bytes) -> StatCache:
        """The cache that ``dump`` wrote; an empty one for anything else."""
        if not data.startswith(_HEADER) or not data.endswith((b"\n", b"\0")):
            return cls()
        stamps = {}
        try:
            text = data[len(_HEADER) :].decode("utf-8", "surrogateescape")
            for row in text.split("\0")[:-1]:
                *numbers, oid, lf_oid, path = row.split(" ", 6)
                mtime, ctime, size, inode = map(int, numbers)
                lf_oid = "" if lf_oid == "-" else lf_oid
                stamps[path] = Stamp(mtime, ctime, size, inode, oid, lf_oid)
        except ValueError:
            return cls()
        return cls(stamps)
