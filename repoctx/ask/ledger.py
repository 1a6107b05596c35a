"""The ledger: one row for each request, with what it used and what it cost.

Append-only sqlite; no prompt and no answer ever stands in it. It can be deleted at any
time, and a broken one is put aside and begun anew.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from repoctx.errors import StorageError
from repoctx.values import Usage

_COLUMNS = {
    "time": "REAL NOT NULL",
    "door": "TEXT NOT NULL",
    "model": "TEXT NOT NULL",
    "prefix": "TEXT NOT NULL",
    "input": "INTEGER NOT NULL",
    "cached": "INTEGER NOT NULL",
    "cache_write": "INTEGER NOT NULL",
    "output": "INTEGER NOT NULL",
    "cost": "REAL",
    "seconds": "REAL NOT NULL",
    "stop": "TEXT NOT NULL",
    "error": "TEXT NOT NULL",
    "answer": "TEXT NOT NULL",
    "repository": "TEXT NOT NULL DEFAULT ''",
    "predicted": "INTEGER",
    "without": "REAL",
    "ttl": "INTEGER NOT NULL DEFAULT 0",
    "estimated": "INTEGER NOT NULL DEFAULT 0",
}
_LATER = ("repository", "predicted", "without", "ttl", "estimated")
"""Columns that ledgers of earlier versions lack; they get them when they are opened."""
WARM = "warm"
"""The door of requests that nobody waits for an answer of."""

_PATIENCE = 5.0
"""Seconds to wait for another process's write."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One request. ``time`` is in seconds since 1970, ``door`` the command that asked,
    ``prefix`` a digest, ``stop`` a Stop's value (empty after an error), ``error`` one
    line without prompt, answer or key, ``answer`` the name of the saved file.

    ``repository`` is the root's path. ``predicted`` of the input tokens were believed
    to be cached (None: nothing was predicted), ``estimated`` is the input in tokens as
    packing counts them (0: not counted), ``without`` what the same would have cost
    without a cache (None: unknown), ``ttl`` the lifetime in seconds of cache writes
    (0: the provider's usual)."""

    time: float
    door: str
    model: str
    prefix: str
    usage: Usage
    seconds: float = 0.0
    stop: str = ""
    error: str = ""
    answer: str = ""
    repository: str = ""
    predicted: int | None = None
    without: float | None = None
    ttl: int = 0
    estimated: int = 0


def record(path: Path, entry: Entry) -> None:
    """Append ``entry`` to the ledger at ``path``. Raises StorageError."""
    usage = astuple(entry.usage)
    row = [
        *(entry.time, entry.door, entry.model, entry.prefix),
        *usage,
        *(entry.seconds, entry.stop, entry.error, entry.answer),
        *(entry.repository, entry.predicted, entry.without),
        *(entry.ttl, entry.estimated),
    ]
    marks = ", ".join("?" * len(row))
    names = ", ".join(_COLUMNS)
    with _open(path) as db:
        db.execute(f"INSERT INTO requests ({names}) VALUES ({marks})", row)  # noqa: S608
        db.commit()


def last(path: Path, count: int = 1) -> list[Entry]:
    """The latest entries, the newest first; none when there is no ledger."""
    return _select(path, "ORDER BY id DESC LIMIT ?", count)


def since(path: Path, time: float) -> list[Entry]:
    """The entries from ``time`` on, the oldest first."""
    return _select(path, "WHERE time >= ? ORDER BY id", time)


def of_model(path: Path, model: str, count: int) -> list[Entry]:
    """The latest answered requests to ``model``, at most ``count``, the oldest first.

    Those that were sent to a server that reported no tokens are not among them."""
    clause = "WHERE model = ? AND input > 0 ORDER BY id DESC LIMIT ?"
    return _select(path, clause, model, count)[::-1]


def _select(path: Path, clause: str, *values: object) -> list[Entry]:
    if not path.exists():
        return []
    with _open(path) as db:
        names = ", ".join(_COLUMNS)
        rows = db.execute(f"SELECT {names} FROM requests {clause}", values)  # noqa: S608
        return [_entry(row) for row in rows]


def _entry(row: tuple[Any, ...]) -> Entry:
    time, door, model, prefix, *rest = row
    used = len(fields(Usage))
    return Entry(time, door, model, prefix, Usage(*rest[:used]), *rest[used:])


@contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a sound ledger, closed at the end. Raises StorageError."""
    try:
        db = _sound(path)
        with closing(db):
            yield db
    except (sqlite3.Error, OSError) as exc:
        raise StorageError(f"ledger {path}: {exc}") from None


def _sound(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return _connect(path)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        # Another process may have put it aside already: look again before we do.
        with suppress(sqlite3.DatabaseError):
            return _connect(path)
        path.replace(path.with_suffix(".broken"))
        for extra in ("-wal", "-shm"):
            path.with_name(path.name + extra).unlink(missing_ok=True)
        return _connect(path)


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=_PATIENCE)
    try:
        path.chmod(0o600)
        db.execute("PRAGMA journal_mode = WAL")
        columns = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
        db.execute(
            "CREATE TABLE IF NOT EXISTS requests"
            f" (id INTEGER PRIMARY KEY AUTOINCREMENT, {columns})"
        )
        _migrate(db)
    except BaseException:
        db.close()
        raise
    return db


def _migrate(db: sqlite3.Connection) -> None:
    """Add the columns that this version knows and the ledger's own did not."""
    there = {row[1] for row in db.execute("PRAGMA table_info(requests)")}
    for name in _LATER:
        if name not in there:
            # Another process may be doing the same.
            with suppress(sqlite3.OperationalError):
                db.execute(f"ALTER TABLE requests ADD COLUMN {name} {_COLUMNS[name]}")
