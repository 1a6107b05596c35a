"""Files that were moved and changed: which new path has which old path's text.

A move is worth telling as one when its patch is shorter than its text. The measure is
the share of bytes in lines that both texts have, which is what a patch would save; the
cost is bounded, and every tie has a rule, so the overlay's bytes never depend on luck.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from repoctx.pack.diff import split

SIMILAR = 0.5
"""Two texts are a move when they share at least this much of the larger one."""

PAIRS = 2000
"""Pairs of texts that are compared, most promising first."""

LONGEST = 500_000
"""Characters of a text that is looked at; longer ones are never paired."""


def similar(gone: Mapping[str, str], fresh: Mapping[str, str]) -> dict[str, str]:
    """Pair each path of ``fresh`` with at most one of ``gone``, by their texts.

    The best pair is settled first; ties go to the same base name, then by path order.
    """
    old = {path: _weights(text) for path, text in gone.items() if _fits(text)}
    new = {path: _weights(text) for path, text in fresh.items() if _fits(text)}
    sizes = {path: len(text) for path, text in (*gone.items(), *fresh.items())}
    found = []
    for came_from, path in _promising(old, new, sizes):
        score = _score(old[came_from], new[path])
        if score >= SIMILAR:
            found.append((-score, not _same_name(came_from, path), path, came_from))
    pairs: dict[str, str] = {}
    taken: set[str] = set()
    for _, _, path, came_from in sorted(found):
        if path not in pairs and came_from not in taken:
            pairs[path] = came_from
            taken.add(came_from)
    return pairs


def _fits(text: str) -> bool:
    return 0 < len(text) <= LONGEST


def _same_name(one: str, other: str) -> bool:
    return one.rpartition("/")[2] == other.rpartition("/")[2]


def _weights(text: str) -> Counter[str]:
    """Each line's characters, its indentation and repetitions counted."""
    lines = Counter(split(text))
    return Counter({line: len(line) * count for line, count in lines.items()})


def _score(one: Counter[str], other: Counter[str]) -> float:
    return (one & other).total() / max(one.total(), other.total())


def _promising(
    old: Mapping[str, Counter[str]],
    new: Mapping[str, Counter[str]],
    sizes: Mapping[str, int],
) -> list[tuple[str, str]]:
    """Pairs whose sizes allow a move: same base names first, then the nearest sizes.

    Each new path looks at the old ones nearest to it in size, so the work is bounded
    before any pair is made.
    """
    each = max(1, PAIRS // max(len(new), 1))
    by_name: dict[str, list[str]] = {}
    for path in sorted(old):
        by_name.setdefault(path.rpartition("/")[2], []).append(path)
    by_size = sorted(old, key=lambda path: (sizes[path], path))
    pairs: dict[tuple[str, str], None] = {}
    for path in sorted(new)[:PAIRS]:
        near = by_name.get(path.rpartition("/")[2], [])[:each]
        near = near + _nearest(by_size, sizes, sizes[path], each)
        for came_from in near:
            low, high = sorted((sizes[came_from], sizes[path]))
            if low >= SIMILAR * high:
                pairs[came_from, path] = None
    return list(pairs)


def _nearest(
    by_size: list[str], sizes: Mapping[str, int], size: int, count: int
) -> list[str]:
    """The ``count`` paths whose sizes are nearest to ``size``."""
    low, high = 0, len(by_size)
    while low < high:
        middle = (low + high) // 2
        if sizes[by_size[middle]] < size:
            low = middle + 1
        else:
            high = middle
    window = by_size[max(0, low - count) : low + count]
    return sorted(window, key=lambda path: (abs(sizes[path] - size), path))[:count]
