"""The real program in processes of its own: through pipes, and on a terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAM = (sys.executable, "-m", "repoctx")
PATIENCE = 60.0
"""Seconds after which a run that does not end fails its test."""


@dataclass(frozen=True)
class Done:
    """How a run ended. ``text`` is stdout, ``err`` stderr."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode("utf-8", "surrogateescape")

    @property
    def objects(self) -> list[dict[str, Any]]:
        """Every line of stdout, as JSON."""
        return [json.loads(line) for line in self.text.splitlines()]

    @property
    def result(self) -> dict[str, Any]:
        """The result object, which comes last."""
        return self.objects[-1]


class Machine:
    """A user's home with nothing in it, and the program run from there."""

    def __init__(self, home: Path) -> None:
        self.home = home
        kept = {k: os.environ[k] for k in ("PATH", "SYSTEMROOT") if k in os.environ}
        self.env = {
            **kept,
            "HOME": str(home),
            "XDG_CACHE_HOME": str(home / "cache"),
            "XDG_CONFIG_HOME": str(home / "config"),
            "REPOCTX_CONFIG": str(home / "config.toml"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "TERM": "xterm-256color",
            "COLUMNS": "100",
        }

    def start(
        self, *args: str | bytes, cwd: Path, env: Mapping[str, str] = {}, **streams: Any
    ) -> subprocess.Popen[bytes]:
        """Start the program in a session of its own, so that all of it can be ended."""
        command: Sequence[str | bytes] = [*PROGRAM, *args]
        return subprocess.Popen(
            command, cwd=cwd, env=self.env | env, start_new_session=True, **streams
        )

    def run(
        self,
        *args: str | bytes,
        cwd: Path,
        env: Mapping[str, str] = {},
        data: bytes | None = None,
        **streams: Any,
    ) -> Done:
        """Run to the end; stdin is ``data``, or /dev/null."""
        streams.setdefault("stdin", subprocess.DEVNULL if data is None else -1)
        streams.setdefault("stdout", subprocess.PIPE)
        streams.setdefault("stderr", subprocess.PIPE)
        process = self.start(*args, cwd=cwd, env=env, **streams)
        try:
            out, err = process.communicate(data, timeout=PATIENCE)
        finally:
            end(process)
        return Done(process.returncode, out or b"", (err or b"").decode())

    @contextmanager
    def terminal(
        self,
        *args: str,
        cwd: Path,
        env: Mapping[str, str] = {},
        columns: int = 100,
        **streams: Any,
    ) -> Iterator[Terminal]:
        """Run on a terminal of its own; ``streams`` may lead elsewhere."""
        main, side = pty.openpty()
        size = struct.pack("HHHH", 40, columns, 0, 0)
        fcntl.ioctl(side, termios.TIOCSWINSZ, size)
        for name in ("stdin", "stdout", "stderr"):
            streams.setdefault(name, side)
        plain = {k: v for k, v in (self.env | env).items() if k != "COLUMNS"}
        process = subprocess.Popen(
            [sys.executable, "-c", _CONTROLLED, *PROGRAM, *args],
            cwd=cwd,
            env=plain | {"TERMINAL": os.ttyname(side)},
            start_new_session=True,
            **streams,
        )
        os.close(side)
        try:
            yield Terminal(main, process)
        finally:
            end(process)
            os.close(main)


_CONTROLLED = """
import os, sys
# The first terminal that a session's leader opens becomes the one whose Ctrl-C it gets.
os.close(os.open(os.environ.pop("TERMINAL"), os.O_RDWR))
os.execv(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """The other end of a terminal on which a program runs."""

    def __init__(self, descriptor: int, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.seen = b""
        self._descriptor = descriptor

    def type(self, text: bytes) -> None:
        os.write(self._descriptor, text)

    def until(self, wanted: bytes) -> bytes:
        """Read until ``wanted`` has been shown; all that was."""
        deadline = time.monotonic() + PATIENCE
        while wanted not in self.seen:
            assert time.monotonic() < deadline, self.seen
            assert self._read(0.1), (wanted, self.seen)
        return self.seen

    def until_more(self) -> None:
        """Read until something more has been shown."""
        had, deadline = len(self.seen), time.monotonic() + PATIENCE
        while len(self.seen) == had:
            assert time.monotonic() < deadline and self._read(0.1), self.seen

    def end(self) -> int:
        """Read to the end; the exit code."""
        deadline = time.monotonic() + PATIENCE
        while self._read(0.1):
            assert time.monotonic() < deadline, self.seen
        return self.process.wait(PATIENCE)

    def _read(self, patience: float) -> bool:
        """Take what has come; False when the terminal is closed on the other side."""
        if not select.select([self._descriptor], [], [], patience)[0]:
            return True
        try:
            data = os.read(self._descriptor, 1 << 16)
        except OSError:  # Linux says so when nobody holds the other side any more.
            return False
        self.seen += data
        return bool(data)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started, if it still runs."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)


def alive(session: int) -> list[str]:
    """Processes of a session that still run."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            name, _, rest = (entry / "stat").read_text().rpartition(") ")
        except OSError:
            continue
        state, _, _, of = rest.split()[:4]
        if int(of) == session and state != "Z":
            found.append(name)
    return found
