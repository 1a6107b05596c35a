"""The MCP server on bare pipes: floods, garbage, clients that die; nothing is left."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.program import Machine
from editor.mcp_client import HELLO, PROGRAM, Pipe, environment, piped
from repos import make_repo

FILES = {"a.py": "def one():\n    return 1\n\n\none()\n", "b.py": "from a import one\n"}

MANY = {
    f"src/m{n:04}.py": "".join(
        f"def f{n}_{k}(x):\n    return f{n}_{k - 1}(x) + {k}\n\n\n" for k in range(40)
    )
    for n in range(300)
}
"""So many that the index is made by worker processes, and takes a while."""


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return make_repo(tmp_path / "repo", FILES)


def children(pid: int) -> list[int]:
    """Processes that ``pid`` started and that are not reaped, theirs too."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += map(int, task.read_text().split())
        except OSError:
            continue
    return found + [below for child in found for below in children(child)]


def until(what: Any, seconds: float = 30.0) -> bool:
    """Whether ``what()`` becomes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.02)
    return False


def gone(pid: int) -> bool:
    """Whether no such process runs, a zombie of ours apart."""
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        )
    except (FileNotFoundError, ProcessLookupError):
        return True


def is_sound(root: Path) -> bool:
    """Whether the index can be read, and written at once: nobody holds a lock."""
    con = sqlite3.connect(root / ".git/repoctx/index.db", timeout=0.0)
    try:
        con.execute("BEGIN IMMEDIATE")
        con.execute("ROLLBACK")
        return bool(con.execute("PRAGMA integrity_check").fetchone()[0] == "ok")
    finally:
        con.close()


# --- what clients send ------------------------------------------------------------


def test_a_thousand_requests(repo: Path) -> None:
    with piped(repo) as server:
        server.hello()
        wanted = {}
        for n in range(250):
            wanted[server.call("find_symbol", name="one")] = "a.py:1-2"
            wanted[server.call("read_file", path="b.py", start=1 + n % 3)] = ""
            wanted[server.ask("tools/list")] = ""
            wanted[server.ask("ping")] = ""
        answers = {}
        while len(answers) < len(wanted):
            message = server.read()
            answers[message["id"]] = message
        assert answers.keys() == wanted.keys()
        for number, text in wanted.items():
            assert "result" in answers[number]
            if text:
                assert text in answers[number]["result"]["content"][0]["text"]
        same = {json.dumps(answers[n]["result"]) for n, text in wanted.items() if text}
        assert len(same) == 1
        assert server.end() == 0
    assert is_sound(repo)


def test_garbage_is_answered_and_does_not_stop_it(repo: Path) -> None:
    with piped(repo) as server:
        server.send(b"\xff\xfe not json\n{\n[]\n\n\n" + b'{"jsonrpc":"2.0"}\n7\n')
        codes = [server.read()["error"]["code"] for _ in range(5)]
        assert codes == [-32700, -32700, -32600, -32600, -32600]
        server.hello()
        server.send(b"\0" * 5000 + b"\n" + b"[" * 100_000 + b"\n")
        assert server.read()["error"]["code"] == -32700
        assert server.read()["error"]["code"] == -32700
        answer = server.answer(server.call("find_symbol", name="one"))
        assert answer["result"]["isError"] is False
        assert server.end() == 0


def test_a_line_of_fifty_megabytes_is_refused_and_not_held(repo: Path) -> None:
    with piped(repo) as server:
        server.hello()
        server.answer(server.ask("ping"))
        before = peak(server.process.pid)
        for _ in range(50):
            server.send(b"x" * 1_000_000)
        server.send(b"\n")
        refused = server.read()
        assert (refused["id"], refused["error"]["code"]) == (None, -32600)
        assert "result" in server.answer(server.ask("ping"))
        assert peak(server.process.pid) - before < 30_000
        assert server.end() == 0


def peak(pid: int) -> int:
    """The most memory that a process has held, in KB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1])
    raise AssertionError


def test_what_was_asked_before_the_end_of_stdin_is_answered(repo: Path) -> None:
    lines = [
        {"id": 1, "method": "initialize", "params": HELLO},
        {"method": "notifications/initialized"},
        *(
            {
                "id": n,
                "method": "tools/call",
                "params": {"name": "search", "arguments": {"query": "one"}},
            }
            for n in range(2, 6)
        ),
    ]
    data = "".join(json.dumps({"jsonrpc": "2.0", **one}) + "\n" for one in lines)
    done = subprocess.run(
        [*PROGRAM, "-C", str(repo)],
        input=data.encode()[:-1],
        capture_output=True,
        env=environment(repo.parent / "home"),
        timeout=60,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(a["id"] for a in answers) == [1, 2, 3, 4, 5]
    assert all("result" in a for a in answers)
    assert (done.returncode, done.stderr) == (0, b"")


# --- how they end -----------------------------------------------------------------


@pytest.fixture
def large(tmp_path: Path) -> Path:
    return make_repo(tmp_path / "repo", MANY)


@pytest.fixture
def indexing(large: Path) -> Iterator[Pipe]:
    """A server whose worker processes make the first index."""
    with piped(large) as server:
        server.hello()
        server.call("search", query="one")
        assert until(lambda: len(children(server.process.pid)) > 1)
        yield server


def test_a_client_that_dies_leaves_nothing_behind(indexing: Pipe, large: Path) -> None:
    process = indexing.process
    below = children(process.pid)
    assert process.stdin and process.stdout
    process.stdin.close()
    process.stdout.close()
    assert process.wait(30) == 0
    assert until(lambda: all(map(gone, below)))
    assert is_sound(large)


def test_a_reader_that_goes_away_ends_it_though_stdin_stays(repo: Path) -> None:
    with piped(repo) as server:
        server.hello()
        assert server.process.stdout
        server.process.stdout.close()
        server.call("find_symbol", name="one")
        assert server.process.wait(30) == 0
        assert server.process.stderr and server.process.stderr.read() == b""
    assert is_sound(repo)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_server_leaves_no_worker_and_no_lock(
    indexing: Pipe, large: Path, how: int
) -> None:
    below = children(indexing.process.pid)
    indexing.process.send_signal(how)
    indexing.process.wait(30)
    assert until(lambda: all(map(gone, below)))
    assert is_sound(large)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(repo: Path, closed: str) -> None:
    command = f'exec "$@" {closed}'
    done = subprocess.run(
        ["sh", "-c", command, "sh", *PROGRAM, "-C", str(repo)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment(repo.parent / "home"),
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_two_clients_at_once_on_a_tree_without_an_index(large: Path) -> None:
    with piped(large) as one, piped(large) as two:
        one.hello()
        two.hello()
        numbers = [s.call("find_references", name="f7_3") for s in (one, two)]
        answers = [
            s.answer(n)["result"] for s, n in zip((one, two), numbers, strict=True)
        ]
        assert answers[0] == answers[1]
        assert answers[0]["structuredContent"]["total"] == 1
        assert (one.end(), two.end()) == (0, 0)
    assert is_sound(large)


# --- while a job runs -------------------------------------------------------------


def test_progress_is_told_and_only_grows(large: Path) -> None:
    with piped(large) as server:
        server.hello()
        call = {"name": "search", "arguments": {"query": "one"}}
        number = server.ask("tools/call", call | {"_meta": {"progressToken": "p"}})
        told = []
        while (message := server.read()).get("id") != number:
            assert message["method"] == "notifications/progress"
            assert message["params"]["progressToken"] == "p"
            told.append(message["params"]["progress"])
        assert told == sorted(told) and told
        assert message["result"]["isError"] is False
        assert server.end() == 0


def test_a_cancelled_call_stops_and_is_never_answered(
    indexing: Pipe, large: Path
) -> None:
    assert "result" in indexing.answer(indexing.ask("ping"))
    indexing.message(
        method="notifications/cancelled", params={"requestId": indexing._number - 1}
    )
    cancelled = indexing._number - 1
    number = indexing.call("read_file", path="src/m0001.py", end=1)
    message = indexing.read()
    assert message["id"] == number != cancelled
    assert message["result"]["structuredContent"]["text"] == "def f1_0(x):\n"
    assert indexing.end() == 0
    assert not rows(large)


def rows(root: Path) -> bool:
    """Whether the index has all files."""
    con = sqlite3.connect(root / ".git/repoctx/index.db")
    count: int = con.execute("SELECT count(*) FROM keys").fetchone()[0]
    con.close()
    return count >= len(MANY)


# --- how it starts ----------------------------------------------------------------


def test_a_missing_extra_names_the_command(repo: Path) -> None:
    program = (
        "import sys; sys.modules['mcp'] = None;"
        "sys.argv = ['repoctx', 'mcp'];"
        "from repoctx.__main__ import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=repo, capture_output=True, timeout=60
    )
    said = b"repoctx mcp: repoctx mcp needs: pip install 'repoctx[mcp]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, b"", said)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    done = subprocess.run(
        [*PROGRAM, "-C", str(tmp_path / "no")], capture_output=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().count("\n") == 1


def test_it_starts_without_the_command_line_library(repo: Path) -> None:
    program = (
        "import sys; sys.argv = ['repoctx', 'mcp', '-C', sys.argv[1]];"
        "from repoctx.__main__ import main; main();"
        "print(sorted({'typer', 'rich', 'tree_sitter', 'git'}"
        " & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(repo)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        env=environment(repo.parent / "home") | {"HOME": os.environ["HOME"]},
    )
    assert done.stderr.strip() == b"[]"


def test_a_person_at_a_terminal_is_told(tmp_path: Path, repo: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with Machine(home).terminal("mcp", cwd=repo) as terminal:
        terminal.until(b"waiting for an agent; --help says how")
        terminal.type(b"\x04")
        assert terminal.end() == 0
