"""What a commit does to a tree, and that it is all or nothing."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from apply.trees import Place, change, place
from repoctx.apply import journal as journals
from repoctx.errors import Drifted, NotApplied, PathRefused
from repoctx.values import FileChange

FILES = {"a.txt": "one\n", "b/c.py": "x = 1\n", "b/only/d.txt": "d\n"}


@pytest.fixture
def here(tmp_path: Path) -> Place:
    return place(tmp_path, FILES)


def test_changes_creates_and_deletes(here: Place) -> None:
    record = here.commit(
        change("a.txt", b"one\n", b"two\n"),
        change("b/only/d.txt", b"d\n", None),
        change("new/deep/e.txt", None, b"e\n"),
        title="three at once",
    )
    assert record and record.title == "three at once"
    assert dict(record.files) == {
        "a.txt": "changed",
        "b/only/d.txt": "deleted",
        "new/deep/e.txt": "created",
    }
    assert {path: data for path, (_, data) in here.shape.items() if data} == {
        "a.txt": b"two\n",
        "b/c.py": b"x = 1\n",
        "new/deep/e.txt": b"e\n",
    }
    assert "b/only" not in here.shape, "a folder that was left empty"
    assert here.phases == ["done"]


def test_what_changes_nothing_leaves_no_journal(here: Place) -> None:
    assert here.commit(change("a.txt", b"one\n", b"one\n")) is None
    assert here.phases == []


@pytest.mark.parametrize("perm", [0o600, 0o664, 0o755, 0o444, 0o711])
def test_rights_stay(here: Place, perm: int) -> None:
    (here.root / "a.txt").chmod(perm)
    git_mode = 0o100755 if perm & 0o100 else 0o100644
    here.commit(change("a.txt", b"one\n", b"two\n", git_mode))
    assert here.shape["a.txt"] == (stat.S_IFREG | perm, b"two\n")


def test_the_executable_bit_follows_whoever_may_read(here: Place) -> None:
    (here.root / "a.txt").chmod(0o640)
    here.commit(change("a.txt", b"one\n", b"one\n", 0o100755))
    assert here.shape["a.txt"][0] == stat.S_IFREG | 0o750
    here.commit(change("a.txt", b"one\n", b"one\n", 0o100644))
    assert here.shape["a.txt"][0] == stat.S_IFREG | 0o640


def test_new_files_follow_the_umask(here: Place) -> None:
    old = os.umask(0o027)
    try:
        here.commit(
            change("n/plain", None, b"1"), change("n/run", None, b"2", 0o100755)
        )
    finally:
        os.umask(old)
    modes = {path: mode & 0o777 for path, (mode, _) in here.shape.items()}
    assert (modes["n"], modes["n/plain"], modes["n/run"]) == (0o750, 0o640, 0o750)


def test_a_move_takes_its_rights_along(here: Place) -> None:
    (here.root / "a.txt").chmod(0o600)
    here.commit(
        change("a.txt", b"one\n", None),
        FileChange("z/a.txt", None, b"one!\n", source="a.txt"),
    )
    assert here.shape["z/a.txt"] == (stat.S_IFREG | 0o600, b"one!\n")
    assert dict(journals.records(here.folder)[0].files)["z/a.txt"] == (
        "moved from a.txt"
    )
    here.undo()
    assert here.shape["a.txt"] == (stat.S_IFREG | 0o600, b"one\n")


def test_extended_attributes_stay(here: Place) -> None:
    path = here.root / "a.txt"
    try:
        os.setxattr(path, "user.note", b"mine")
    except (OSError, AttributeError):
        pytest.skip("this file system has no extended attributes")
    here.commit(change("a.txt", b"one\n", b"two\n"))
    assert os.getxattr(path, "user.note") == b"mine"


def test_a_folder_that_holds_more_stays(here: Place) -> None:
    (here.root / "b/only/untracked.log").write_bytes(b"")
    here.commit(change("b/only/d.txt", b"d\n", None))
    assert "b/only/untracked.log" in here.shape


def test_names_with_any_bytes(here: Place) -> None:
    name = "odd \udcff '\"/ü"
    here.commit(change(name, None, b"1"))
    here.commit(change(name, b"1", b"2"))
    assert here.shape[name][1] == b"2"
    here.undo()
    here.undo()
    assert name not in here.shape


def test_a_name_may_change_its_case(here: Place) -> None:
    here.commit(change("a.txt", b"one\n", None), change("A.txt", None, b"one\n"))
    assert "A.txt" in here.shape and "a.txt" not in here.shape
    here.undo()
    assert "a.txt" in here.shape and "A.txt" not in here.shape


@pytest.mark.parametrize(
    "wrong",
    [
        change("b/c.py", b"x = 2\n", b"x = 3\n"),
        change("b/c.py", None, b"x = 3\n"),
        change("b/c.py", b"other", None),
        change("missing", b"old", b"new"),
        change("missing", b"old", None),
    ],
)
def test_drift_refuses_all(here: Place, wrong: FileChange) -> None:
    before = here.shape
    with pytest.raises(Drifted) as caught:
        here.commit(change("a.txt", b"one\n", b"two\n"), wrong)
    assert caught.value.paths == (wrong.path,)
    assert (here.shape, here.phases) == (before, [])


def test_a_refused_path_refuses_all(here: Place) -> None:
    before = here.shape
    with pytest.raises(PathRefused):
        here.commit(change("a.txt", b"one\n", b"two\n"), change(".git/x", None, b""))
    assert (here.shape, here.phases) == (before, [])


def test_other_modes_are_refused(here: Place) -> None:
    for mode in (0o120000, 0o160000, 0o104755, 0o100666, 0):
        with pytest.raises(PathRefused) as caught:
            here.commit(change("new", None, b"target", mode))
        assert caught.value.reason == "mode"


def test_a_folder_cannot_become_a_file_nor_a_file_a_folder(here: Place) -> None:
    before = here.shape
    with pytest.raises(PathRefused):
        here.commit(change("b/only/d.txt", b"d\n", None), change("b", None, b""))
    with pytest.raises(PathRefused) as caught:
        here.commit(change("a.txt", b"one\n", None), change("a.txt/b", None, b""))
    assert caught.value.reason == "in-the-way"
    assert here.shape == before


def test_a_lock_that_is_held_is_waited_for_and_not_forever(here: Place) -> None:
    with (
        journals.locked(here.folder),
        pytest.raises(NotApplied, match="another"),
        journals.locked(here.folder, patience=0.05),
    ):
        pass


def test_old_journals_are_pruned(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "KEPT", 3)
    for number in range(5):
        here.commit(change(f"n{number}", None, b"x"))
    assert len(here.phases) == 3
    (here.folder / "20250101T000000.000Z-00000000.new").write_bytes(b"torn")
    monkeypatch.setattr(journals, "KEPT_BYTES", 10)
    here.commit(change("last", None, b"x"))
    assert here.phases == ["done"], "the newest always stays"
    assert not list(here.folder.glob("*.new"))
    here.undo()


def test_journals_are_private(here: Place) -> None:
    here.commit(change("a.txt", b"one\n", b"two\n"))
    assert stat.S_IMODE(here.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(p.stat().st_mode) for p in here.folder.iterdir()} == {0o600}


def test_many_files(tmp_path: Path) -> None:
    files = {f"d{n % 40}/f{n}.txt": f"{n}\n" for n in range(300)}
    here = place(tmp_path, files)
    before = here.shape
    here.commit(
        *(change(p, t.encode(), b"new " + t.encode()) for p, t in files.items())
    )
    assert all(here.shape[p][1] == b"new " + t.encode() for p, t in files.items())
    here.undo()
    assert here.shape == before
