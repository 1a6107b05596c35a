"""Stop a commit, an undo, a redo and their recovery at every system call.

    python tests/apply/sweep.py [kill|again|fail|dead] [commit|undo|redo] [--every N]

kill    SIGKILL at each call; the next start finds the tree before or after
again   SIGKILL at each call of the recovery from a kill, and then another recovery
fail    each call on files fails once (EIO, ENOSPC): the same process takes it back
dead    from each call on, every call that writes fails: the next start takes it back
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Container
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1])]

# ruff: noqa: E402
from apply import tracer
from repoctx.apply import journal as journals
from repoctx.apply.commit import commit, recover
from repoctx.apply.undo import redo, undo
from repoctx.values import FileChange, Patch

BEFORE = {
    "a.txt": b"one\n" * 50,
    "b/long.py": b"x = 1\n" * 5000,
    "b/gone/only.txt": b"only\n",
    "b/run.sh": b"#!/bin/sh\n",
    "moved/from.txt": b"moved\n",
    "kept.txt": b"kept\n",
    "odd-\udcff": b"\xff\n",
}
PATCH = Patch(
    (
        FileChange("a.txt", BEFORE["a.txt"], b"two\n"),
        FileChange("b/gone/only.txt", b"only\n", None),
        FileChange("b/long.py", BEFORE["b/long.py"], b"x = 2\n" * 5000),
        FileChange("b/run.sh", b"#!/bin/sh\n", b"#!/bin/sh\n", 0o100755),
        FileChange("moved/from.txt", b"moved\n", None),
        FileChange("moved/to/to.txt", None, b"moved\n", source="moved/from.txt"),
        FileChange("new/deep/er.txt", None, b"new\n"),
        FileChange("odd-\udcff", b"\xff\n", b"\xfe\n"),
    )
)
WRITES = {1, 74, 82, 83, 84, 87, 91, 258, 263, 264, 316}

Tree = dict[str, tuple[int, bytes]]


class Bench:
    """A tree and its journals, made anew for every run."""

    def __init__(self, where: Path) -> None:
        self.root = where / "root"
        self.folder = where / "state" / "journal"
        self._where = where

    def lay(self, job: str) -> None:
        """The tree as ``job`` finds it."""
        shutil.rmtree(self._where, ignore_errors=True)
        for name, data in BEFORE.items():
            path = Path(os.fsdecode(os.fsencode(self.root) + b"/" + _raw(name)))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        (self.root / "b" / "gone").chmod(0o750)
        (self.root / "kept.txt").chmod(0o600)
        if job != "commit":
            self.commit()
        if job == "redo":
            undo(self.root, self.folder)

    def commit(self) -> None:
        commit(self.root, self.folder, PATCH, "sweep")

    def work(self, job: str) -> Callable[[], object]:
        turns = {"undo": undo, "redo": redo}
        if job == "commit":
            return self.commit
        return lambda: turns[job](self.root, self.folder)

    def tree(self) -> Tree:
        """Every path, its mode and its bytes."""
        found: Tree = {}
        for top, folders, files in os.walk(os.fsencode(self.root)):
            for name in folders + files:
                path = os.path.join(top, name)
                info = os.lstat(path)
                data = b""
                if stat.S_ISREG(info.st_mode):
                    data = Path(os.fsdecode(path)).read_bytes()
                found[os.fsdecode(os.path.relpath(path, os.fsencode(self.root)))] = (
                    info.st_mode,
                    data,
                )
        return found

    def both(self, job: str) -> tuple[Tree, Tree]:
        """The tree before and after ``job``."""
        self.lay(job)
        before = self.tree()
        self.work(job)()
        return before, self.tree()

    def state(self) -> str:
        """How the journals stand, when nothing is under way."""
        found = sorted(p.name.rpartition(".")[2] for p in self.folder.glob("*.*"))
        return " ".join(found)

    def next_start(self) -> None:
        for line in recover(self.root, self.folder):
            if os.environ.get("TRACER_SHOWS"):
                print(line, file=sys.stderr)


def _raw(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def judge(bench: Bench, both: tuple[Tree, Tree], what: str) -> str:
    """``before`` or ``after``. Raises AssertionError when it is neither."""
    tree = bench.tree()
    assert tree in both, f"{what}: {_differences(tree, both)}"
    assert not journals.under_way(bench.folder), f"{what}: still under way"
    return "after" if tree == both[1] else "before"


def _differences(tree: Tree, both: tuple[Tree, Tree]) -> str:
    sides = []
    for side in both:
        names = sorted(set(tree) | set(side))
        sides.append([n for n in names if tree.get(n) != side.get(n)])
    return f"neither before {sides[0]} nor after {sides[1]}"


def kill(bench: Bench, job: str, every: int = 1) -> Counter[str]:
    """SIGKILL at each system call."""
    both = bench.both(job)
    bench.lay(job)
    calls = len(tracer.run(bench.work(job)).calls)
    ends: Counter[str] = Counter()
    for at in range(0, calls, every):
        bench.lay(job)
        done = tracer.run(bench.work(job), kill_at=at)
        assert done.code == -9, f"{job}: not killed at {at} of {calls}"
        bench.next_start()
        ends[judge(bench, both, f"{job} killed at call {at}")] += 1
    return ends


def again(bench: Bench, job: str, every: int = 1) -> Counter[str]:
    """SIGKILL at each system call of a recovery."""
    both = bench.both(job)
    bench.lay(job)
    calls = len(tracer.run(bench.work(job)).calls)
    ends: Counter[str] = Counter()
    for first in range(calls // 8, calls, calls // 8):
        second = 0
        while True:
            bench.lay(job)
            tracer.run(bench.work(job), kill_at=first)
            done = tracer.run(bench.next_start, kill_at=second)
            bench.next_start()
            what = f"{job} killed at {first}, its recovery at {second}"
            ends[judge(bench, both, what)] += 1
            if done.code != -9:
                break
            second += every
    return ends


def fail(bench: Bench, job: str, every: int = 1) -> Counter[str]:
    """Each call on files fails once."""
    both = bench.both(job)
    bench.lay(job)
    calls = tracer.run(bench.work(job)).calls
    ends: Counter[str] = Counter()
    for at in range(0, len(calls), every):
        if calls[at] not in tracer.FILES:
            continue
        for code in (errno.EIO, errno.ENOSPC) if calls[at] in WRITES else (errno.EIO,):
            bench.lay(job)
            done = tracer.run(bench.work(job), fail=_failing({at}, tracer.FILES, code))
            name = f"{job}: {tracer.FILES[calls[at]]} at {at} fails with {code}"
            if done.code == 0:
                assert bench.tree() == both[1], f"{name}: told done, and is not"
            elif not journals.under_way(bench.folder):
                assert bench.tree() == both[0], f"{name}: told undone, and is not"
            bench.next_start()
            end = judge(bench, both, name)
            ends[f"{end} ({'done' if done.code == 0 else 'error'})"] += 1
    return ends


def dead(bench: Bench, job: str, every: int = 1) -> Counter[str]:
    """From each call that writes on, all of them fail."""
    both = bench.both(job)
    bench.lay(job)
    calls = tracer.run(bench.work(job)).calls
    ends: Counter[str] = Counter()
    for at in [n for n, number in enumerate(calls) if number in WRITES][::every]:
        bench.lay(job)
        later = range(at, 10**9)
        tracer.run(bench.work(job), fail=_failing(later, WRITES, errno.EROFS))
        bench.next_start()
        ends[judge(bench, both, f"{job}: dead from {at}")] += 1
    return ends


def _failing(
    at: Container[int], numbers: Container[int], code: int
) -> Callable[[int, int], int]:
    """``code`` for the calls at these places that have one of these numbers."""
    return lambda place, number: code if place in at and number in numbers else 0


HOWS = {"kill": kill, "again": again, "fail": fail, "dead": dead}
JOBS = ("commit", "undo", "redo")


def main(arguments: list[str]) -> int:
    every = 1
    if "--every" in arguments:
        at = arguments.index("--every")
        every = int(arguments[at + 1])
        del arguments[at : at + 2]
    if why := tracer.possible():
        print(why)
        return 77
    # In memory where there is such a folder: the disk's speed is no part of this.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as temporary:
        for how in [name for name in arguments if name in HOWS] or HOWS:
            for job in [name for name in arguments if name in JOBS] or JOBS:
                ends = HOWS[how](Bench(Path(temporary) / "bench"), job, every)
                told = ", ".join(f"{n} {end}" for end, n in sorted(ends.items()))
                print(f"{how} {job}: {sum(ends.values())} stops: {told}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
