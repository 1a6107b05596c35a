"""Lines of JSON over stdin and stdout, which belong to the protocol alone.

Nothing that is printed, by us, a library or a program that we start, can get between
two messages: both descriptors are moved away, and what stays in their place leads
nowhere. A line is read in bounded memory, whatever its length.
"""

from __future__ import annotations

import json
import os
import select
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

MOST_LINE = 16 * 1024 * 1024
"""Bytes of one message."""

_PIECE = 1 << 16


class TooLong:
    """Stands for a line of more than `MOST_LINE` bytes, which was not kept."""


TOO_LONG = TooLong()


def take_stdio(keep_stderr: bool = False) -> tuple[int, int]:
    """The descriptors of stdin and stdout, ours from now on; no program that is started
    inherits them. What is written to stderr goes nowhere, unless it is kept; its pipe
    stays open to the end, for some clients take its end for a failure.

    Raises OSError when one is closed.
    """
    if sys.platform == "win32":
        import msvcrt

        for descriptor in (0, 1):
            msvcrt.setmode(descriptor, os.O_BINARY)
    ours = os.dup(0), os.dup(1)
    with suppress(OSError):  # Closed already.
        os.dup(2)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1) if keep_stderr else (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)
    return ours


def lines(descriptor: int, most: int = MOST_LINE) -> Iterator[bytes | TooLong]:
    """Each line without its end, as soon as it has come; of one that is longer than
    ``most`` bytes nothing is kept but that it was there. A last line without an end
    counts too. Ends with the stream."""
    kept = bytearray()
    lost = False
    while piece := _read(descriptor):
        *whole, rest = piece.split(b"\n")
        for part in whole:
            if lost or len(kept) + len(part) > most:
                yield TOO_LONG
            else:
                yield bytes(kept + part)
            kept.clear()
            lost = False
        if lost or len(kept) + len(rest) > most:
            lost = True
            kept.clear()
        else:
            kept += rest
    if kept or lost:
        yield TOO_LONG if lost else bytes(kept)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, _PIECE)
    except OSError:  # A terminal that was closed says so.
        return b""


def write_all(descriptor: int, data: bytes) -> None:
    """Write ``data``, whole. Raises OSError."""
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def hung_up(descriptor: int) -> bool:
    """Whether the other end of a pipe or a socket is closed."""
    if not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(descriptor, 0)
    found = poll.poll(0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in found)


class Writer:
    """Writes messages, each whole, from any thread. After the first one that its reader
    does not take, ``gone`` is set and the rest are dropped."""

    def __init__(self, descriptor: int) -> None:
        self.gone = threading.Event()
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def __call__(self, message: dict[str, Any]) -> None:
        """Write ``message`` as one line."""
        data = encoded(message) + b"\n"
        with self._lock:
            if self.gone.is_set():
                return
            try:
                write_all(self._descriptor, data)
            except OSError:
                self.gone.set()


def encoded(message: object) -> bytes:
    """``message`` as one line of JSON in UTF-8. A path's bytes that are no UTF-8 are
    replaced: no reader takes lone surrogates."""
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        return (
            text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
        )
