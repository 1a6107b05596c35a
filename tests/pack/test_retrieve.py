"""Filling a room: in rank order, whole files first, never more than fits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from repoctx.pack.retrieve import FULL, LARGE_SHARE, SMALL_ROOM, Offer, Pick, fill

OFFERS = st.lists(
    st.tuples(st.integers(1, 60_000), st.lists(st.integers(1, 3000), max_size=4)),
    max_size=20,
)


def offers(found: list[tuple[int, list[int]]]) -> list[Offer]:
    """Files of so many tokens and with such pieces."""

    def offer(number: int, whole: int, parts: list[int]) -> Offer:
        path = f"f{number}"
        pieces = [Pick(path, n + 1, n + 1, size) for n, size in enumerate(parts)]
        return Offer(path, lambda _path, _start, _end: whole, lambda _path: pieces)

    return [offer(number, *one) for number, one in enumerate(found)]


@given(OFFERS, st.integers(0, 200_000))
def test_never_more_than_fits_and_in_rank_order(found, room: int):
    picks = list(fill(offers(found), room))
    assert sum(pick.tokens for pick in picks) <= room
    numbers = [int(pick.path[1:]) for pick in picks]
    assert numbers == sorted(numbers)
    for pick in picks:
        whole, parts = found[int(pick.path[1:])]
        assert pick.tokens == (parts[pick.start - 1] if pick.start else whole)
        if not pick.start:
            assert room > SMALL_ROOM


@given(OFFERS, st.integers(SMALL_ROOM + 1, 200_000))
def test_a_whole_file_that_fits_is_passed_over_by_no_one(found, room: int):
    picks = list(fill(offers(found), room))
    for number, (whole, _) in enumerate(found):
        before = sum(p.tokens for p in picks if int(p.path[1:]) < number)
        fits = whole <= min(room - before, room * LARGE_SHARE)
        if fits and room - before >= FULL:
            assert Pick(f"f{number}", 0, 0, whole) in picks


def test_small_files_behind_a_large_one_get_their_chance():
    found = [(15_000, []), (9_000, []), (6_000, []), (30_000, [500, 400])]
    picks = list(fill(offers(found), 40_000))
    assert [(p.path, p.start) for p in picks] == [
        ("f0", 0),
        ("f1", 0),
        ("f2", 0),
        ("f3", 1),
        ("f3", 2),
    ]
    assert [p.path for p in fill(offers(found[:3]), 22_000)] == ["f1", "f2"]


def test_nothing_is_counted_before_it_is_needed():
    def never(*_: object) -> int:
        raise AssertionError("nobody asked")

    spare = Offer("spare", never, never)  # type: ignore[arg-type]
    assert list(fill([spare], FULL - 1)) == []
    assert [p.path for p in fill([offers([(9_000, [])])[0]], 18_000)] == ["f0"]
