"""Every door that stays open, against the same faults: what it leaves behind."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cli.program import PATIENCE, PROGRAM, Machine, alive
from editor.lsp_client import frame
from editor.mcp_client import HELLO
from editor.wire import running
from repoctx.apply.journal import locked
from repos import git, make_repo

Says = Callable[..., dict[str, str]]
Step = tuple[str, str]
"""What a client writes, and the pattern that it then waits to read: its group, if it
has one, is the ID in what comes next."""

UUID = "12345678-1234-1234-1234-123456789012"
CREATE = rf'"id": ?"({"[0-9a-f-]" * len(UUID)})"[^\r]*workDoneProgress/create'

DOORS = ("serve", "acp", "mcp", "lsp")
FILES = {
    f"m{n}.py": f"def f{n}():\n    pass\n\n\n"
    + "".join(f"def g{n}_{k}(a):\n    return h{k}(a)\n\n\n" for k in range(30))
    for n in range(300)
}


def line(key: int | None, method: str, **params: Any) -> str:
    message = {"jsonrpc": "2.0", "method": method, "params": params}
    return json.dumps(message | ({} if key is None else {"id": key})) + "\n"


def framed(*lines: str) -> str:
    return "".join(frame(one.encode()).decode() for one in lines)


def opened(door: str, repo: Path) -> Step:
    """The greeting."""
    if door == "serve":
        return line(1, "initialize", protocol_version=1), '"id":1'
    if door == "mcp":
        told = line(1, "initialize", **HELLO) + line(None, "notifications/initialized")
        return told, '"id":1'
    if door == "acp":
        told = line(1, "initialize", protocolVersion=1)
        told += line(2, "session/new", cwd=str(repo), mcpServers=[])
        return told, r'"id":2.*"sessionId":"(\w+)"'
    folder = {"uri": repo.as_uri(), "name": "repo"}
    window = {"window": {"workDoneProgress": True}}
    hello = {"processId": None, "rootUri": None, "workspaceFolders": [folder]}
    told = line(1, "initialize", **hello, capabilities=window)
    return framed(told, line(None, "initialized")), '"id": ?1'


def working(door: str, repo: Path) -> list[Step]:
    """What takes long: a streaming answer; of mcp, which asks no model, an index."""
    if door == "serve":
        return [(line(9, "ask", question="what?"), '"token"')]
    if door == "mcp":
        call = {"name": "search", "arguments": {"query": "f7"}}
        told = line(9, "tools/call", **call, _meta={"progressToken": 1})
        return [(told, "notifications/progress")]
    if door == "acp":
        prompt = [{"type": "text", "text": "what?"}]
        told = line(9, "session/prompt", sessionId="ID", prompt=prompt)
        return [(told, "agent_message_chunk")]
    uri = (repo / "m0.py").as_uri()
    argument = {"uri": uri, "question": "what?"}
    told = line(
        9, "workspace/executeCommand", command="repoctx.ask", arguments=[argument]
    )
    bar = framed(json.dumps({"jsonrpc": "2.0", "id": UUID, "result": None}))
    return [(framed(told), CREATE), (bar.replace(UUID, "ID"), "waiting for")]


CLIENT = """
import json, re, signal, subprocess, sys, time
signal.alarm(60)
steps, *argv = sys.argv[1:]
server = subprocess.Popen(argv, stdin=-1, stdout=-1)
seen, name = b"", "ID"
for told, wanted in json.loads(steps):
    server.stdin.write(told.replace('"ID"', f'"{name}"').encode())
    server.stdin.flush()
    while not (found := re.search(wanted.encode(), seen)):
        seen += server.stdout.read1(65536)
    name = found[1].decode() if found.re.groups else ""
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def large(tmp_path: Path) -> Path:
    return make_repo(tmp_path / "large", FILES)


@contextmanager
def busy(machine: Machine, door: str, repo: Path, env: dict[str, str]) -> Iterator[Any]:
    """A client in a session of its own, whose server is in the middle of something."""
    steps = json.dumps([opened(door, repo), *working(door, repo)])
    client = subprocess.Popen(
        [sys.executable, "-c", CLIENT, steps, *PROGRAM, door, *ARGS.get(door, ())],
        cwd=repo,
        env=machine.env | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert client.stdout and client.stderr
        assert client.stdout.readline() == b"ready\n", client.stderr.read()
        yield client
    finally:
        client.kill()
        client.wait(PATIENCE)
        for stream in (client.stdout, client.stderr):
            if stream:
                stream.close()


ARGS = {"serve": ("--stdio",)}


def until(done: Callable[[], object]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def check_left_behind(machine: Machine, repo: Path) -> None:
    """Nobody holds a lock, nothing is half written, and all goes on."""
    state = repo / ".git" / "repoctx"
    with locked(state / "journal", 0):
        pass
    if (state / "index.db").exists():
        con = sqlite3.connect(state / "index.db", timeout=0.0)
        con.execute("BEGIN IMMEDIATE")
        con.execute("ROLLBACK")
        assert con.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        con.close()
    assert git(repo, "status", "--porcelain") == ""
    assert list((state / "journal").glob("*.applying")) == []
    assert "f7" in machine.run("search", "f7", cwd=repo).text


@pytest.mark.parametrize("door", DOORS)
def test_a_client_that_is_killed_takes_it_along(
    machine: Machine, large: Path, says: Says, door: str
) -> None:
    env = says("slow " * 5000, chunk=5, delay=0.05)
    with busy(machine, door, large, env) as client:
        assert len(alive(client.pid)) > 1
        client.send_signal(signal.SIGKILL)
        client.wait(PATIENCE)
        assert until(lambda: alive(client.pid) == []), alive(client.pid)
    check_left_behind(machine, large)


@pytest.mark.parametrize("door", DOORS)
def test_a_server_that_is_killed_leaves_nobody(
    machine: Machine, large: Path, says: Says, door: str
) -> None:
    env = says("slow " * 5000, chunk=5, delay=0.05)
    with busy(machine, door, large, env) as client:
        children = Path(f"/proc/{client.pid}/task/{client.pid}/children").read_text()
        [server] = map(int, children.split())
        os.kill(server, signal.SIGKILL)
        assert until(lambda: len(alive(client.pid)) == 1), alive(client.pid)
    check_left_behind(machine, large)


@pytest.mark.parametrize("door", DOORS)
def test_its_stderr_says_nothing_and_ends_with_it(
    machine: Machine, large: Path, door: str
) -> None:
    """Emacs' acp.el takes the end of stderr for a failure."""
    args = [door, *ARGS.get(door, ())]
    pipe = subprocess.PIPE
    process = machine.start(*args, cwd=large, stdin=pipe, stdout=pipe, stderr=pipe)
    with running(process):
        told, wanted = opened(door, large)
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write(told.encode())
        process.stdin.flush()
        seen = b""
        while not re.search(wanted.encode(), seen):
            assert select.select([process.stdout], [], [], PATIENCE)[0]
            seen += os.read(process.stdout.fileno(), 1 << 16)
        assert not select.select([process.stderr], [], [], 0.2)[0]
        process.stdin.close()
        assert process.wait(PATIENCE) == 0
        assert process.stderr.read() == b""
