"""Moves with changes: found by their lines, settled without luck, bounded."""

from hypothesis import given
from hypothesis import strategies as st

from repoctx.pack import moves
from repoctx.pack.moves import similar

BODY = "".join(f"line {n}\n" for n in range(20))
FILES = st.dictionaries(
    st.sampled_from(["a/x", "b/x", "c/y", "d/y", "e"]),
    st.lists(st.sampled_from(["p\n", "q\n", "r\n"]), max_size=6).map("".join),
)


def test_a_changed_move_is_found() -> None:
    moved = BODY.replace("line 3\n", "line three\n")
    assert similar({"old.py": BODY}, {"new.py": moved}) == {"new.py": "old.py"}


def test_different_texts_are_no_move() -> None:
    assert similar({"old.py": BODY}, {"new.py": BODY.replace("line", "row")}) == {}


def test_the_same_base_name_wins_a_tie() -> None:
    gone = {"a/one.py": BODY, "a/two.py": BODY}
    assert similar(gone, {"b/two.py": BODY}) == {"b/two.py": "a/two.py"}


def test_empty_files_are_not_moves() -> None:
    assert similar({"a": ""}, {"b": ""}) == {}


def test_the_better_pair_is_settled_first() -> None:
    near, far = BODY.replace("line 1\n", "x\n"), BODY.replace("line", "row", 6)
    assert similar({"a": BODY}, {"b": far, "c": near}) == {"c": "a"}


@given(FILES, FILES)
def test_each_path_is_used_once_and_order_does_not_matter(
    gone: dict[str, str], fresh: dict[str, str]
) -> None:
    pairs = similar(gone, fresh)
    assert set(pairs) <= set(fresh)
    assert len(set(pairs.values())) == len(pairs)
    turned = dict(reversed(list(gone.items()))), dict(reversed(list(fresh.items())))
    assert similar(*turned) == pairs


def test_many_files_cost_a_bounded_number_of_comparisons() -> None:
    gone = {f"old/{n}": BODY + f"{n}\n" for n in range(3000)}
    fresh = {f"new/{n}": BODY + f"{n}\n" for n in range(3000)}
    old = {p: moves._weights(t) for p, t in gone.items()}
    new = {p: moves._weights(t) for p, t in fresh.items()}
    sizes = {p: len(t) for p, t in (*gone.items(), *fresh.items())}
    assert len(moves._promising(old, new, sizes)) <= 2 * moves.PAIRS
