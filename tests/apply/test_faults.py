"""Killed, out of space, read-only, edited meanwhile: before or after, not between."""

from __future__ import annotations

import errno
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from apply import tracer
from apply.trees import Place, change, place
from repoctx.errors import Interrupted, NotApplied

SWEEP = Path(__file__).with_name("sweep.py")
FILES = {"a.txt": "one\n", "b/c.py": "x = 1\n", "d.txt": "d\n"}
ALL = (
    change("a.txt", b"one\n", b"two\n"),
    change("b/c.py", b"x = 1\n", b"x = 2\n"),
    change("d.txt", b"d\n", None),
    change("e/f.txt", None, b"f\n"),
)
RENAMEAT2 = 316

traced = pytest.mark.skipif(bool(tracer.possible()), reason=tracer.possible() or "-")
x86 = pytest.mark.skipif(not tracer.X86, reason="knows x86-64's system calls only")


@pytest.fixture
def here(tmp_path: Path) -> Place:
    return place(tmp_path, FILES)


# --- at every system call ---------------------------------------------------------


@traced
@pytest.mark.parametrize(
    "what",
    [
        "kill commit",  # SIGKILL at each of its system calls
        "kill undo redo --every 5",
        "again --every 29",
        pytest.param("fail --every 6", marks=x86),
        pytest.param("dead --every 4", marks=x86),
    ],
)
def test_a_stop_anywhere_leaves_before_or_after(what: str) -> None:
    done = subprocess.run(
        [sys.executable, str(SWEEP), *what.split()],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = 3 - 2 * ("commit" in what) - ("undo" in what)
    assert done.stdout.count(" stops: ") == jobs, done.stdout


# --- what other programs do meanwhile ---------------------------------------------


def while_renaming(
    here: Place, meddle: Callable[[], object], at: int = 0
) -> tracer.Traced:
    """Commit; ``meddle`` is called as the ``at``-th rename of the tree begins."""
    seen: list[int] = []

    def watch(_place: int, number: int) -> int:
        if number == RENAMEAT2:
            if len(seen) == at:
                meddle()
            seen.append(number)
        return 0

    return tracer.run(lambda: here.commit(*ALL), fail=watch)


@traced
@x86
@pytest.mark.parametrize("at", [0, 1, 2, 3])
def test_an_edit_in_the_last_moment_is_kept(here: Place, at: int) -> None:
    path = here.root / "b/c.py"
    while_renaming(here, lambda: path.write_bytes(b"my work\n"), at)
    # Up to its own rename it ends the commit; after it, it is an edit of the result.
    assert path.read_bytes() == b"my work\n" or here.phases == ["done"]
    data = {p: d for p, (_, d) in here.shape.items()}
    if data["b/c.py"] == b"my work\n" and data["a.txt"] == b"one\n":
        assert data == {"a.txt": b"one\n", "b": b"", "b/c.py": b"my work\n"} | {
            "d.txt": b"d\n"
        }
    assert not [name for name in data if ".repoctx-" in name]


@traced
@x86
def test_a_file_saved_anew_in_the_last_moment_is_kept(here: Place) -> None:
    path, new = here.root / "a.txt", here.root / "a.txt.new"

    def save() -> None:
        new.write_bytes(b"my work\n")
        new.replace(path)

    done = while_renaming(here, save)
    assert done.code == 1
    assert path.read_bytes() == b"my work\n"
    assert (here.root / "b/c.py").read_bytes() == b"x = 1\n"
    assert (here.root / "d.txt").read_bytes() == b"d\n"
    assert here.phases == []


@traced
@x86
def test_a_file_that_appears_in_the_last_moment_is_kept(here: Place) -> None:
    path = here.root / "e/f.txt"
    done = while_renaming(here, lambda: path.write_bytes(b"my work\n"))
    assert (done.code, path.read_bytes()) == (1, b"my work\n")
    assert (here.root / "a.txt").read_bytes() == b"one\n"
    assert (here.root / "d.txt").read_bytes() == b"d\n"


@traced
@x86
def test_a_link_put_there_in_the_last_moment_is_not_followed(here: Place) -> None:
    outside = here.root.parent / "outside"
    (outside / "c.py").parent.mkdir()
    (outside / "c.py").write_bytes(b"x = 1\n")

    def swing() -> None:
        (here.root / "b").rename(here.root / "old")
        (here.root / "b").symlink_to(outside)

    while_renaming(here, swing)
    assert [p.name for p in outside.iterdir()] == ["c.py"]
    assert (outside / "c.py").read_bytes() == b"x = 1\n"
    assert (here.root / "a.txt").read_bytes() == b"one\n"


@traced
@x86
def test_without_an_exchange_of_names(here: Place) -> None:
    """As on NFS: the call does not exist, plain renames do it."""

    def absent(_place: int, number: int) -> int:
        return errno.EINVAL if number == RENAMEAT2 else 0

    before = here.shape
    assert tracer.run(lambda: here.commit(*ALL), fail=absent).code == 0
    assert here.shape["b/c.py"][1] == b"x = 2\n"
    assert "d.txt" not in here.shape and here.shape["e/f.txt"][1] == b"f\n"
    assert tracer.run(here.undo, fail=absent).code == 0
    assert here.shape == before
    calls = len(tracer.run(here.redo, fail=absent).calls)
    for at in range(0, calls, 7):
        here.undo()
        tracer.run(here.redo, kill_at=at, fail=absent)
        tracer.run(here.recover, fail=absent)
        if here.phases == ["undone"]:
            assert here.shape == before
            here.redo()


@traced
def test_an_edit_between_the_crash_and_the_next_start_is_kept(here: Place) -> None:
    before = here.shape
    calls = len(tracer.run(lambda: here.commit(*ALL)).calls)
    here.undo()
    kept = 0
    for at in range(calls // 2, calls, 3):
        tracer.run(lambda: here.commit(*ALL), kill_at=at)
        path = here.root / "a.txt"
        path.write_bytes(b"my work\n")
        told = here.recover()
        assert path.read_bytes() == b"my work\n"
        assert not [name for name in here.shape if ".repoctx-" in name]
        if "left" in here.phases:
            kept += 1
            assert "a.txt" in " ".join(told) and "--show" in " ".join(told)
            rest = {n: v for n, v in here.shape.items() if n != "a.txt"}
            assert rest == {n: v for n, v in before.items() if n != "a.txt"}
        shutil.rmtree(here.root.parent)
        here.root.parent.mkdir()
        place(here.root.parent, FILES)
    assert kept


def test_two_at_once_are_one_after_the_other(tmp_path: Path) -> None:
    here = place(tmp_path, {"n.txt": "0\n"} | {f"f{n}.txt": "0\n" for n in range(20)})
    code = f"""
import sys
sys.path[:0] = {[str(Path(__file__).parents[1])]!r}
from pathlib import Path
from apply.trees import Place, change
from repoctx.errors import Drifted
here = Place(Path({str(here.root)!r}), Path({str(here.folder)!r}))
done = 0
while done < 6:
    old = (here.root / "n.txt").read_bytes()
    new = b"%d\\n" % (int(old) + 1)
    names = ["n.txt", *(f"f{{n}}.txt" for n in range(20))]
    try:
        here.commit(*(change(name, old, new) for name in names))
        done += 1
    except Drifted:
        pass
"""
    runs = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [run.wait(120) for run in runs] == [0, 0, 0]
    assert {data for _, data in here.shape.values()} == {b"18\n"}
    assert here.phases == ["done"] * 18


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@traced
@x86
def test_an_interrupt_waits_for_the_end(here: Place, number: int) -> None:
    """Python's handlers run between two instructions: anywhere in our code."""

    def strike(_place: int, call: int) -> int:
        if call == RENAMEAT2 and not struck:
            struck.append(call)
            return -number
        return 0

    def work() -> None:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            here.commit(*ALL)
        except Interrupted:
            os._exit(130)

    struck: list[int] = []
    assert tracer.run(work, fail=strike).code == 130
    assert here.phases == ["done"]
    assert here.shape["b/c.py"][1] == b"x = 2\n"


# --- disks that refuse ------------------------------------------------------------


def in_child(work: Callable[[], object]) -> int:
    """The exit code of ``work`` in a process of its own: 0, 1 for NotApplied."""
    child = os.fork()
    if not child:
        code = 3
        try:
            work()
            code = 0
        except NotApplied:
            code = 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("limit", [0, 100, 1000, 5000])
def test_a_file_that_may_not_grow(here: Place, limit: int) -> None:
    before = here.shape

    def work() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        here.commit(change("a.txt", b"one\n", b"x" * 6000), *ALL[1:])

    assert in_child(work) == 1
    assert (here.shape, here.phases) == (before, [])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 kB."""
    where = tmp_path / "disk"
    where.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(where)]
    if os.name != "posix" or os.geteuid() or not shutil.which("mount"):
        pytest.skip("only root may mount a small disk")
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    yield where
    subprocess.run(["umount", str(where)], check=True)


@pytest.mark.parametrize("state", ["on it", "elsewhere"])
def test_a_full_disk(small_disk: Path, tmp_path: Path, state: str) -> None:
    here = place(small_disk, FILES)
    if state == "elsewhere":
        here = Place(here.root, tmp_path / "state")
    here.folder.mkdir(parents=True, exist_ok=True)
    big = change("big", None, b"x" * 20_000)
    filler, refused = small_disk / "filler", 0
    for free in range(0, 20 * 4096, 4096):
        with filler.open("wb", buffering=0) as file:
            file.write(b"y" * 300_000)
            file.truncate(max(0, file.tell() - free))
        before = here.shape
        try:
            here.commit(*ALL, big)
        except NotApplied as exc:
            refused += 1
            assert "nothing was applied: " in str(exc) and "No space left" in str(exc)
            assert ".repoctx-" not in str(exc)
            assert (here.shape, here.phases) == (before, [])
            continue
        filler.unlink()
        assert here.shape["big"][1] == b"x" * 20_000
        here.undo()
        assert here.shape == before
        assert refused > 2
        return
    raise AssertionError("no size was large enough")


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    nobody = 65534
    if os.geteuid():
        here = place(tmp_path, FILES)
    else:
        # Root may write anywhere: it becomes somebody else in the child.
        here = place(Path(tempfile.mkdtemp()), FILES)
        for path in (here.root.parent, *here.root.parent.rglob("*")):
            os.chown(path, nobody, nobody)
    before = here.shape
    (here.root / "b").chmod(0o500)

    def work() -> None:
        if not os.geteuid():
            os.setuid(nobody)
        here.commit(*ALL)

    try:
        assert in_child(work) == 1
        (here.root / "b").chmod(0o755)
        assert (here.shape, here.phases) == (before, [])
        assert in_child(work) == 0
    finally:
        (here.root / "b").chmod(0o755)
        if not os.geteuid():
            shutil.rmtree(here.root.parent)


# --- the order in which things reach the disk --------------------------------------


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace (Debian: strace)")
def test_what_a_power_cut_would_find(here: Place) -> None:
    code = f"""
import sys
sys.path[:0] = {[str(Path(__file__).parents[1])]!r}
from pathlib import Path
from apply.test_faults import ALL
from apply.trees import Place
Place(Path({str(here.root)!r}), Path({str(here.folder)!r})).commit(*ALL)
"""
    log = here.root.parent / "log"
    calls = "openat,fsync,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir"
    subprocess.run(
        ["strace", "-fye", f"trace={calls}", "-o", log, sys.executable, "-c", code],
        check=True,
        timeout=120,
    )
    lines = [
        line for line in log.read_text().splitlines() if str(here.root.parent) in line
    ]

    def at(pattern: str) -> list[int]:
        return [n for n, line in enumerate(lines) if re.search(pattern, line)]

    root, folder = re.escape(str(here.root)), re.escape(str(here.folder))
    ours = r"\.repoctx-[^\"]+\""
    (written,) = at(rf"fsync\(\d+<{folder}/[^>]+\.new>")
    (begun,) = at(rf"rename\(\"{folder}/[^\"]+\.new\", \"[^\"]+\.applying\"")
    (done,) = at(rf"rename\(\"{folder}/[^\"]+\.applying\", \"[^\"]+\.done\"")
    journal_named, mark_named = at(rf"fsync\(\d+<{folder}>")
    made = at(rf"mkdirat\(\d+<{root}")
    new_files = at(rf"openat\(\d+<{root}.*{ours}.*O_EXCL")
    new_synced = at(rf"fsync\(\d+<{root}[^>]*/\.repoctx-")
    swaps = at(rf"renameat2\(\d+<{root}")
    swept = at(rf"unlinkat\(\d+<{root}.*{ours}")
    folders = at(rf"fsync\(\d+<{root}(/b|/e)?>")
    assert len(swaps) == 4 and len(new_files) == 3 and len(made) == 1
    # Its bytes, its name, and that name on the disk, before the tree is touched ...
    assert written < begun < journal_named < min(made + new_files)
    # ... each new file's bytes before any swap ...
    assert len(new_synced) == 3 and max(new_synced) < min(swaps)
    assert max(swaps) < min(swept)
    # ... and every name in the tree before the mark.
    assert max(swept) < min(folders) and len(folders) == 3
    assert max(folders) < done < mark_named
