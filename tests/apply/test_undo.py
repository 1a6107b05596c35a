"""Undo and redo: by the journal, exactly, and never over later work."""

from __future__ import annotations

from pathlib import Path

import pytest

from apply.trees import Place, change, place
from repoctx.apply import journal as journals
from repoctx.apply.undo import find
from repoctx.errors import Drifted, StorageError, UsageError

FILES = {"a.txt": "one\n", "b/only.txt": "only\n", "run.sh": "#!/bin/sh\n"}
ALL = (
    change("a.txt", b"one\n", b"two\n"),
    change("b/only.txt", b"only\n", None),
    change("c/d/new.txt", None, b"new\n"),
    change("run.sh", b"#!/bin/sh\n", b"#!/bin/sh\n", 0o100755),
)


@pytest.fixture
def here(tmp_path: Path) -> Place:
    made = place(tmp_path, FILES)
    (made.root / "b").chmod(0o700)
    (made.root / "a.txt").chmod(0o640)
    return made


def test_undo_and_redo_are_exact(here: Place) -> None:
    before = here.shape
    here.commit(*ALL)
    after = here.shape
    for _ in range(3):
        here.undo()
        assert (here.shape, here.phases) == (before, ["undone"])
        here.redo()
        assert (here.shape, here.phases) == (after, ["done"])


def test_a_folder_with_something_new_in_it_stays(here: Place) -> None:
    here.commit(*ALL)
    (here.root / "c/mine.txt").write_bytes(b"mine")
    here.undo()
    assert here.shape["c/mine.txt"][1] == b"mine"
    assert "c/d" not in here.shape


def test_undo_goes_back_step_by_step_and_redo_forth(here: Place) -> None:
    seen = [here.shape]
    for old, new in (b"one\n", b"2"), (b"2", b"3"), (b"3", b"4"):
        here.commit(change("a.txt", old, new))
        seen.append(here.shape)
    for expected in seen[2::-1]:
        here.undo()
        assert here.shape == expected
    with pytest.raises(UsageError, match="nothing to be undone"):
        here.undo()
    for expected in seen[1:]:
        here.redo()
        assert here.shape == expected
    with pytest.raises(UsageError, match="nothing to be redone"):
        here.redo()


def test_a_new_commit_ends_the_redoing(here: Place) -> None:
    here.commit(change("a.txt", b"one\n", b"two\n"))
    here.undo()
    here.commit(change("a.txt", b"one\n", b"three\n"))
    with pytest.raises(UsageError):
        here.redo()
    assert here.phases == ["done"]
    here.undo()
    here.redo()
    assert here.shape["a.txt"][1] == b"three\n"


@pytest.mark.parametrize("path", ["a.txt", "c/d/new.txt"])
def test_undo_refuses_what_was_changed_since(here: Place, path: str) -> None:
    here.commit(*ALL)
    (here.root / path).write_bytes(b"later work\n")
    before = here.shape
    with pytest.raises(Drifted, match="nothing was undone") as caught:
        here.undo()
    assert caught.value.paths == (path,)
    assert (here.shape, here.phases) == (before, ["done"])


def test_undo_refuses_over_what_came_where_a_file_was_deleted(here: Place) -> None:
    here.commit(*ALL)
    (here.root / "b").mkdir()
    (here.root / "b/only.txt").write_bytes(b"again\n")
    with pytest.raises(Drifted):
        here.undo()
    assert here.shape["b/only.txt"][1] == b"again\n"


def test_undo_refuses_a_mode_that_was_changed_since(here: Place) -> None:
    here.commit(*ALL)
    (here.root / "run.sh").chmod(0o644)
    with pytest.raises(Drifted):
        here.undo()


def test_one_can_be_named(here: Place) -> None:
    first = here.commit(change("a.txt", b"one\n", b"two\n"))
    second = here.commit(change("run.sh", b"#!/bin/sh\n", b"true\n"))
    assert first and second
    assert here.undo(first.id[-8:]).id == first.id
    assert here.shape["run.sh"][1] == b"true\n"
    assert here.phases == ["done", "undone"]
    with pytest.raises(UsageError, match="it cannot be undone"):
        here.undo(first.id)
    here.redo(first.id)
    assert here.shape["a.txt"][1] == b"two\n"
    for wanted in ("nothing", first.id[:4]):
        with pytest.raises(UsageError, match="apply has the id"):
            find(here.folder, wanted)


def test_a_damaged_journal_is_told_and_changes_nothing(here: Place) -> None:
    here.commit(*ALL)
    (path,) = here.folder.glob("*.done")
    data = path.read_bytes()
    path.write_bytes(data[:-3] + b"???")
    before = here.shape
    with pytest.raises(StorageError, match="damaged"):
        here.undo()
    path.write_bytes(data.replace(b"journal 1", b"journal 9", 1))
    assert journals.records(here.folder)[0].files == ()
    with pytest.raises(StorageError):
        here.undo()
    assert here.shape == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"path": "a.txt"', '"path": "../evil"'),
        ('"path": "a.txt"', '"path": ".git/hooks/pre-commit"'),
        ('"path": "a.txt"', '"path": "/etc/x"'),
        ('"path": "a.txt"', '"path": 7'),
        ('"made": [["c", 493]', '"made": [["../c", 493]'),
        ('"perm": 416', '"perm": 2541'),
        ('"perm": 416', '"perm": "x"'),
        ('"size": 4', '"size": -1'),
        ('"entries": [', '"entries": 7, "x": ['),
        ("{", "[" * 100_000),
    ],
)
@pytest.mark.parametrize("phase", ["done", "applying", "undoing"])
def test_a_planted_journal_writes_nothing(
    here: Place, old: str, new: str, phase: str
) -> None:
    """A `.git` folder may come from anywhere, and journals with it."""
    here.commit(*ALL)
    (path,) = here.folder.glob("*.done")
    data = path.read_bytes()
    planted = data.replace(old.encode(), new.encode(), 1)
    assert planted != data
    path.unlink()
    path.with_suffix(f".{phase}").write_bytes(planted)
    before = here.shape
    if phase == "done":
        with pytest.raises(StorageError):
            here.undo()
    else:
        assert "cannot be taken back" in here.recover()[0]
        assert here.phases == ["left"]
    assert here.shape == before
    assert sorted(p.name for p in here.root.parent.iterdir()) == ["root", "state"]


def test_folders_keep_their_group(here: Place) -> None:
    (here.root / "b").chmod(0o2750)
    before = here.shape
    here.commit(*ALL)
    here.undo()
    assert here.shape == before


def test_the_tree_can_have_moved(here: Place, tmp_path: Path) -> None:
    before = here.shape
    here.commit(*ALL)
    here.root.rename(tmp_path / "elsewhere")
    moved = Place(tmp_path / "elsewhere", here.folder)
    moved.undo()
    assert moved.shape == before
