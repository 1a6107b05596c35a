"""The sqlite file behind the index: opened, repaired, replaced, or held in memory.

A broken file is deleted and begun again; one that cannot be written is read as far as
possible and continued in memory, together with what it held. Several processes may
write at once (WAL, immediate transactions); a killed one leaves what it had committed.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from repoctx.errors import StorageError

SCHEMA_VERSION = 2
"""Raised when a table or the encoding of a column changes; see FORMAT.md."""

BUSY_SECONDS = 10.0
"""How long a writer waits for another process before it goes on in memory."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (
  oid TEXT PRIMARY KEY, size INT, lines INT, chars INT, traits TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS keys (
  version INT, oid TEXT, lang TEXT, id INT, PRIMARY KEY (version, oid, lang)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outlines (
  id INTEGER PRIMARY KEY, errors INT, definitions BLOB, refs BLOB, skeleton BLOB
);
CREATE TABLE IF NOT EXISTS tokens (
  tokenizer TEXT, digest TEXT, count INT, PRIMARY KEY (tokenizer, digest)
) WITHOUT ROWID;
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(
  body, defs, tokenize = "ascii"
);
"""

_BROKEN = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

T = TypeVar("T")


class Database:
    """One connection, for one thread. ``recovered`` and ``note`` as in ``Store``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.recovered = ""
        self.note = ""
        self._inode = 0
        self._con = self._connect()

    def close(self) -> None:
        """Give the file back; calling it again does nothing."""
        with contextlib.suppress(sqlite3.Error):
            self._con.close()

    def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """``query``'s result; from an empty index when the file turns out broken."""
        try:
            return query(self._con)
        except (sqlite3.DatabaseError, zlib.error, ValueError) as exc:
            self._replace(exc)
            return query(self._con)

    def write(self, change: Callable[[sqlite3.Connection], object]) -> None:
        """Do all of ``change`` or nothing; in memory when the file takes no more."""
        try:
            with _transaction(self._con):
                change(self._con)
        except sqlite3.DatabaseError as exc:
            self._replace(exc)
            with _transaction(self._con):
                change(self._con)

    def _connect(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return self._open_file()
        except sqlite3.DatabaseError as exc:
            return self._rebuilt(exc) if _is_broken(exc) else self._read_only(exc)
        except OSError as exc:
            return self._read_only(exc)

    def _open_file(self) -> sqlite3.Connection:
        con = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            self._inode = _inode(self.path)
            found = con.execute("PRAGMA user_version").fetchone()[0]
            if found not in (0, SCHEMA_VERSION):
                raise _not_ours(f"schema {found}, this program has {SCHEMA_VERSION}")
            _patiently(lambda: con.execute("PRAGMA journal_mode = WAL").fetchone())
            con.execute("PRAGMA synchronous = NORMAL")
            if found == 0:
                _create(con)
        except BaseException:
            con.close()
            raise
        return con

    def _rebuilt(self, reason: Exception) -> sqlite3.Connection:
        """An empty index in place of a broken file."""
        self.recovered = f"the index was built anew ({reason})"
        try:
            # Another process may have put a sound file in its place already.
            if _inode(self.path) == self._inode:
                for suffix in ("", "-wal", "-shm"):
                    beside = self.path.with_name(self.path.name + suffix)
                    beside.unlink(missing_ok=True)
            return self._open_file()
        except (OSError, sqlite3.Error) as exc:
            return self._in_memory(exc)

    def _read_only(self, reason: Exception) -> sqlite3.Connection:
        """What the file holds, when it can be read but not written.

        Without a write-ahead log beside it the file is complete, and ``immutable``
        lets sqlite read it where it cannot create its lock files.
        """
        log = self.path.with_name(self.path.name + "-wal")
        try:
            mode = "mode=ro" if log.exists() else "mode=ro&immutable=1"
            uri = f"{self.path.absolute().as_uri()}?{mode}"
            con = sqlite3.connect(uri, uri=True, isolation_level=None)
            try:
                found = con.execute("PRAGMA user_version").fetchone()[0]
                con.execute("SELECT count(*) FROM facts").fetchone()
            except sqlite3.Error:
                con.close()
                raise
            if found == SCHEMA_VERSION:
                self.note = _unwritable(self.path, reason)
                return con
            con.close()
        except (OSError, ValueError, sqlite3.Error):
            pass
        return self._in_memory(reason)

    def _in_memory(
        self, reason: Exception, source: sqlite3.Connection | None = None
    ) -> sqlite3.Connection:
        """An index for this run alone, with what ``source`` can still give."""
        self.note = _unwritable(self.path, reason)
        try:
            con = sqlite3.connect(":memory:", isolation_level=None)
            if source is not None:
                with contextlib.suppress(sqlite3.Error):
                    source.backup(con)
            _create(con)
        except (sqlite3.Error, MemoryError) as exc:
            raise StorageError(f"no index can be kept: {exc}") from exc
        return con

    def _replace(self, exc: Exception) -> None:
        old = self._con
        if _is_broken(exc):
            old.close()
            self._con = self._rebuilt(exc)
        else:
            self._con = self._in_memory(exc, old)
            old.close()


@contextlib.contextmanager
def _transaction(con: sqlite3.Connection) -> Iterator[None]:
    con.execute("BEGIN IMMEDIATE")
    try:
        yield
        con.execute("COMMIT")
    except BaseException:
        # Ctrl-C included: nothing of a batch is kept unless all of it is.
        with contextlib.suppress(sqlite3.Error):
            con.execute("ROLLBACK")
        raise


def _create(con: sqlite3.Connection) -> None:
    with _transaction(con):
        for statement in _SCHEMA.split(";\n"):
            con.execute(statement)
        # One flush a batch instead of one a megabyte.
        con.execute("INSERT INTO words(words, rank) VALUES ('hashsize', 16777216)")
        con.execute(f"PRAGMA user_version = {SCHEMA_VERSION:d}")


def _patiently(attempt: Callable[[], T]) -> T:
    """Switching to WAL does not wait for another process by itself."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return attempt()
        except sqlite3.OperationalError as exc:
            busy = exc.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > end:
                raise
            time.sleep(0.02)


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0


def _not_ours(message: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(message)
    error.sqlite_errorcode = sqlite3.SQLITE_NOTADB
    return error


def _is_broken(exc: Exception) -> bool:
    """Whether the file is at fault, not the disk, a lock or a permission."""
    if not isinstance(exc, sqlite3.Error):
        return True  # a column that cannot be decoded
    code = getattr(exc, "sqlite_errorcode", sqlite3.SQLITE_OK)
    missing = code == sqlite3.SQLITE_ERROR and "no such" in str(exc)
    return missing or code & 0xFF in _BROKEN


def _unwritable(path: Path, reason: Exception) -> str:
    return f"the index {path} cannot be written ({reason}); it is not kept"
