"""Whatever goes wrong, as one line and an exit code."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import typer
from typer import _click as click

from repoctx.errors import Interrupted, RepoctxError, StorageError, UsageError

DEBUG = "REPOCTX_DEBUG"
"""Set to anything, a fault of repoctx itself shows its traceback."""


class InternalError(RepoctxError):
    """A fault of repoctx itself, which nobody raised on purpose."""

    code = 70


def as_error(exc: BaseException) -> RepoctxError:
    """The expected failure that ``exc`` stands for; its message is one line."""
    if isinstance(exc, RepoctxError):
        return exc
    if isinstance(exc, KeyboardInterrupt | typer.Abort) or _came_of_interrupt(exc):
        return Interrupted("interrupted")
    if isinstance(exc, click.exceptions.ClickException):
        return UsageError(_usage(exc))
    if isinstance(exc, OSError):
        where = f"{os.fsdecode(exc.filename)}: " if exc.filename else "cannot write: "
        return StorageError(f"{where}{exc.strerror or type(exc).__name__}")
    if isinstance(exc, MemoryError):
        return StorageError("not enough memory")
    if type(exc).__module__ == "sqlite3":
        return StorageError(f"the state folder's database: {exc}")
    return InternalError(_fault(exc))


def _came_of_interrupt(exc: BaseException) -> bool:
    """Whether ``exc`` was raised while an interrupt was being handled: it may strike
    anywhere, and what breaks on the way out is no fault of its own."""
    seen: BaseException | None = exc
    while seen is not None and not isinstance(seen, KeyboardInterrupt):
        seen = seen.__cause__ or seen.__context__
    return seen is not None


def _usage(exc: click.exceptions.ClickException) -> str:
    """What is wrong with the call, and where the right one is told."""
    text = " ".join(exc.format_message().split()).rstrip(".")
    if near := getattr(exc, "possibilities", None):
        text = f"{exc.message}. Did you mean {' or '.join(near)}?"
    context = getattr(exc, "ctx", None)
    path = context.command_path if context else "repoctx"
    unknown = isinstance(exc, click.exceptions.NoSuchOption)
    if unknown and context and context.parent is None:
        text += ". Options stand after the command"
    return f"{text}{'' if text.endswith('?') else '.'} See: {path} --help"


def _fault(exc: BaseException) -> str:
    if os.environ.get(DEBUG):
        raise exc
    frames = traceback.extract_tb(exc.__traceback__)
    last = frames[-1] if frames else None
    place = f" at {Path(last.filename).name}:{last.lineno}" if last else ""
    said = " ".join(str(exc).split())[:200]
    what = f"{type(exc).__name__}: {said}{place}"
    return f"a fault of repoctx itself: {what} ({DEBUG}=1 shows where)"
