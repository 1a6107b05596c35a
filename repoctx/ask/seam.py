"""Where one message of an answer ends and the next goes on.

A model that is asked to go on often begins with lines that it has sent already, or
with a word about them. Nothing that was shown can be taken back, so the first lines of
a continuation are held until it is decided how many of them are repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Stitch = Callable[[Sequence[str]], str]
"""Messages to the one text that they are parts of."""


@dataclass(frozen=True, slots=True)
class Rounds:
    """How a cut answer is asked on: the most requests in all, the user's turn that asks
    for the rest, and what joins two messages."""

    most: int
    ask: str = ""
    stitch: Stitch = "".join


ONE = Rounds(1)
"""A cut answer stays cut."""

DONE = "END"
"""A message of this word alone says that nothing was missing."""

WINDOW = 200_000
"""Characters before the seam in which repeated lines are looked for."""

HELD = 8
"""New lines in a row after which nothing more is believed to be repeated."""

MOST_NEW = 40
"""New lines in all after which it is decided in any case."""

RUN = 3
"""Lines that stand one after another before the seam too: such a run goes on."""

LONG = 1000
"""Characters that count as a line where there is none."""


class Seam:
    """Holds the beginning of a continuation of ``before`` until it is joined to it."""

    def __init__(self, before: str, stitch: Stitch) -> None:
        self.dropped = 0
        self._open = bool(before)
        self._before = before[-WINDOW:]
        self._stitch = stitch
        self._places: dict[str, list[int]] = {}
        lines = (line.strip() for line in self._before.split("\n"))
        for at, line in enumerate(line for line in lines if line):
            self._places.setdefault(line, []).append(at)
        self._held: list[str] = []
        self._line = ""
        self._runs: dict[int, int] = {}
        self._new = self._all_new = 0

    def feed(self, text: str) -> str:
        """What can be shown of all that came, now that ``text`` has."""
        if not self._open:
            return text
        self._held.append(text)
        *lines, self._line = (self._line + text).split("\n")
        for line in filter(None, map(str.strip, lines)):
            self._see(line)
        new = self._new + len(self._line) // LONG
        return self.flush() if new >= HELD or self._all_new >= MOST_NEW else ""

    def _see(self, line: str) -> None:
        """Count a line: repeated, where it goes on a run of repeated lines."""
        places = self._places.get(line, ())
        self._runs = {at + 1: self._runs.get(at, 0) + 1 for at in places}
        if max(self._runs.values(), default=0) >= RUN:
            self._new = 0
        else:
            self._new += 1
            self._all_new += 1

    def flush(self) -> str:
        """Decide; what is left of the lines that were held. ``dropped`` then is the
        number of characters that were repeated."""
        if not self._open:
            return ""
        self._open = False
        held, self._held, self._places = "".join(self._held), [], {}
        if held.strip() == DONE:
            self.dropped = len(held)
            return ""
        joined = self._stitch([self._before, held])
        rest = joined[len(self._before) :]
        # What stands before the seam was shown: only a repeated beginning can go.
        if not joined.startswith(self._before) or not held.endswith(rest):
            return held
        self.dropped = len(held) - len(rest)
        return rest
