"""How long a cache should live, from the gaps between the questions so far.

Everything here is arithmetic over past gaps (seconds between one request and the next)
and prices of one whole prefix: ``read`` from the cache, ``write`` into it, in any unit.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import ceil

ENOUGH = 5
"""Gaps below which they say too little about the next one."""

MOST_REFRESHES = 500
"""How far ahead is looked; 12 hours of refreshing every five minutes are 144."""


def gaps(times: Sequence[float]) -> list[float]:
    """Seconds between one time and the next, shortest first; of a clock that went back
    nothing is known."""
    found = (later - earlier for earlier, later in pairwise(times))
    return sorted(gap for gap in found if gap >= 0)


def best_ttl(seen: Sequence[float], prices: Mapping[int, tuple[float, float]]) -> int:
    """The lifetime with which the next request is cheapest; ``prices`` gives (read,
    write) for each, the usual one first.

    Every gap seen is as likely as any other: within the lifetime the next request reads
    (which lets the life begin anew), beyond it writes again. Too few gaps, or a tie:
    the first. 0 without lifetimes.
    """
    if not prices:
        return 0
    if len(seen) < ENOUGH:
        return next(iter(prices))

    def expected(ttl: int) -> float:
        read, write = prices[ttl]
        hits = bisect_right(seen, ttl)
        return (hits * read + (len(seen) - hits) * write) / len(seen)

    return min(prices, key=expected)


def worth_keeping(
    seen: Sequence[float], idle: float, every: float, read: float, write: float
) -> bool:
    """Whether to refresh a cache that nobody has asked for ``idle`` seconds, each time
    for ``read``, so that it lives ``every`` seconds longer.

    Never for more, since the last question, than to write it anew would cost: whatever
    comes, that is at most twice what knowing the future would have cost (ski rental).
    And once there are gaps enough, only while some number of refreshes saves more on
    the questions that would come by then than it costs, by the gaps that were longer
    than this one is already.
    """
    saved = write - read
    done = idle // every if every > 0 else 0
    if every <= 0 or (done + 1) * read > saved:
        return False
    if len(seen) < ENOUGH:
        return True
    later = [gap - idle for gap in seen if gap > idle]
    for number in range(1, MOST_REFRESHES):
        refreshes = [max(1, ceil(gap / every)) for gap in later]
        gain = sum(
            saved - used * read if used <= number else -number * read
            for used in refreshes
        )
        if gain > 0:
            return True
        if number * read > saved:
            return False
    return False
