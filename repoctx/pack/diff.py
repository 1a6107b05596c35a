"""Line differences whose bytes never move: not with git, not with Python's version.

The overlay is part of the cached prefix, so the same two texts must give the same
hunks for ever. Nothing here depends on a configuration, a clock, a hash seed or a
library's heuristics; every tie has a rule, and cost is bounded by counted steps.

Method: common head and tail are cut off; lines that stand in one text only cannot match
and are set aside; on the rest runs Myers' greedy O(ND) walk (Myers 1986, "An O(ND)
difference algorithm") while few edits suffice. A box that needs more is split at the
lines that are unique in both halves, by their longest increasing sequence (patience).
A box without such lines is walked in bounded stretches from the furthest point reached.
When ``STEPS`` are used up, what is left of a box counts as replaced.

Lines end at ``\\n`` and nowhere else; a last line without it differs from the same
line with it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from io import StringIO

NO_NEWLINE = "\\ No newline at end of file"
"""Follows a hunk's line that does not end in a newline, as in every unified diff."""

REACH = 64
"""Edits that one stretch of Myers' walk may use before the box is split."""

STEPS = 1_500_000
"""Walk steps a pair of texts may cost, about half a second of Python."""

Run = tuple[int, int, int]
"""``length`` equal lines from index ``i`` of the one and ``j`` of the other text."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Lines ``[old_start, old_end)`` become ``[new_start, new_end)``, from index 0."""

    old_start: int
    old_end: int
    new_start: int
    new_end: int


@dataclass(frozen=True, slots=True)
class Hunk:
    """One hunk, its numbers as in a unified diff.

    Lines count from 1; a side without lines names the line it stands after.
    Each of ``lines`` is a mark (`` ``, ``-``, ``+``) and the line without its newline,
    or ``NO_NEWLINE``.
    """

    old_start: int
    old_count: int
    new_start: int
    new_count: int
    lines: tuple[str, ...]


def split(text: str) -> list[str]:
    """The lines of ``text`` with their ``\\n``; empty for the empty text."""
    return StringIO(text).readlines()


def hunks(old: str, new: str, context: int = 3) -> tuple[Hunk, ...]:
    """What turns ``old`` into ``new``, with ``context`` unchanged lines around."""
    if old == new:
        return ()
    a, b = split(old), split(new)
    return tuple(_hunk(a, b, group, context) for group in _groups(edits(a, b), context))


def edits(a: Sequence[str], b: Sequence[str]) -> list[Edit]:
    """The replacements that turn the lines ``a`` into ``b``, in order, never touching.

    Costs at most ``STEPS`` steps beyond O(n log n).
    """
    head = _common_head(a, b, min(len(a), len(b)))
    tail = _common_tail(a, b, min(len(a), len(b)) - head)
    runs = [(0, 0, head)]
    runs += _matches(a[head : len(a) - tail], b[head : len(b) - tail], head)
    runs.append((len(a) - tail, len(b) - tail, tail))
    return _slide(a, b, _between(runs))


def _common_head(a: Sequence[str], b: Sequence[str], limit: int) -> int:
    """How many lines are equal at the start; slices compare at C's speed."""
    return _longest(limit, lambda i, j: a[i:j] == b[i:j])


def _common_tail(a: Sequence[str], b: Sequence[str], limit: int) -> int:
    """How many lines are equal at the end, at most ``limit``."""
    n, m = len(a), len(b)
    return _longest(limit, lambda i, j: a[n - j : n - i] == b[m - j : m - i])


def _longest(limit: int, same: Callable[[int, int], bool]) -> int:
    """The largest number up to ``limit`` below which all is the same, by halving."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        if same(low, middle):
            low = middle
        else:
            high = middle - 1
    return low


def _matches(a: Sequence[str], b: Sequence[str], offset: int) -> list[Run]:
    """Runs of length 1 between the inner lines, in order, moved by ``offset``."""
    if not a or not b:
        return []
    codes: dict[str, int] = {}
    for line in b:
        codes.setdefault(line, len(codes))
    shared = codes.keys() & set(a)
    rows = [i for i, line in enumerate(a) if line in shared]
    columns = [j for j, line in enumerate(b) if line in shared]
    box = _Box([codes[a[i]] for i in rows], [codes[b[j]] for j in columns])
    return [
        (rows[i + n] + offset, columns[j + n] + offset, 1)
        for i, j, length in box.runs()
        for n in range(length)
    ]


def _between(runs: list[Run]) -> list[Edit]:
    """The gaps between matching runs, as edits."""
    found = []
    i = j = 0
    for row, column, length in runs:
        if row > i or column > j:
            found.append(Edit(i, row, j, column))
        i, j = row + length, column + length
    return found


Corners = tuple[int, int, int, int]


@dataclass(slots=True)
class _Box:
    """Two sequences of line codes and the steps spent on comparing them."""

    x: list[int]
    y: list[int]
    steps: int = 0
    found: list[Run] = field(default_factory=list)

    def runs(self) -> list[Run]:
        """Matching runs of the whole box, in order."""
        stack: list[Corners] = [(0, len(self.x), 0, len(self.y))]
        while stack:
            corners = self._trim(stack.pop())
            if corners[0] == corners[1] or corners[2] == corners[3]:
                continue
            if self.steps < STEPS:
                stack += self._divide(corners)
        return sorted(self.found)

    def _trim(self, corners: Corners) -> Corners:
        """Take equal lines off both ends."""
        x, y = self.x, self.y
        i, i_end, j, j_end = corners
        top = i
        while i < i_end and j < j_end and x[i] == y[j]:
            i, j = i + 1, j + 1
        if i > top:
            self.found.append((top, j - (i - top), i - top))
        bottom = i_end
        while i_end > i and j_end > j and x[i_end - 1] == y[j_end - 1]:
            i_end, j_end = i_end - 1, j_end - 1
        if bottom > i_end:
            self.found.append((i_end, j_end, bottom - i_end))
        return i, i_end, j, j_end

    def _divide(self, corners: Corners) -> list[Corners]:
        """Match what can be matched; return the boxes that are still open."""
        i, i_end, j, j_end = corners
        walked, (row, column) = self._walk(corners)
        if (row, column) == (i_end, j_end):
            self.found += walked
            return []
        anchors = self._anchors(corners)
        if anchors:
            self.found += [(r, c, 1) for r, c in anchors]
            starts = [(i, j), *((r + 1, c + 1) for r, c in anchors)]
            ends = [*anchors, (i_end, j_end)]
            return [(s[0], e[0], s[1], e[1]) for s, e in zip(starts, ends, strict=True)]
        self.found += walked
        return [(row, i_end, column, j_end)]

    def _anchors(self, corners: Corners) -> list[tuple[int, int]]:
        """Lines unique in both sides of the box, the longest sequence in order."""
        i, i_end, j, j_end = corners
        self.steps += (i_end - i) + (j_end - j)
        left, right = Counter(self.x[i:i_end]), Counter(self.y[j:j_end])
        where = {
            code: j + n
            for n, code in enumerate(self.y[j:j_end])
            if right[code] == 1 and left[code] == 1
        }
        pairs = [
            (i + n, where[code])
            for n, code in enumerate(self.x[i:i_end])
            if code in where
        ]
        return _longest_increasing(pairs)

    def _walk(self, corners: Corners) -> tuple[list[Run], tuple[int, int]]:
        """Myers' walk with at most ``REACH`` edits: its runs and where it came to."""
        i, i_end, j, j_end = corners
        n, m = i_end - i, j_end - j
        best: dict[int, int] = {1: 0}
        trace: list[dict[int, int]] = []
        for edits_used in range(REACH + 1):
            trace.append(best)
            best = self._round(corners, best, edits_used)
            if best.get(n - m) == n:
                return _backtrack(trace, (n, m), corners), (i_end, j_end)
        # The furthest point is where most lines are settled; ties go to the diagonal.
        row, _, k = max(
            ((r, -abs(k), k) for k, r in best.items() if r >= 0),
            key=lambda point: (2 * point[0] - point[2], point[1], point[2]),
        )
        end = (row, row - k)
        return _backtrack(trace, end, corners), (i + row, j + row - k)

    def _round(
        self, corners: Corners, before: dict[int, int], edits_used: int
    ) -> dict[int, int]:
        """Furthest row on each diagonal after ``edits_used`` edits."""
        x, y = self.x, self.y
        i, i_end, j, j_end = corners
        n, m = i_end - i, j_end - j
        low = -(edits_used - 2 * max(0, edits_used - m))
        high = edits_used - 2 * max(0, edits_used - n)
        after: dict[int, int] = {}
        for k in range(low, high + 1, 2):
            start, _ = _step(before, k, n, m)
            if start < 0:
                continue
            row = start
            column = row - k
            while row < n and column < m and x[i + row] == y[j + column]:
                row, column = row + 1, column + 1
            after[k] = row
            self.steps += 1 + row - start
        return after


def _step(before: dict[int, int], k: int, n: int, m: int) -> tuple[int, bool]:
    """The row from which diagonal ``k`` goes on, and whether a deletion led there.

    The row is -1 when neither neighbour leads into the box. A tie is an insertion.
    """
    down = before.get(k + 1, -1)
    if down - k > m:
        down = -1
    right = before.get(k - 1, -2) + 1
    if right > n:
        right = -1
    return (right, True) if right > down else (down, False)


def _backtrack(
    trace: list[dict[int, int]], end: tuple[int, int], corners: Corners
) -> list[Run]:
    """The runs on the path to ``end``, in the coordinates of the whole box."""
    i, i_end, j, j_end = corners
    row, column = end
    runs = []
    for before in reversed(trace):
        k = row - column
        start, deleted = _step(before, k, i_end - i, j_end - j)
        if row > start:
            runs.append((i + start, j + start - k, row - start))
        row, column = (start - 1, start - k) if deleted else (start, start - k - 1)
    return runs[::-1]


def _longest_increasing(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest chain of pairs, already ordered by row, whose columns rise too."""
    tops: list[int] = []
    at: list[int] = []
    parent: list[int] = []
    for index, (_, column) in enumerate(pairs):
        pile = bisect_left(tops, column)
        parent.append(at[pile - 1] if pile else -1)
        if pile == len(tops):
            tops.append(column)
            at.append(index)
        else:
            tops[pile], at[pile] = column, index
    chain = []
    index = at[-1] if at else -1
    while index >= 0:
        chain.append(pairs[index])
        index = parent[index]
    return chain[::-1]


def _slide(a: Sequence[str], b: Sequence[str], found: list[Edit]) -> list[Edit]:
    """Move each pure insertion or deletion to where it reads best; join neighbours.

    A block may move over lines equal to its own ends. Best is the place whose first
    line is least indented, after a blank line if there is one, and lowest on a tie.
    """
    settled: list[Edit] = []
    for n, edit in enumerate(found):
        follower = found[n + 1].old_start if n + 1 < len(found) else len(a)
        room = follower - edit.old_end
        floor = settled[-1].old_end if settled else 0
        above = edit.old_start - floor
        shift = 0
        if edit.old_start == edit.old_end:
            shift = _best_shift(b, (edit.new_start, edit.new_end), above, room)
        elif edit.new_start == edit.new_end:
            shift = _best_shift(a, (edit.old_start, edit.old_end), above, room)
        old, new = edit.old_start + shift, edit.new_start + shift
        moved = Edit(old, edit.old_end + shift, new, edit.new_end + shift)
        if settled and settled[-1].old_end == moved.old_start:
            first = settled.pop()
            moved = Edit(first.old_start, moved.old_end, first.new_start, moved.new_end)
        settled.append(moved)
    return settled


def _best_shift(
    lines: Sequence[str], block: tuple[int, int], above: int, below: int
) -> int:
    """How far the block ``[start, end)`` moves, within the lines around it."""
    start, end = block
    up = 0
    while up < above and lines[start - up - 1] == lines[end - up - 1]:
        up += 1
    down = 0
    while down < below and lines[start + down] == lines[end + down]:
        down += 1
    return max(range(-up, down + 1), key=lambda s: (_reads(lines, start + s), s))


def _reads(lines: Sequence[str], start: int) -> tuple[int, int]:
    """How well a block beginning at ``start`` reads; more is better."""
    line = lines[start]
    body = line.lstrip(" \t")
    indent = len(line) - len(body)
    if not body.strip():
        indent = 1 << 30
    after_blank = start == 0 or not lines[start - 1].strip()
    return -indent, int(after_blank)


def _groups(found: Sequence[Edit], context: int) -> Iterator[list[Edit]]:
    """Edits so near to each other that their contexts touch."""
    group: list[Edit] = []
    for edit in found:
        if group and edit.old_start - group[-1].old_end > 2 * context:
            yield group
            group = []
        group.append(edit)
    if group:
        yield group


def _hunk(a: Sequence[str], b: Sequence[str], group: list[Edit], context: int) -> Hunk:
    """The hunk of a group of edits."""
    before = min(context, group[0].old_start)
    after = min(context, len(a) - group[-1].old_end)
    old_start, old_end = group[0].old_start - before, group[-1].old_end + after
    new_start, new_end = group[0].new_start - before, group[-1].new_end + after
    lines: list[str] = []
    at = old_start
    for edit in group:
        _put(lines, " ", a[at : edit.old_start])
        _put(lines, "-", a[edit.old_start : edit.old_end])
        _put(lines, "+", b[edit.new_start : edit.new_end])
        at = edit.old_end
    _put(lines, " ", a[at:old_end])
    return Hunk(
        old_start + (old_end > old_start),
        old_end - old_start,
        new_start + (new_end > new_start),
        new_end - new_start,
        tuple(lines),
    )


def _put(lines: list[str], mark: str, part: Sequence[str]) -> None:
    for line in part:
        if line.endswith("\n"):
            lines.append(mark + line[:-1])
        else:
            lines.append(mark + line)
            lines.append(NO_NEWLINE)
