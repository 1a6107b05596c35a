"""A worker that dies costs only what killed it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from repoctx.flow import workers
from repoctx.flow.workers import bounded, in_processes
from repos import make_repo

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


def test_a_text_that_kills_parsers_is_still_packed(tmp_path: Path, packs):
    # Repeated, this took tree-sitter 5 GB for 12 KB.
    bomb = "\n".join(["f=>" * 40] * 300) + "\n"
    files = {f"f{n}.py": f"def f{n}(): pass\n" for n in range(60)}
    root = make_repo(tmp_path / "r", {**files, "bomb.c": bomb})
    prompt, packed = packs(root)
    assert bomb.encode() in prompt
    assert len(packed.now.files) == 61
