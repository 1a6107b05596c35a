"""A client of JSON-RPC, newline-delimited, on the real program."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cli.program import PATIENCE, Machine, end

Message = dict[str, Any]


class Client:
    """Writes to the program, and keeps all that it says."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.said: list[Message] = []
        self.more = threading.Condition()
        self.closed = False
        self._next = 0
        threading.Thread(target=self._read, daemon=True).start()

    def _bodies(self) -> Iterator[bytes]:
        """The messages that come, cut apart."""
        assert self.process.stdout
        yield from self.process.stdout

    def _heard(self, message: Message) -> None:
        """What is done about a message beside keeping it."""

    def _read(self) -> None:
        for body in self._bodies():
            message = json.loads(body)
            with self.more:
                self.said.append(message)
                self.more.notify_all()
            self._heard(message)
        with self.more:
            self.closed = True
            self.more.notify_all()

    def write(self, data: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def post(self, message: Message) -> None:
        """Write one message."""
        self.write(json.dumps(message).encode() + b"\n")

    def notify(self, method: str, **params: Any) -> None:
        """Send a notification."""
        self.post({"jsonrpc": "2.0", "method": method, "params": params})

    def send(self, method: str, **params: Any) -> int:
        """Send a request; its id."""
        self._next += 1
        message = {"jsonrpc": "2.0", "id": self._next, "method": method}
        self.post(message | {"params": params})
        return self._next

    def answer(self, key: int | None) -> Message:
        """Wait for the answer to the request ``key``."""
        return self.until(lambda m: "method" not in m and m.get("id") == key)

    def until(self, wanted: Callable[[Message], object], since: int = 0) -> Message:
        """Wait for the first message that is ``wanted``, from ``since`` on."""
        with self.more:
            while True:
                for message in self.said[since:]:
                    since += 1
                    if wanted(message):
                        return message
                assert not self.closed, self.said[-3:]
                assert self.more.wait(PATIENCE), self.said[-6:]

    def call(self, method: str, **params: Any) -> Any:
        """Send a request; its result."""
        answer = self.answer(self.send(method, **params))
        assert "result" in answer, answer
        return answer["result"]

    def error(self, method: str, **params: Any) -> Message:
        """Send a request that must fail; the error."""
        answer = self.answer(self.send(method, **params))
        assert "error" in answer, answer
        return answer["error"]

    def notes(self, method: str, key: int) -> list[Message]:
        """The notifications of a kind about the request ``key``."""
        return [
            m["params"]
            for m in self.said
            if m.get("method") == method and m["params"].get("id") == key
        ]

    def close(self) -> int:
        """Close stdin; the exit status."""
        assert self.process.stdin
        self.process.stdin.close()
        return self.process.wait(PATIENCE)


@contextmanager
def running(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End a process and close its pipes at the end of the block, whatever happens."""
    try:
        yield
    finally:
        end(process)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                with suppress(OSError):
                    stream.close()


@contextmanager
def served(
    machine: Machine,
    repo: Path,
    *args: str,
    env: Mapping[str, str] = {},
    **streams: Any,
) -> Iterator[Client]:
    """A running ``repoctx serve --stdio`` that is initialized."""
    pipe = subprocess.PIPE
    streams = {"stdin": pipe, "stdout": pipe, "stderr": pipe} | streams
    process = machine.start("serve", "--stdio", *args, cwd=repo, env=env, **streams)
    with running(process):
        client = Client(process)
        client.call("initialize", protocol_version=1)
        yield client
