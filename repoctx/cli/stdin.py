"""What stands in stdin: asked for by ``-``, or lying beside a question."""

from __future__ import annotations

import codecs
import os
import stat
import sys
from pathlib import Path

from repoctx.cli.terminal import say
from repoctx.errors import UsageError

MOST = 32_000_000
"""Bytes; more is no question."""

FIRST = 5.0
"""Seconds to wait for a pipe that nobody asked for: hooks, editors and cron hand one
down that stays open and silent."""

GAP = 60.0
"""Seconds to wait for the rest of one that has begun."""


def read_stdin() -> str:
    """All of stdin, however long it takes. Raises UsageError when it is closed or
    longer than `MOST`."""
    if sys.stdin is None:
        raise UsageError("- reads stdin, and stdin is closed")
    if sys.stdin.isatty():
        say("reading from the terminal; Ctrl-D ends it")
    return _text(sys.stdin.buffer.read(MOST + 1))


def read_answer(path: Path) -> str:
    """A model's answer in a file (- is stdin): bytes that are no UTF-8 stay what they
    are. Raises UsageError."""
    if str(path) == "-":
        if sys.stdin is None:
            raise UsageError("- reads stdin, and stdin is closed")
        if sys.stdin.isatty():
            say("reading the answer from the terminal; Ctrl-D ends it")
        data = sys.stdin.buffer.read(MOST + 1)
    else:
        try:
            with path.open("rb") as file:
                data = file.read(MOST + 1)
        except OSError as exc:
            raise UsageError(f"{path}: {exc.strerror}") from None
    if len(data) > MOST:
        raise UsageError(f"{path}: more than 32 MB")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    return data.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")


def beside(quiet: bool = False) -> str:
    """What a file or a pipe in stdin holds; nothing for a terminal or a device.

    A pipe that stays silent for `FIRST` seconds is left alone, and a line says so.
    Raises UsageError when one does not end.
    """
    if sys.stdin is None or sys.stdin.isatty():
        return ""
    descriptor = sys.stdin.fileno()
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return read_stdin()
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return ""
    return _piped(descriptor, quiet) if os.name == "posix" else read_stdin()


def _piped(descriptor: int, quiet: bool) -> str:
    from select import select

    data = bytearray()
    while len(data) <= MOST:
        if not select([descriptor], [], [], GAP if data else FIRST)[0]:
            if data:
                raise UsageError(f"stdin does not end: nothing came for {GAP:g} s")
            if not quiet:
                say(f"nothing came on stdin for {FIRST:g} s: asking without it")
            return ""
        block = os.read(descriptor, 1 << 20)
        if not block:
            break
        data += block
    return _text(data)


def _text(data: bytes | bytearray) -> str:
    if len(data) > MOST:
        raise UsageError("stdin holds more than 32 MB")
    return data.decode("utf-8", "replace")
