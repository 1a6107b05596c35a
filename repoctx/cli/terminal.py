"""What a person sees on a terminal: progress on stderr, links and colours when asked.

Nothing here is imported by a run whose output goes into a pipe.
"""

from __future__ import annotations

import codecs
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock, Timer
from typing import TYPE_CHECKING

from repoctx.values import Progress, silent

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

PATIENCE = 1.0
"""Seconds before a progress bar appears: short work stays quiet."""

_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that reorder what is shown."""


def colours(wanted: bool = True, setting: str = "auto") -> bool:
    """Whether stdout takes colours, by the flag, the setting and what stdout is.

    ``auto``: a terminal that is not dumb, and no NO_COLOR.
    """
    if not wanted or setting == "never":
        return False
    if setting == "always":
        return True
    quiet = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not quiet


def bold(text: str, on: bool) -> str:
    """``text`` in bold where there are colours."""
    return f"\033[1m{text}\033[0m" if on else text


def dim(text: str, on: bool) -> str:
    """``text`` in grey where there are colours."""
    return f"\033[2m{text}\033[0m" if on else text


def link(text: str, target: Path, line: int = 0) -> str:
    """``text`` as a terminal hyperlink to a file (OSC 8); in a pipe as it is."""
    if not sys.stdout.isatty():
        return text
    uri = target.as_uri() + (f"#L{line}" if line else "")
    return f"\033]8;;{uri}\033\\{text}\033]8;;\033\\"


def plain(text: str) -> str:
    """``text`` without control characters, so that a path or an answer cannot drive
    the terminal; newlines and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c if c in "\n\t" or not _drives(c) else "\N{REPLACEMENT CHARACTER}"
        for c in text
    )


def _drives(c: str) -> bool:
    control = c < " " or "\x7f" <= c <= "\x9f"
    return control or "\ud800" <= c <= "\udfff" or c in _BIDI


def raw_writer() -> Callable[[bytes], object]:
    """What writes bytes to stdout: as they are, but never so that they could drive a
    terminal."""
    sys.stdout.flush()
    if not sys.stdout.isatty():
        return sys.stdout.buffer.write
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    return lambda data: sys.stdout.write(plain(decoder.decode(data)))


def quoted(path: str) -> str:
    """A path on one line: as it is, or in git's quotes where it holds a control
    character, a quote, a backslash or bytes that are no UTF-8."""
    if path.isprintable() and not {'"', "\\"} & set(path):
        return path
    named = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}

    def spelled(c: str) -> str:
        if c in named:
            return named[c]
        data = c.encode("utf-8", "surrogateescape")
        return c if c.isprintable() else "".join(f"\\{byte:03o}" for byte in data)

    return '"' + "".join(map(spelled, path)) + '"'


def screen() -> tuple[int, bool]:
    """Columns to write in, and whether stdout shows more than ASCII: a pipe may lead
    anywhere."""
    import shutil

    drawn = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    return shutil.get_terminal_size((80, 24)).columns, drawn


def ago(seconds: float) -> str:
    """A length of time in its largest unit."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def say(line: str) -> None:
    """Write a line for the person to stderr, wherever that leads."""
    with suppress(OSError, ValueError):
        sys.stderr.write(f"repoctx: {plain(line)}\n")
        sys.stderr.flush()


@contextmanager
def progress(quiet: bool = False) -> Iterator[Progress]:
    """A callback that draws one bar on stderr when work takes over a second.

    With an empty name the bar goes away, so that something else can be written.
    """
    if quiet or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield silent
        return
    bar = _Bar()
    try:
        yield bar.report
    finally:
        bar.report("", 0, 0)


class _Bar:
    """A Rich progress bar, imported and shown only once the work is slow."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._live: Bars | None = None
        self._what = ""
        self._timer: Timer | None = None
        self._lock = Lock()

    def report(self, what: str, done: int, total: int) -> None:
        with self._lock:
            self._stop_waiting()
            if not what:
                self._close()
            elif self._live or time.monotonic() - self._began >= PATIENCE:
                self._draw(what, done, total)
            elif not total:
                # Work without steps reports once: the bar must come by itself.
                self._timer = Timer(PATIENCE, self._come, (what,))
                self._timer.daemon = True
                self._timer.start()

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _come(self, what: str) -> None:
        with self._lock:
            if self._timer is not None:
                self._draw(what, 0, 0)

    def _draw(self, what: str, done: int, total: int) -> None:
        from rich.progress import Progress as Bars
        from rich.progress import TaskID

        if self._live is None:
            from rich.console import Console

            self._live = Bars(console=Console(stderr=True), transient=True)
            self._live.add_task(what, total=None)
            self._live.start()
        if what != self._what:
            self._what = what
            self._live.reset(TaskID(0), description=what)
        self._live.update(TaskID(0), completed=done, total=total or None)

    def _close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
            self._began = time.monotonic()
