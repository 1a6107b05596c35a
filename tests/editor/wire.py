"""A client of newline-delimited JSON-RPC, on the real program."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator, Mapping
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
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            with self.more:
                self.said.append(json.loads(line))
                self.more.notify_all()
        with self.more:
            self.closed = True
            self.more.notify_all()

    def write(self, data: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, method: str, **params: Any) -> int:
        """Send a request; its id."""
        self._next += 1
        message = {"jsonrpc": "2.0", "id": self._next, "method": method}
        self.write(json.dumps(message | {"params": params}).encode() + b"\n")
        return self._next

    def answer(self, key: int | None) -> Message:
        """Wait for the answer to the request ``key``."""
        return self.until(lambda m: "method" not in m and m.get("id") == key)

    def until(self, wanted: Any) -> Message:
        """Wait for the first message that is ``wanted``."""
        seen = 0
        with self.more:
            while True:
                for message in self.said[seen:]:
                    seen += 1
                    if wanted(message):
                        return message
                assert not self.closed, self.said[-3:]
                assert self.more.wait(PATIENCE), self.said[-3:]

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
    try:
        client = Client(process)
        client.call("initialize", protocol_version=1)
        yield client
    finally:
        end(process)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                with suppress(OSError):
                    stream.close()
