"""A model drafts a commit's message, where the user wants it and git asks for one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hook.commits import attempt
from repoctx.flow.message import message
from repoctx.hook.door import main
from repos import git, make_repo, write


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    repo = make_repo(tmp_path / "repo", {"a.py": "x = 1\n"})
    options = ["--hook", "prepare-commit-msg", "-m", "scripted", "--seconds", "60"]
    assert main(["-C", str(repo), "install", *options]) == 0
    write(repo, {"a.py": "x = 2\n"})
    git(repo, "add", "-A")
    return repo


def env(folder: Path, **reply: object) -> dict[str, str]:
    script = folder / "script.json"
    script.write_text(json.dumps({"replies": [reply], "record": "requests.jsonl"}))
    # An editor that takes what is there.
    return {"REPOCTX_SCRIPT": str(script), "GIT_EDITOR": "true"}


def subject(repo: Path) -> str:
    return git(repo, "log", "-1", "--format=%s")


def test_a_draft_stands_in_the_editor(repo: Path, tmp_path: Path) -> None:
    done = attempt(repo, "commit", env=env(tmp_path, text="Raise x to two\n\nWhy."))
    assert done.code == 0, done.said
    assert git(repo, "log", "-1", "--format=%B") == "Raise x to two\n\nWhy."
    [request] = (tmp_path / "requests.jsonl").read_text().splitlines()
    assert "+x = 2" in json.loads(request)["tail"]


def test_a_message_of_ones_own_is_left_alone(repo: Path, tmp_path: Path) -> None:
    assert attempt(repo, "commit", "-m", "mine", env=env(tmp_path, text="X")).code == 0
    assert subject(repo) == "mine"
    assert not (tmp_path / "requests.jsonl").exists()


def test_amending_asks_nobody(repo: Path, tmp_path: Path) -> None:
    attempt(repo, "commit", "-m", "mine", env=env(tmp_path, text="X"))
    attempt(repo, "commit", "--amend", env=env(tmp_path, text="X"))
    assert subject(repo) == "mine"
    assert not (tmp_path / "requests.jsonl").exists()


def test_a_model_that_fails_leaves_an_empty_message(repo: Path, tmp_path: Path) -> None:
    error = {"kind": "auth", "message": "no key"}
    done = attempt(repo, "commit", env=env(tmp_path, text="", error=error))
    assert done.said.count("repoctx: no message was drafted: no key") == 1
    assert "Aborting commit due to empty commit message" in done.said


def test_it_needs_a_model(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-C", str(repo), "install", "--hook", "prepare-commit-msg"]) == 2
    assert "by a model" in capsys.readouterr().err


MESSAGES = {
    "```\nFix it\n```": "Fix it\n",
    "Fix it\n# not a comment\nwhy": "Fix it\nwhy\n",
    "\n\n": "",
    "Fix it  \n\nBecause.\n": "Fix it\n\nBecause.\n",
}


@pytest.mark.parametrize("text", MESSAGES)
def test_what_is_taken_of_an_answer(text: str) -> None:
    assert message(text) == MESSAGES[text]
