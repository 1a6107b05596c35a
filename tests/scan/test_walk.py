from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest

from repoctx.errors import UsageError
from repoctx.scan import (
    Contents,
    Listing,
    StatCache,
    blob_id,
    discover,
    list_tree,
    read_file,
)
from repoctx.scan import walk as walk_module
from repos import make_repo, write


def walk(root: Path) -> Listing:
    return list_tree(discover(root), StatCache())


def test_ignore_files_hold_and_links_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    root = tmp_path / "r"
    write(outside, {"secret": "s"})
    write(
        root,
        {
            ".gitignore": "*.log\n/build/\n!keep.log\n",
            "a.log": "",
            "keep.log": "k",
            "build/x": "",
            "src/.gitignore": "tmp\n",
            "src/tmp": "",
            "src/a.py": "a",
            "src/build/y": "y",
            ".git/config": "",
            ".hg/x": "",
        },
    )
    (root / "link").symlink_to(outside)
    (root / "file-link").symlink_to(outside / "secret")
    os.mkfifo(root / "fifo")
    found = walk(root)
    assert [e.path for e in found.entries] == [
        ".gitignore",
        "keep.log",
        "src/.gitignore",
        "src/a.py",
        "src/build/y",
    ]
    assert {e.state.name for e in found.entries} == {"UNTRACKED"}
    assert {o.path: (o.reason.name, o.detail) for o in found.left_out} == {
        "a.log": ("IGNORED", "*.log"),
        "build/": ("IGNORED", "/build/"),
        "fifo": ("SPECIAL", ""),
        "file-link": ("SYMLINK", ""),
        "link": ("SYMLINK", ""),
        "src/tmp": ("IGNORED", "tmp"),
    }


def test_hostile_ignore_files(tmp_path: Path) -> None:
    root = tmp_path / "r"
    write(
        root, {"a/x": "1", "b/x": "2", "c/.gitignore": "*a" * 60 + "b\n[\n", "c/x": "3"}
    )
    write(root, {f"c/{'a' * 200}": "4"})
    os.mkfifo(root / "a" / ".gitignore")
    (root / "b" / ".gitignore").symlink_to("/dev/zero")
    found = walk(root)
    assert {"a/x", "b/x", "c/x"} < {e.path for e in found.entries}


def test_a_tree_deeper_than_the_recursion_limit(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    try:
        found = walk(tmp_path)
    finally:
        # pytest's own clean-up is recursive.
        subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True, timeout=60)
    assert [e.path for e in found.entries] == ["d/" * 1200 + "f"]


def test_an_empty_folder_and_a_repository_inside(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert walk(tmp_path / "empty") == Listing(())
    make_repo(tmp_path / "all" / "one", {"a": "1"})
    assert [e.path for e in walk(tmp_path / "all").entries] == ["one/a"]


def test_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {str(n): "" for n in range(4)})
    monkeypatch.setattr(walk_module, "MAX_FILES", 3)
    with pytest.raises(UsageError, match="more than 3 files"):
        walk(tmp_path)


def test_a_folder_that_cannot_be_read(tmp_path: Path) -> None:
    write(tmp_path, {"a": "1", "shut/b": "2"})
    (tmp_path / "shut").chmod(0)
    if os.access(tmp_path / "shut", os.R_OK):
        pytest.skip("this user reads everything")
    found = walk(tmp_path)
    (tmp_path / "shut").chmod(0o700)
    left = [(o.path, o.reason.name) for o in found.left_out]
    assert left == [("shut/", "UNREADABLE")]


# --- single files ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("gone", errno.ENOENT),
        ("d/gone", errno.ENOENT),
        ("f/x", errno.ENOTDIR),
        ("link", errno.ELOOP),
        ("dlink/f", errno.ENOTDIR),
        ("fifo", errno.EINVAL),
        ("d", errno.EINVAL),
        ("big", errno.EFBIG),
        ("..", errno.EINVAL),
        ("d/../f", errno.EINVAL),
        ("", errno.EINVAL),
        ("d/", errno.EINVAL),
    ],
)
def test_what_is_never_read(tmp_path: Path, path: str, code: int) -> None:
    write(tmp_path, {"f": "1", "d/f": "2", "big": "x" * 200})
    (tmp_path / "link").symlink_to("f")
    (tmp_path / "dlink").symlink_to("d")
    os.mkfifo(tmp_path / "fifo")
    assert read_file(tmp_path, "d/f", 100) == b"2"
    with pytest.raises(OSError) as caught:
        read_file(tmp_path, path, 100)
    assert caught.value.errno == code


def test_contents_give_only_what_was_asked_for(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", {"a": "1\n", "b": "2\n"})
    write(root, {"b": "changed\n"})
    place = discover(root)
    with Contents(place, {"b"}) as read:
        assert read(blob_id(b"1\n"), "a") == b"1\n"
        assert read(blob_id(b"changed\n"), "b") == b"changed\n"
        for oid, path in ((blob_id(b"other"), "b"), ("0" * 40, "a"), ("x", "gone")):
            with pytest.raises(KeyError):
                read(oid, path)
    write(tmp_path / "plain", {"c": "3\n"})
    with Contents(discover(tmp_path / "plain")) as read:
        assert read(blob_id(b"3\n"), "c") == b"3\n"
