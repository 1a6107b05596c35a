"""The base's rule: one answer for one history, moving seldom."""

import hashlib
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repoctx.pack.anchor import (
    MODIFIED,
    ROWS,
    Candidates,
    CommitRow,
    cap,
    choose,
    decide,
    is_fixed,
    limit,
)

BASE = 2_000_000
FILES = st.lists(st.integers(0, 30), min_size=1, max_size=120)


def history(files: Sequence[int], salt: str = "") -> list[CommitRow]:
    """A chain, oldest first, whose ids are as random as git's and as fixed."""
    rows = []
    for number, modified in enumerate(files):
        commit = hashlib.sha1(f"{salt}{number}".encode()).hexdigest()
        rows.append(CommitRow(commit, modified=modified))
    return rows


def rule(rows: Sequence[CommitRow], base: int = BASE) -> str:
    return choose(rows[::-1], base, whole=True)


@given(FILES, st.text(max_size=4))
def test_the_base_is_always_an_ancestor(files: list[int], salt: str) -> None:
    rows = history(files, salt)
    for length in range(1, len(rows) + 1):
        assert rule(rows[:length]) in {row.commit for row in rows[:length]}


@given(FILES, st.text(max_size=4))
def test_the_base_never_goes_back(files: list[int], salt: str) -> None:
    rows = history(files, salt)
    order = {row.commit: n for n, row in enumerate(rows)}
    found = [order[rule(rows[: n + 1])] for n in range(len(rows))]
    assert found == sorted(found)


@given(FILES, st.text(max_size=4))
def test_it_moves_only_for_a_full_overlay_or_a_fixed_point(
    files: list[int], salt: str
) -> None:
    rows = history(files, salt)
    moves = len({rule(rows[: n + 1]) for n in range(len(rows))}) - 1
    fixed = sum(is_fixed(row.commit) for row in rows[1:])
    assert moves <= sum(files) * MODIFIED // limit(BASE) + fixed


@given(FILES, st.integers(1, 60), st.text(max_size=4))
def test_a_clone_that_lists_less_agrees(
    files: list[int], listed: int, salt: str
) -> None:
    """Rows behind a fixed point say nothing: a shallow clone either knows or asks."""
    rows = history(files, salt)[::-1]
    found = choose(rows[:listed], BASE, whole=False)
    assert found in ("", choose(rows, BASE, whole=True))


def test_branches_of_one_age_share_a_base() -> None:
    rows = history([10] * 100)
    bases = {rule(rows[:length]) for length in range(60, 64)}
    assert len(bases) <= 2
    assert len({rule(rows[:length]) for length in range(1, 101)}) < 30


def test_fixed_points_keep_a_long_history_in_step() -> None:
    """Of ten thousand commits each position finds its own walk's start."""
    rows = history([1] * 10_000, "long")
    found = [choose(rows[n::-1], BASE, whole=True) for n in range(9_000, 9_400)]
    assert len(set(found)) < 20


def test_without_a_fixed_point_in_reach_the_smallest_id_serves() -> None:
    rows = [CommitRow(f"{n:040x}"[::-1].replace("0", "f")) for n in range(ROWS + 9)]
    assert not any(is_fixed(row.commit) for row in rows)
    assert choose(rows, BASE, whole=True) == min(r.commit for r in rows[:ROWS])
    assert choose(rows[:9], BASE, whole=True) == rows[8].commit


def test_nothing_is_known_of_no_rows() -> None:
    assert choose([], BASE, whole=True) == ""
    assert choose([CommitRow("1" * 40)], BASE, whole=False) == ""


def test_the_limit_follows_the_base_in_steps() -> None:
    assert limit(0) == 0
    assert limit(10_000_000) == limit(10_050_000)
    sizes = range(1_000, 90_000_000, 97_001)
    assert all(limit(n) <= limit(n + 97_001) for n in sizes)
    assert all(0.016 * n <= limit(n) <= cap(n) for n in sizes)


SMALL, GROWN, HUGE = 1000, limit(BASE) + 1, cap(BASE) + 1


@pytest.mark.parametrize(
    ("candidates", "sizes", "base"),
    [
        (Candidates("h", asked="a", warm=("w",)), {}, "a"),
        (Candidates(""), {}, ""),
        (Candidates("h"), {"h": SMALL}, "h"),
        (Candidates("h", rule="r"), {"r": SMALL}, "r"),
        (Candidates("h", rule="r", cold=True), {"h": SMALL}, "h"),
        (Candidates("h", warm=("w",), rule="r"), {"w": SMALL}, "w"),
        (Candidates("h", warm=("w", "v")), {"w": GROWN, "v": SMALL}, "v"),
        (Candidates("h", warm=("w",)), {"w": GROWN, "h": SMALL}, "h"),
        (Candidates("h", warm=("w",)), {"w": GROWN, "h": GROWN - 1}, "w"),
        (Candidates("h", warm=("h",)), {"h": GROWN}, "h"),
        (Candidates("h", warm=("w",)), {"w": HUGE, "h": HUGE - 1}, "h"),
        (Candidates("h", warm=("w",)), {"w": HUGE, "h": HUGE}, ""),
        (Candidates("h", warm=("h",)), {"h": HUGE}, ""),
        (Candidates("h", rule="r"), {"r": GROWN, "h": SMALL}, "h"),
        (Candidates("h", rule="r"), {"r": GROWN, "h": GROWN - 1}, "r"),
        (Candidates("h", rule="r"), {"r": HUGE, "h": SMALL}, "h"),
        (Candidates("h", rule="r"), {"r": HUGE, "h": HUGE}, ""),
        (Candidates("h", shallow=True), {"h": HUGE}, ""),
        (Candidates("", warm=("w",)), {"w": SMALL}, "w"),
        (Candidates("", warm=("w",)), {"w": HUGE}, ""),
    ],
)
def test_the_order_of_reasons(
    candidates: Candidates, sizes: dict[str, int], base: str
) -> None:
    assert decide(candidates, BASE, once(sizes)).base == base


SIZES = st.integers(0, 24).map(lambda n: n * HUGE // 24)


@given(SIZES, SIZES, st.booleans())
def test_the_second_question_keeps_the_first_ones_base(
    rule: int, head: int, cold: bool
) -> None:
    """What a first question has written is not left by the second, changing nothing."""
    sizes = {"r": rule, "h": head}
    first = decide(Candidates("h", rule="r", cold=cold), BASE, once(sizes)).base
    # The snapshot that was taken of the work tree differs from it in nothing.
    sizes = {**sizes, "tree": 0}
    warm = Candidates("h", warm=(first or "tree",))
    assert decide(warm, BASE, once(sizes)).base == (first or "tree")


def once(sizes: dict[str, int]) -> Callable[[str], int]:
    """Overlay sizes that may be asked for once each: rendering one is work."""
    left = dict(sizes)
    return left.pop


def test_a_shallow_clone_is_told_once_in_a_line() -> None:
    told = decide(Candidates("h", shallow=True), BASE, lambda _: 0)
    assert told.note
    assert "\n" not in told.note
    assert not decide(Candidates("h"), BASE, lambda _: 0).note
