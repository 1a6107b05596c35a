"""Walk a folder outside git: nested .gitignore files hold, links are not followed."""

from __future__ import annotations

import os
from collections.abc import Iterator

from repoctx.errors import UsageError
from repoctx.scan.git import Place
from repoctx.scan.globs import Ignores, Rule, rules
from repoctx.scan.listing import Harvest, Listing
from repoctx.scan.stats import StatCache
from repoctx.scan.worktree import read_file
from repoctx.values import Reason, State

MAX_FILES = 200_000
"""A folder with more files than this is hardly one project."""

_VCS = frozenset({".git", ".hg", ".svn", ".bzr", ".jj"})
_RULES_LIMIT = 1_000_000


def walk(place: Place, stats: StatCache) -> Listing:
    """The files below ``place.root`` that no .gitignore names, with their blob ids.

    An ignored or unreadable folder is one line of ``left_out``, with a slash at its
    end. ``stats`` is brought up to date. Raises UsageError above MAX_FILES files.
    """
    harvest = Harvest(place, stats)
    for path, info in _files(harvest):
        harvest.add(path, info, State.UNTRACKED)
        if len(harvest.entries) > MAX_FILES:
            raise UsageError(
                f"{place.root} holds more than {MAX_FILES:,} files; choose a folder "
                "below it, or name what to ignore in a .gitignore"
            )
    return harvest.finish()


def _files(harvest: Harvest) -> Iterator[tuple[str, os.stat_result]]:
    ignores = Ignores({})
    # An explicit stack: a planted tree may be deeper than Python's recursion limit.
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(_absolute(harvest, folder)) as found:
                children = list(found)
        except OSError as exc:
            harvest.refuse(f"{folder}/", exc)
            continue
        if any(child.name == b".gitignore" for child in children):
            ignores.files[folder] = _rules(harvest, folder)
        for child in children:
            path = _join(folder, child.name)
            try:
                inner = child.is_dir(follow_symlinks=False)
                info = child.stat(follow_symlinks=False)
            except OSError as exc:
                harvest.refuse(path, exc)
                continue
            name = f"{path}/" if inner else path
            rule = ignores.verdict(path, folder=inner)
            if inner and os.fsdecode(child.name) in _VCS:
                continue
            if rule is not None and not rule.negated:
                harvest.leave(name, Reason.IGNORED, rule.text)
            elif inner:
                waiting.append(path)
            else:
                yield path, info


def _rules(harvest: Harvest, folder: str) -> list[Rule]:
    path = f"{folder}/.gitignore" if folder else ".gitignore"
    try:
        data = read_file(harvest.place.root, path, _RULES_LIMIT)
    except OSError:
        return []
    return rules(data.decode("utf-8", "surrogateescape"))


def _absolute(harvest: Harvest, folder: str) -> bytes:
    root = os.fsencode(harvest.place.root)
    return root + b"/" + folder.encode("utf-8", "surrogateescape") if folder else root


def _join(folder: str, name: bytes) -> str:
    text = name.decode("utf-8", "surrogateescape")
    return f"{folder}/{text}" if folder else text
