"""Hooks in git's configuration, with a git that runs them.

That is the git on PATH, or the one that the environment variable ``REPOCTX_TEST_GIT``
names (a file called ``git``); where both are older, only what they refuse is tested.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from hook.commits import BAD, LIB, USE, attempt, picture
from repoctx.errors import UsageError
from repoctx.hook import configured
from repoctx.hook.door import main
from repoctx.hook.install import install
from repoctx.scan import discover
from repos import git, make_repo, write

FOUND = "removed-but-used"


def runs_configured_hooks(program: str) -> bool:
    done = subprocess.run([program, "version"], capture_output=True, text=True)
    numbers = [int(n) for n in re.findall(r"\d+", done.stdout)[:2]]
    return tuple(numbers) >= configured.SINCE


NEWER = os.environ.get("REPOCTX_TEST_GIT") or "git"
newer = pytest.mark.skipif(
    not runs_configured_hooks(NEWER), reason="there is no git 2.54 or later here"
)


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    if os.sep in NEWER:
        path = f"{Path(NEWER).parent}{os.pathsep}{os.environ['PATH']}"
        monkeypatch.setenv("PATH", path)
    (tmp_path / "gitconfig").write_text("[user]\n\tname = Someone\n")
    return make_repo(tmp_path / "repo", {"lib.py": LIB, "use.py": USE})


def hook(repo: Path, *args: str) -> int:
    return main(["-C", str(repo), *args])


def commit_bad(repo: Path, **env: str) -> tuple[int, int]:
    """The exit status of a commit that breaks a caller, and how often that is told."""
    write(repo, {"lib.py": BAD})
    git(repo, "add", "-A")
    home = {"GIT_CONFIG_GLOBAL": os.environ["GIT_CONFIG_GLOBAL"]}
    done = attempt(repo, "commit", "-m", "x", env=home | env)
    return done.code, done.said.count(FOUND)


@newer
def test_it_runs_and_is_taken_out_to_the_byte(repo: Path) -> None:
    config = repo / ".git" / "config"
    before, hooks = config.read_bytes(), sorted(os.listdir(repo / ".git" / "hooks"))
    assert hook(repo, "install", "--config", "--fail-on", "error") == 0
    assert commit_bad(repo) == (1, 1)
    assert commit_bad(repo, REPOCTX_SKIP="1") == (0, 0)
    assert sorted(os.listdir(repo / ".git" / "hooks")) == hooks
    assert hook(repo, "uninstall") == 0
    assert config.read_bytes() == before


@newer
def test_it_leaves_everything_as_it_is(repo: Path) -> None:
    hook(repo, "install", "--config", "--fail-on", "error", "--strict")
    write(repo, {"lib.py": BAD})
    git(repo, "add", "-A")
    git(repo, "status")
    before = picture(repo)
    assert attempt(repo, "hook", "run", "pre-commit").code == 1
    assert picture(repo) == before


@newer
def test_installing_again_brings_it_up_to_date(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for options, said in (
        ([], "installed"),
        ([], "is there already"),
        (["--strict"], "brought up to date"),
    ):
        assert hook(repo, "install", "--config", *options) == 0
        assert capsys.readouterr().out.endswith(f"config: {said}\n")
    assert git(repo, "config", "--get-all", "hook.repoctx-pre-commit.event") == (
        "pre-commit"
    )
    assert hook(repo, "status") == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[0].split("  ")[-1].strip() == str(repo / ".git" / "config")
    assert "repoctx, local configuration" in rows[0]
    assert "none" in rows[1]


@newer
def test_it_stands_beside_another_tools_hook(repo: Path) -> None:
    other = repo / ".git" / "hooks" / "pre-commit"
    other.write_bytes(b"#!/bin/sh\necho other hook\n")
    other.chmod(0o755)
    hook(repo, "install", "--config", "--fail-on", "critical")
    write(repo, {"lib.py": BAD})
    git(repo, "add", "-A")
    done = attempt(repo, "commit", "-m", "x")
    assert done.code == 0
    assert done.said.index(FOUND) < done.said.index("other hook")


@newer
def test_everywhere_and_here_is_once(repo: Path, tmp_path: Path) -> None:
    """The repository's own options count."""
    before = (tmp_path / "gitconfig").read_bytes()
    assert hook(tmp_path, "install", "--global") == 0
    assert commit_bad(repo) == (0, 1)
    git(repo, "reset", "-q", "--hard", "HEAD~1")
    assert hook(repo, "install", "--config", "--fail-on", "error") == 0
    assert commit_bad(repo) == (1, 1)
    assert hook(repo, "uninstall", "--config") == 0
    assert hook(repo, "uninstall", "--global") == 0
    assert (tmp_path / "gitconfig").read_bytes() == before
    assert commit_bad(repo)[1] == 0


@newer
def test_it_is_there_in_one_way_only(repo: Path, tmp_path: Path) -> None:
    install(repo, "pre-commit", [], chain=False)
    with pytest.raises(UsageError, match="uninstall first"):
        configured.install(repo, "pre-commit", [], everywhere=False)
    assert hook(repo, "uninstall") == 0
    assert hook(repo, "install", "--config") == 0
    assert hook(repo, "install") == 2


@newer
def test_a_section_that_is_not_ours_is_left_alone(repo: Path) -> None:
    git(repo, "config", "hook.repoctx-pre-commit.command", "true")
    assert hook(repo, "install", "--config") == 2
    assert hook(repo, "uninstall", "--config") == 0
    assert git(repo, "config", "hook.repoctx-pre-commit.command") == "true"


@newer
def test_a_push_hands_over_arguments_and_refs(repo: Path, tmp_path: Path) -> None:
    away = tmp_path / "away.git"
    git(repo, "clone", "-q", "--bare", str(repo), str(away))
    git(repo, "remote", "add", "origin", str(away))
    git(repo, "fetch", "-q", "origin")
    git(repo, "branch", "-q", "-u", "origin/main")
    options = ("--hook", "pre-push", "--config", "--fail-on", "error", "--strict")
    assert hook(repo, "install", *options) == 0
    write(repo, {"lib.py": BAD})
    git(repo, "commit", "-qam", "bad")
    done = attempt(repo, "push", "-q", "origin", "main")
    assert (done.code, FOUND in done.said) == (1, True)


@newer
def test_a_message_is_drafted(repo: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text('{"replies": [{"text": "Raise the delay"}]}')
    options = ("--hook", "prepare-commit-msg", "-m", "scripted", "--seconds", "60")
    assert hook(repo, "install", "--config", *options) == 0
    write(repo, {"lib.py": LIB + "x = 1\n"})
    git(repo, "add", "-A")
    env = {"REPOCTX_SCRIPT": str(script), "GIT_EDITOR": "true"}
    assert attempt(repo, "commit", env=env).code == 0
    assert git(repo, "log", "-1", "--format=%s") == "Raise the delay"


@newer
def test_a_linked_worktree_has_it_too(repo: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    git(repo, "worktree", "add", "-q", "-b", "topic", str(other))
    assert hook(other, "install", "--config", "--fail-on", "error") == 0
    assert commit_bad(other) == (1, 1)


def test_an_older_git_is_told(
    repo: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if configured.runs_here(discover(repo)):
        pytest.skip("git here is new enough")
    before = (repo / ".git" / "config").read_bytes()
    assert hook(repo, "install", "--config") == 2
    assert "2.54" in capsys.readouterr().err
    assert (repo / ".git" / "config").read_bytes() == before
    # One that a newer git was told of.
    command = "python -m repoctx hook run pre-commit --"
    git(repo, "config", "hook.repoctx-pre-commit.command", command)
    assert hook(repo, "status") == 0
    assert "does not run it" in capsys.readouterr().out
    assert hook(repo, "uninstall") == 0
    assert (repo / ".git" / "config").read_bytes() == before
