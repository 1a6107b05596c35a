"""Edits while they stream: each whole block is tried at once, and nothing is written.

What is told here is a first word. Blocks are located again, all together, when the
answer is whole.
"""

from __future__ import annotations

from collections.abc import Callable

from repoctx.apply.report import Outcome
from repoctx.parse.edits import blocks
from repoctx.values import Block

MARK = "@@@@ end"
"""What the line that closes a block of our own format begins with."""

MOST = 2_000_000
"""Characters of one block that are kept while it streams."""


class Live:
    """Watches an answer go by and tries each block when its last line has come."""

    def __init__(
        self, attempt: Callable[[Block], Outcome], tell: Callable[[Outcome], None]
    ) -> None:
        self._attempt = attempt
        self._tell = tell
        self._open: list[str] = []
        self._size = 0
        self._line = ""

    def __call__(self, piece: str) -> None:
        """Take the next piece of text, in whatever cuts it comes."""
        *whole, rest = (self._line + piece).split("\n")
        self._line = rest
        for line in whole:
            self._take(line)

    def _take(self, line: str) -> None:
        self._size += len(line) + 1
        if self._size > MOST:
            self._open, self._size = [], 0
        self._open.append(line)
        if not line.startswith(MARK):
            return
        text = "\n".join(self._open) + "\n"
        self._open, self._size = [], 0
        for block in blocks(text, "blocks"):
            if not block.problem:
                self._tell(self._attempt(block))
