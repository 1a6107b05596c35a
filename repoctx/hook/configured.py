"""Hooks in git's own configuration, which git 2.54 and later run beside hook files.

::

    [hook "repoctx-pre-commit"]
        command = python -m repoctx hook run pre-commit </dev/null --
        event = pre-commit

Nothing of another tool is moved, and in the user's own configuration one such section
serves every repository. Git writes it, so that its locks and rules hold. A section with
an event and no command makes git refuse to commit: the command is written first, and
both are taken out at once.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from repoctx.errors import GitError, UsageError
from repoctx.hook.install import command, status
from repoctx.scan import Place, discover, run

SINCE = (2, 54)
"""The version of git that first runs such hooks."""


class Section(NamedTuple):
    """A hook of ours in the configuration: the file, its scope, and the command."""

    file: str
    scope: str
    command: str


def install(
    start: Path, name: str, options: Sequence[str], *, everywhere: bool
) -> tuple[str, str]:
    """Put the hook ``name`` into the repository's configuration, or ``everywhere`` into
    the user's; the file and what was done, in a few words.

    Raises UsageError for a git that does not run such hooks and where the hook is
    installed as a file already, GitError when git cannot write it.
    """
    place = discover(start)
    if not runs_here(place):
        raise UsageError(
            f"git {_version(place)} runs no hooks out of its configuration (2.54 "
            "does): leave the option out"
        )
    scope = "--global" if everywhere else "--local"
    if not everywhere:
        path, what = status(start, name)
        if what.startswith("repoctx"):
            raise UsageError(f"{path} is there already: repoctx hook uninstall first")
    section, wanted = f"hook.repoctx-{name}", _line(name, options)
    known = _section(place, name, scope)
    if known and not _is_ours(known, name):
        raise UsageError(f"{known.file}: [{section}] is there, and is not ours")
    done = "brought up to date" if known else "installed"
    if known and known.command == wanted and _events(place, name, scope) == [name]:
        return known.file, "is there already"
    _write(place, scope, "--replace-all", f"{section}.command", wanted)
    _write(place, scope, "--replace-all", f"{section}.event", name)
    written = _section(place, name, scope)
    return (written.file if written else scope), done


def uninstall(start: Path, name: str, *, everywhere: bool) -> tuple[str, str]:
    """Take the section out again. Raises GitError when git cannot."""
    place, scope = discover(start), "--global" if everywhere else "--local"
    known = _section(place, name, scope)
    if known is None:
        return f"git config {scope}", "is not there"
    if not _is_ours(known, name):
        return known.file, "is no hook of ours: left alone"
    _write(place, scope, "--remove-section", f"hook.repoctx-{name}")
    return known.file, "taken out"


def told(start: Path, name: str) -> list[tuple[str, str]]:
    """(what, where) for every section of ours that git reads here."""
    place = discover(start)
    rows = []
    for scope in ("--global", "--local"):
        known = _section(place, name, scope)
        if known and _is_ours(known, name):
            what = f"repoctx, {scope[2:]} configuration"
            if not runs_here(place):
                what += f" (git {_version(place)} does not run it)"
            rows.append((what, known.file))
    return rows


def is_here(start: Path, name: str) -> bool:
    """Whether the repository's own configuration has the hook."""
    place = discover(start)
    return place.git and _section(place, name, "--local") is not None


def runs_here(place: Place) -> bool:
    """Whether the git on PATH runs hooks out of its configuration."""
    numbers = re.match(r"(\d+)\.(\d+)", _version(place))
    return numbers is not None and (int(numbers[1]), int(numbers[2])) >= SINCE


def _version(place: Place) -> str:
    said = run(place, "version").decode("utf-8", "replace")
    return said.removeprefix("git version ").split()[0]


def _line(name: str, options: Sequence[str]) -> str:
    # A shell runs it, and git puts the hook's own arguments behind it.
    words = " ".join(map(shlex.quote, command(name, options)))
    return f"{words} </dev/null --"


def _section(place: Place, name: str, scope: str) -> Section | None:
    if scope == "--local" and not place.git:
        return None
    arguments = ("config", scope, "-z", "--show-origin", "--get")
    key = f"hook.repoctx-{name}.command"
    found = run(place, *arguments, key, ok=(0, 1, 128)).split(b"\0")
    if len(found) < 2:
        return None
    file = os.fsdecode(found[0]).removeprefix("file:")
    path = place.root / file if scope == "--local" else Path(file)
    return Section(str(path), scope, os.fsdecode(found[1]))


def _events(place: Place, name: str, scope: str) -> list[str]:
    arguments = ("config", scope, "-z", "--get-all", f"hook.repoctx-{name}.event")
    return os.fsdecode(run(place, *arguments, ok=(0, 1))).split("\0")[:-1]


def _is_ours(section: Section, name: str) -> bool:
    return f" -m repoctx hook run {name} " in f"{section.command} "


def _write(place: Place, scope: str, *args: str) -> None:
    """Have git write its configuration, in the user's own environment."""
    import git
    from git.exc import GitCommandError

    try:
        git.Git(place.root).execute(["git", "config", scope, *args])
    except GitCommandError as exc:
        said = str(exc.stderr).strip().strip("'").split("\n")[-1]
        raise GitError(f"git config: {said[:300] or 'failed'}") from exc
