"""``apply`` and ``undo`` as programs: exit codes, questions, JSON, kills."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from apply.cases import CASES, folder
from cli.program import PROGRAM, Machine
from repos import git, write

GOOD = """Here it is.

src/retry.py
<<<<<<< SEARCH
        return min(2**attempt, 60)
=======
        return min(3**attempt, 60)
>>>>>>> REPLACE

```text notes/new.txt
one
```
"""
BAD = GOOD.replace("min(2**attempt, 60)", "max(2**attempt, 60)")


@pytest.fixture
def answer(tmp_path: Path) -> Path:
    path = tmp_path / "answer.md"
    path.write_text(GOOD)
    return path


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.md"
    path.write_text(BAD)
    return path


def changed(repo: Path) -> str:
    return git(repo, "status", "--porcelain")


def test_yes_applies_and_undo_takes_it_back(machine: Machine, repo, answer) -> None:
    done = machine.run("apply", "-y", str(answer), cwd=repo)
    assert (done.code, done.err) == (0, "")
    assert done.text == (
        "M src/retry.py   +1 -1\nA notes/new.txt  +1\n2 files, +2 -1\n"
        "Applied. repoctx undo takes it back.\n"
    ) or done.text.startswith("A notes/new.txt  +1\nM src/retry.py   +1 -1\n2 files")
    assert changed(repo) == "M src/retry.py\n?? notes/"
    done = machine.run("undo", cwd=repo)
    assert done.code == 0 and done.text.startswith("Undone: ")
    assert changed(repo) == ""
    done = machine.run("undo", "--redo", cwd=repo)
    assert done.code == 0 and changed(repo) == "M src/retry.py\n?? notes/"
    listed = machine.run("undo", "--list", cwd=repo).text
    assert listed.startswith("done ") and "2 files  answer.md" in listed
    name = listed.split()[1]
    shown = machine.run("undo", "--show", name, cwd=repo)
    assert "+        return min(3**attempt, 60)\n" in shown.text


def test_nobody_to_ask_changes_nothing(machine: Machine, repo, answer) -> None:
    done = machine.run("apply", str(answer), cwd=repo)
    assert done.code == 1
    assert "+        return min(3**attempt, 60)\n" in done.text
    assert "--yes" in done.err and "nothing was applied" in done.err
    assert changed(repo) == ""


def test_a_dry_run_is_a_patch_that_git_takes(machine: Machine, repo, answer) -> None:
    done = machine.run("apply", "--dry-run", str(answer), cwd=repo)
    assert done.code == 0 and changed(repo) == ""
    patch = done.text.partition("\n\nA ")[0].partition("\n\nM ")[0] + "\n"
    git(repo, "apply", "-", data=patch.encode())
    assert changed(repo) == "M src/retry.py\n?? notes/"
    assert machine.run("apply", "--dry-run", str(answer), cwd=repo).code == 0


def test_what_is_refused_changes_nothing_and_waits(machine: Machine, repo, bad) -> None:
    done = machine.run("apply", "-y", str(bad), cwd=repo)
    assert done.code == 1 and changed(repo) == ""
    assert "Block 1 (src/retry.py) was refused" in done.text
    assert "resend only block 1" in done.text and "pending" in done.text
    assert "1 of 2 block(s) refused (src/retry.py)" in done.err
    again = bad.with_name("again.md")
    again.write_text(GOOD.partition("```text")[0])
    done = machine.run("apply", "-y", "--pending", str(again), cwd=repo)
    assert done.code == 0, done.text + done.err
    assert changed(repo) == "M src/retry.py\n?? notes/"
    done = machine.run("apply", "-y", "--pending", cwd=repo)
    assert done.code == 2 and "no blocks are pending" in done.err


def test_a_dry_run_of_a_bad_one_fails_and_keeps_nothing(machine, repo, bad) -> None:
    assert machine.run("apply", "--dry-run", str(bad), cwd=repo).code == 1
    assert machine.run("apply", "--pending", "-y", cwd=repo).code == 2


def test_results_as_json(machine: Machine, repo, answer, bad) -> None:
    flags = ("--output-format", "json")
    done = machine.run("apply", "-y", str(answer), *flags, cwd=repo)
    assert done.code == 0
    assert done.result["applied"] is True and done.result["journal"]
    assert sorted(done.result["files_changed"]) == ["notes/new.txt", "src/retry.py"]
    assert done.result["diff"].startswith("diff --git a/")
    assert machine.run("undo", "--list", *flags, cwd=repo).result["applied"]
    undone = machine.run("undo", *flags, cwd=repo).result
    assert sorted(undone["files_changed"]) == ["notes/new.txt", "src/retry.py"]
    done = machine.run("apply", "-y", str(bad), *flags, cwd=repo)
    assert done.code == 1
    assert done.result["error"]["type"] == "NotApplied"
    assert done.result["applied"] is False and done.result["files_changed"] == []
    assert done.result["report"]["resend"] == ["1"]
    assert "resend only block 1" in done.result["repair"]
    done = machine.run("apply", str(answer), *flags, cwd=repo)
    assert done.code == 1 and "--yes" in done.result["error"]["message"]
    assert changed(repo) == ""


def test_parts_and_stdin(machine: Machine, repo, tmp_path) -> None:
    at = GOOD.index("min(3") + 3
    (tmp_path / "1.md").write_text(GOOD[:at])
    (tmp_path / "2.md").write_text(GOOD[at:])
    parts = (str(tmp_path / "1.md"), str(tmp_path / "2.md"))
    assert machine.run("apply", "-y", *parts, cwd=repo).code == 0
    assert changed(repo) == "M src/retry.py\n?? notes/"
    machine.run("undo", cwd=repo)
    done = machine.run("apply", "-y", "-", cwd=repo, data=GOOD.encode())
    assert done.code == 0 and changed(repo) == "M src/retry.py\n?? notes/"
    done = machine.run("apply", "-y", "-", cwd=repo, data=GOOD.encode())
    assert done.code == 0 and "nothing to change" in done.text


def test_bytes_that_are_no_utf8_stay(machine: Machine, repo) -> None:
    write(repo, {"latin.txt": b"caf\xe9\nend\n"})
    data = b"latin.txt\n<<<<<<< SEARCH\ncaf\xe9\n=======\nth\xe9\n>>>>>>> REPLACE\n"
    assert machine.run("apply", "-y", "-", cwd=repo, data=data).code == 0
    assert (repo / "latin.txt").read_bytes() == b"th\xe9\nend\n"
    back = "latin.txt\n<<<<<<< SEARCH\nend\n=======\nfin\n>>>>>>> REPLACE\n"
    utf16 = back.encode("utf-16")
    assert machine.run("apply", "--dry-run", "-", cwd=repo, data=utf16).code == 0


def test_wrong_calls(machine: Machine, repo, answer, tmp_path) -> None:
    for arguments in (
        ("apply",),
        ("apply", "--last"),
        ("apply", "--pending"),
        ("apply", "--last", str(answer)),
        ("apply", str(tmp_path / "missing")),
        ("apply", "--format", "nonsense", str(answer)),
        ("undo",),
        ("undo", "--redo"),
        ("undo", "--show", "nothing"),
        ("undo", "--redo", "--list"),
    ):
        done = machine.run(*arguments, cwd=repo)
        assert done.code == 2 and done.err.count("\n") == 1, arguments
    (tmp_path / "prose.md").write_text("I would not change anything.\n")
    done = machine.run("apply", "-y", str(tmp_path / "prose.md"), cwd=repo)
    assert done.code == 1 and "no edit was found" in done.err


def test_undo_refuses_over_later_work(machine: Machine, repo, answer) -> None:
    machine.run("apply", "-y", str(answer), cwd=repo)
    (repo / "notes/new.txt").write_text("mine\n")
    done = machine.run("undo", cwd=repo)
    assert done.code == 1 and "notes/new.txt changed since" in done.err
    assert (repo / "notes/new.txt").read_text() == "mine\n"


def test_the_last_saved_answer(machine: Machine, repo) -> None:
    from cli.test_ask import script

    env = script(repo.parent, {"text": GOOD})
    assert machine.run("ask", "write it", cwd=repo, env=env).code == 0
    # The file has moved on since the prompt: the old lines are merged with the new.
    path = repo / "src/retry.py"
    path.write_text("import os\n\n\n" + path.read_text())
    assert machine.run("apply", "--last", "-y", cwd=repo, env=env).code == 0
    assert path.read_text().startswith("import os\n")
    assert "min(3**attempt, 60)" in path.read_text()


def test_a_test_that_fails_changes_nothing(machine: Machine, repo, answer) -> None:
    call = ("apply", "-y", str(answer), "--test-cmd")
    done = machine.run(*call, "echo 3 of 4 failed; exit 1", cwd=repo)
    assert done.code == 1 and "3 of 4 failed\n" in done.text
    assert "test failed (1)" in done.err and changed(repo) == ""
    done = machine.run(*call, "false", "--output-format", "json", cwd=repo)
    assert done.result["checks"][0]["code"] == 1 and done.result["applied"] is False
    assert machine.run("apply", "-y", "--pending", cwd=repo).code == 0
    assert changed(repo) == "M src/retry.py\n?? notes/"


# --- on a terminal ------------------------------------------------------------------


@pytest.mark.parametrize(("says", "code"), [(b"y\n", 0), (b"n\n", 1), (b"\n", 1)])
def test_it_asks_on_a_terminal(machine, repo, answer, says: bytes, code: int) -> None:
    with machine.terminal("apply", str(answer), cwd=repo) as terminal:
        shown = terminal.until(b"[y/N]")
        assert b"\033[32m+        return min(3**attempt, 60)" in shown
        terminal.type(says)
        assert terminal.end() == code
    assert bool(changed(repo)) == (code == 0)


def test_it_asks_on_the_terminal_when_stdin_is_the_answer(machine, repo) -> None:
    pipe = subprocess.PIPE
    with machine.terminal("apply", "-", cwd=repo, stdin=pipe) as terminal:
        terminal.process.stdin.write(GOOD.encode())
        terminal.process.stdin.close()
        terminal.until(b"[y/N]")
        terminal.type(b"y\n")
        assert terminal.end() == 0
    assert changed(repo) == "M src/retry.py\n?? notes/"


def test_an_answer_cannot_drive_the_terminal(machine, repo, tmp_path) -> None:
    evil = tmp_path / "evil.md"
    evil.write_text("```text x.txt\n\033]0;title\007 \033[2J\n```\n")
    with machine.terminal("apply", "--dry-run", str(evil), cwd=repo) as terminal:
        assert terminal.end() == 0
        assert b"\033[2J" not in terminal.seen and b"\033]0" not in terminal.seen


# --- golden folders and kills with the real program -----------------------------------


@pytest.mark.parametrize("name", sorted(p.name for p in CASES.iterdir())[::25])
def test_case(machine: Machine, name: str, tmp_path: Path) -> None:
    case, root = CASES / name, tmp_path / "root"
    if (case / "shown").exists():
        pytest.skip("what a prompt showed is no argument of the program")
    root.mkdir()
    before = folder(case / "before")
    write(root, before)
    parts = [str(part) for part in sorted(case.glob("answer*.md"))]
    done = machine.run("apply", "-y", *parts, cwd=root)
    fails = (case / "error.json").exists()
    assert done.code == int(fails), done.text + done.err
    assert folder(root) == (before if fails else folder(case / "after"))


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace (Debian: strace)")
@pytest.mark.parametrize("call", ["renameat2", "fsync", "unlinkat"])
def test_killed_at_every_such_call(machine: Machine, repo, answer, call: str) -> None:
    before = folder(repo / "src") | folder(repo / "notes")
    stopped = 0
    for number in range(1, 20):
        inject = f"inject={call}:signal=KILL:when={number}"
        traced = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", inject, *PROGRAM]
        done = subprocess.run(
            [*traced, "apply", "-y", str(answer)],
            cwd=repo,
            env=machine.env,
            capture_output=True,
        )
        if done.returncode == 0:
            break
        stopped += 1
        machine.run("undo", "--list", cwd=repo)
        assert not list(repo.glob("**/.repoctx-*"))
        if changed(repo):
            assert changed(repo) == "M src/retry.py\n?? notes/"
            assert machine.run("undo", cwd=repo).code == 0
        assert folder(repo / "src") | folder(repo / "notes") == before
    assert stopped and sys.platform == "linux"
