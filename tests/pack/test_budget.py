"""What fits: never more than the room, and the same choice for the same tree."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from repoctx.pack.budget import (
    BASE_SHARES,
    SAFETY,
    TAIL_SHARE,
    Room,
    Show,
    Size,
    fit,
    next_share,
    prompt_room,
)

FILES = st.lists(
    st.tuples(st.integers(30, 5000), st.integers(0, 4), st.floats(0.05, 1.2)),
    max_size=30,
)


def sized(found: list[tuple[int, int, float]]) -> tuple[list[Size], dict[str, int]]:
    sizes = [Size(f"f{n}", full, rank) for n, (full, rank, _) in enumerate(found)]
    outlines = {f"f{n}": int(full * part) for n, (full, _, part) in enumerate(found)}
    return sizes, outlines


def taken(shape: dict[str, Show], sizes: list[Size], outlines: dict[str, int]) -> int:
    by_show = {Show.OMITTED: 0}
    return sum(
        size.full
        if size.path not in shape
        else by_show.get(shape[size.path], outlines[size.path])
        for size in sizes
    )


@given(FILES, st.integers(0, 30_000), st.randoms(use_true_random=False))
def test_it_fits_and_is_stable(found, room: int, dice: random.Random):
    sizes, outlines = sized(found)
    shape = fit(sizes, outlines.__getitem__, room)
    # A skeleton longer than its file is counted as the file.
    least = {s.path: min(outlines[s.path], s.full) for s in sizes}
    assert taken(shape, sizes, least) <= room
    mixed = list(sizes)
    dice.shuffle(mixed)
    assert fit(mixed, outlines.__getitem__, room) == shape


@given(FILES)
def test_enough_room_shows_everything(found):
    sizes, outlines = sized(found)
    assert fit(sizes, outlines.__getitem__, sum(s.full for s in sizes) + 24) == {}


def test_who_comes_first():
    sizes = [Size("big", 500, 1), Size("small", 100, 1), Size("test", 50, 4)]
    outlines = {"big": 40, "small": 30, "test": 20}
    assert fit(sizes, outlines.__getitem__, 170) == {
        "big": Show.SKELETON,
        "test": Show.SKELETON,
    }
    shown = fit(sizes, outlines.__getitem__, 75)
    assert shown["test"] is Show.OMITTED and shown["small"] is Show.SKELETON


def test_what_limits_a_prompt():
    assert prompt_room(0, 0, 0, 0, True).tokens == 0
    assert prompt_room(200_000, 50_000, 0, 0, True).tokens == 150_000
    assert prompt_room(200_000, 190_000, 0, 0, True).tokens == 100_000
    assert prompt_room(200_000, 50_000, 8000, 0, True).tokens == 8000
    assert prompt_room(1_000_000, 50_000, 0, 200_000, True).tokens == 200_000
    assert prompt_room(0, 0, 10_000, 0, False).tokens == int(10_000 * SAFETY)


@given(st.integers(1, 10**7), st.booleans(), st.integers(0, 5000))
def test_a_limit_never_becomes_none(limit: int, exact: bool, used: int):
    assert 1 <= Room(limit, exact, used).tokens <= limit
    assert Room(0, exact, used).tokens == 0


@given(st.floats(0, 3))
def test_shares_grow_smaller(overlay: float):
    share, steps = BASE_SHARES[0], 0
    while share != BASE_SHARES[-1]:
        smaller = next_share(share, overlay)
        assert smaller in BASE_SHARES and smaller < share
        assert smaller == BASE_SHARES[-1] or smaller + overlay <= 1 - TAIL_SHARE
        share, steps = smaller, steps + 1
    assert steps < len(BASE_SHARES)
