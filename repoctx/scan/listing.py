"""List the files of a tree with their blob ids: a work tree, a commit, a plain folder.

git's own comparison of work-tree content is never asked for, because it runs the
repository's ``clean`` filters. Instead the index's times are compared here, as git
compares them, and what does not match is hashed from its raw bytes.

Two consequences: a file whose content differs from its blob only in CRLF line endings
is clean, whatever ``core.autocrlf`` says; and a file behind a filter (LFS, git-crypt)
or ``working-tree-encoding`` counts as changed once it is touched, until ``git add``.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from repoctx.scan.blobs import sizes
from repoctx.scan.git import Place, alongside, resolve, run
from repoctx.scan.stats import Stamp, StatCache
from repoctx.scan.worktree import blob_id, raw_path, read_file
from repoctx.values import LeftOut, Reason, State

_LINK, _MODULE = 0o120000, 0o160000
_PLAIN, _EXECUTABLE = 0o100644, 0o100755
# Flags of an index entry (git's cache.h): assume-unchanged, intent-to-add, sparse.
_ASSUMED, _INTENDED, _SPARSE = 0x8000, 0x2000_0000, 0x4000_0000
_INDEX_ROW = re.compile(
    rb"(\d{6}) ([0-9a-f]+) ([0-3])\t([^\0]+)\0"
    rb"(?:  ctime: (\d+):(\d+)\n  mtime: (\d+):(\d+)\n"
    rb"  dev: \d+\tino: (\d+)\n  uid: \d+\tgid: \d+\n"
    rb"  size: (\d+)\tflags: ([0-9a-f]+)\n)?"
)
_TREE_ROW = re.compile(rb"(\d{6}) \w+ ([0-9a-f]+)\t([^\0]+)\0")
_NAMES = ("-z", "--full-name")
_UNSAFE = re.compile(r"(?:\A|/)(?:\.\.?|\.git|)(?:/|\Z)", re.IGNORECASE)


class Entry(NamedTuple):
    """A regular file: ``mode`` is 0o100644 or 0o100755, ``size`` the blob's bytes."""

    path: str
    oid: str
    mode: int
    size: int
    state: State = State.CLEAN


class Listing(NamedTuple):
    """The files of one tree in bytewise path order, and what is no file to read.

    ``also`` are paths of the same tree that nobody asks about, which still tell whose
    code a folder holds.
    """

    entries: tuple[Entry, ...]
    left_out: tuple[LeftOut, ...] = ()
    also: tuple[str, ...] = ()


@dataclass(slots=True)
class Harvest:
    """A listing under way."""

    place: Place
    stats: StatCache
    entries: list[Entry] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    hashed: set[str] = field(default_factory=set)

    def leave(self, path: str, reason: Reason, detail: str = "", size: int = 0) -> None:
        """Note that ``path`` is left out."""
        self.left_out.append(LeftOut(path, reason, detail, size=size))

    def stamp(self, path: str, info: os.stat_result) -> Stamp | None:
        """The ids of a regular file's bytes; None (and noted) when it is unreadable."""
        self.hashed.add(path)
        if known := self.stats.get(path, info):
            return known
        now = time.time_ns()
        try:
            data = read_file(self.place.root, path)
        except OSError as exc:
            self.refuse(path, exc, info.st_size)
            return None
        oid = blob_id(data, self.place.object_format)
        self.stats.hold(oid, data)
        lf_oid = ""
        if b"\r\n" in data:
            lf = data.replace(b"\r\n", b"\n")
            lf_oid = blob_id(lf, self.place.object_format)
        times = (info.st_mtime_ns, info.st_ctime_ns, info.st_size, info.st_ino)
        stamp = Stamp(*times, oid, lf_oid)
        if len(data) == info.st_size:
            self.stats.put(path, stamp, now)
        return stamp

    def refuse(self, path: str, exc: OSError, size: int = 0) -> None:
        """Note why ``path`` could not be read."""
        match exc.errno:
            case errno.EFBIG:
                self.leave(path, Reason.TOO_LARGE, f"{size:,} bytes", size)
            case errno.ELOOP:
                self.leave(path, Reason.SYMLINK)
            case errno.EINVAL | errno.ENXIO:
                self.leave(path, Reason.SPECIAL)
            case errno.ENOENT | errno.ENOTDIR:
                self.leave(path, Reason.VANISHED)
            case _:
                self.leave(path, Reason.UNREADABLE, exc.strerror or "")

    def add(self, path: str, info: os.stat_result, state: State) -> None:
        """Enter what stands in the work tree at ``path``, by its kind."""
        kind = stat.S_IFMT(info.st_mode)
        if kind == stat.S_IFLNK:
            self.leave(path, Reason.SYMLINK)
        elif kind != stat.S_IFREG:
            self.leave(path, Reason.SPECIAL)
        elif stamp := self.stamp(path, info):
            mode = _EXECUTABLE if info.st_mode & 0o100 else _PLAIN
            self.entries.append(Entry(path, stamp.oid, mode, info.st_size, state))

    def finish(self) -> Listing:
        """The listing, sorted; paths that were not hashed leave the cache."""
        self.stats.keep_only(self.hashed)
        return Listing(_in_order(self.entries), tuple(sorted(self.left_out, key=_key)))


NONE: Mapping[str, int] = MappingProxyType({})


def list_tree(
    place: Place, stats: StatCache, known: Mapping[str, int] = NONE
) -> Listing:
    """The files at ``place``, in git or outside; ``known`` as for `list_worktree`.
    Raises GitError, UsageError."""
    if place.git:
        return list_worktree(place, stats, known)
    from repoctx.scan.walk import walk  # not needed inside git

    return walk(place, stats)


def list_worktree(
    place: Place, stats: StatCache, known: Mapping[str, int] = NONE
) -> Listing:
    """The files of the work tree as they are now: tracked and untracked-not-ignored.

    Deleted files are absent. ``stats`` is brought up to date. ``known`` has the sizes
    of blobs that git need not be asked for. Raises GitError.
    """
    with alongside(place, "ls-files", "-o", *_NAMES, "--exclude-standard") as others:
        rows = _INDEX_ROW.findall(run(place, "ls-files", "-s", "--debug", *_NAMES))
        harvest = Harvest(place, stats)
        clean = _tracked(harvest, rows)
        new = {oid for _, oid, _, _ in clean if oid not in known}
        told = sizes(place, new)
        harvest.entries += [
            Entry(path, oid, mode, known.get(oid) or told.get(oid, size))
            for path, oid, mode, size in clean
        ]
        _untracked(harvest, others())
    return harvest.finish()


def list_commit(place: Place, rev: str, known: Mapping[str, int] = NONE) -> Listing:
    """The files of a commit, from git alone; ``known`` as for `list_worktree`. A blob
    that is not here has the size 0. Raises UnknownRevision, GitError."""
    commit = resolve(place, rev)
    out = run(place, "ls-tree", "-r", "-z", "--full-tree", commit)
    found, left_out = [], []
    for mode, oid, name in _TREE_ROW.findall(out):
        path = name.decode("utf-8", "surrogateescape")
        if reason := _no_file(mode, path):
            left_out.append(LeftOut(path, reason))
        else:
            found.append((path, oid.decode(), _mode(mode)))
    return _of_blobs(place, found, left_out, known)


def list_index(
    place: Place, known: Mapping[str, int] = NONE, index_file: Path | None = None
) -> Listing:
    """The files that a commit made now would hold, from git's index alone.

    ``index_file`` is the one to read where a hook was given another. Unmerged paths and
    those only announced (``git add -N``) are absent. Raises GitError.
    """
    out = run(place, "ls-files", "-s", "--debug", *_NAMES, index_file=index_file)
    found, left_out = [], []
    for mode, oid, stage, name, *_, flags in _INDEX_ROW.findall(out):
        path = name.decode("utf-8", "surrogateescape")
        if stage != b"0" or int(flags or b"0", 16) & _INTENDED:
            continue
        if reason := _no_file(mode, path):
            left_out.append(LeftOut(path, reason))
        else:
            found.append((path, oid.decode(), _mode(mode)))
    return _of_blobs(place, found, left_out, known)


def _of_blobs(
    place: Place,
    found: Sequence[tuple[str, str, int]],
    left_out: Iterable[LeftOut],
    known: Mapping[str, int],
) -> Listing:
    """The listing of (path, id, mode) whose bytes git has; sizes not ``known`` are
    asked for."""
    told = sizes(place, {oid for _, oid, _ in found if oid not in known})
    entries = [
        Entry(path, oid, mode, known.get(oid) or told.get(oid, 0))
        for path, oid, mode in found
    ]
    return Listing(_in_order(entries), tuple(sorted(left_out, key=_key)))


_Row = tuple[bytes, ...]
_Clean = tuple[str, str, int, int]
"""Path, blob id, mode, size in the work tree."""


def _tracked(harvest: Harvest, rows: list[_Row]) -> list[_Clean]:
    """The clean entries of the index; all others go into ``harvest``."""
    newest = _index_time(harvest.place)
    present = _Present(harvest)
    clean: list[_Clean] = []
    unmerged = b""
    for row in rows:
        mode, _, stage, name = row[:4]
        if name == unmerged:
            continue
        if stage != b"0":
            # Up to three stages of a conflict follow each other.
            unmerged = name
        path = name.decode("utf-8", "surrogateescape")
        reason = _no_file(mode, path)
        if reason in (Reason.SUBMODULE, Reason.SPECIAL):
            harvest.leave(path, reason)
        elif int(row[10] or b"0", 16) & (_SPARSE | _ASSUMED):
            _unchanged(harvest, clean, row, path, int(row[9] or 0))
        elif (info := present.stat(path, name)) is None:
            continue
        elif stage != b"0":
            harvest.add(path, info, State.CHANGED)
        elif _unmoved(row, info, newest):
            _unchanged(harvest, clean, row, path, info.st_size)
        else:
            _compare(harvest, clean, row, info)
    return clean


def _unchanged(
    harvest: Harvest, clean: list[_Clean], row: _Row, path: str, size: int
) -> None:
    if row[0] == b"120000":
        harvest.leave(path, Reason.SYMLINK)
    else:
        clean.append((path, row[1].decode(), _mode(row[0]), size))


def _compare(
    harvest: Harvest, clean: list[_Clean], row: _Row, info: os.stat_result
) -> None:
    """Decide by content about a file whose times moved."""
    path, oid, mode = row[3].decode("utf-8", "surrogateescape"), row[1].decode(), row[0]
    intended = int(row[10] or b"0", 16) & _INTENDED
    if not stat.S_ISREG(info.st_mode) or intended or mode == b"120000":
        harvest.add(path, info, State.CHANGED)
        return
    stamp = harvest.stamp(path, info)
    if stamp is None:
        return
    old, new = _mode(mode), _EXECUTABLE if info.st_mode & 0o100 else _PLAIN
    if new != old and not _trusts_modes(harvest.place):
        new = old
    if oid in (stamp.oid, stamp.lf_oid):
        clean.append((path, oid, new, info.st_size))
    else:
        entry = Entry(path, stamp.oid, new, info.st_size, State.CHANGED)
        harvest.entries.append(entry)


def _untracked(harvest: Harvest, names: bytes) -> None:
    root = harvest.place.root
    for name in names.split(b"\0")[:-1]:
        path = name.decode("utf-8", "surrogateescape")
        if path.endswith("/"):
            harvest.leave(path, Reason.SUBMODULE, "a repository of its own")
            continue
        try:
            info = os.lstat(os.fsencode(root) + b"/" + name)
        except OSError as exc:
            harvest.refuse(path, exc)
            continue
        harvest.add(path, info, State.UNTRACKED)


class _Present:
    """What stands in the work tree at a tracked path; behind a folder that is a link
    lies another file, and for git nothing."""

    def __init__(self, harvest: Harvest) -> None:
        self._harvest = harvest
        self._root = os.fsencode(harvest.place.root) + b"/"
        self._folders: dict[bytes, bool] = {b"": True}

    def stat(self, path: str, name: bytes) -> os.stat_result | None:
        """None for a deleted file, and for one that cannot be looked at (noted)."""
        try:
            info = os.lstat(self._root + name)
        except OSError as exc:
            if exc.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                self._harvest.refuse(path, exc)
            return None
        if stat.S_ISDIR(info.st_mode) or not self._real(name.rpartition(b"/")[0]):
            return None
        return info

    def _real(self, folder: bytes) -> bool:
        missing: list[bytes] = []
        # Loops: a hostile path is deeper than the recursion limit.
        while folder not in self._folders:
            missing.append(folder)
            folder = folder.rpartition(b"/")[0]
        known = self._folders[folder]
        for below in reversed(missing):
            known = known and _is_folder(self._root + below)
            self._folders[below] = known
        return known


def _is_folder(path: bytes) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def _unmoved(row: _Row, info: os.stat_result, newest: int) -> bool:
    """Whether the index's times prove the file clean (git's racy rule included)."""
    if not row[10]:
        return False
    ctime_s, ctime_n, mtime_s, mtime_n, inode, size = map(int, row[4:10])
    mtime, ctime = info.st_mtime_ns, info.st_ctime_ns
    if mtime_n == 0:
        # Written by a git that keeps whole seconds only.
        mtime -= mtime % 1_000_000_000
        ctime -= ctime % 1_000_000_000
        newest -= newest % 1_000_000_000
    return (
        mtime_s * 1_000_000_000 + mtime_n == mtime
        and ctime_s * 1_000_000_000 + ctime_n == ctime
        and size == info.st_size & 0xFFFF_FFFF
        and inode == info.st_ino & 0xFFFF_FFFF
        and mtime < newest
    )


def _index_time(place: Place) -> int:
    try:
        return (place.git_dir / "index").stat().st_mtime_ns
    except OSError:
        return 0


def _trusts_modes(place: Place) -> bool:
    out = run(place, "config", "--type=bool", "--get", "core.fileMode", ok=(0, 1, 128))
    return out.strip() != b"false"


def _no_file(mode: bytes, path: str) -> Reason | None:
    """Why a tree or index entry is no file to read."""
    if mode == b"120000":
        return Reason.SYMLINK
    if mode == b"160000":
        return Reason.SUBMODULE
    if mode[:3] != b"100":
        return Reason.SPECIAL
    odd = path[0] in "./" or "/." in path or "//" in path
    if odd and _UNSAFE.search(path):
        return Reason.SPECIAL
    return None


def _mode(mode: bytes) -> int:
    return _EXECUTABLE if int(mode, 8) & 0o100 else _PLAIN


def _key(item: Entry | LeftOut) -> bytes:
    return raw_path(item.path)


def _in_order(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Sorted by the paths' bytes; a malformed tree may name a path twice."""
    unique = {entry.path: entry for entry in entries}
    return tuple(sorted(unique.values(), key=_key))
