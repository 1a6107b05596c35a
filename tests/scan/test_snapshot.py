from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from repoctx.scan import (
    Chosen,
    Contents,
    Entry,
    Listing,
    Selection,
    StatCache,
    blob_id,
    discover,
    examine,
    list_commit,
    list_tree,
    select,
    settle,
    tree_digest,
)
from repoctx.values import LeftOut, Reason, Snapshot, State
from repos import commit, git, make_repo, write


def detect(path: str) -> str:
    return path.rpartition(".")[2]


def snapshot(files: dict[str, bytes], wanted: frozenset[str] = frozenset()) -> Snapshot:
    entries = tuple(
        Entry(path, blob_id(data), 0o100644, 0) for path, data in files.items()
    )
    facts = {blob_id(data): examine(data)[0] for data in files.values()}
    return settle(Chosen(entries, (), wanted), facts, detect)


BIG = b"the same text\n" * 30


def test_duplicates_point_to_the_first_path() -> None:
    found = snapshot({"b.py": BIG, "a/z.py": BIG, "c.py": BIG, "s1": b"s", "s2": b"s"})
    assert [f.path for f in found.files] == ["a/z.py", "s1", "s2"]
    assert found.left_out == tuple(
        LeftOut(path, Reason.DUPLICATE, "a/z.py", blob_id(BIG), len(BIG))
        for path in ("b.py", "c.py")
    )


def test_order_is_bytewise() -> None:
    names = ["b", "a/b", "a.b", "a", "Z", "é", "\udcff", "\uffff", "🚀", "a b"]
    found = snapshot({name: name.encode("utf-8", "replace") for name in names})
    raw = [f.path.encode("utf-8", "surrogateescape") for f in found.files]
    assert raw == sorted(raw) and len(raw) == len(names)


def test_content_leaves_out_unless_brought_back() -> None:
    files = {"a.go": b"// @generated\n", "b.bin": b"\0", "c.go": b"// @generated\n\n"}
    found = snapshot(files, frozenset({"c.go", "b.bin"}))
    assert [(f.path, f.lang) for f in found.files] == [("c.go", "go")]
    left = [(o.path, o.reason.name, o.detail) for o in found.left_out]
    assert left == [
        ("a.go", "GENERATED", "@generated"),
        ("b.bin", "BINARY", "NUL byte"),
    ]


def test_what_could_not_be_read() -> None:
    entries = (
        Entry("gone", "1" * 40, 0o100644, 5, State.UNTRACKED),
        Entry("lost", "2" * 40, 0o100644, 5),
    )
    found = settle(Chosen(entries, ()), {}, detect)
    left = [(o.path, o.reason.name) for o in found.left_out]
    assert left == [("gone", "VANISHED"), ("lost", "UNREADABLE")]


def test_the_digest_moves_with_what_the_prefix_shows() -> None:
    base = {"a": b"1", "b": BIG, "c": BIG}
    found = snapshot(base)
    digest = found.tree
    assert tree_digest(found.files, found.left_out) == digest
    assert snapshot(dict(reversed(base.items()))).tree == digest
    others = [
        base | {"a": b"2"},
        base | {"d": b"1"},
        {"a": b"1", "b": BIG},
        {"a": b"1", "b": BIG, "d": BIG},
    ]
    assert digest not in {snapshot(files).tree for files in others}
    executable = found.files[0]._replace(mode=0o100755)
    assert tree_digest((executable, *found.files[1:]), found.left_out) != digest
    seen = (*found.left_out, LeftOut("x", Reason.BINARY))
    assert tree_digest(found.files, seen) == digest


def settled(root: Path, listing: Listing) -> Snapshot:
    place = discover(root)
    dirty = {e.path for e in listing.entries if e.state is not State.CLEAN}
    with Contents(place, dirty) as read:
        chosen = select(listing, Selection(), read)
        facts = {e.oid: examine(read(e.oid, e.path))[0] for e in chosen.files}
    return settle(chosen, facts, detect)


FILES = {
    "a.py": b"print(1)\n",
    "copy/1.txt": BIG,
    "copy/2.txt": BIG,
    "n\udcff\n.py": b"odd\n",
    "x.png": b"\x89PNG\0",
    "yarn.lock": b"l\n",
}


def test_the_same_files_give_the_same_snapshot_anywhere(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", FILES)
    git(tmp_path, "clone", "-q", str(root), "clone")
    git(root, "worktree", "add", "-q", str(tmp_path / "linked"))
    write(tmp_path / "plain", FILES)
    here = settled(root, list_tree(discover(root), StatCache()))
    assert here.tree == settled(root, list_commit(discover(root), "HEAD")).tree
    for name in ("clone", "linked", "plain"):
        there = tmp_path / name
        found = settled(there, list_tree(discover(there), StatCache()))
        assert found.tree == here.tree, name
    write(root, {"a.py": b"print(2)\n"})
    dirty = settled(root, list_tree(discover(root), StatCache()))
    commit(root, "second")
    assert dirty.tree != here.tree
    assert dirty.tree == settled(root, list_commit(discover(root), "HEAD")).tree


def test_hash_seed_and_working_directory_change_nothing(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", FILES)
    code = (
        "import sys; sys.path[:0] = sys.argv[2:4]\n"
        "from pathlib import Path; from repoctx.scan import *\n"
        "import test_snapshot as t; r = Path(sys.argv[1])\n"
        "print(repr(t.settled(r, list_tree(discover(r), StatCache()))))"
    )
    tests = Path(__file__).parent
    outs = set()
    for seed, cwd in (("0", tmp_path), ("1", root), ("2", root / "copy")):
        done = subprocess.run(
            [sys.executable, "-c", code, str(root), str(tests), str(tests.parent)],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=cwd,
            capture_output=True,
            timeout=60,
            check=True,
        )
        outs.add(done.stdout)
    assert len(outs) == 1
