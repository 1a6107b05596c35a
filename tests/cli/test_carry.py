"""Any chat window as a model: the prompt out, the answer in, by hand."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest

ASK = ("ask", "-m", "clipboard", "how long is the delay?")
ANSWER = "It is bounded:\n\n```\n        return min(2**attempt, 60)\n```\n"


def prompt_of(repo: Path) -> Path:
    return repo / ".git/repoctx/prompt.md"


def test_where_nobody_can_paste_it_ends_at_once(machine, repo):
    done = machine.run(*ASK, cwd=repo)
    assert done.code == 2
    [line] = [line for line in done.err.splitlines() if "--answer FILE" in line]
    path = prompt_of(repo)
    assert str(path) in line
    text = path.read_text()
    assert "class RetryPolicy" in text
    assert "AKIA" not in text
    assert text.endswith("how long is the delay?\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert done.text == ""


@pytest.mark.parametrize("given", ["file", "stdin"])
def test_an_answer_from_a_file(machine, repo, tmp_path, given):
    file = tmp_path / "answer.md"
    file.write_text(ANSWER)
    name, data = (str(file), None) if given == "file" else ("-", ANSWER.encode())
    done = machine.run(*ASK, "--answer", name, cwd=repo, data=data)
    assert done.code == 0, done.err
    assert done.text.startswith(ANSWER)
    assert "src/retry.py:4" in done.text
    assert not prompt_of(repo).exists()
    [saved] = (repo / ".git/repoctx/answers").iterdir()
    assert saved.read_text() == ANSWER
    row = machine.run("log", "--output-format", "json", cwd=repo).text
    assert '"clipboard"' in row


@pytest.mark.parametrize(("content", "says"), [(" \n", "no answer"), (None, "No such")])
def test_no_answer_is_an_error(machine, repo, tmp_path, content, says):
    file = tmp_path / "answer.md"
    if content is not None:
        file.write_text(content)
    done = machine.run(*ASK, "--answer", str(file), cwd=repo)
    assert done.code == 2
    assert says in done.err


def test_pasted_on_a_terminal(machine, repo, tmp_path):
    """A clipboard program takes the prompt; a long line comes back whole, unseen."""
    taken, folder = tmp_path / "taken", tmp_path / "bin"
    folder.mkdir()
    program = folder / "wl-copy"
    program.write_text(f"#!/bin/sh\ncat > '{taken}'\n")
    program.chmod(0o755)
    env = {"WAYLAND_DISPLAY": "w", "PATH": f"{folder}:{machine.env['PATH']}"}
    with machine.terminal(*ASK, cwd=repo, env=env) as terminal:
        shown = terminal.until(b"Ctrl-D ends it")
        assert b"on the clipboard and in" in shown
        wide = b"x" * 9_000
        for at in range(0, len(wide), 1_000):
            terminal.type(wide[at : at + 1_000])
        terminal.type(b"\n\x1b[31mred\n" + ANSWER.encode() + b"\x04")
        assert terminal.end() == 0
    assert taken.read_text() == prompt_of(repo).read_text()
    seen = terminal.seen
    assert seen.count(wide) == 1
    assert b"\x1b[31m" not in seen
    assert b"src/retry.py:4" in seen


def test_the_terminals_own_clipboard(machine, repo):
    # Of a program that is there and fails, the terminal is told as well.
    env = {"PATH": "/usr/bin:/bin", "WAYLAND_DISPLAY": "", "DISPLAY": ""}
    with machine.terminal(*ASK, cwd=repo, env=env) as terminal:
        shown = terminal.until(b"Ctrl-D ends it")
        assert b"sent to the terminal's clipboard" in shown
        held = shown.partition(b"\x1b]52;c;")[2].partition(b"\a")[0]
        assert base64.b64decode(held) == prompt_of(repo).read_bytes()
        terminal.type(b"\x03")
        assert terminal.end() == 130
