"""``repoctx edit`` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.program import Machine
from repos import commit, git, make_repo, write

LIB = "def delay(n):\n    return 2**n\n"
ANSWER = """I rename it.

@@@@ 1 edit lib.py
<<<<<<< SEARCH
def delay(n):
=======
def wait(n):
>>>>>>> REPLACE
@@@@ end 1
"""
WRONG = ANSWER.replace("def delay(n):", "def delays(n):")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return make_repo(tmp_path / "repo", {"lib.py": LIB, "other.py": "x = 1\n"})


def says(folder: Path, *answers: str) -> dict[str, str]:
    script = folder / "script.json"
    script.write_text(json.dumps({"replies": [{"text": a} for a in answers]}))
    return {"REPOCTX_SCRIPT": str(script), "REPOCTX_MODEL": "scripted"}


def test_yes_applies_and_undo_takes_back(
    machine: Machine, repo: Path, tmp_path: Path
) -> None:
    env = says(tmp_path, ANSWER)
    done = machine.run("edit", "-y", "rename delay", cwd=repo, env=env)
    assert done.code == 0, done.err
    assert "Applied" in done.text
    assert (repo / "lib.py").read_text() == LIB.replace("delay", "wait")
    assert machine.run("undo", cwd=repo).code == 0
    assert (repo / "lib.py").read_text() == LIB


def test_dry_run_shows_the_diff_only(
    machine: Machine, repo: Path, tmp_path: Path
) -> None:
    env = says(tmp_path, ANSWER)
    done = machine.run("edit", "--dry-run", "rename", cwd=repo, env=env)
    assert done.code == 0
    assert "-def delay(n):\n+def wait(n):\n" in done.text
    assert (repo / "lib.py").read_text() == LIB


def test_nobody_to_ask_changes_nothing(
    machine: Machine, repo: Path, tmp_path: Path
) -> None:
    done = machine.run("edit", "rename", cwd=repo, env=says(tmp_path, ANSWER))
    assert done.code == 1
    assert "--yes" in done.err
    assert (repo / "lib.py").read_text() == LIB


def test_commit_on_a_branch_takes_nothing_else_along(
    machine: Machine, repo: Path, tmp_path: Path
) -> None:
    write(repo, {"other.py": "x = 2\n", "new.py": "y = 1\n"})
    git(repo, "add", "other.py")
    options = ("-y", "--commit", "--branch", "topic")
    env = says(tmp_path, ANSWER) | {
        "GIT_AUTHOR_NAME": "A",
        "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@example.org",
    }
    done = machine.run("edit", *options, "rename delay to wait", cwd=repo, env=env)
    assert done.code == 0, done.err
    assert git(repo, "branch", "--show-current") == "topic"
    assert git(repo, "show", "--format=%s", "--name-only").split("\n") == [
        "rename delay to wait",
        "",
        "lib.py",
    ]
    assert git(repo, "diff", "--cached", "--name-only") == "other.py"


@pytest.mark.parametrize("name", ["main", "-x", "a..b", "a b"])
def test_a_branch_that_cannot_be_made_is_refused_before_anything_is_sent(
    machine: Machine, repo: Path, tmp_path: Path, name: str
) -> None:
    env = says(tmp_path, ANSWER)
    done = machine.run("edit", "-y", f"--branch={name}", "x", cwd=repo, env=env)
    assert done.code == 2
    assert (repo / "lib.py").read_text() == LIB
    assert not (repo / ".git" / "repoctx" / "answers").exists()


def test_what_does_not_fit_is_reported_and_the_rest_is_pending(
    machine: Machine, repo: Path, tmp_path: Path
) -> None:
    both = ANSWER + WRONG.replace("1", "2").replace("lib.py", "other.py")
    env = says(tmp_path, both)
    done = machine.run("edit", "-y", "--repairs=0", "x", cwd=repo, env=env)
    assert done.code == 1
    assert "resend only block 2" in done.text
    assert (repo / "lib.py").read_text() == LIB
    done = machine.run("apply", "--pending", "-y", cwd=repo)
    assert done.code == 0, done.err
    assert (repo / "lib.py").read_text() == LIB.replace("delay", "wait")


def test_json(machine: Machine, repo: Path, tmp_path: Path) -> None:
    options = ("-y", "--output-format", "json")
    done = machine.run("edit", *options, "x", cwd=repo, env=says(tmp_path, ANSWER))
    result: dict[str, Any] = done.result
    assert (done.code, done.err) == (0, done.err)
    assert result["applied"] is True
    assert result["files_changed"] == ["lib.py"]
    assert result["report"]["blocks"][0]["status"] == "ok"
    assert result["usage"]["input"] > 0


def test_stream_json_tells_of_each_block(
    machine: Machine, repo: Path, tmp_path: Path
) -> None:
    options = ("-y", "--output-format", "stream-json")
    env = says(tmp_path, WRONG, ANSWER)
    done = machine.run("edit", *options, "x", cwd=repo, env=env)
    kinds = [o["type"] for o in done.objects if o["type"] != "text"]
    assert kinds == ["init", "block", "step", "block", "result"]


def test_offline_names_three_ways_on(machine: Machine, repo: Path) -> None:
    done = machine.run("edit", "-y", "x", cwd=repo)
    assert done.code == 2
    assert "Three ways on" in done.err


def test_an_empty_instruction(machine: Machine, repo: Path, tmp_path: Path) -> None:
    commit(repo, "again")
    done = machine.run("edit", "-y", " ", cwd=repo, env=says(tmp_path, ANSWER))
    assert done.code == 2
