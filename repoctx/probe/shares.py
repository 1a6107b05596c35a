"""What a cache serves of prompt after prompt: sums over the questions of a replay.

*Path order* is what a packer does that rewrites files in place: the same files in path
order, its figures computed from the same sizes and contents. Tokens are bytes / 3.6.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

BYTES_A_TOKEN = 3.6
READ, WRITE = 0.1, 1.25
"""Usual prices of what a cache serves and of what is written to it, against fresh
input."""

Files = Sequence[tuple[str, str, int]]
"""(path, blob id, bytes) in path order."""


def common_bytes(one: bytes, other: bytes) -> int:
    """How many bytes are equal at the start."""
    low, high = 0, min(len(one), len(other))
    if one[:high] == other[:high]:
        return high
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def framed(file: tuple[str, str, int]) -> int:
    """Bytes of a file in a prompt: its text and the usual frame around it."""
    return file[2] + len(file[0]) + len('<file path="">\n</file>\n')


def path_order(last: Files, now: Files, blob: Callable[[str], bytes]) -> int:
    """Bytes that two prompts share when files are rewritten in place, in path order."""
    common = 0
    for one, other in zip(last, now, strict=False):
        if one[:2] == other[:2]:
            common += framed(other)
            continue
        if one[0] == other[0]:
            common += common_bytes(blob(one[1]), blob(other[1]))
        break
    return common


@dataclass(slots=True)
class Shares:
    """Sums over the questions after the first, in bytes: of the prompts, of what was
    not cached of each, and the same for path order."""

    total: int = 0
    uncached: list[int] = field(default_factory=list)
    plain_total: int = 0
    plain_uncached: int = 0

    @property
    def questions(self) -> int:
        """How many questions were asked."""
        return len(self.uncached)

    def add(self, size: int, common: int, plain: int, plain_common: int) -> None:
        """One question: its prompt's bytes and those it shares with the one before."""
        self.total += size
        self.uncached.append(size - common)
        self.plain_total += plain
        self.plain_uncached += plain - plain_common

    def row(self, read: float = READ, write: float = WRITE) -> dict[str, float]:
        """The figures: shares are of bytes, tokens a question; ``cost`` and ``floor``
        (every byte cached) are shares of what path order costs. Not for 0 questions."""
        new = sum(self.uncached)
        cost = read * (self.total - new) + write * new
        plain_cached = self.plain_total - self.plain_uncached
        plain = read * plain_cached + write * self.plain_uncached
        ranked = sorted(self.uncached)
        return {
            "questions": len(ranked),
            "tokens": self.total / len(ranked) / BYTES_A_TOKEN,
            "cached": 1 - new / self.total,
            "path_order_cached": plain_cached / self.plain_total,
            "uncached_mean": statistics.mean(ranked) / BYTES_A_TOKEN,
            "uncached_p95": ranked[int(0.95 * (len(ranked) - 1))] / BYTES_A_TOKEN,
            "cost": cost / plain,
            "floor": read * self.total / plain,
        }
