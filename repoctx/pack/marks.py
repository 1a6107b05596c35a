"""Where a provider with explicit breakpoints may put one.

A breakpoint writes an entry into the provider's cache that holds all bytes before it; a
later request reads the longest entry whose bytes it begins with, if it has a block that
ends there. So the places are ends of documents, and they do two things: the first few
are where entries are written, all of them are where the prompt is cut into blocks.

No vendor says whether the same text in other blocks is the same to its cache. So no cut
is made before a place that holds an entry, and none is taken away there: up to it, the
blocks are those that were sent.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from repoctx.values import Segment, SegmentKind

MOST = 16
"""Block boundaries: a look-back of 20 blocks reaches over them, the question and a tail
too."""


def marks(
    segments: Sequence[Segment], last_overlay: str = "", last: Sequence[int] = ()
) -> tuple[int, ...]:
    """Byte offsets in the prefix of ``segments`` for breakpoints, best first.

    In this order: the end of the base; the end of the last document of the overlay;
    the end of the longest run of its documents that ``last_overlay`` begins with too;
    the places of ``last`` that still hold, the last one first. Where none holds, the
    document end nearest to the middle between base and run (of the overlay, where
    there is no run).

    ``last_overlay`` and ``last`` are the overlay and the marks of the last prefix that
    was sent **over the same preamble and base** and is still cached; give none
    otherwise. Every offset is once in the result, ends a segment or a unit, and is at
    most the prefix's size; there are at most ``MOST``: when there would be more, those
    of ``last`` are given up. Without a base there are none.
    """
    start = _end_of_base(segments)
    if not start:
        return ()
    overlay = next((s for s in segments if s.kind is SegmentKind.OVERLAY), None)
    if overlay is None or overlay.text is None:
        return (start,)
    # Not the closing line: a document that is added stands before it.
    ends = [u.offset + u.size for u in overlay.units if u.path] or [overlay.size]
    same = common(overlay.text, last_overlay.encode())
    run = max((end for end in ends if end <= same), default=0)
    held = sorted({at - start for at in last} & {e for e in ends if e <= same})[::-1]
    if len({0, ends[-1], run, *held}) > MOST:
        held = []
    if not held:
        middle = (run or ends[-1]) / 2
        held = [min(ends, key=lambda end: (abs(end - middle), end))]
    return tuple(dict.fromkeys(start + at for at in (0, ends[-1], run, *held)))


def common(one: bytes, other: bytes) -> int:
    """Bytes that both begin with."""
    most = range(min(len(one), len(other)) + 1)
    # The first length at which they differ; a slice compares at memory speed.
    return bisect_right(most, False, key=lambda n: one[:n] != other[:n]) - 1


def _end_of_base(segments: Sequence[Segment]) -> int:
    end = 0
    for segment in segments:
        end += segment.size
        if segment.kind is SegmentKind.BASE:
            return end
    return 0
