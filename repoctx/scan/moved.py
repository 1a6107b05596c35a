"""Look again at a tree that was listed before: only where something moved."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from repoctx.scan.git import Place, alongside
from repoctx.scan.listing import Harvest
from repoctx.scan.stats import Stamp, StatCache
from repoctx.scan.watch import (
    UNTRACKED,
    Times,
    Watch,
    files_of,
    folders,
    index_stamp,
    kind_at,
)
from repoctx.scan.worktree import raw_path


class Seen(NamedTuple):
    """A file that git's index does not vouch for: the ids of its present content,
    whether it may be executed, and the id in the index (empty: see `moved`)."""

    stamp: Stamp
    executable: bool
    of_index: str


def moved(place: Place, watch: Watch, stats: StatCache) -> dict[str, Seen] | None:
    """All files of which the content may differ from what ``watch`` saw, as they are
    now, by path. ``of_index`` is empty for untracked files, and for those that were
    clean. ``stats`` is brought up to date.

    None when more than contents moved, or may have: then only a listing can tell.
    Raises GitError.
    """
    if not watch.index or index_stamp(place) != watch.index:
        return None
    root = os.fsencode(place.root) + b"/"
    with alongside(place, *UNTRACKED) as untracked:
        paths = list(_written(root, watch.proven))
        paths += watch.compared
        if _stands_otherwise(root, watch):
            return None
        if untracked().decode("utf-8", "surrogateescape") != watch.untracked:
            return None
    paths += [path for path in files_of(watch.untracked) if path not in watch.odd]
    harvest = Harvest(place, stats)
    seen: dict[str, Seen] = {}
    for path in paths:
        try:
            info = os.lstat(root + raw_path(path))
        except OSError:
            return None
        if not stat.S_ISREG(info.st_mode):
            return None
        stamp = harvest.stamp(path, info)
        if stamp is None:
            return None
        of_index = watch.compared.get(path, "")
        seen[path] = Seen(stamp, bool(info.st_mode & 0o100), of_index)
    # Was it one index all the time?
    if index_stamp(place) != watch.index:
        return None
    stats.keep_only(set(seen))
    return seen


def _written(root: bytes, proven: Mapping[str, Times]) -> Iterator[str]:
    """The paths of which the times are not what they were."""
    lstat = os.lstat
    for path, (mtime, ctime, size, inode) in proven.items():
        try:
            info = lstat(root + raw_path(path))
        except OSError:
            yield path
            continue
        if (
            info.st_mtime_ns != mtime
            or info.st_ctime_ns != ctime
            or info.st_size != size
            or info.st_ino != inode
        ):
            yield path


def _stands_otherwise(root: bytes, watch: Watch) -> bool:
    """Whether a folder became a link, a deleted file came back, or an untracked name
    means something of another kind."""
    above = folders((*watch.proven, *watch.compared))
    return (
        any(kind_at(root, folder) != stat.S_IFDIR for folder in above)
        or any(kind_at(root, path) for path in watch.gone)
        or any(kind_at(root, path) != kind for path, kind in watch.odd.items())
    )
