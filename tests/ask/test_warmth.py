"""Lifetimes and keeping warm, against the cost of the gaps themselves."""

from __future__ import annotations

import random

import pytest

from repoctx.ask.warmth import ENOUGH, best_ttl, gaps, worth_keeping

HOUR = 3600
CLAUDE = {300: (0.1, 1.25), HOUR: (0.1, 2.0)}
"""Prices of input tokens, by Anthropic's lifetimes."""


def replayed(seen: list[float], ttl: int) -> float:
    """What a question costs on average, asked after each of these gaps."""
    read, write = CLAUDE[ttl]
    return sum(read if gap <= ttl else write for gap in seen) / len(seen)


def test_gaps_between_times():
    assert gaps([]) == gaps([5.0]) == []
    assert gaps([0, 10, 13, 113]) == [3, 10, 100]
    assert gaps([100, 50, 60]) == [10]


@pytest.mark.parametrize(
    ("seen", "ttl"),
    [
        ([10] * 50, 300),  # One burst: the long life is never used.
        ([10] * 20 + [1200] * 20, HOUR),  # Every other question would miss.
        ([10] * 20 + [7200] * 20, 300),  # Both miss: the short one writes cheaper.
        ([1200] * 4, 300),  # Four gaps say nothing.
        ([], 300),
    ],
)
def test_the_lifetime_is_that_of_the_least_cost(seen: list[float], ttl: int):
    assert best_ttl(sorted(seen), CLAUDE) == ttl


def test_no_other_lifetime_would_have_been_cheaper():
    dice = random.Random(3)
    for _ in range(200):
        scale = dice.choice([30, 300, 1500, 9000])
        seen = sorted(dice.expovariate(1 / scale) for _ in range(dice.randint(5, 60)))
        best = best_ttl(seen, CLAUDE)
        assert replayed(seen, best) == min(replayed(seen, ttl) for ttl in CLAUDE)


def test_without_lifetimes_there_is_none():
    assert best_ttl([10.0] * 9, {}) == 0


def refreshes(seen: list[float], every: float = 270, read=0.1, write=1.25) -> int:
    """How often a cache is refreshed that nobody asks for any more."""
    number = 0
    while worth_keeping(seen, (number + 1) * every, every, read, write):
        number += 1
    return number


def test_without_experience_never_for_more_than_a_write():
    # 1.15 saved at 0.1 each.
    assert refreshes([]) == refreshes([10.0] * (ENOUGH - 1)) == 10
    assert refreshes([], read=0.1, write=0.1) == 0


def test_by_experience():
    # Nobody ever came back after more than a minute.
    assert refreshes([10.0] * 30) == 0
    # Half came back within a quarter of an hour.
    assert refreshes(sorted([10.0] * 20 + [900.0] * 10)) in (3, 4)
    # Everybody comes back tomorrow.
    assert refreshes([80_000.0] * 30) == 0


def test_keeping_by_experience_does_not_cost_more_than_letting_go():
    """Over many days of one habit, each way to keep is replayed and paid for."""
    dice = random.Random(11)
    for scale in (60, 600, 2400, 20_000):
        seen = sorted(dice.expovariate(1 / scale) for _ in range(300))
        every, read, write = 270.0, 0.1, 1.25
        most = refreshes(seen)
        kept = let_go = 0.0
        for gap in (dice.expovariate(1 / scale) for _ in range(3000)):
            let_go += read if gap <= 300 else write
            needed = 0 if gap <= 300 else int((gap - 300) // every) + 1
            kept += min(needed, most) * read + (read if needed <= most else write)
        assert kept <= let_go * 1.02, scale


def test_a_refresh_that_gives_no_time_is_not_made():
    assert not worth_keeping([], 100, 0, 0.1, 1.0)
