"""Which paths differ and how each is told; whole trees are in tests/flow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repoctx.pack.budget import Show
from repoctx.pack.overlay import (
    Change,
    Sources,
    changes,
    in_order,
    is_hidden,
    overlay_docs,
    present,
)
from repoctx.pack.patch import patch
from repoctx.values import LeftOut, Reason, Snapshot, SourceFile, State, byte_order

PATHS = ["a", "b", "b/c", "d/a", "e", "\udcff", "é", "z"]
TREES = st.dictionaries(st.sampled_from(PATHS), st.sampled_from("1234"), max_size=8)


def file(path: str, oid: str, state: State = State.CLEAN, size: int = 9) -> SourceFile:
    return SourceFile(path, oid, 0o100644, size, "", state)


def snapshot(tree: dict[str, str]) -> Snapshot:
    """Of equal contents the first path is kept, the others point to it."""
    first: dict[str, str] = {}
    files, out = [], []
    for path in sorted(tree, key=byte_order):
        kept = first.setdefault(tree[path], path)
        if kept == path:
            files.append(file(path, tree[path]))
        else:
            out.append(LeftOut(path, Reason.DUPLICATE, kept, tree[path]))
    return Snapshot(tuple(files), tuple(out), "")


@given(TREES, TREES)
def test_changes_turn_one_tree_into_the_other(before, after):
    old, new = snapshot(before), snapshot(after)
    result = dict(before)
    found = changes(old, new)
    for change in found:
        if change.source:
            assert result.pop(change.source) == before[change.source]
            assert change.old is not None and change.old.oid == before[change.source]
        if change.new is None:
            del result[change.path]
        else:
            result[change.path] = change.new.oid
    assert result == after
    assert len({change.path for change in found}) == len(found)
    sources = [change.source for change in found if change.source]
    assert len(set(sources)) == len(sources) and not set(sources) & set(after)
    assert [c.path for c in found] == sorted((c.path for c in found), key=byte_order)


@given(TREES)
def test_a_tree_differs_from_itself_in_nothing(tree):
    assert changes(snapshot(tree), snapshot(tree)) == ()
    assert {path: f.oid for path, f in present(snapshot(tree)).items()} == tree


@given(TREES, TREES, st.dictionaries(st.sampled_from(PATHS), st.integers(0, 3)))
def test_the_order_is_by_commit_then_path_and_uncommitted_last(before, after, touched):
    found = changes(snapshot(before), snapshot(after))
    ordered = in_order(found, touched)
    assert sorted(ordered, key=repr) == sorted(found, key=repr)
    keys = [
        (c.path not in touched, touched.get(c.path, 0), byte_order(c.path))
        for c in ordered
    ]
    assert keys == sorted(keys)


OLD, NEW = file("f", "1"), file("f", "2")
PARTIAL = {"f": Show.SKELETON}


@pytest.mark.parametrize(
    ("change", "partial", "hidden"),
    [
        (Change("f", OLD, NEW), {}, False),
        (Change("f", OLD, NEW), PARTIAL, True),
        (Change("f", OLD, NEW), {"other": Show.OMITTED}, False),
        (Change("f", OLD, None), PARTIAL, False),
        (Change("g", None, file("g", "2")), PARTIAL, True),
        (Change("g", None, file("g", "2")), {}, False),
        (Change("f", OLD, file("f", "2", State.CHANGED)), PARTIAL, False),
        (Change("f", OLD, file("f", "2", State.CHANGED, 999)), PARTIAL, True),
        (Change("g", None, file("g", "2", State.UNTRACKED, 999)), PARTIAL, True),
        (Change("f", OLD, file("f", "2", State.CHANGED, 999)), {}, False),
    ],
)
def test_what_a_small_base_hides(change: Change, partial, hidden: bool):
    assert is_hidden(change, partial, huge=100) is hidden


def told(change: Change, old: str, new: str, partial=None, huge: int = 0) -> list[str]:
    """The documents for one change, each as its tag and attributes."""
    outline = "out\n" * 9
    sources = Sources(
        lambda _: old, lambda _: new, lambda _: outline, partial or {}, huge
    )
    docs = overlay_docs((change,), sources, lambda _, o, n: patch(o, n))
    return [
        " ".join([doc.tag, *(f"{k}={v}" for k, v in doc.attributes)]) for _, doc in docs
    ]


LONG = "line\n" * 50


@pytest.mark.parametrize(
    ("change", "old", "new", "documents"),
    [
        (Change("f", OLD, NEW), LONG, LONG + "more\n", ["patch path=f"]),
        (Change("f", OLD, NEW), "a\n", "b\n", ["file path=f"]),
        (Change("f", OLD, NEW), "a\n", "a\n", []),
        (Change("f", OLD, None), "a\n", "", ["deleted path=f"]),
        (Change("g", None, file("g", "2")), "", "new\n", ["file path=g"]),
        (Change("g", OLD, OLD, "f"), LONG, LONG, ["moved path=g from=f"]),
        (Change("g", OLD, NEW, "f"), LONG, LONG + "x\n", ["moved path=g from=f"]),
        (Change("g", OLD, NEW, "f"), "a\n", "b\n", ["deleted path=f", "file path=g"]),
    ],
)
def test_how_a_change_is_told(change: Change, old: str, new: str, documents):
    assert told(change, old, new) == documents


def test_how_a_hidden_change_is_told():
    skeleton, gone = {"f": Show.SKELETON}, {"f": Show.OMITTED}
    change = Change("f", OLD, NEW)
    assert told(change, "old outline\n", LONG, skeleton) == [
        "file path=f show=skeleton"
    ]
    assert told(change, "out\n" * 9, LONG, skeleton) == [], "the outline is the same"
    assert told(change, "", LONG, gone) == []
    moved = Change("g", OLD, NEW, "f")
    assert told(moved, "", LONG, skeleton) == [
        "deleted path=f",
        "file path=g show=skeleton",
    ]


def test_the_outline_of_a_huge_text_is_cut_at_a_line():
    big = Change("g", None, file("g", "2", State.UNTRACKED, 10**6))
    sources = Sources(str, str, lambda _: "0123456789\n" * 99, {"f": Show.OMITTED}, 105)
    docs = list(overlay_docs((big,), sources, lambda *_: ""))
    assert [doc.body for _, doc in docs] == ["0123456789\n" * 9]
