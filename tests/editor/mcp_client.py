"""Clients of ``repoctx mcp``: the official SDK's, and bare pipes for the rest."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters

from cli.program import Machine

PROGRAM = (sys.executable, "-m", "repoctx", "mcp")
ERAS = {"legacy": "2025-11-25", "auto": "2026-07-28"}
"""How the SDK opens a connection, and the version that it then speaks."""

HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


def environment(home: Path, **more: str) -> dict[str, str]:
    """The variables of a server that sees nothing of who runs the tests."""
    home.mkdir(exist_ok=True)
    return Machine(home).env | more


@asynccontextmanager
async def connected(root: Path, era: str = "legacy", **env: str) -> AsyncIterator[Any]:
    """The SDK's client, connected to a server of its own."""
    server = StdioServerParameters(
        command=PROGRAM[0],
        args=[*PROGRAM[1:], "-C", str(root)],
        env=environment(root.parent / "home", **env),
    )
    async with Client(server, mode=era, read_timeout_seconds=60) as client:  # type: ignore[arg-type]
        yield client


class Pipe:
    """A server with nothing between it and the test."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._number = 0

    def send(self, data: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def ask(self, method: str, params: Mapping[str, Any] | None = None) -> int:
        """Send a request; its id."""
        self._number += 1
        self.message(id=self._number, method=method, params=params or {})
        return self._number

    def message(self, **fields: Any) -> None:
        self.send(json.dumps({"jsonrpc": "2.0", **fields}).encode() + b"\n")

    def call(self, tool: str, **arguments: Any) -> int:
        """Call a tool; the request's id."""
        return self.ask("tools/call", {"name": tool, "arguments": arguments})

    def read(self) -> Any:
        """The next message; None at the end."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        return json.loads(line) if line else None

    def answer(self, number: int) -> Any:
        """The answer to a request; what comes before it is passed over."""
        while (message := self.read()) is not None:
            if message.get("id") == number:
                return message
        raise AssertionError("the server has ended")

    def hello(self) -> None:
        """The handshake."""
        self.answer(self.ask("initialize", HELLO))
        self.message(method="notifications/initialized")

    def end(self) -> int:
        """Close stdin; the exit status."""
        assert self.process.stdin
        self.process.stdin.close()
        return self.process.wait(60)


@contextmanager
def piped(root: Path, **env: str) -> Iterator[Pipe]:
    """A server on bare pipes, ended at the end of the block whatever happens."""
    process = subprocess.Popen(
        [*PROGRAM, "-C", str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(root.parent / "home", **env),
    )
    try:
        yield Pipe(process)
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                with suppress(OSError):
                    stream.close()
