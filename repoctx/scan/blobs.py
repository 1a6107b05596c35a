"""Blobs by id, from one long-lived ``git cat-file``."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterable, Iterator
from itertools import islice
from types import TracebackType

from repoctx.scan.git import OBJECT_ID, Place, end, run, start

AHEAD_BLOBS, AHEAD_BYTES = 64, 1 << 20
"""How much is asked for at once of what was announced: each question to another process
costs two switches between them, more than most blobs take to read."""


class Blobs:
    """Blobs by id, through one ``git cat-file`` process that starts at the first read.

    Not for use by two threads, nor across a fork: open one in each worker.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._process: subprocess.Popen[bytes] | None = None
        self._plan: list[tuple[str, int]] = []
        self._places: dict[str, int] = {}
        self._ahead: dict[str, bytes | None] = {}

    def __enter__(self) -> Blobs:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process; a later read starts another."""
        process, self._process = self._process, None
        if process is not None:
            end(process)

    def read(self, oid: str) -> bytes:
        """The bytes of the blob ``oid``. Raises KeyError when it is not here (missing,
        corrupt, no blob, or not fetched by a partial clone)."""
        if oid not in self._ahead:
            self._ahead = dict(self._read_window(self._window(oid)))
        data = self._ahead.pop(oid)
        if data is None:
            raise KeyError(oid)
        return data

    def expect(self, blobs: Iterable[tuple[str, int]]) -> None:
        """Announce the (id, bytes) of blobs that will be read next, in this order: the
        reads are the same, and several times faster."""
        self._plan = list(blobs)
        self._places = {oid: at for at, (oid, _) in enumerate(self._plan)}

    def _window(self, oid: str) -> list[str]:
        """``oid``, and what is announced to be read after it."""
        at = self._places.get(oid)
        if at is None:
            return [oid]
        window: list[str] = []
        room = AHEAD_BYTES
        for name, size in self._plan[at : at + AHEAD_BLOBS]:
            room -= size
            if window and room < 0:
                break
            window.append(name)
        return window

    def read_many(self, oids: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
        """Each id with its bytes, or None where ``read`` would raise, in order."""
        rest = iter(oids)
        # 16 requests fit into a pipe's buffer, so neither side waits for the other; a
        # window is read whole, so that leaving the loop early leaves nothing behind.
        while window := list(islice(rest, 16)):
            yield from self._read_window(window)

    def _read_window(self, window: list[str]) -> list[tuple[str, bytes | None]]:
        found: list[tuple[str, bytes | None]] = []
        asked = False
        for place, oid in enumerate(window):
            if not OBJECT_ID.match(oid):
                found.append((oid, None))
                continue
            if not asked:
                self._ask(window[place:])
                asked = True
            try:
                found.append((oid, self._answer()))
            except EOFError:
                # A partial clone's git dies of an object that it may not fetch.
                self.close()
                found.append((oid, None))
                asked = False
        return found

    def _ask(self, oids: list[str]) -> None:
        if self._process is None:
            self._process = start(self._place, "cat-file", "--batch", quiet=True)
        assert self._process.stdin is not None  # noqa: S101 - opened with a pipe
        with contextlib.suppress(BrokenPipeError):
            lines = (f"{oid}\n" for oid in oids if OBJECT_ID.match(oid))
            self._process.stdin.write("".join(lines).encode())
            self._process.stdin.flush()

    def _answer(self) -> bytes | None:
        assert self._process is not None  # noqa: S101 - _ask came first
        assert self._process.stdout is not None  # noqa: S101 - opened with a pipe
        stdout = self._process.stdout
        header = stdout.readline().split()
        if not header:
            raise EOFError
        if len(header) < 3:
            return None
        size = int(header[2])
        data = stdout.read(size + 1)
        if len(data) != size + 1:
            raise EOFError
        return data[:-1] if header[1] == b"blob" else None


def sizes(place: Place, oids: Iterable[str]) -> dict[str, int]:
    """The sizes in bytes of those objects that are here (none that need a fetch)."""
    wanted = list(oids)
    if not wanted:
        return {}
    # --buffer: one write at the end instead of one for each of thousands of objects.
    check = ("cat-file", "--batch-check=%(objectname) %(objectsize)", "--buffer")
    data = "".join(f"{oid}\n" for oid in wanted).encode()
    out = run(place, *check, data=data, ok=(0, 128)).decode("ascii", "replace")
    pairs = (line.split(" ") for line in out.splitlines())
    return {p[0]: int(p[1]) for p in pairs if len(p) == 2 and p[1].isdigit()}
