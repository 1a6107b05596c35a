"""What a turn shows beside the answer: long work, where quotes stand, what was done."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from acp import start_tool_call, update_tool_call

from repoctx.editor.acp_client import Client
from repoctx.values import Citation

if TYPE_CHECKING:
    from repoctx.flow.session import Session

LATE = 0.7
"""Seconds after which it is told what takes so long."""
OFTEN = 0.5
"""Seconds between two such lines."""


class Progress:
    """Shows long work as a tool call that ends when there is something to read."""

    def __init__(self, client: Callable[[], Client]) -> None:
        self._client = client
        self._since = self._last = time.monotonic()
        self._id = ""
        self._ended = False

    def __call__(self, what: str, done: int, total: int) -> None:
        """Tell what goes on; total 0 is unknown."""
        now = time.monotonic()
        if not what or self._ended or now - self._since < LATE:
            return
        if now - self._last < OFTEN:
            return
        self._last = now
        line = f"{what} {done:,} of {total:,}" if total else what
        if self._id:
            self._client().update(update_tool_call(self._id, title=line))
            return
        self._id = f"work-{time.monotonic_ns()}"
        self._client().update(
            start_tool_call(self._id, line, kind="think", status="in_progress")
        )

    def end(self) -> None:
        """There is something to read, or nothing will come any more."""
        if self._id and not self._ended:
            self._client().update(update_tool_call(self._id, status="completed"))
        self._ended = True


def sources(citations: Sequence[Citation], session: Session) -> str:
    """Where the answer's quotes stand, as links."""
    root = session.place.root.as_posix()
    places: dict[str, str] = {}
    for one in citations:
        if one.verified:
            span = f"-{one.end}" if one.end > one.start else ""
            uri = f"file://{quote(f'{root}/{one.path}', errors='surrogateescape')}"
            place = f"{one.path}:{one.start}{span}"
            places.setdefault(place, f"- [{place}]({uri}#L{one.start})")
    lost = sum(not one.verified for one in citations)
    text = "\n\nSources:\n" + "\n".join(places.values()) + "\n" if places else ""
    if lost:
        text += (
            f"\nUnverified: {lost} quoted passage(s) are nowhere in this repository.\n"
        )
    return text


def applied(files: Sequence[tuple[str, str]]) -> str:
    """What was done, and how to take it back."""
    count = f"{len(files)} file{'' if len(files) == 1 else 's'}"
    return f"Applied to {count}. /undo takes it back."


def fenced(text: str) -> str:
    """``text`` word for word."""
    ticks = "```"
    while ticks in text:
        ticks += "`"
    return f"{ticks}\n{text.rstrip()}\n{ticks}\n"
