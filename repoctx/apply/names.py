"""What a path in an answer may say; everything else is refused, never repaired."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import accumulate

_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DEVICE = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
_IGNORABLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
MODES = {0o100644, 0o100755}
"""Modes that an edit may give a file."""


@lru_cache(maxsize=4096)
def tidy(path: str) -> str:
    """The path without ``./`` and doubled slashes; nothing else is changed."""
    while path.startswith("./"):
        path = path[2:].lstrip("/")
    return re.sub(r"/(\./)+", "/", re.sub(r"(?<=[^/])/{2,}", "/", path))


@lru_cache(maxsize=4096)
def unsafe(path: str) -> str:
    """Why the path may not be touched, in a few words; empty when it may."""
    if not path:
        return "no path"
    if _CONTROL.search(path):
        return "control character"
    if path.startswith(("/", "\\")):
        return "absolute path"
    if path.startswith("~"):
        return "home folder"
    if _DRIVE.match(path):
        return "drive letter"
    parts = re.split(r"[/\\]", path)
    if ".." in parts:
        return "leads out of the root"
    if path.endswith("/") or "." in parts or "" in parts:
        return "not a file's path"
    if any(map(_is_git, parts)):
        return "inside .git"
    if any(part.rstrip(" .") != part for part in parts):
        return "trailing dot or space"
    if any(len(part.encode("utf-8", "surrogateescape")) > 255 for part in parts):
        return "name too long"
    return ""


def _is_git(part: str) -> bool:
    """Whether some file system takes this name for ``.git``."""
    name = _IGNORABLE.sub("", unicodedata.normalize("NFKC", part)).casefold()
    name = name.partition(":")[0].rstrip(" .")
    return name == ".git" or bool(re.fullmatch(r"git~\d+", name))


def fold(path: str) -> str:
    """What file systems that ignore case and composition take for the same name."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def folders(path: str) -> list[str]:
    """The folders above a path, outermost first."""
    return list(accumulate(path.split("/")[:-1], lambda a, b: f"{a}/{b}"))


class Names:
    """The names in use, to tell two that differ in case only.

    ``paths`` are gone through when a name is first asked for.
    """

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self._spelled: dict[str, str] = {}
        self._by_name: dict[str, list[str]] = {}
        self._paths = paths

    def _load(self) -> None:
        paths, self._paths = self._paths, ()
        for path in paths:
            self.add(path)

    def add(self, path: str) -> None:
        """Take a path and its folders into use."""
        for name in (path, *folders(path)):
            self._spelled.setdefault(fold(name), name)
        self._by_name.setdefault(path.rpartition("/")[2], []).append(path)

    def clash(self, path: str, leaving: str = "") -> str:
        """A name in use that a new ``path`` would collide with on some file systems.

        ``leaving`` is a path that goes away in the same step.
        """
        self._load()
        for name in (path, *folders(path)):
            other = self._spelled.get(fold(name), name)
            if other not in (name, leaving):
                return other
        return ""

    def ending(self, path: str) -> list[str]:
        """Paths that are, or end in, the given one."""
        self._load()
        named = self._by_name.get(path.rpartition("/")[2], ())
        return [p for p in named if p == path or p.endswith("/" + path)]
