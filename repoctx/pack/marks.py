"""Where a provider with explicit breakpoints may put one.

A breakpoint writes an entry into the provider's cache that holds all bytes before it; a
later request reads the longest entry whose bytes it begins with, if it has a block that
ends there. So the places are ends of documents, and they do two things: the first few
are where entries are written, all of them are where the prompt is cut into blocks.
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

    In this order: the end of the base; the end of the overlay; the end of the longest
    run of its documents that ``last_overlay`` begins with too; the document end nearest
    to the middle between base and that run (of the overlay, where there is no run);
    then those of ``last`` that still hold, so that what was written there can be read.

    ``last_overlay`` and ``last`` are the overlay and the marks of the last prefix that
    was sent **over the same preamble and base**; give none when the base is another.
    Every offset is once in the result, ends a segment or a unit, and is at most the
    prefix's size; there are at most ``MOST``. Without a base there are none.
    """
    start = _end_of_base(segments)
    if not start:
        return ()
    overlay = next((s for s in segments if s.kind is SegmentKind.OVERLAY), None)
    if overlay is None or overlay.text is None:
        return (start,)
    ends = [unit.offset + unit.size for unit in overlay.units] or [overlay.size]
    # The opening line alone is not worth an entry.
    worth = [end for end in ends if end > ends[0]] or [overlay.size]
    same = common(overlay.text, last_overlay.encode())
    run = max((end for end in worth if end <= same), default=0)
    middle = (run or overlay.size) / 2
    between = min(worth, key=lambda end: (abs(end - middle), end))
    held = {at - start for at in last} & set(ends)
    kept = sorted((at for at in held if at <= same), reverse=True)
    best = [0, overlay.size, run, between, *kept]
    return tuple(dict.fromkeys(start + at for at in best))[:MOST]


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
