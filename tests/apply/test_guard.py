"""What must never be written, judged by name and by what stands on the disk."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from apply.trees import Place, change, place
from repoctx.apply.guard import refusal, tree
from repoctx.errors import PathRefused

BAD = [
    *(
        "/etc/x",
        "~/x",
        "~root/x",
        "C:/x",
        "c:x",
        "\\\\host\\x",
        "\\x",
        "../x",
        "a/../x",
    ),
    *("a/..", "..", ".git/config", "a/.git/x", ".GIT", ".git", ".git./x", "GIT~1/x"),
    *(".git /x", "a/.git. . /x", ".git::$INDEX/x", ".gi\u200ct/x", "", "a\0b", "a/"),
    *("a//b", "./a", "a/./b", ".repoctx-1/x", "a/.repoctx-9", "a\nb", "x" * 300),
]
GOOD = [".gitignore", ".github/x", "a/git", "..a", "a..b", "a~", "...a", "git~x", "é ü"]


@pytest.mark.parametrize("path", BAD)
def test_a_name_that_is_refused(tmp_path: Path, path: str) -> None:
    here = place(tmp_path, {"a/b": "b\n"})
    assert refusal(path)
    before = here.shape
    with pytest.raises(PathRefused) as caught:
        here.commit(change(path, None, b"x"))
    assert caught.value.reason == "unsafe-path"
    assert here.shape == before
    assert not list(tmp_path.glob("x")), "written outside"


@pytest.mark.parametrize("path", GOOD)
def test_a_name_that_is_not(path: str) -> None:
    assert not refusal(path)


# --- on the disk ------------------------------------------------------------------


@pytest.fixture
def here(tmp_path: Path) -> Place:
    made = place(tmp_path, {"a.txt": "a\n", "dir/b.txt": "b\n"})
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/o.txt").write_bytes(b"o\n")
    return made


def reason(here: Place, path: str) -> str:
    """Why ``path`` is refused, for an edit and for a new file."""
    before = here.shape
    with tree(here.root) as disk, pytest.raises(PathRefused) as caught:
        disk.look(path)
    for old in (b"o\n", None):
        with pytest.raises(PathRefused) as again:
            here.commit(change(path, old, b"evil\n"))
        assert again.value.reason == caught.value.reason
    assert here.shape == before
    assert caught.value.path == path
    return caught.value.reason


def test_links(here: Place) -> None:
    outside = here.root.parent / "outside"
    (here.root / "file").symlink_to(outside / "o.txt")
    (here.root / "inner").symlink_to("a.txt")
    (here.root / "folder").symlink_to(outside)
    (here.root / "dir/up").symlink_to("..")
    (here.root / "dangling").symlink_to("nowhere")
    for path in ("file", "inner", "folder/o.txt", "folder/new", "dir/up/a.txt"):
        assert reason(here, path) == "symlink"
    assert reason(here, "dangling") == "symlink"
    assert reason(here, "folder/deep/er") == "symlink"
    assert (outside / "o.txt").read_bytes() == b"o\n"
    assert len(list(outside.iterdir())) == 1


def test_hard_links(here: Place) -> None:
    os.link(here.root.parent / "outside/o.txt", here.root / "hard")
    assert reason(here, "hard") == "hard-link"


def test_things_that_are_no_files(here: Place) -> None:
    os.mkfifo(here.root / "fifo")
    server = socket.socket(socket.AF_UNIX)
    # A socket's path is short: it is bound by way of the folder's descriptor.
    folder = os.open(here.root, os.O_RDONLY)
    server.bind(f"/proc/self/fd/{folder}/socket")
    os.close(folder)
    with server:
        assert reason(here, "fifo") == "not-regular"
        assert reason(here, "socket") == "not-regular"
        assert reason(here, "dir") == "folder"


@pytest.mark.parametrize("mode", [0o4755, 0o2755, 0o1644])
def test_setuid(here: Place, mode: int) -> None:
    (here.root / "a.txt").chmod(mode)
    assert reason(here, "a.txt") == "setuid"


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_repositories_inside(here: Place, kind: str) -> None:
    inner = here.root / "dir" / ".git"
    if kind == "folder":
        inner.mkdir()
    else:
        inner.write_bytes(b"gitdir: ../.git/modules/dir\n")
    assert reason(here, "dir/b.txt") == "submodule"
    assert reason(here, "dir/new/er.txt") == "submodule"
    (here.root / ".git").mkdir()
    assert here.commit(change("a.txt", b"a\n", b"b\n")), "the root's own is none"


@pytest.mark.parametrize("path", ["A.TXT", "DIR/c.txt", "Dir/b.txt", "dir/B.txt"])
def test_names_that_differ_by_case(here: Place, path: str) -> None:
    with pytest.raises(PathRefused) as caught:
        here.commit(change(path, None, b"x"))
    assert caught.value.reason == "case"


def test_new_names_that_differ_by_case_or_composition(here: Place) -> None:
    for one, two in (("n/X", "n/x"), ("N/a", "n/b"), ("caf\u00e9", "cafe\u0301")):
        with pytest.raises(PathRefused) as caught:
            here.commit(change(one, None, b"1"), change(two, None, b"2"))
        assert caught.value.reason == "case"


def test_twins_that_are_there_already_can_be_edited(here: Place) -> None:
    (here.root / "A.txt").write_bytes(b"A\n")
    if len(list(here.root.glob("[aA].txt"))) == 1:
        pytest.skip("this file system ignores case")
    here.commit(change("a.txt", b"a\n", b"1\n"), change("A.txt", b"A\n", b"2\n"))
    assert (here.shape["a.txt"][1], here.shape["A.txt"][1]) == (b"1\n", b"2\n")


def test_a_file_that_is_too_large(here: Place) -> None:
    with (here.root / "a.txt").open("r+b") as file:
        file.truncate(33 << 20)
    assert reason(here, "a.txt") == "too-large"


def test_a_root_behind_a_link(here: Place, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(here.root)
    alias = Place(tmp_path / "alias", here.folder)
    assert alias.commit(change("a.txt", b"a\n", b"b\n"))
    assert here.shape["a.txt"][1] == b"b\n"
