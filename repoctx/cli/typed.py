"""Lines from a person at a terminal, with history and editing where they can be had."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

PROMPT = "> "


def typing(history: Path) -> Callable[[], str | None]:
    """What reads a line from the terminal: empty after Ctrl-C, None after Ctrl-D.

    Lines are kept in the file ``history``, where prompt_toolkit is installed. The
    prompt goes to stderr.
    """
    read = _editor(history) or _plain

    def line() -> str | None:
        try:
            return read().strip()
        except (KeyboardInterrupt, EOFError) as exc:
            sys.stderr.write("\n")
            return "" if isinstance(exc, KeyboardInterrupt) else None

    return line


def _plain() -> str:
    sys.stderr.write(PROMPT)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line


def _editor(history: Path) -> Callable[[], str] | None:
    """A line editor; None where prompt_toolkit is not installed."""
    try:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.completion import WordCompleter
        from prompt_toolkit.history import FileHistory, History, InMemoryHistory
        from prompt_toolkit.output import create_output
    except ImportError:
        return None
    from repoctx.cli.slash import COMMANDS

    kept: History = InMemoryHistory()
    with suppress(OSError):
        history.touch(0o600)
        kept = FileHistory(str(history))
    words = WordCompleter([f"/{name}" for name in COMMANDS], sentence=True)
    session: PromptSession[str] = PromptSession(
        history=kept,
        completer=words,
        complete_while_typing=False,
        output=create_output(stdout=sys.stderr),
    )

    def read() -> str:
        if _ended():
            raise EOFError
        return session.prompt(PROMPT)

    return read


def _ended() -> bool:
    """Whether Ctrl-D was typed while nobody read: the line editor, which takes the
    terminal as it is by then, would wait for ever."""
    try:
        from fcntl import ioctl
        from select import select
        from termios import FIONREAD
    except ImportError:
        return False
    if not select([sys.stdin], [], [], 0)[0]:
        return False
    waiting = int.from_bytes(ioctl(sys.stdin, FIONREAD, bytes(4)), sys.byteorder)
    return not waiting and not os.read(sys.stdin.fileno(), 1)
