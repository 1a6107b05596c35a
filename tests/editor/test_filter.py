"""The filter's contract: exactly the replacement, or exactly the input."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.program import PATIENCE, Done, Machine
from repoctx.errors import NotApplied
from repoctx.flow.selection import replacement
from repos import make_repo

TEXT = "def f(n):\n    return 2**n\n"
NEW = "def f(n):\n    return 1 << n\n"
KEY = "AKIA" + "Q3EGRIZ5SJ7DKXWP"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return make_repo(tmp_path / "repo", {"lib.py": TEXT})


def block(text: str) -> str:
    return f"@@@@ 1 replace selection\n{text}@@@@ end 1\n"


def run(
    machine: Machine, repo: Path, data: bytes, answer: str, *args: str, **reply: object
) -> Done:
    script = repo.parent / "script.json"
    replies = [{"text": answer, **reply}]
    script.write_text(json.dumps({"replies": replies, "record": "requests.jsonl"}))
    env = {"REPOCTX_SCRIPT": str(script), "REPOCTX_MODEL": "scripted"}
    return machine.run("filter", *args, "use a shift", cwd=repo, env=env, data=data)


KEPT = {
    "as it is": (TEXT.encode(), block(NEW), NEW.encode()),
    "no newline at the end": (TEXT.encode()[:-1], block(NEW), NEW.encode()[:-1]),
    "CRLF": (
        TEXT.replace("\n", "\r\n").encode(),
        block(NEW),
        NEW.replace("\n", "\r\n").encode(),
    ),
    "indentation that the model took away": (
        b"    a = 1\n    b = 2\n",
        block("a = 3\nif a:\n    b = 4\n"),
        b"    a = 3\n    if a:\n        b = 4\n",
    ),
    "indentation that it kept": (b"    a = 1\n", block("    a = 3\n"), b"    a = 3\n"),
    "tabs": (b"\ta = 1\n", block("a = 3\n"), b"\ta = 3\n"),
    "latin-1": (b"# caf\xe9\n", block("# th\u00e9\n"), b"# th\xe9\n"),
    "a fence alone": (TEXT.encode(), f"```python\n{NEW}```\n", NEW.encode()),
    "one line without an end": (b"a = 1", block("a = 2\n"), b"a = 2"),
    "nothing selected": (b"", block("a = 2\n"), b"a = 2"),
    "a paragraph and what parts it": (b"a = 1\n\n\n", block("a = 2\n"), b"a = 2\n\n\n"),
    "a fence in the block": (TEXT.encode(), block(f"```\n{NEW}```\n"), NEW.encode()),
    "UTF-8 with its mark": (
        b"\xef\xbb\xbfa = 1\n",
        block("\u20ac\n"),
        b"\xef\xbb\xbf\xe2\x82\xac\n",
    ),
    "UTF-16": (
        ("\ufeff" + TEXT).replace("\n", "\r\n").encode("utf-16-le"),
        block(NEW),
        ("\ufeff" + NEW).replace("\n", "\r\n").encode("utf-16-le"),
    ),
    "UTF-16 without a mark": (
        TEXT.encode("utf-16-be"),
        block("\u20ac\n"),
        "\u20ac\n".encode("utf-16-be"),
    ),
    "carriage returns alone": (
        b"a = 1\rb = 2\r",
        block("a = 3\nb = 4\n"),
        b"a = 3\rb = 4\r",
    ),
    "mostly CRLF": (b"a\r\nb\r\nc\n", block("a\nb\nd\n"), b"a\r\nb\r\nd\r\n"),
    "lines that are odd": (
        b"a\x0cb\x85\n",
        block("c\x0cd\u2028e\n".replace("\u2028", "\x1c")),
        b"c\x0cd\x1ce\n",
    ),
}


@pytest.mark.parametrize("case", KEPT)
def test_exactly_the_replacement(machine: Machine, repo: Path, case: str) -> None:
    data, answer, wanted = KEPT[case]
    done = run(machine, repo, data, answer)
    assert (done.code, done.err, done.out) == (0, "", wanted)


FAILED = {
    "prose": (TEXT.encode(), "I would not do that."),
    "prose around a fence": (TEXT.encode(), f"Here:\n```\n{NEW}```\n"),
    "cut": (TEXT.encode(), block(NEW).replace("@@@@ end 1\n", "")),
    "two blocks": (TEXT.encode(), block(NEW) + block(NEW).replace(" 1", " 2")),
    "another path": (TEXT.encode(), block(NEW).replace("selection", "lib.py")),
    "a secret": (f'key = "{KEY}"\n'.encode(), block(NEW)),
    "no such character": (b"# caf\xe9\n", block("# \u20ac\n")),
    "no text": (b"\x7fELF\0\1\2\0\0", block(NEW)),
}


@pytest.mark.parametrize("case", FAILED)
def test_a_failure_gives_the_input_back(
    machine: Machine, repo: Path, case: str
) -> None:
    data, answer = FAILED[case]
    done = run(machine, repo, data, answer)
    assert (done.err, done.out) == ("", data)
    assert done.code != 0
    said = machine.run("log", "--last", cwd=repo).text
    assert "filter" in said
    assert "NotApplied" in said or "UsageError" in said


@pytest.mark.parametrize("stop", ["length", "refusal", "content_filter"])
def test_an_answer_that_ended_early(machine: Machine, repo: Path, stop: str) -> None:
    done = run(machine, repo, TEXT.encode(), block(NEW), stop=stop, output=1)
    assert (done.err, done.out) == ("", TEXT.encode())
    assert done.code != 0


def test_a_provider_that_fails(machine: Machine, repo: Path) -> None:
    error = {"kind": "auth", "message": "no key"}
    done = run(machine, repo, TEXT.encode(), "", error=error)
    assert (done.code, done.err, done.out) == (4, "", TEXT.encode())


def test_without_a_model_or_a_repository(machine: Machine, tmp_path: Path) -> None:
    data = b"\0\xff odd bytes\r\n"
    done = machine.run("filter", "x", cwd=tmp_path, data=data)
    assert (done.err, done.out) == ("", data)
    assert done.code == 2
    done = machine.run("filter", "-C", "/nowhere", "x", cwd=tmp_path, data=data)
    assert (done.code, done.err, done.out) == (2, "", data)


WRONG = (["--line", "x", "shift"], ["--bogus", "shift"], ["-x"], [], [""], ["-C"])


@pytest.mark.parametrize("args", WRONG)
def test_wrong_arguments_give_the_input_back(
    machine: Machine, repo: Path, args: list[str]
) -> None:
    data = b"one\r\n\xff\0two"
    done = machine.run("filter", *args, cwd=repo, data=data)
    assert (done.code, done.err, done.out) == (2, "", data)
    assert "UsageError" in machine.run("log", "--last", cwd=repo).text


def test_a_person_at_a_terminal_is_told_what_is_wrong(
    machine: Machine, repo: Path
) -> None:
    with machine.terminal("filter", "--bogus", "x", cwd=repo) as terminal:
        assert terminal.end() == 2
        assert b"usage: repoctx filter" in terminal.seen
        assert b"--bogus" in terminal.seen


@pytest.mark.parametrize("how", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_stopped_while_it_waits_it_gives_the_input_back(
    machine: Machine, repo: Path, says: Callable[..., dict[str, str]], how: str
) -> None:
    pipe = subprocess.PIPE
    process = machine.start(
        *("filter", "use a shift"),
        cwd=repo,
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        env=says("late", delay=60.0),
    )
    assert process.stdin
    process.stdin.write(TEXT.encode())
    process.stdin.close()
    process.stdin = None
    record = repo.parent / "requests.jsonl"
    deadline = time.monotonic() + PATIENCE
    while not record.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(getattr(signal, how))
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err, out) == (130, b"", TEXT.encode())


def test_a_reader_that_is_gone_is_no_traceback(machine: Machine, repo: Path) -> None:
    into, out = os.pipe()
    os.close(into)
    done = machine.run("filter", "x", cwd=repo, data=TEXT.encode(), stdout=out)
    os.close(out)
    assert done.code != 0 and done.err == ""


def test_a_selection_that_is_too_large_comes_back_whole(
    machine: Machine, repo: Path
) -> None:
    data = b"x = 1\n" * 1_000_000
    done = machine.run("filter", "x", cwd=repo, data=data)
    assert (done.code, done.err, done.out) == (2, "", data)


def test_the_place_is_told(machine: Machine, repo: Path) -> None:
    run(machine, repo, TEXT.encode(), block(NEW), "--path", "lib.py", "--line", "7")
    [line] = (repo.parent / "requests.jsonl").read_text().splitlines()
    request = json.loads(line)
    assert "`lib.py`, from line 7 on" in request["question"]
    assert "return 2**n" in request["tail"]


def test_a_broken_block_is_no_replacement() -> None:
    with pytest.raises(NotApplied):
        replacement("@@@@ 1 replace selection\nx\n@@@@ end 2\n")


CLI = "{'typer', 'rich', 'click', 'repoctx.cli'}"


@pytest.mark.parametrize("answer", ["the replacement", "a failure"])
def test_its_first_byte_needs_no_command_line_library(
    machine: Machine, repo: Path, says: Callable[..., dict[str, str]], answer: str
) -> None:
    program = (
        "import os, sys; sys.argv = ['repoctx', 'filter', 'shift']; write = os.write\n"
        "def first(descriptor, data):\n"
        "    if descriptor == 1:\n"
        f"        found = sorted({CLI} & set(sys.modules))\n"
        "        open('modules', 'w').write(repr(found))\n"
        "    return write(descriptor, data)\n"
        "os.write = first\n"
        "from repoctx.__main__ import main; sys.exit(main())"
    )
    works = answer == "the replacement"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=repo,
        env=machine.env | says(block(NEW) if works else "no"),
        input=TEXT.encode(),
        capture_output=True,
        check=False,
    )
    assert done.stdout == (NEW if works else TEXT).encode()
    assert (repo / "modules").read_text() == "[]"
