"""A conversation through a pipe and on a terminal."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.program import Machine
from cli.test_ask import requests, script
from repos import write

terminal = pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal")


def asked(path: Path) -> list[str]:
    """The user's words of each request, as its last message ends."""
    rows = requests(path)
    last = [r["turns"][-1][1] if r["turns"] else r["question"] for r in rows]
    return [text.rpartition("Question:\n")[2] for text in last]


def test_a_script_of_questions(machine: Machine, repo: Path, tmp_path: Path):
    env = script(tmp_path, {"text": "First."}, {"text": "Second.\n"}, {"text": "3\n"})
    lines = b"one?\n\ntwo, \\\nin two lines?\n"
    done = machine.run("chat", cwd=repo, env=env, data=lines)
    assert (done.code, done.text) == (0, "First.\nSecond.\n")
    assert asked(tmp_path) == ["one?\n", "two, \nin two lines?\n"]
    quiet = machine.run("chat", "-q", "-c", cwd=repo, env=env, data=b"three?\n")
    assert (quiet.code, quiet.text, quiet.err) == (0, "3\n", "")
    third = requests(tmp_path)[2]
    assert [role for role, _, _ in third["turns"]] == ["assistant", "user"] * 2
    listed = machine.run("chat", "--list", "--output-format", "json", cwd=repo)
    (one,) = listed.result["conversations"]
    assert (one["title"], one["questions"], one["model"]) == ("one?", 3, "scripted")
    fourth = machine.run("ask", "-r", one["id"][:4], "four?", cwd=repo, env=env)
    assert fourth.code == 0
    assert len(requests(tmp_path)[3]["turns"]) == 6


def test_commands(machine: Machine, repo: Path, tmp_path: Path):
    env = script(tmp_path, {"text": "Said.\n", "cost": 0.25})
    (tmp_path / "note.txt").write_text("beside it\n")
    saved = tmp_path / "talk.md"
    lines = [
        f"/add {tmp_path / 'note.txt'}",
        "/files",
        "one?",
        "two?",
        "/undo-last",
        "/cost",
        "/model",
        f"/save {saved}",
        "/new",
        "three?",
        "/help",
        "/exit",
        "never asked",
    ]
    data = "\n".join(lines).encode()
    done = machine.run("chat", cwd=repo, env=env, data=data)
    assert done.code == 0, done
    assert "note.txt  beside the next question" in done.text
    assert "1 questions: " in done.text and "$0.2500" in done.text
    assert "scripted" in done.text and "/undo-last" in done.text
    assert saved.read_text() == "## one?\n\nSaid.\n"
    one, two, three = requests(tmp_path)
    assert "beside it" in one["tail"] and "beside it" not in two["turns"][-1][1]
    assert three["turns"] == []
    assert asked(tmp_path) == ["one?\n", "two?\n", "three?\n"]


BAD = {
    "/nosuch": "no command /nosuch",
    "/undo": "did you mean /undo-last?",
    "/edit": "/edit needs what is to be changed",
    "/add": "/add needs a file",
    "/add missing.txt": "missing.txt",
    "/save": "/save needs a file",
    "/undo-last": "nothing was asked yet",
    "/model nosuch/model": "nosuch",
}


@pytest.mark.parametrize("line", BAD)
def test_a_wrong_command_ends_a_script(machine: Machine, shared: Path, tmp_path, line):
    env = script(tmp_path, {"text": "x"})
    done = machine.run("chat", cwd=shared, env=env, data=f"{line}\nx\n".encode())
    assert (done.code, done.text) == (2, "")
    assert BAD[line] in done.err
    assert not (tmp_path / "requests.jsonl").exists()


def test_a_failure_ends_a_script_with_its_code(machine, repo: Path, tmp_path: Path):
    fault = {"error": {"kind": "auth", "message": "no"}}
    env = script(tmp_path, {"text": "ok\n"}, fault, {"text": "never"})
    done = machine.run("chat", cwd=repo, env=env, data=b"one?\ntwo?\nthree?\n")
    assert (done.code, done.text) == (4, "ok\n")
    assert done.err.splitlines()[-1] == "repoctx: no"
    assert len(requests(tmp_path)) == 2
    assert "1  one?" in machine.run("chat", "--list", cwd=repo).text


def test_what_there_is_not(machine: Machine, repo: Path):
    assert "no conversation here" in machine.run("chat", "-l", cwd=repo).text
    for args in (["chat", "-c"], ["ask", "-c", "x"], ["chat", "-r", "../x"]):
        done = machine.run(*args, cwd=repo)
        assert done.code == 2 and "repoctx chat --list" in done.err
    done = machine.run("chat", "--output-format", "json", cwd=repo)
    assert done.code == 2 and "ask -c" in done.result["error"]["message"]


@terminal
@pytest.mark.parametrize("editor", [True, False])
def test_on_a_terminal(machine: Machine, repo: Path, tmp_path: Path, editor: bool):
    env = script(tmp_path, {"text": "Here it is.\n"}, {"text": "And there.\n"})
    env["PROMPT_TOOLKIT_NO_CPR"] = "1"
    if editor:
        pytest.importorskip("prompt_toolkit")
    else:
        hidden = tmp_path / "hidden" / "prompt_toolkit"
        hidden.mkdir(parents=True)
        (hidden / "__init__.py").write_text("raise ImportError('not installed')\n")
        env["PYTHONPATH"] = str(hidden.parent)
    with machine.terminal("chat", cwd=repo, env=env) as screen:
        screen.until(b"/help lists")
        screen.until(b">")
        screen.type(b"where?\r")
        screen.until(b"Here it is.")
        screen.until(b"% of them cached")
        write(repo, {"README.md": "# Changed\n"})
        screen.type(b"and now?\r")
        screen.until(b"And there.")
        screen.type(b"/nosuch\r")
        screen.until(b"no command /nosuch")
        screen.type(b"\x04")
        assert screen.end() == 0
    assert "# Changed" in requests(tmp_path)[1]["turns"][-1][1]
    history = repo / ".git" / "repoctx" / "chat_history"
    assert history.exists() == editor
    if editor:
        assert "+where?" in history.read_text()


@terminal
def test_ctrl_c_ends_an_answer_and_not_the_chat(machine, repo: Path, tmp_path: Path):
    pytest.importorskip("prompt_toolkit")
    slow = {"text": "one two " * 500, "chunk": 8, "delay": 0.05}
    env = script(tmp_path, slow, slow, {"text": "Last.\n"})
    env["PROMPT_TOOLKIT_NO_CPR"] = "1"
    with machine.terminal("chat", cwd=repo, env=env) as screen:
        screen.until(b">")
        for number, line in enumerate([b"a?\r", b"b?\r"], 1):
            screen.type(line)
            while screen.seen.count(b"one two one two") < number:
                screen.until_more()
            screen.type(b"\x03")
            while screen.seen.count(b"repoctx: interrupted") < number:
                screen.until_more()
        screen.type(b"half a line\x03")
        screen.type(b"c?\r")
        screen.until(b"Last.")
        screen.type(b"\x04")
        assert screen.end() == 0
    assert asked(tmp_path) == ["a?\n", "b?\n", "c?\n"]
    assert requests(tmp_path)[1]["turns"][0][1].startswith("one two")


def test_ctrl_c_and_a_plea_end_a_script(machine, repo: Path, tmp_path: Path):
    slow = {"text": "one two " * 500, "chunk": 8, "delay": 0.05}
    for number in (signal.SIGINT, signal.SIGTERM):
        env = script(tmp_path, slow)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        run = machine.start("chat", "a?", cwd=repo, env=env, stdin=-3, **pipes)
        assert run.stdout is not None
        run.stdout.read(8)
        run.send_signal(number)
        _, err = run.communicate(timeout=60)
        assert run.returncode == 130
        assert err.splitlines()[-1] == b"repoctx: interrupted"


EDIT = """Here it is.

src/retry.py
<<<<<<< SEARCH
        return min(2**attempt, 60)
=======
        return min(3**attempt, 60)
>>>>>>> REPLACE
"""


def test_the_edits_in_an_answer_are_applied(machine, repo: Path, tmp_path: Path):
    env = script(tmp_path, {"text": EDIT}, {"text": "Now it is so.\n"})
    data = b"make it grow faster\n/apply\nis it so?\n"
    done = machine.run("chat", "--yes", cwd=repo, env=env, data=data)
    assert done.code == 0, done
    assert "Applied. repoctx undo takes it back." in done.text
    assert "3**attempt" in (repo / "src/retry.py").read_text()
    assert "3**attempt" in requests(tmp_path)[1]["turns"][-1][1]
    assert machine.run("undo", cwd=repo).code == 0
    env = script(tmp_path, {"text": EDIT})
    again = machine.run("chat", cwd=repo, env=env, data=b"once more\n/apply\n")
    assert again.code == 1 and "nothing was applied" in again.err
    env = script(tmp_path, {"text": EDIT}, {"text": "Now it is so.\n"})
    (tmp_path / "requests.jsonl").unlink()
    data = b"/edit make it grow\nis it so?\nand why?\n"
    edited = machine.run("chat", "--yes", cwd=repo, env=env, data=data)
    assert edited.code == 0 and "Applied." in edited.text
    first, second, _ = requests(tmp_path)
    assert "@@@@ 1 edit" in first["question"] and "make it grow" in first["question"]
    # The first message did not say how a question is answered.
    assert "Begin with the evidence" in second["turns"][-1][1]
    assert asked(tmp_path)[2] == "and why?\n"
    none = machine.run("chat", cwd=repo, env=env, data=b"/apply\n")
    assert none.code == 2 and "no answer to apply" in none.err
