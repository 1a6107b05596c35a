"""Journals: what an apply replaces and by what, on the disk before anything is touched.

One file a commit, written whole and never changed; what became of it is the end of its
name (`Phase`), so that a mark is one rename. FORMAT.md gives the bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from repoctx.apply.folder import sync_folder
from repoctx.apply.guard import refusal
from repoctx.errors import NotApplied, StorageError

JOURNAL_VERSION = 1

KEPT = 100
"""Journals that stay, newest first."""
KEPT_BYTES = 256 * 1024 * 1024
"""Bytes that they may take together; the newest always stays."""
PATIENCE = 60.0
"""Seconds to wait for another process that writes the same tree."""

_FIRST = f"repoctx journal {JOURNAL_VERSION}\n".encode()
_PAUSE = 0.02
_BROKEN = (ValueError, LookupError, TypeError, ArithmeticError, RecursionError)


class Phase(StrEnum):
    """What became of a commit: the end of its journal's name."""

    APPLYING = "applying"
    DONE = "done"
    UNDOING = "undoing"
    UNDONE = "undone"
    REDOING = "redoing"
    LEFT = "left"
    """Interrupted, and files were changed before it could be taken back."""


UNDER_WAY = {Phase.APPLYING, Phase.UNDOING, Phase.REDOING}


@dataclass(frozen=True, slots=True)
class Side:
    """A regular file: its bytes and its permission bits. Two are equal when git would
    call them so: the bytes, and whether the owner may run it."""

    data: bytes
    perm: int

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Side)
            and self.data == other.data
            and not (self.perm ^ other.perm) & 0o100
        )

    def __hash__(self) -> int:
        return hash(self.data)


@dataclass(frozen=True, slots=True)
class Entry:
    """One path before and after; None: there is nothing."""

    path: str
    old: Side | None
    new: Side | None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """A journal without the bytes. ``time`` is in seconds since 1970; ``title`` is a
    line for people; ``files`` are (path, what happened)."""

    id: str
    phase: Phase
    time: float
    title: str
    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Journal:
    """A commit. ``made`` are the folders that it makes, outer first; ``dropped`` those
    that it leaves empty and removes, inner first; both with their permission bits."""

    id: str
    time: float
    title: str
    entries: tuple[Entry, ...]
    made: tuple[tuple[str, int], ...] = ()
    dropped: tuple[tuple[str, int], ...] = ()
    phase: Phase = Phase.APPLYING


def new_id(now: float) -> str:
    """An id that sorts by time."""
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%S.%f")[:-3]
    return f"{stamp}Z-{secrets.token_hex(4)}"


def write(folder: Path, journal: Journal) -> None:
    """Have ``journal`` on the disk, in its phase. Raises OSError."""
    sides = [side for e in journal.entries for side in (e.old, e.new) if side]
    final = _file(folder, journal.id, journal.phase)
    unfinished = folder / f"{journal.id}.new"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        with open(unfinished, "xb", opener=lambda n, _: os.open(n, flags, 0o600)) as f:
            f.write(_FIRST)
            f.write(json.dumps(_header(journal)).encode("ascii") + b"\n")
            for side in sides:
                f.write(side.data)
            f.flush()
            os.fsync(f.fileno())
        unfinished.rename(final)
        sync_folder(folder)
    except BaseException:
        for path in (unfinished, final):
            with suppress(OSError):
                path.unlink()
        raise


def mark(folder: Path, name: str, old: Phase, phase: Phase) -> None:
    """Say on the disk what became of the journal ``name``. Raises OSError."""
    _file(folder, name, old).rename(_file(folder, name, phase))
    sync_folder(folder)


def forget(folder: Path, journal: Journal) -> None:
    """Remove a journal of which nothing is left in the tree. Raises OSError."""
    _file(folder, journal.id, journal.phase).unlink()
    sync_folder(folder)


def read(folder: Path, record: Record) -> Journal:
    """The whole journal. Raises StorageError when it is gone, damaged, or names what
    no commit may touch."""
    path = _file(folder, record.id, record.phase)
    try:
        with path.open("rb") as file:
            fields = _read_header(file.readline(), file.readline())
            entries = tuple(
                Entry(
                    path=_path(e["path"]),
                    old=_side(e["old"], file.read),
                    new=_side(e["new"], file.read),
                    source=_path(e["source"]) if e["source"] else "",
                )
                for e in fields["entries"]
            )
        return Journal(
            id=record.id,
            time=float(fields["time"]),
            title=str(fields["title"]),
            entries=entries,
            made=tuple((_path(p), _perm(perm, 0o7777)) for p, perm in fields["made"]),
            dropped=tuple(
                (_path(p), _perm(perm, 0o7777)) for p, perm in fields["dropped"]
            ),
            phase=record.phase,
        )
    except OSError as exc:
        raise StorageError(f"cannot read {path}: {exc.strerror}") from exc
    except _BROKEN as exc:
        raise StorageError(f"the journal {path} is damaged") from exc


def records(folder: Path) -> list[Record]:
    """Every journal, newest first; of one that cannot be read, the name alone."""
    found = []
    for name, phase, path in sorted(_files(folder), reverse=True):
        try:
            with path.open("rb") as file:
                fields = _read_header(file.readline(), file.readline())
            files = tuple((str(e["path"]), _what(e)) for e in fields["entries"])
            title = str(fields["title"])
            found.append(Record(name, phase, float(fields["time"]), title, files))
        except (OSError, *_BROKEN):
            found.append(Record(name, phase, 0.0, "(not to be read)", ()))
    return found


def record_of(journal: Journal) -> Record:
    """The journal without its bytes."""
    header = _header(journal)
    files = tuple((e["path"], _what(e)) for e in header["entries"])
    return Record(journal.id, journal.phase, journal.time, journal.title, files)


def under_way(folder: Path) -> bool:
    """Whether a commit has begun here and not ended: it runs, or was killed."""
    return any(phase in UNDER_WAY for _, phase, _ in _files(folder))


def prune(folder: Path) -> None:
    """Delete, once something new was applied, what was undone before; the oldest
    journals above `KEPT` and `KEPT_BYTES`; and what was left unfinished.

    Never fails: what is not deleted now is deleted later.
    """
    total = 0
    for number, (_, phase, path) in enumerate(sorted(_files(folder), reverse=True)):
        with suppress(OSError):
            total += path.stat().st_size
            old = number >= KEPT or total > KEPT_BYTES or phase is Phase.UNDONE
            if number and old and phase not in UNDER_WAY:
                path.unlink()
    with suppress(OSError):
        for path in folder.glob("*.new"):
            path.unlink()


@contextmanager
def locked(folder: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the one lock of the tree whose journals lie in ``folder``.

    Raises NotApplied when another process holds it for ``patience`` seconds,
    StorageError when there can be no lock.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
        descriptor = os.open(folder / "lock", flags, 0o600)
    except OSError as exc:
        raise StorageError(f"cannot write {folder}: {exc.strerror}") from exc
    try:
        until = time.monotonic() + patience
        while not _take(descriptor):
            if time.monotonic() >= until:
                raise NotApplied("another repoctx is writing this tree; try again")
            time.sleep(_PAUSE)
        yield
    finally:
        with suppress(OSError):
            os.close(descriptor)  # The lock goes with it, as at the process's end.


def _take(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _file(folder: Path, name: str, phase: Phase) -> Path:
    return folder / f"{name}.{phase}"


def _files(folder: Path) -> Iterator[tuple[str, Phase, Path]]:
    try:
        names = [entry.name for entry in os.scandir(folder)]
    except OSError:
        return
    phases = {str(phase): phase for phase in Phase}
    for name in names:
        stem, _, end = name.rpartition(".")
        if stem and end in phases:
            yield stem, phases[end], folder / name


def _header(journal: Journal) -> dict[str, Any]:
    return {
        "time": journal.time,
        "title": journal.title,
        "made": journal.made,
        "dropped": journal.dropped,
        "entries": [
            {
                "path": entry.path,
                "source": entry.source,
                "old": _note(entry.old),
                "new": _note(entry.new),
            }
            for entry in journal.entries
        ],
    }


def _note(side: Side | None) -> dict[str, Any] | None:
    if side is None:
        return None
    digest = hashlib.sha256(side.data).hexdigest()
    return {"size": len(side.data), "perm": side.perm, "sha256": digest}


def _read_header(first: bytes, second: bytes) -> dict[str, Any]:
    if first != _FIRST:
        raise ValueError("another version")
    fields = json.loads(second)
    if not isinstance(fields, dict):
        raise ValueError("no object")
    return fields


def _side(note: dict[str, Any] | None, read: Callable[[int], bytes]) -> Side | None:
    if note is None:
        return None
    size = int(note["size"])
    data = read(size) if size >= 0 else b""
    if hashlib.sha256(data).hexdigest() != note["sha256"]:
        raise ValueError("bytes differ from their digest")
    return Side(data, _perm(note["perm"]))


def _path(value: object) -> str:
    """A path that may be written: the state folder may come from anywhere."""
    if not isinstance(value, str) or refusal(value):
        raise ValueError("no path for a commit")
    return value


def _perm(value: object, most: int = 0o777) -> int:
    if not isinstance(value, int) or value & ~most:
        raise ValueError("no permission bits")
    return value


def _what(entry: dict[str, Any]) -> str:
    if entry["old"] is None:
        return f"moved from {entry['source']}" if entry["source"] else "created"
    return "changed" if entry["new"] is not None else "deleted"
