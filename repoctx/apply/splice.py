"""Placed hunks to changes of line ranges, and changes to new lines.

Only changed lines are written; context keeps the file's own bytes.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass, field

from repoctx.apply.keys import Keyed
from repoctx.apply.locate import Place
from repoctx.apply.text import Source


class Refused(Exception):
    """A block cannot be applied. ``code`` is a key of `report.REASONS`; ``places`` are
    the ranges (first and last line, from 1) that it might have meant."""

    def __init__(
        self, code: str, detail: str = "", places: Sequence[tuple[int, int]] = ()
    ) -> None:
        super().__init__(detail or code)
        self.code, self.detail, self.places = code, detail, tuple(places)


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """Lines ``[start, end)`` (from index 0) become ``lines`` with their ``ends``.

    An end ``""`` stands for the neighbour's. ``above`` and ``below`` say whether the
    hunk named the lines around an insertion.
    """

    start: int
    end: int
    lines: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    above: bool = True
    below: bool = True

    @property
    def growth(self) -> int:
        """Lines gained."""
        return len(self.lines) - (self.end - self.start)


def changes(lines: Sequence[str], place: Place, file: Keyed) -> list[Change]:
    """What a hunk's marked ``lines`` change when its old side stands at ``place``.

    Raises Refused where it does not say exactly which lines go or where new ones come.
    """
    found: list[Change] = []
    at = iter(place.at)
    before: int | None = None
    new: list[str] = []
    gone: list[int] = []
    for line in (*lines, ""):
        mark = line[:1]
        if mark == "+":
            new.append(line[1:])
            continue
        index = next(at, None) if mark else None
        if mark == "-":
            if index is not None and new and gone and index > gone[-1] + 1:
                # What was put in ends one change: between them lines were lost.
                found.append(_change(new, gone, (before, index), file))
                before, new, gone = gone[-1], [], []
            gone += [] if index is None else [index]
        elif index is not None or not mark:
            if new or gone:
                found.append(_change(new, gone, (before, index), file))
            before, new, gone = index, [], []
    return found


def _change(
    new: list[str],
    gone: list[int],
    around: tuple[int | None, int | None],
    file: Keyed,
) -> Change:
    before, after = around
    texts = file.source.lines
    if gone:
        start, end = gone[0], gone[-1] + 1
        if len(gone) < end - start:
            lost = next(n for n in range(start, end) if n not in gone)
            raise Refused("gap", f"line {lost + 1} is not in the block")
        low = start if before is None else before + 1
        high = end if after is None else after
        beside = [*range(low, start), *range(end, high)]
        if new and (full := [n for n in beside if texts[n].strip()]):
            raise Refused("gap", f"before or after line {full[0] + 1}?")
        return Change(start, end, *_ended(new))
    low = 0 if before is None else before + 1
    high = low if after is None else after
    if before is None and after is not None:
        low = high
    if low < high:
        low = _chosen(new, texts[low:high], low, high)
    return Change(low, low, *_ended(new), before is not None, after is not None)


def _ended(new: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Added lines and the ends that they state."""
    ends = [{"\r": "\r\n", "\n": "\n"}.get(line[-1:], "") for line in new]
    return tuple(line.rstrip("\r\n") for line in new), tuple(ends)


def _chosen(new: list[str], between: Sequence[str], low: int, high: int) -> int:
    """Where an insertion goes when the file has more lines at that place."""
    if any(line.strip() for line in between):
        raise Refused("gap", f"line {low + 1} is not in the block")
    opens = bool(new) and not new[0].strip()
    closes = bool(new) and not new[-1].strip()
    if opens == closes:
        raise Refused("gap", f"before or after the blank line {low + 1}?")
    return low if opens else high


@dataclass(slots=True)
class Layer:
    """A text and the changes made to it so far, in its own line numbers."""

    file: Keyed
    made: list[Change] = field(default_factory=list)

    def clash(self, change: Change) -> Change | None:
        """A change already made that touches the same lines."""
        n = bisect_left(self.made, Change(change.start, change.start))
        for other in self.made[max(0, n - 1) : n + 2 + change.end - change.start]:
            if other.start >= change.end and other.start > change.start:
                break
            if _touch(other, change):
                return other
        return None

    def add(self, change: Change) -> None:
        """Make a change that `clash` found free."""
        insort(self.made, change, key=_order)

    def moved(self, change: Change) -> Change:
        """``change`` in the line numbers of this layer's result."""
        shift = sum(c.growth for c in self.made if _order(c) < _order(change))
        return Change(
            change.start + shift,
            change.end + shift,
            change.lines,
            change.ends,
            change.above,
            change.below,
        )

    def result(self) -> Source:
        """The text with its changes made; ends at the end of the file as before."""
        source = self.file.source
        lines: list[str] = []
        ends: list[str] = []
        at = 0
        for change in self.made:
            lines += source.lines[at : change.start]
            ends += source.ends[at : change.start]
            lines += change.lines
            ends += _ends(change, source)
            at = change.end
        lines += source.lines[at:]
        ends += source.ends[at:]
        _close(ends, source.end, open_=source.open)
        return Source(
            lines, ends, source.codec, source.bom, source.legacy, source.escaped
        )


def _order(change: Change) -> tuple[int, int, bool]:
    """An insertion that names only what is above it comes first at its place."""
    return change.start, change.end, not change.above


def _touch(a: Change, b: Change) -> bool:
    if a.start == a.end == b.start == b.end:
        ordered = (a.above, a.below) != (b.above, b.below) and not (
            (a.above and a.below) or (b.above and b.below)
        )
        return not ordered
    return max(a.start, b.start) < min(a.end, b.end) or (
        # An insertion strictly inside a replaced range.
        (a.start == a.end and b.start < a.start < b.end)
        or (b.start == b.end and a.start < b.start < a.end)
    )


def _ends(change: Change, source: Source) -> list[str]:
    """The line ends of a change's lines: stated, else the neighbour's."""
    out = []
    gone = source.ends[change.start : change.end]
    near = gone or source.ends[max(0, change.start - 1) : change.start + 1][:1]
    for n in range(len(change.lines)):
        stated = change.ends[n] if n < len(change.ends) else ""
        own = near[min(n, len(near) - 1)] if near else ""
        out.append(stated or own or source.end)
    return out


def _close(ends: list[str], end: str, *, open_: bool) -> None:
    """Give every line but an open last one an end."""
    for n in range(len(ends) - 1):
        if not ends[n]:
            ends[n] = end
    if ends:
        ends[-1] = "" if open_ else ends[-1] or end


def opened(source: Source, open_: bool) -> Source:
    """The text with or without a newline at its end."""
    ends = list(source.ends)
    _close(ends, source.end, open_=open_)
    return Source(
        list(source.lines),
        ends,
        source.codec,
        source.bom,
        source.legacy,
        source.escaped,
    )
