"""What a listing rests on, so that the next one need only look at what moved.

As long as git's index is the same file, every path of it stands there with the times
it had, and git names the same untracked files, a new listing would find the same paths
and kinds: only contents can differ, and only where times moved or where the content
was not git's before. See ``moved``.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import starmap
from typing import Any, NamedTuple

from repoctx.scan.git import Place
from repoctx.scan.worktree import raw_path

UNTRACKED = ("ls-files", "-o", "-z", "--full-name", "--exclude-standard")
"""git's question for what it neither tracks nor ignores."""

Index = tuple[int, ...]


class Times(NamedTuple):
    """What ``lstat`` says of a file that nobody wrote to (times in nanoseconds)."""

    mtime: int
    ctime: int
    size: int
    inode: int


@dataclass(frozen=True, slots=True)
class Watch:
    """A listing's ground. ``index`` is the stamp of git's index, ``proven`` the tracked
    files that its times prove clean, ``compared`` the ids that the index has for other
    files, ``gone`` the tracked paths at which nothing stands, ``untracked`` git's
    answer, ``odd`` the file types of untracked names that are no regular files."""

    index: Index
    proven: dict[str, Times]
    compared: dict[str, str]
    gone: tuple[str, ...]
    untracked: str
    odd: dict[str, int]


def times(info: os.stat_result) -> Times:
    """The times of a file."""
    return Times(info.st_mtime_ns, info.st_ctime_ns, info.st_size, info.st_ino)


def index_stamp(place: Place) -> Index:
    """What moves whenever git writes its index; empty when there is none."""
    try:
        return times((place.git_dir / "index").stat())
    except OSError:
        return ()


def kind_at(root: bytes, path: str) -> int:
    """The file type of what stands at ``path``; 0 for nothing."""
    try:
        return stat.S_IFMT(os.lstat(root + raw_path(path)).st_mode)
    except OSError:
        return 0


def files_of(untracked: str) -> list[str]:
    """The names in git's answer; folders (other repositories) left aside."""
    return [name for name in untracked.split("\0") if name and name[-1] != "/"]


def folders(paths: Iterable[str]) -> set[str]:
    """All folders above ``paths``."""
    found: set[str] = set()
    for folder in {path.rpartition("/")[0] for path in paths}:
        above = folder
        while above and above not in found:
            found.add(above)
            above = above.rpartition("/")[0]
    return found


def as_table(watch: Watch) -> dict[str, Any]:
    """``watch`` as JSON."""
    rows = list(watch.proven.values())
    return {
        "index": list(watch.index),
        "paths": "\0".join(watch.proven),
        "times": [list(column) for column in zip(*rows, strict=True)],
        "compared": watch.compared,
        "gone": list(watch.gone),
        "untracked": watch.untracked,
        "odd": watch.odd,
    }


def from_table(table: dict[str, Any]) -> Watch:
    """The inverse of `as_table`. Raises LookupError, TypeError, ValueError or
    AttributeError for a table of another shape."""
    paths = table["paths"].split("\0") if table["paths"] else []
    rows = list(starmap(Times, zip(*table["times"], strict=True)))
    return Watch(
        tuple(table["index"]),
        dict(zip(paths, rows, strict=True)),
        dict(table["compared"]),
        tuple(table["gone"]),
        str(table["untracked"]),
        dict(table["odd"]),
    )
