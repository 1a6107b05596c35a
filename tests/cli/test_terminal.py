"""What is different on a terminal: bars that go away, colours, links, odd names."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli.program import Machine
from repos import make_repo, write

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal")

ESCAPE = re.compile(rb"\x1b(\][^\x1b\x07]*(\x1b\\|\x07)|\[[0-9;?]*[A-Za-z])")


@pytest.fixture
def slow(tmp_path: Path) -> dict[str, str]:
    """The environment in which listing the tree takes longer than a bar waits."""
    tools = tmp_path / "tools"
    tools.mkdir()
    git = shutil.which("git")
    (tools / "git").write_text(
        f'#!/bin/sh\ncase "$*" in *ls-files*) sleep 1.2;; esac\nexec {git} "$@"\n'
    )
    (tools / "git").chmod(0o755)
    return {"PATH": f"{tools}:{os.environ['PATH']}"}


@pytest.mark.parametrize("columns", [30, 100])
def test_a_bar_comes_and_goes(machine: Machine, repo: Path, slow, columns: int):
    with machine.terminal("status", cwd=repo, env=slow, columns=columns) as screen:
        assert screen.end() == 0
    before, _, after = screen.seen.partition(b"root")
    assert b"indexing" in before and b"\x1b[?25l" in before and b"\x1b[2K" in before
    assert b"indexing" not in after, "the bar is gone when the text comes"
    shown = screen.seen.count(b"\x1b[?25l")
    assert screen.seen.count(b"\x1b[?25h") == shown, "the cursor is back"


QUIET: dict[str, tuple[list[str], dict[str, str]]] = {
    "-q": (["-q"], {}),
    "a dumb terminal": ([], {"TERM": "dumb"}),
}


@pytest.mark.parametrize("how", QUIET)
def test_no_bar_where_none_is_wanted(machine: Machine, repo: Path, slow, how: str):
    flags, env = QUIET[how]
    call = ("pack", "-o", "/dev/null", *flags)
    with machine.terminal(*call, cwd=repo, env=slow | env) as screen:
        assert screen.end() == 0
    assert b"\x1b" not in screen.seen and b"indexing" not in screen.seen


def test_the_bar_stays_out_of_a_pipe(machine: Machine, repo: Path, slow):
    pipe = {"stdout": subprocess.PIPE}
    with machine.terminal("status", cwd=repo, env=slow, **pipe) as screen:
        assert screen.end() == 0
        assert screen.process.stdout is not None
        text = screen.process.stdout.read()
    assert b"rendering" in screen.seen
    assert text.startswith(b"root ") and b"\x1b" not in text
    with machine.terminal("status", cwd=repo, env=slow, stderr=-1) as screen:
        assert screen.end() == 0
    assert b"rendering" not in screen.seen


COLOURS: dict[str, tuple[list[str], dict[str, str], bool]] = {
    "a terminal": ([], {}, True),
    "--no-color": (["--no-color"], {}, False),
    "NO_COLOR": ([], {"NO_COLOR": "1"}, False),
    "an empty NO_COLOR": ([], {"NO_COLOR": ""}, True),
    "a dumb terminal": ([], {"TERM": "dumb"}, False),
    "color=never": ([], {"REPOCTX_COLOR": "never"}, False),
    "color=always": ([], {"REPOCTX_COLOR": "always", "TERM": "dumb"}, True),
}


@pytest.mark.parametrize("how", COLOURS)
@pytest.mark.parametrize("command", ["status", "search delay"])
def test_colours(machine: Machine, shared: Path, how: str, command: str):
    flags, env, wanted = COLOURS[how]
    call = [*command.split(), "-q", *flags]
    with machine.terminal(*call, cwd=shared, env=env) as screen:
        assert screen.end() == 0
    assert (b"\x1b[" in screen.seen) == wanted
    linked = b"\x1b]8;;file://" in screen.seen
    assert linked == (wanted and command.startswith("search"))
    piped = machine.run(*call, cwd=shared, env=env)
    assert ("\x1b[" in piped.text) == (how == "color=always")
    assert "\x1b]8" not in piped.text
    if command.startswith("search"):  # The status draws its line otherwise.
        without = ESCAPE.sub(b"", screen.seen).replace(b"\r\n", b"\n")
        assert without == ESCAPE.sub(b"", piped.out)


def test_odd_names_cannot_drive_the_terminal(machine: Machine, tmp_path: Path):
    names = ["a\x1b]0;owned\x07.py", "b\x1b[2J.py", "c\udc9b31m.py", "d\u202ecod.py"]
    root = make_repo(
        tmp_path / "odd", {n: f"def odd():\n    x = '{n!r}'\n" for n in names}
    )
    write(root, {"e\x1b[31m.py": 'x = "\x1b[41m"  # odd\n', "f\x1b[1m.bin": b"\0"})
    calls = (
        ["status", "--left-out"],
        ["status", "--why", names[0]],
        ["search", "odd"],
        ["search", "--paths", "odd"],
        ["ask", "odd"],
        ["pack", "-q"],
        ["map"],
        ["search", "odd", "--output-format", "json"],
        ["status", "--why", "../\x1b[31m"],
        ["status", "--\x1b[31m"],
        ["\x1b[31mx"],
    )
    for call in calls:
        env = {"NO_COLOR": "1", "TERM": "dumb"}
        with machine.terminal(*call, cwd=root, env=env, columns=50) as screen:
            screen.end()
        for driving in (b"\x1b", b"\x07", b"\x9b31m", "\u202e".encode()):
            assert driving not in screen.seen, (call, screen.seen)
