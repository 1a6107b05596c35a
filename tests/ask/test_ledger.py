"""What was used and what it cost, kept by real sqlite."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys

import pytest

from repoctx.ask.ledger import Entry, last, record, since
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
