"""ACP's wire against clients that are broken, hostile, hasty or gone."""

from __future__ import annotations

import json
import os
import queue
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("acp", reason="the extra acp is not installed")

from editor.acp_side import ACP, PATIENCE, checked, environment, scripted
from repoctx.apply.journal import locked
from repoctx.editor.acp_wire import MOST
from repos import make_repo

FILES = {"calc.py": "def add(a, b):\n    return a + b\n"}
EDIT = (
    "@@@@ 1 edit calc.py\n<<<<<<< SEARCH\n    return a + b\n=======\n"
    "    return a * b\n>>>>>>> REPLACE\n@@@@ end 1\n"
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return make_repo(tmp_path / "repo", FILES)


class Raw:
    """The agent at the end of two pipes."""

    def __init__(self, env: Mapping[str, str], cwd: Path) -> None:
        self.errors = cwd / "stderr.txt"
        with self.errors.open("wb") as stderr:
            self.process = subprocess.Popen(
                ACP,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd=cwd,
                env=env,
                start_new_session=True,
            )
        self.wire: list[tuple[bool, dict[str, Any]]] = []
        self._came: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._number = 0
        self._deaf = threading.Event()
        self._ear = threading.Thread(target=self._hear, daemon=True)
        self._ear.start()

    def _hear(self) -> None:
        # A pipe that somebody waits at stays open whoever closes it.
        assert self.process.stdout is not None
        descriptor, rest = self.process.stdout.fileno(), b""
        while not self._deaf.is_set():
            if not select.select([descriptor], [], [], 0.05)[0]:
                continue
            data = os.read(descriptor, 1 << 20)
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._came.put(json.loads(line))
            if not data:
                break
        self._came.put(None)

    def close(self, *streams: Any) -> None:
        """Close these pipes, and what else there is to them."""
        self._deaf.set()
        self._ear.join()
        for stream in streams:
            stream.close()

    def send(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def request(self, method: str, **params: Any) -> int:
        self._number += 1
        told = {"jsonrpc": "2.0", "id": self._number, "method": method}
        message = told | {"params": params}
        self.wire.append((False, message))
        self.send(json.dumps(message).encode() + b"\n")
        return self._number

    def until(self, wanted: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """The first message of which ``wanted`` is true."""
        while True:
            message = self._came.get(timeout=PATIENCE)
            assert message is not None, self.errors.read_text()
            self.wire.append((True, message))
            if wanted(message):
                return message

    def answer(self, number: int) -> dict[str, Any]:
        return self.until(lambda m: "method" not in m and m.get("id") == number)

    def call(self, method: str, **params: Any) -> Any:
        told = self.answer(self.request(method, **params))
        return told["result"]

    def begin(self, repo: Path) -> str:
        """A session's id."""
        self.call("initialize", protocolVersion=1)
        return str(self.call("session/new", cwd=str(repo), mcpServers=[])["sessionId"])

    def prompt(self, session: str, text: str) -> int:
        block = {"type": "text", "text": text}
        return self.request("session/prompt", sessionId=session, prompt=[block])

    def streaming(self) -> None:
        self.until(lambda m: "agent_message_chunk" in json.dumps(m))

    def status(self, name: str) -> int:
        """A figure of the process, as the kernel tells it."""
        told = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(x for x in told.splitlines() if x.startswith(f"{name}:"))
        return int(line.split()[1])

    def ended(self) -> int:
        """Its exit status; nothing of what it started is left, nor a word of stderr."""
        code = self.process.wait(timeout=PATIENCE)
        until = time.monotonic() + 10
        while time.monotonic() < until and self._group():
            time.sleep(0.05)
        assert not self._group()
        assert self.errors.read_text() == ""
        return code

    def _group(self) -> bool:
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True


@contextmanager
def raw(env: Mapping[str, str], cwd: Path) -> Iterator[Raw]:
    agent = Raw(env, cwd)
    try:
        yield agent
    finally:
        with suppress(ProcessLookupError):
            os.killpg(agent.process.pid, signal.SIGKILL)
        agent.process.wait()


GARBAGE = {
    "no JSON": (b"hello\n", -32700, None),
    "half of it": (b'{"jsonrpc": "2.0", "id": 1, \n', -32700, None),
    "bytes that are no text": (b"\xff\xfe\x00\x80\n", -32700, None),
    "deep": (b"[" * 100_000 + b"\n", -32700, None),
    "an array": (b"[1, 2]\n", -32600, None),
    "a number": (b"7\n", -32600, None),
    "null": (b"null\n", -32600, None),
    "an id that is an object": (b'{"id": {}, "result": 1}\n', -32600, None),
    "a method that is a number": (b'{"id": 7, "method": 7}\n', -32600, 7),
    "an error that is a text": (b'{"id": 7, "error": "x"}\n', -32600, 7),
    "nothing": (b'{"jsonrpc": "2.0", "id": 8}\n', -32600, 8),
    "no such method": (b'{"id": 9, "method": "a/b"}\n', -32601, 9),
    "a private method": (b'{"id": 9, "method": "_a/b"}\n', -32601, 9),
    "no params": (b'{"id": 9, "method": "session/new"}\n', -32602, 9),
    "wrong params": (b'{"id": 9, "method": "session/new", "params": 3}\n', -32602, 9),
    "no session": (
        b'{"id": 9, "method": "session/prompt", "params": {"sessionId": "x", '
        b'"prompt": []}}\n',
        -32002,
        9,
    ),
}


def test_garbage_is_answered_and_passed_by(home: Path, repo: Path) -> None:
    with raw(environment(home), home) as agent:
        for what, (data, code, number) in GARBAGE.items():
            agent.send(data)
            told = agent.until(lambda m: "error" in m)
            assert (told["error"]["code"], told["id"]) == (code, number), what
            assert len(json.dumps(told)) < 2000, what
        # What nobody asked for gets no answer, and does no harm.
        for data in (
            b"\n \r\n",
            b'{"id": 77, "result": {"a": 1}}\n',
            b'{"id": null, "error": {"code": "x"}}\n',
            b'{"method": "a/b", "params": [1]}\n',
            b'{"method": "session/cancel", "params": 7}\n',
            b'{"method": "session/cancel", "params": {"sessionId": "nobody"}}\n',
        ):
            agent.send(data)
        session = agent.begin(repo)
        told = agent.answer(agent.prompt(session, "what is add \ud800?"))
        assert told["result"] == {"stopReason": "end_turn"}
        assert agent.process.stdin is not None
        agent.send(b'{"half": ')
        agent.process.stdin.close()
        assert agent.ended() == 0


def test_a_line_of_50_mb_is_dropped_and_not_held(home: Path, repo: Path) -> None:
    with raw(environment(home), home) as agent:
        session = agent.begin(repo)
        before = agent.status("VmHWM")
        head = b'{"jsonrpc":"2.0","id":5,"method":"session/prompt","params":{"x":"'
        agent.send(head)
        for _ in range(50):
            agent.send(b"a" * 1_000_000)
        agent.send(b'"}}\n')
        told = agent.until(lambda m: "error" in m)
        assert (told["error"]["code"], told["id"]) == (-32600, None)
        assert agent.status("VmHWM") - before < 2.5 * MOST / 1024
        told = agent.answer(agent.prompt(session, "/cost"))
        assert told["result"] == {"stopReason": "end_turn"}
        # One that is only just short enough is read.
        agent.answer(agent.prompt(session, "x" * (20 * 1024 * 1024)))
        told = agent.answer(agent.prompt(session, "/cost"))
        assert told["result"] == {"stopReason": "end_turn"}
        assert agent.process.stdin is not None
        agent.process.stdin.close()
        assert agent.ended() == 0


def test_a_thousand_requests_leave_nothing_open(
    home: Path, repo: Path, tmp_path: Path
) -> None:
    other = make_repo(tmp_path / "other", FILES)
    with raw(environment(home, **scripted(home, {"text": "so"})), home) as agent:
        sessions = [agent.begin(repo), agent.begin(other)]
        agent.answer(agent.prompt(sessions[0], "what is add?"))
        agent.answer(agent.prompt(sessions[1], "what is add?"))
        agent.call("session/list", cwd=str(repo))

        def open_files() -> int:
            return len(os.listdir(f"/proc/{agent.process.pid}/fd"))

        files, threads = open_files(), agent.status("Threads")
        for turn in range(250):
            session = sessions[turn % 2]
            numbers = [
                agent.request("session/set_mode", sessionId=session, modeId="edit"),
                agent.request("session/list", cwd=str(repo)),
                agent.prompt(session, "/cost"),
                agent.request("session/set_mode", sessionId=session, modeId="ask"),
            ]
            left = set(numbers)
            while left:
                told = agent.until(lambda m: "method" not in m)
                assert "result" in told, told
                left.discard(told["id"])
        assert open_files() <= files
        assert agent.status("Threads") <= threads
        assert agent.process.stdin is not None
        agent.process.stdin.close()
        assert agent.ended() == 0
        checked(agent.wire)


WAYS = ("stdin closed", "stdout closed", "both closed", "SIGTERM", "SIGINT")


@pytest.mark.parametrize("way", WAYS)
def test_a_client_that_goes_in_the_middle_of_an_answer(
    home: Path, repo: Path, way: str
) -> None:
    slow = {"text": "word " * 4000, "chunk": 5, "delay": 0.01}
    with raw(environment(home, **scripted(home, slow)), home) as agent:
        session = agent.begin(repo)
        agent.prompt(session, "slowly")
        agent.streaming()
        leave(agent, way)
        assert agent.ended() == 0
    state = repo / ".git" / "repoctx"
    # What came is kept, and nobody holds the lock of the tree.
    assert any("word" in p.read_text() for p in (state / "answers").glob("*.md*"))
    with locked(state / "journal", 0):
        pass


@pytest.mark.parametrize("way", WAYS)
def test_a_client_that_goes_when_it_was_asked(home: Path, repo: Path, way: str) -> None:
    with raw(environment(home, **scripted(home, {"text": EDIT})), home) as agent:
        session = agent.begin(repo)
        agent.prompt(session, "/edit multiply")
        agent.until(lambda m: m.get("method") == "session/request_permission")
        leave(agent, way)
        assert agent.ended() == 0
    assert (repo / "calc.py").read_text() == FILES["calc.py"]
    with locked(repo / ".git" / "repoctx" / "journal", 0):
        pass


@pytest.mark.parametrize("way", ["stdin closed", "SIGTERM"])
def test_a_client_that_goes_while_files_are_read(
    home: Path, tmp_path: Path, way: str
) -> None:
    line = "def f{0}_{1}(a, b):\n    return a + b + {1}\n\n\n"
    files = {
        f"pkg/m{n}.py": "".join(line.format(n, k) for k in range(200))
        for n in range(400)
    }
    repo = make_repo(tmp_path / "large", files)
    with raw(environment(home), home) as agent:
        session = agent.begin(repo)
        agent.prompt(session, "what is f3_7?")
        agent.until(lambda m: '"tool_call"' in json.dumps(m))
        leave(agent, way)
        assert agent.ended() == 0


def leave(agent: Raw, way: str) -> None:
    """The client is gone, in some way."""
    pipes = [agent.process.stdin, agent.process.stdout]
    streams = {"stdin closed": pipes[:1], "stdout closed": pipes[1:]}
    if way.startswith("SIG"):
        agent.process.send_signal(getattr(signal, way))
    else:
        agent.close(*streams.get(way, pipes))


def test_the_answer_to_a_pipe_that_ends_is_written(home: Path) -> None:
    told = {"jsonrpc": "2.0", "id": 1, "method": "initialize"}
    data = json.dumps(told | {"params": {"protocolVersion": 1}}).encode()
    env = environment(home)
    done = subprocess.run(ACP, env=env, input=data, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["result"]["protocolVersion"] == 1


def test_a_missing_extra_names_the_command(home: Path) -> None:
    code = "import sys; sys.modules['acp'] = None; sys.argv = ['repoctx', 'acp']; "
    code += "from repoctx.__main__ import main; sys.exit(main())"
    done = subprocess.run(
        [ACP[0], "-c", code], env=environment(home), capture_output=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"pip install 'repoctx[acp]'" in done.stderr
