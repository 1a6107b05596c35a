"""Put a hook into a repository, and take it out so that all is as it was before.

The only place that writes into git's own folders, and only the one file (or two, when
another hook is chained) that the user asked for.
"""

from __future__ import annotations

import os
import shlex
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

from repoctx.errors import StorageError, UsageError
from repoctx.flow.hooks import hooks_folder

MARK = "# repoctx hook 1: `repoctx hook uninstall` takes it out"
"""The second line of every hook that is ours."""

BEFORE = ".before-repoctx"
"""Ending of the hook that was there, while ours calls it first."""


def install(
    start: Path, name: str, options: Sequence[str], *, chain: bool
) -> tuple[Path, str]:
    """Install the hook ``name``; its path and what was done, in a few words.

    Installing again only brings the options up to date. Raises UsageError when another
    hook is there and ``chain`` is not set, or when the folder belongs to a tool that
    writes it anew; StorageError when it cannot be written.
    """
    path = hooks_folder(start) / name
    _refuse_tools(path)
    kept = path.with_name(name + BEFORE)
    if path.is_symlink() or (path.exists() and not _is_ours(path)):
        if not chain:
            raise UsageError(
                f"another hook is at {path}: --chain runs it first and ours after it, "
                "--config (git 2.54 and later) leaves it alone"
            )
        if kept.exists() or kept.is_symlink():
            raise UsageError(f"{kept} is in the way")
        _tried(path, lambda: path.rename(kept))
    script = _script(name, options, chained=kept.exists() or kept.is_symlink())
    known = path.exists()
    if known and _read(path) == script:
        return path, "is there already"
    _tried(path, lambda: _write(path, script))
    return path, "brought up to date" if known else "installed"


def uninstall(start: Path, name: str) -> tuple[Path, str]:
    """Take our hook out, and put the one that it called back. Raises StorageError."""
    path = hooks_folder(start) / name
    if not path.exists():
        return path, "is not there"
    if not _is_ours(path):
        return path, "is no hook of ours: left alone"
    kept = path.with_name(name + BEFORE)
    if kept.exists() or kept.is_symlink():
        _tried(path, lambda: kept.replace(path))
        return path, "taken out; the hook before it is back"
    _tried(path, path.unlink)
    return path, "taken out"


def status(start: Path, name: str) -> tuple[Path, str]:
    """Where the hook ``name`` is, and what is there, in a few words."""
    path = hooks_folder(start) / name
    if not path.exists():
        return path, "none"
    if not _is_ours(path):
        return path, "another tool's"
    kept = path.with_name(name + BEFORE)
    return path, "repoctx, after another" if kept.exists() else "repoctx"


def command(name: str, options: Sequence[str]) -> list[str]:
    """What a hook runs, as words."""
    # The interpreter's path stands in it: programs with windows lack the shell's PATH.
    return [sys.executable, "-m", "repoctx", "hook", "run", name, *options]


def _script(name: str, options: Sequence[str], *, chained: bool) -> bytes:
    lines = ["#!/bin/sh", MARK]
    if chained:
        before = f'"$(dirname -- "$0")/{name}{BEFORE}"'
        lines.append(f'{before} "$@" || exit $?')
    passed = ' -- "$@"' if name == "prepare-commit-msg" else ""
    lines.append(
        f"exec {' '.join(map(shlex.quote, command(name, options)))}{passed} </dev/null"
    )
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")


def _is_ours(path: Path) -> bool:
    return _read(path).split(b"\n")[1:2] == [MARK.encode()]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()[:1_000_000]
    except OSError as exc:
        raise StorageError(f"cannot read {path}: {exc.strerror}") from exc


def _write(path: Path, script: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    try:
        new.write_bytes(script)
        executable = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH
        new.chmod(new.stat().st_mode | executable)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _tried(path: Path, act: object) -> None:
    assert callable(act)  # noqa: S101 - ours
    try:
        act()
    except OSError as exc:
        raise StorageError(f"cannot write {path}: {exc.strerror}") from exc


def _refuse_tools(path: Path) -> None:
    """Where husky keeps its own scripts, ours would be overwritten."""
    if path.parent.name == "_" and path.parent.parent.name == ".husky":
        raise UsageError(
            f"husky owns {path.parent}: add the line "
            f"`repoctx hook run {path.name}` to .husky/{path.name}"
        )
