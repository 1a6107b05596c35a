"""What a hook sees of a commit, and what it leaves as it is."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hook.commits import BAD, LIB, USE, attempt, drained, picture
from repoctx.errors import GitError
from repoctx.flow.hooks import subject_of
from repoctx.scan import discover
from repos import commit, git, make_repo, write

FOUND = "removed-but-used"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    made = make_repo(tmp_path / "repo", {"lib.py": LIB, "use.py": USE, "sub/x.py": ""})
    install(made, "--fail-on", "error", "--strict", "--seconds", "60")
    return made


def install(repo: Path, *options: str) -> None:
    done = hook("install", *options, cwd=repo)
    assert done.returncode == 0, done.stderr


def hook(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "repoctx", "hook", *args],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_the_index_says_bug_and_the_work_tree_says_fixed(repo: Path) -> None:
    write(repo, {"lib.py": BAD})
    git(repo, "add", "lib.py")
    write(repo, {"lib.py": LIB})
    git(repo, "status")  # Brings the index's times up to date, as a commit would.
    before = picture(repo)
    done = attempt(repo, "commit", "-m", "x")
    assert done.code == 1
    assert FOUND in done.said
    after = picture(repo)
    del before["index"], after["index"]  # git itself wrote it anew.
    assert after == before
    before = picture(repo)
    assert hook("run", "pre-commit", cwd=repo).returncode == 0
    assert picture(repo) == before


def test_the_index_is_right_and_the_work_tree_has_a_bug(repo: Path) -> None:
    write(repo, {"lib.py": LIB + "x = 1\n"})
    git(repo, "add", "lib.py")
    write(repo, {"lib.py": BAD})
    assert attempt(repo, "commit", "-m", "x").code == 0


def test_commit_all_and_one_path(repo: Path) -> None:
    write(repo, {"lib.py": BAD, "sub/x.py": "x = 1\n"})
    assert FOUND in attempt(repo, "commit", "-am", "x").said
    assert attempt(repo, "commit", "-m", "x", "sub/x.py").code == 0
    assert FOUND in attempt(repo, "commit", "-m", "x", "lib.py").said


def test_amend_and_a_subdirectory(repo: Path) -> None:
    write(repo, {"lib.py": BAD})
    git(repo, "add", "-A")
    done = attempt(repo / "sub", "commit", "--amend", "-m", "x")
    assert (done.code, FOUND in done.said) == (1, True)


def test_a_root_commit(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "r", {})
    install(repo, "--fail-on", "error")
    write(repo, {"a.py": "def f(:\n"})
    git(repo, "add", "-A")
    assert "syntax-error" in attempt(repo, "commit", "-m", "x").said


def test_a_linked_worktree(repo: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    git(repo, "worktree", "add", "-q", "-b", "topic", str(other))
    write(other, {"lib.py": BAD})
    git(other, "add", "-A")
    assert FOUND in attempt(other, "commit", "-m", "x").said


def test_a_deletion_and_a_rename(repo: Path) -> None:
    git(repo, "rm", "-q", "lib.py")
    assert "missing-import" in attempt(repo, "commit", "-m", "x").said
    git(repo, "reset", "-q", "--hard")
    git(repo, "mv", "lib.py", "delays.py")
    write(repo, {"use.py": USE.replace("from lib", "from delays")})
    git(repo, "add", "-A")
    assert attempt(repo, "commit", "-m", "x").code == 0


def test_binary_announced_and_submodules_are_no_trouble(
    repo: Path, tmp_path: Path
) -> None:
    other = make_repo(tmp_path / "other", {"a.py": "x = 1\n"})
    allow = ("-c", "protocol.file.allow=always")
    git(repo, *allow, "submodule", "add", "-q", str(other), "mod")
    write(repo, {"a.bin": b"\0\1\2", "later.py": "def f(:\n"})
    git(repo, "add", "a.bin")
    git(repo, "add", "-N", "later.py")
    done = attempt(repo, "commit", "-m", "x")
    assert done.code == 0, done.said


def test_conflict_markers_that_were_added(repo: Path) -> None:
    git(repo, "checkout", "-qb", "topic")
    write(repo, {"sub/x.py": "x = 1\n"})
    git(repo, "commit", "-qam", "one", "--no-verify")
    git(repo, "checkout", "-q", "main")
    write(repo, {"sub/x.py": "x = 2\n"})
    git(repo, "commit", "-qam", "two", "--no-verify")
    assert attempt(repo, "merge", "topic").code != 0
    git(repo, "add", "-A")
    done = attempt(repo, "commit", "-m", "merge")
    assert "conflict-marker" in done.said
    assert done.code == 1


def test_advisory_unless_told(repo: Path) -> None:
    install(repo)
    write(repo, {"lib.py": BAD})
    git(repo, "add", "-A")
    done = attempt(repo, "commit", "-m", "x")
    assert (done.code, FOUND in done.said) == (0, True)


def test_a_mild_finding_does_not_stop_at_a_high_threshold(repo: Path) -> None:
    install(repo, "--fail-on", "critical")
    write(repo, {"lib.py": BAD})
    git(repo, "add", "-A")
    assert attempt(repo, "commit", "-m", "x").code == 0


def test_skip(repo: Path) -> None:
    write(repo, {"lib.py": BAD})
    git(repo, "add", "-A")
    done = attempt(repo, "commit", "-m", "x", env={"REPOCTX_SKIP": "1"})
    assert (done.code, FOUND in done.said) == (0, False)


def test_what_fails_is_one_warning(repo: Path) -> None:
    install(repo, "--fail-on", "error")
    write(repo, {".repoctx.toml": "nonsense = 1\n"})
    git(repo, "add", "-A")
    done = attempt(repo, "commit", "-m", "x")
    assert done.code == 0
    assert done.said.count("repoctx: not reviewed") == 1
    install(repo, "--strict")
    write(repo, {"sub/x.py": "y = 2\n"})
    git(repo, "add", "-A")
    assert attempt(repo, "commit", "-m", "x").code == 1


def test_time_is_bounded(repo: Path) -> None:
    install(repo, "--fail-on", "error", "--seconds", "0.001")
    write(repo, {"lib.py": BAD})
    git(repo, "add", "-A")
    done = attempt(repo, "commit", "-m", "x")
    assert done.code == 0
    assert "took more than 0.001 s" in done.said


@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGKILL])
def test_a_signal_leaves_everything(repo: Path, kill: signal.Signals) -> None:
    write(repo, {f"m{n}.py": f"def f{n}():\n    pass\n" * 50 for n in range(200)})
    write(repo, {"lib.py": BAD})
    git(repo, "add", "-A")
    before = picture(repo)
    with subprocess.Popen(
        [sys.executable, "-m", "repoctx", "hook", "run", "pre-commit"],
        cwd=repo,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        time.sleep(0.3)
        os.killpg(process.pid, kill)
        process.wait(30)
    assert picture(repo) == before


def test_a_terminal_whose_input_nobody_gives(repo: Path) -> None:
    """Some managers give a hook a terminal as stdin; whoever reads it waits."""
    write(repo, {"lib.py": BAD})
    git(repo, "add", "-A")
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "repoctx", "hook", "run", "pre-commit"],
        cwd=repo,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    ) as process:
        os.close(follower)
        said = drained(leader, process)
    assert process.returncode == 0
    assert FOUND.encode() in said
    assert b"\x1b" not in said


def test_another_repositorys_index_is_refused(repo: Path, tmp_path: Path) -> None:
    other = make_repo(tmp_path / "other", {"a.py": ""})
    leaked = {"GIT_INDEX_FILE": str(other / ".git" / "index")}
    with pytest.raises(GitError, match="not this repository's"):
        subject_of("pre-commit", discover(repo), leaked)


def test_a_push_is_about_what_was_not_pushed(repo: Path, tmp_path: Path) -> None:
    away = tmp_path / "away.git"
    git(repo, "clone", "-q", "--bare", str(repo), str(away))
    git(repo, "remote", "add", "origin", str(away))
    git(repo, "fetch", "-q", "origin")
    git(repo, "branch", "-q", "-u", "origin/main")
    install(repo, "--hook", "pre-push", "--fail-on", "error")
    write(repo, {"lib.py": BAD})
    git(repo, "commit", "-qam", "bad", "--no-verify")
    write(repo, {"lib.py": LIB})
    done = attempt(repo, "push", "-q", "origin", "main")
    assert (done.code, FOUND in done.said) == (1, True)
    refs = {"PRE_COMMIT_FROM_REF": "0" * 40, "PRE_COMMIT_TO_REF": "HEAD"}
    assert subject_of("pre-commit", discover(repo), refs).rev
    commit(repo, "good again")
    assert attempt(repo, "push", "-q", "origin", "main").code == 0


FAULTS = {
    "bad key": {"kind": "auth", "message": "the key is refused"},
    "overflow": {"kind": "overflow", "message": "too long"},
    "server error": {"kind": "provider", "message": "answered 500"},
}


def scripted(folder: Path, **reply: object) -> dict[str, str]:
    """The environment in which a hook's model says ``reply``."""
    script = folder / "script.json"
    text = {"replies": [reply], "record": "requests.jsonl"}
    script.write_text(json.dumps(text))
    return {"REPOCTX_SCRIPT": str(script)}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_model_that_fails_is_one_warning(
    repo: Path, tmp_path: Path, fault: str
) -> None:
    env = scripted(tmp_path, text="", error=FAULTS[fault])
    install(repo, "--fail-on", "error", "-m", "scripted", "--seconds", "60")
    write(repo, {"sub/x.py": "x = 1\n"})
    git(repo, "add", "-A")
    done = attempt(repo, "commit", "-m", "x", env=env)
    assert done.code == 0
    assert done.said.count("repoctx: not reviewed") == 1
    install(repo, "--strict", "-m", "scripted", "--seconds", "60")
    write(repo, {"sub/x.py": "x = 2\n"})
    git(repo, "add", "-A")
    assert attempt(repo, "commit", "-m", "x", env=env).code == 1


def test_a_model_that_hangs_costs_no_more_than_the_time(
    repo: Path, tmp_path: Path
) -> None:
    env = scripted(tmp_path, text="late", delay=300)
    install(repo, "--fail-on", "error", "-m", "scripted", "--seconds", "4")
    write(repo, {"lib.py": BAD})
    git(repo, "add", "-A")
    done = attempt(repo, "commit", "-m", "x", env=env)
    assert done.code == 1  # What the rules found still counts.
    assert FOUND in done.said
    assert "took more than 4 s" in done.said


def test_a_models_finding_stops_a_commit_once_paid(repo: Path, tmp_path: Path) -> None:
    bug = {
        "rule": "bug",
        "severity": "error",
        "path": "sub/x.py",
        "line": 1,
        "quote": "limit = 10 ** 9",
        "message": "no bound at all",
    }
    env = scripted(tmp_path, text=json.dumps({"findings": [bug]}))
    install(repo, "--fail-on", "error", "-m", "scripted", "--seconds", "60")
    write(repo, {"sub/x.py": "limit = 10 ** 9\n"})
    git(repo, "add", "-A")
    for _ in range(2):
        done = attempt(repo, "commit", "-m", "x", env=env)
        assert (done.code, "no bound at all" in done.said) == (1, True)
    assert len((tmp_path / "requests.jsonl").read_text().splitlines()) == 1
