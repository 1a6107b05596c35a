"""What was used and what it cost, kept by real sqlite."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys

import pytest

from repoctx.ask.ledger import Entry, last, of_model, record, since
from repoctx.errors import StorageError
from repoctx.values import Usage


def entry(time: float, **fields) -> Entry:
    usage = Usage(1000, 990, 10, 50, 0.25)
    return Entry(time, "ask", "compatible/tiny", "ab" * 32, usage, **fields)


def test_what_is_recorded_comes_back(tmp_path):
    path = tmp_path / "state" / "ledger.db"
    first = entry(1.5, seconds=2.5, stop="end", answer="2026-x.md")
    second = Entry(2.5, "ask", "offline", "", Usage(), error="boom")
    assert last(path) == []
    record(path, first)
    record(path, second)
    assert last(path) == [second]
    assert last(path, 5) == [second, first]
    assert since(path, 2.0) == [second]
    assert since(path, 0) == [first, second]
    assert last(path)[0].usage.cost is None
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"not a database" * 100, b"SQLite format 3\0 no"])
def test_a_broken_ledger_is_put_aside(tmp_path, content):
    path = tmp_path / "ledger.db"
    path.write_bytes(content)
    record(path, entry(1.0))
    assert last(path) == [entry(1.0)]
    assert path.with_suffix(".broken").read_bytes() == content


def test_another_programs_table_is_an_error(tmp_path):
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE requests (id INTEGER)")
    db.close()
    with pytest.raises(StorageError, match="ledger"):
        record(path, entry(1.0))


def test_no_room_is_one_line(tmp_path):
    (tmp_path / "state").write_text("a file")
    with pytest.raises(StorageError) as caught:
        record(tmp_path / "state" / "ledger.db", entry(1.0))
    assert "\n" not in str(caught.value)


def test_many_processes_lose_nothing(tmp_path):
    path = tmp_path / "ledger.db"
    program = (
        "from pathlib import Path\n"
        "from repoctx.ask.ledger import Entry, record\n"
        "from repoctx.values import Usage\n"
        "for n in range(25):\n"
        f"    record(Path({str(path)!r}), Entry(n, 'ask', 'm', 'p', Usage()))\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(4)]
    assert [p.wait(60) for p in running] == [0, 0, 0, 0]
    assert len(last(path, 1000)) == 100


OLD = """CREATE TABLE requests (id INTEGER PRIMARY KEY AUTOINCREMENT,
time REAL NOT NULL, door TEXT NOT NULL, model TEXT NOT NULL, prefix TEXT NOT NULL,
input INTEGER NOT NULL, cached INTEGER NOT NULL, cache_write INTEGER NOT NULL,
output INTEGER NOT NULL, cost REAL, seconds REAL NOT NULL, stop TEXT NOT NULL,
error TEXT NOT NULL, answer TEXT NOT NULL)"""
"""The table as the first version made it."""


def old_ledger(path):
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(OLD)
        db.execute(
            "INSERT INTO requests VALUES (1, 1.0, 'ask', 'compatible/tiny', ?, 1000,"
            " 990, 10, 50, 0.25, 0.0, '', '', '')",
            ["ab" * 32],
        )
    db.close()


def test_an_older_ledger_is_read_and_goes_on(tmp_path):
    path = tmp_path / "ledger.db"
    old_ledger(path)
    assert since(path, 0) == [entry(1.0)]
    told = entry(
        2.0, repository="/r", predicted=990, without=1.5, ttl=3600, estimated=980
    )
    record(path, told)
    assert since(path, 0) == [entry(1.0), told]
    # A program of that version goes on writing beside this one.
    with sqlite3.connect(path) as db:
        names = "time, door, model, prefix, input, cached, cache_write, output, cost"
        db.execute(
            f"INSERT INTO requests ({names}, seconds, stop, error, answer) VALUES"
            " (3.0, 'ask', 'compatible/tiny', ?, 1000, 990, 10, 50, 0.25, 0, '', '',"
            " '')",
            ["ab" * 32],
        )
    db.close()
    assert last(path) == [entry(3.0)]


def test_many_processes_migrate_at_once(tmp_path):
    path = tmp_path / "ledger.db"
    old_ledger(path)
    program = (
        "from pathlib import Path\n"
        "from repoctx.ask.ledger import since\n"
        f"assert len(since(Path({str(path)!r}), 0)) == 1\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(4)]
    assert [p.wait(60) for p in running] == [0, 0, 0, 0]
    record(path, entry(2.0, ttl=300))
    assert [e.ttl for e in since(path, 0)] == [0, 300]


def test_the_requests_of_one_model(tmp_path):
    path = tmp_path / "ledger.db"
    for n in range(4):
        record(path, entry(float(n)))
        record(path, Entry(n + 0.5, "ask", "other", "", Usage(5)))
    record(path, Entry(9.0, "ask", "compatible/tiny", "", Usage(), error="boom"))
    assert [e.time for e in of_model(path, "compatible/tiny", 3)] == [1.0, 2.0, 3.0]
