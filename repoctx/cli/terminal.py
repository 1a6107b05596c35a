"""What a person sees on a terminal: progress on stderr, links and colours when asked.

Nothing here is imported by a run whose output goes into a pipe.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from repoctx.values import Progress, silent

PATIENCE = 1.0
"""Seconds before a progress bar appears: short work stays quiet."""


def colours(wanted: bool = True) -> bool:
    """Whether stdout takes colours: a terminal, no NO_COLOR, no dumb terminal."""
    return (
        wanted
        and sys.stdout.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM") != "dumb"
    )


@contextmanager
def progress(quiet: bool = False) -> Iterator[Progress]:
    """A callback that draws one bar on stderr when work takes over a second."""
    if quiet or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield silent
        return
    bar = _Bar()
    try:
        yield bar.report
    finally:
        bar.close()


class _Bar:
    """A Rich progress bar, imported and shown only once the work is slow."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._live: object | None = None
        self._tasks: dict[str, int] = {}

    def report(self, what: str, done: int, total: int) -> None:
        if self._live is None and time.monotonic() - self._began < PATIENCE:
            return
        from rich.progress import Progress as Bars
        from rich.progress import TaskID

        if self._live is None:
            from rich.console import Console

            self._live = Bars(console=Console(stderr=True), transient=True)
            self._live.start()
        live = self._live
        if not isinstance(live, Bars):
            return
        if what not in self._tasks:
            self._tasks[what] = int(live.add_task(what, total=total or None))
        live.update(TaskID(self._tasks[what]), completed=done, total=total or None)

    def close(self) -> None:
        from rich.progress import Progress as Bars

        if isinstance(self._live, Bars):
            self._live.stop()


def link(text: str, target: Path, line: int = 0) -> str:
    """``text`` as a terminal hyperlink to a file (OSC 8)."""
    uri = target.as_uri() + (f"#L{line}" if line else "")
    return f"\033]8;;{uri}\033\\{text}\033]8;;\033\\"


def plain(text: str) -> str:
    """``text`` without control characters, so that a path or an answer cannot drive
    the terminal; newlines and tabs stay."""
    return "".join(
        c
        if c in "\n\t" or (c >= " " and not "\x7f" <= c <= "\x9f")
        else "\N{REPLACEMENT CHARACTER}"
        for c in text
    )
