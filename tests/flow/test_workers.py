"""A worker that dies costs only what killed it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from repoctx.flow import workers
from repoctx.flow.search import find
from repoctx.flow.session import open_session
from repoctx.flow.survey import snapshot_now
from repoctx.flow.workers import bounded, in_processes
from repos import make_repo, write

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits are Linux's")


def begin() -> None:
    """Nothing to open."""


def work(items: Sequence[int]) -> list[int]:
    for item in items:
        if item == 13:
            os.kill(os.getpid(), signal.SIGKILL)
        if item == 17:
            bytearray(workers.MOST_MEMORY)
    return list(items)


def spin(items: Sequence[int]) -> list[int]:
    with bounded():
        while 5 in items:
            pass
    return list(items)


def lost(item: int) -> list[int]:
    return [-item]


def test_a_crash_costs_one_item():
    batches = [list(range(at, at + 8)) for at in range(0, 32, 8)]
    rows = [n for row in in_processes(work, lost, batches[:2], begin) for n in row]
    assert sorted(rows) == sorted([-13, *(n for n in range(16) if n != 13)])


def test_memory_is_bounded():
    with pytest.raises(MemoryError):
        list(in_processes(work, lost, [[17]], begin))


def test_time_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(workers, "MOST_SECONDS", 0.2)  # The real one is 20 s.
    assert list(in_processes(spin, lost, [[4], [5]], begin)) == [[4], [-5]]


# Repeated, this took tree-sitter 5 GB for 12 KB.
BOMB = "\n".join(["f=>" * 40] * 300) + "\n"


def test_a_text_that_kills_parsers_costs_only_itself(tmp_path: Path, packs):
    files = {f"f{n}.py": f"def f{n}(): pass\n" for n in range(60)}
    root = make_repo(tmp_path / "r", {**files, "bomb.c": BOMB})
    prompt, packed = packs(root)
    assert BOMB.encode() in prompt
    assert len(packed.now.files) == 61
    with open_session(root, {}) as session:
        now = snapshot_now(session)
        assert [d.path for d in find(session, now, "f42").definitions] == ["f42.py"]
        bomb = next(file for file in now.files if file.path == "bomb.c")
        outline = session.store.outline(bomb.oid, bomb.lang)
        assert outline and not outline.definitions


def test_texts_are_parsed_when_the_index_is_asked(tmp_path: Path, packs):
    root = make_repo(tmp_path / "r", {"a.py": "def first(): pass\n"})
    packs(root)
    write(root, {"b.py": "def second(): pass\n"})
    with open_session(root, {}) as session:
        now = snapshot_now(session)
        assert not session.rows.outlined()
        assert session.facts.keys() >= {file.oid for file in now.files}
        assert find(session, now, "second").definitions
        assert len(session.rows.outlined()) == 2
