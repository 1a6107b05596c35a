"""Hooks are installed, chained, and taken out so that all is as it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hook.commits import attempt
from repoctx.errors import UsageError
from repoctx.hook.door import main
from repoctx.hook.install import BEFORE, install, status, uninstall
from repos import git, make_repo, write

OTHER = b"#!/bin/sh\necho other hook\n"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return make_repo(tmp_path / "repo", {"a.py": "x = 1\n"})


def hook_of(repo: Path) -> Path:
    return repo / ".git" / "hooks" / "pre-commit"


def test_install_twice_is_install_once(repo: Path) -> None:
    path, done = install(repo, "pre-commit", [], chain=False)
    assert (path, done) == (hook_of(repo), "installed")
    first = path.read_bytes()
    assert install(repo, "pre-commit", [], chain=False)[1] == "is there already"
    assert path.read_bytes() == first
    assert os.access(path, os.X_OK)
    changed = install(repo, "pre-commit", ["--strict"], chain=False)[1]
    assert changed == "brought up to date"
    assert status(repo, "pre-commit")[1] == "repoctx"


def test_uninstall_leaves_nothing(repo: Path) -> None:
    before = sorted(os.listdir(repo / ".git" / "hooks"))
    install(repo, "pre-commit", [], chain=False)
    assert uninstall(repo, "pre-commit")[1] == "taken out"
    assert sorted(os.listdir(repo / ".git" / "hooks")) == before
    assert uninstall(repo, "pre-commit")[1] == "is not there"


def test_another_hook_is_refused_or_chained(repo: Path) -> None:
    path = hook_of(repo)
    path.write_bytes(OTHER)
    path.chmod(0o755)
    with pytest.raises(UsageError, match="--chain"):
        install(repo, "pre-commit", [], chain=False)
    assert path.read_bytes() == OTHER
    install(repo, "pre-commit", [], chain=True)
    install(repo, "pre-commit", ["--strict"], chain=False)
    write(repo, {"a.py": "def f(:\n"})
    git(repo, "add", "-A")
    said = attempt(repo, "commit", "-m", "x").said
    assert "other hook" in said
    assert "syntax-error" in said
    assert uninstall(repo, "pre-commit")[1].endswith("is back")
    assert (path.read_bytes(), os.access(path, os.X_OK)) == (OTHER, True)
    assert not path.with_name("pre-commit" + BEFORE).exists()


def test_the_chained_hook_decides_first(repo: Path) -> None:
    path = hook_of(repo)
    path.write_bytes(b"#!/bin/sh\nexit 7\n")
    path.chmod(0o755)
    install(repo, "pre-commit", [], chain=True)
    write(repo, {"a.py": "y = 1\n"})
    git(repo, "add", "-A")
    assert attempt(repo, "commit", "-m", "x").code != 0


def test_core_hooks_path(repo: Path) -> None:
    git(repo, "config", "core.hooksPath", "my-hooks")
    path, _ = install(repo, "pre-commit", [], chain=False)
    assert path == repo / "my-hooks" / "pre-commit"
    write(repo, {"b.py": "def f(:\n"})
    git(repo, "add", "b.py")
    assert "syntax-error" in attempt(repo, "commit", "-m", "x").said


def test_husky_is_told_how(repo: Path) -> None:
    git(repo, "config", "core.hooksPath", ".husky/_")
    with pytest.raises(UsageError, match="add the line"):
        install(repo, "pre-commit", [], chain=False)


def test_a_foreign_hook_is_left_alone(repo: Path) -> None:
    hook_of(repo).write_bytes(OTHER)
    assert "left alone" in uninstall(repo, "pre-commit")[1]
    assert hook_of(repo).read_bytes() == OTHER
    assert status(repo, "pre-commit")[1] == "another tool's"


def test_a_linked_worktree_shares_the_hooks(repo: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    git(repo, "worktree", "add", "-q", str(other))
    assert install(other, "pre-commit", [], chain=False)[0] == hook_of(repo)


def test_the_command_line(
    repo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-C", str(repo), "install", "--fail-on", "error"]) == 0
    assert main(["-C", str(repo), "status"]) == 0
    assert "pre-commit         repoctx" in capsys.readouterr().out
    assert main(["-C", str(repo), "uninstall"]) == 0
    plain = tmp_path / "plain"
    plain.mkdir()
    assert main(["-C", str(plain), "install"]) == 2
    assert "no git repository" in capsys.readouterr().err
