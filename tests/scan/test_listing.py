from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repoctx.errors import UnknownRevision
from repoctx.scan import (
    Listing,
    StatCache,
    blob_id,
    discover,
    list_commit,
    list_tree,
    list_worktree,
)
from repoctx.scan.listing import Harvest
from repoctx.values import State
from repos import commit, git, make_repo, write


def states(listing: Listing) -> dict[str, str]:
    return {e.path: e.state.name for e in listing.entries}


def reasons(listing: Listing) -> dict[str, str]:
    return {o.path: o.reason.name for o in listing.left_out}


def now(root: Path, stats: StatCache | None = None) -> Listing:
    return list_worktree(discover(root), stats or StatCache())


def test_a_clean_tree_equals_its_commit(tmp_path: Path) -> None:
    root = make_repo(
        tmp_path / "r", {"b": "1\n", "a/x.py": "2\n", "a.py": "", "Z": "z"}
    )
    (root / "b").chmod(0o755)
    commit(root, "mode")
    found = now(root)
    assert found == list_commit(discover(root), "HEAD")
    assert [e.path for e in found.entries] == ["Z", "a.py", "a/x.py", "b"]
    assert [e.size for e in found.entries] == [1, 0, 2, 2]
    assert [f"{e.mode:o}" for e in found.entries] == [*["100644"] * 3, "100755"]


def test_changes_are_seen_with_the_ids_that_git_would_give(tmp_path: Path) -> None:
    files = {
        "same": "s\n",
        "edited": "1\n",
        "gone": "g\n",
        "mode": "m\n",
        "touched": "t\n",
    }
    root = make_repo(tmp_path / "r", files)
    write(root, {"edited": "2\n", "new.py": "n\n", "sub/new": "n2\n"})
    (root / "gone").unlink()
    (root / "mode").chmod(0o755)
    os.utime(root / "touched", (5, 5))
    found = now(root)
    assert states(found) == {
        "edited": "CHANGED",
        "mode": "CLEAN",
        "new.py": "UNTRACKED",
        "same": "CLEAN",
        "sub/new": "UNTRACKED",
        "touched": "CLEAN",
    }
    for entry in found.entries:
        assert entry.oid == git(root, "hash-object", entry.path)
        assert entry.size == (root / entry.path).stat().st_size
    modes = {e.path: e.mode for e in found.entries}
    assert modes["mode"] == 0o100755


def test_a_same_sized_edit_right_after_a_commit_is_seen(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", {"f": "aaaa\n"})
    info = (root / "f").stat()
    write(root, {"f": "bbbb\n"})
    os.utime(root / "f", ns=(info.st_atime_ns, info.st_mtime_ns))
    assert states(now(root)) == {"f": "CHANGED"}


def test_a_file_mode_that_the_repository_ignores(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", {"f": "1\n"})
    git(root, "config", "core.fileMode", "false")
    (root / "f").chmod(0o755)
    assert [e.mode for e in now(root).entries] == [0o100644]


@pytest.mark.parametrize("how", ["autocrlf", "attribute", "by hand"])
def test_line_endings_alone_are_no_change(tmp_path: Path, how: str) -> None:
    root = make_repo(tmp_path / "r", {"f": "a\nb\n"})
    oid = git(root, "rev-parse", "HEAD:f")
    if how == "autocrlf":
        git(root, "config", "core.autocrlf", "true")
    elif how == "attribute":
        write(root, {".gitattributes": "f text eol=crlf\n"})
    if how == "by hand":
        write(root, {"f": "a\r\nb\r\n"})
    else:
        (root / "f").unlink()
        git(root, "checkout", "-q", "f")
    assert (root / "f").read_bytes() == b"a\r\nb\r\n"
    entry = next(e for e in now(root).entries if e.path == "f")
    assert (entry.oid, entry.state.name, entry.size) == (oid, "CLEAN", 4)
    os.utime(root / "f", (7, 7))
    stats = StatCache()
    for _ in range(2):
        assert entry in now(root, stats).entries
    write(root, {"f": "a\r\nc\r\n"})
    changed = next(e for e in now(root).entries if e.path == "f")
    assert (changed.oid, changed.state.name) == (blob_id(b"a\r\nc\r\n"), "CHANGED")


def test_index_flags(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", {"sparse": "1\n", "assumed": "2\n", "x": "x\n"})
    git(root, "update-index", "--skip-worktree", "sparse")
    git(root, "update-index", "--assume-unchanged", "assumed")
    (root / "sparse").unlink()
    write(root, {"assumed": "other\n", "intended": "i\n", "empty": ""})
    git(root, "add", "-N", "intended", "empty")
    found = now(root)
    assert states(found) == {
        "assumed": "CLEAN",
        "empty": "CHANGED",
        "intended": "CHANGED",
        "sparse": "CLEAN",
        "x": "CLEAN",
    }
    ids = {e.path: e.oid for e in found.entries}
    assert ids["assumed"] == git(root, "rev-parse", "HEAD:assumed")
    assert ids["intended"] == blob_id(b"i\n")


def test_a_sparse_checkout_reads_the_rest_from_git(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", {"in/a": "1\n", "out/b": "2\n"})
    git(root, "sparse-checkout", "set", "--cone", "--sparse-index", "in")
    assert not (root / "out").exists()
    assert states(now(root)) == {"in/a": "CLEAN", "out/b": "CLEAN"}


def test_a_conflict_gives_the_work_tree_once(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", {"f": "base\n", "g": "base\n"})
    git(root, "checkout", "-q", "-b", "side")
    write(root, {"f": "side\n", "g": "side\n"})
    commit(root, "side")
    git(root, "checkout", "-q", "main")
    write(root, {"f": "main\n"})
    (root / "g").unlink()
    commit(root, "main")
    with pytest.raises(AssertionError):
        git(root, "merge", "-q", "side")
    (root / "g").unlink(missing_ok=True)
    found = now(root)
    assert states(found) == {"f": "CHANGED"}
    assert found.entries[0].oid == blob_id((root / "f").read_bytes())


def test_what_is_no_regular_file(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", {"file": "f\n", "was": "w\n", "d/x": "x\n"})
    (root / "link").symlink_to("file")
    commit(root, "link")
    (root / "away").symlink_to("/etc/passwd")
    (root / "loop").symlink_to("loop")
    (root / "was").unlink()
    (root / "was").symlink_to("/etc/passwd")
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(root)
        server.bind("socket")
        os.chdir(here)
        make_repo(root / "nested", {"n": "n\n"})
        found = now(root)
    assert states(found) == {"d/x": "CLEAN", "file": "CLEAN"}
    # git lists neither FIFOs nor sockets as untracked.
    assert reasons(found) == {
        "away": "SYMLINK",
        "link": "SYMLINK",
        "loop": "SYMLINK",
        "nested/": "SUBMODULE",
        "was": "SYMLINK",
    }


def test_kinds_that_changed(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", {"a": "a\n", "d/f": "f\n", "p": "p\n"})
    (root / "link").symlink_to("a")
    commit(root, "link")
    for name in ("a", "link", "p"):
        (root / name).unlink()
    write(root, {"a/inner": "now a folder\n", "link": "now a file\n"})
    os.mkfifo(root / "p")
    (root / "d").rename(root / "e")
    (root / "d").symlink_to("e")
    found = now(root)
    assert states(found) == {
        "a/inner": "UNTRACKED",
        "e/f": "UNTRACKED",
        "link": "CHANGED",
    }
    assert reasons(found) == {"d": "SYMLINK", "p": "SPECIAL"}


def test_unreadable_files(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", {"a": "a\n"})
    write(root, {"a": "changed\n", "new": "n\n"})
    for name in ("a", "new"):
        (root / name).chmod(0)
    if os.access(root / "a", os.R_OK):
        pytest.skip("this user reads everything")
    assert reasons(now(root)) == {"a": "UNREADABLE", "new": "UNREADABLE"}


def test_a_file_that_vanishes_while_it_is_read(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", {"a": "a\n"})
    write(root, {"new": "n\n"})
    harvest = Harvest(discover(root), StatCache())
    info = (root / "new").stat()
    (root / "new").unlink()
    harvest.add("new", info, State.UNTRACKED)
    found = harvest.finish()
    assert (states(found), reasons(found)) == ({}, {"new": "VANISHED"})


def test_a_huge_untracked_file_is_not_read(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", {"a": "a\n"})
    with (root / "huge").open("wb") as file:
        file.truncate(40 * 1024 * 1024)
    out = now(root).left_out
    assert [(o.path, o.reason.name, o.size) for o in out] == [
        ("huge", "TOO_LARGE", 40 * 1024 * 1024)
    ]


def test_ignored_files_are_absent(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", {".gitignore": "*.log\n/out/\n", "a": "a\n"})
    write(root, {"x.log": "", "out/y": "", "sub/.gitignore": "z\n", "sub/z": ""})
    assert set(states(now(root))) == {".gitignore", "a", "sub/.gitignore"}


WEIRD = {
    "with space": "1",
    "new\nline": "2",
    'quo"te': "3",
    "tab\there": "4",
    "ünï/çödé.py": "5",
    "not-utf8-\udcff\udcfe": "6",
    ":(glob)*": "7",
    "-option": "8",
    "back\\slash": "9",
    "🚀": "10",
    "\uffff": "11",
}


@pytest.mark.parametrize("tracked", [True, False])
def test_weird_names(tmp_path: Path, tracked: bool) -> None:
    root = make_repo(tmp_path / "r", WEIRD if tracked else {})
    write(root, WEIRD)
    found = now(root)
    raw = sorted(name.encode("utf-8", "surrogateescape") for name in WEIRD)
    assert [e.path.encode("utf-8", "surrogateescape") for e in found.entries] == raw
    assert {e.path: e.oid for e in found.entries} == {
        name: blob_id(text.encode()) for name, text in WEIRD.items()
    }
    if tracked:
        assert list_commit(discover(root), "HEAD").entries == found.entries


def test_a_tree_with_hostile_names(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", {"ok": "1\n"})
    oid = git(root, "rev-parse", "HEAD:ok")
    tree = "".join(
        f"{git_mktree(root, f'100644 blob {oid}{chr(9)}{name}')}" for name in ("ok",)
    )
    rows = [
        f"040000 tree {tree}\t..",
        f"040000 tree {tree}\t.git",
        f"100644 blob {oid}\tok",
    ]
    raw = b"".join(
        row.split("\t")[0].split()[0].lstrip("0").encode()
        + b" "
        + row.split("\t")[1].encode()
        + b"\0"
        + bytes.fromhex(row.split("\t")[0].split()[2])
        for row in rows
    )
    top = git(
        root, "hash-object", "--literally", "-w", "-t", "tree", "--stdin", data=raw
    )
    made = git(root, "commit-tree", "-m", "x", top)
    found = list_commit(discover(root), made)
    assert states(found) == {"ok": "CLEAN"}
    assert reasons(found) == {"../ok": "SPECIAL", ".git/ok": "SPECIAL"}


def git_mktree(root: Path, row: str) -> str:
    return git(root, "mktree", data=row.encode() + b"\n")


def test_a_commit_needs_no_work_tree(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", {"a": "1\n"})
    first = git(root, "rev-parse", "HEAD")
    (root / "link").symlink_to("a")
    write(root, {"a": "2\n", "b": "3\n"})
    commit(root, "second")
    (root / "a").unlink()
    place = discover(root)
    assert states(list_commit(place, first)) == {"a": "CLEAN"}
    assert reasons(list_commit(place, "HEAD")) == {"link": "SYMLINK"}
    with pytest.raises(UnknownRevision):
        list_commit(place, "nope")


def test_an_unborn_repository_lists_its_files(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", {})
    assert now(root) == Listing(())
    write(root, {"a": "1\n", "b": "2\n"})
    git(root, "add", "a")
    assert states(now(root)) == {"a": "CLEAN", "b": "UNTRACKED"}


def test_clones_worktrees_and_folders_agree(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", WEIRD)
    git(tmp_path, "clone", "-q", str(root), "clone")
    git(root, "worktree", "add", "-q", str(tmp_path / "w"))
    listings = [now(tmp_path / name) for name in ("r", "clone", "w")]
    assert listings[0] == listings[1] == listings[2]
    (tmp_path / "plain").mkdir()
    write(tmp_path / "plain", WEIRD)
    plain = list_tree(discover(tmp_path / "plain"), StatCache())
    ids = [(e.path, e.oid) for e in plain.entries]
    assert ids == [(e.path, e.oid) for e in listings[0].entries]


# --- the stat cache -------------------------------------------------------------------


def test_nothing_is_read_twice(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", {"a": "a\n", "b": "b\n"})
    write(root, {"a": "changed\n", "new": "n\n"})
    # Only settled files are remembered, and nothing but time can age a ctime.
    time.sleep(2.1)
    stats = StatCache()
    first = now(root, stats)
    assert stats.changed
    again = StatCache.parse(stats.dump())
    assert now(root, again) == first
    # Whatever is read is also remembered: an unchanged cache means that nothing was.
    assert not again.changed
    (root / "new").unlink()
    now(root, again)
    assert again.changed and b"new" not in again.dump() and b" a\0" in again.dump()


def test_a_young_file_is_not_trusted(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", {"a": "a\n"})
    write(root, {"new": "1\n"})
    stats = StatCache()
    now(root, stats)
    info = (root / "new").stat()
    write(root, {"new": "2\n"})
    os.utime(root / "new", ns=(info.st_atime_ns, info.st_mtime_ns))
    found = {e.path: e.oid for e in now(root, stats).entries}
    assert found["new"] == blob_id(b"2\n")


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=200), st.integers(0, 400))
def test_a_broken_cache_is_an_empty_one(noise: bytes, cut: int) -> None:
    good = StatCache.parse(b"repoctx stats 1\n1 2 3 4 ab - a b\n\0").dump()
    assert StatCache.parse(good).dump() == good
    for data in (noise, good + noise, good[:cut]):
        parsed = StatCache.parse(data)
        assert StatCache.parse(parsed.dump()).dump() == parsed.dump()


def test_listing_in_another_locale(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", WEIRD)
    code = (
        "import sys, pathlib; from repoctx.scan import *\n"
        "p = discover(pathlib.Path(sys.argv[1]))\n"
        "print([ascii(e.path) + e.oid for e in list_worktree(p, StatCache()).entries])"
    )
    outs = set()
    for locale in ("C", "POSIX", "C.UTF-8", "en_US.ISO-8859-1"):
        env = os.environ | {"LC_ALL": locale, "PYTHONUTF8": "0"}
        done = subprocess.run(
            [sys.executable, "-c", code, str(root)],
            env=env,
            capture_output=True,
            timeout=60,
            check=True,
        )
        outs.add(done.stdout)
    assert len(outs) == 1
