"""A prompt to any chat window, and the answer back: by the clipboard, by hand.

Nothing waits where nobody can paste: then one line says where the prompt lies and how
its answer is given.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Callable

from repoctx.cli.stdin import MOST
from repoctx.cli.terminal import say
from repoctx.errors import UsageError
from repoctx.flow.session import Handed

END = b"\x04"
"""Ctrl-D."""
MOST_OSC = 74_000
"""Bytes of text that terminals take by OSC 52 (100,000 in base64)."""
PATIENCE = 10.0
"""Seconds that a clipboard program may take."""

PROGRAMS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("", ("pbcopy",), "utf-8"),
    ("WAYLAND_DISPLAY", ("wl-copy",), "utf-8"),
    ("DISPLAY", ("xclip", "-selection", "clipboard"), "utf-8"),
    ("DISPLAY", ("xsel", "--clipboard", "--input"), "utf-8"),
    ("", ("clip.exe",), "utf-16-le"),
)
"""The variable without which a program can reach no clipboard, how it is called, and
what it reads."""


def carry(hand: Callable[[], Handed]) -> str:
    """Show the person here the prompt, and wait for the answer.

    Raises UsageError where nobody is here to paste one, or nothing was pasted.
    """
    handed = hand()
    size = f"{handed.count} tokens, {len(handed.text.encode()):,} bytes"
    if not (sys.stdin and sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            f"the prompt ({size}) is in {handed.path}: give it to a model, and call "
            "again with --answer FILE"
        )
    place = copied(handed.text)
    say(f"the prompt ({size}) is {place}in {handed.path}")
    say("paste it into a chat window, then its answer here (unseen); Ctrl-D ends it")
    answer = typed().decode("utf-8", "replace")
    if not answer.strip():
        raise UsageError("no answer was pasted")
    return answer


def copied(text: str) -> str:
    """Put ``text`` on the clipboard; how that went, in the middle of a sentence."""
    for variable, command, encoding in PROGRAMS:
        if variable and not os.environ.get(variable):
            continue
        program = shutil.which(command[0])
        if program and _piped([program, *command[1:]], text.encode(encoding)):
            return "on the clipboard and "
    data = text.encode("utf-8", "replace")
    if len(data) <= MOST_OSC and os.environ.get("TERM") not in (None, "dumb"):
        # The terminal may be told not to: the file is there in any case.
        sys.stderr.write(f"\033]52;c;{base64.b64encode(data).decode()}\a")
        sys.stderr.flush()
        return "sent to the terminal's clipboard and "
    return ""


def _piped(command: list[str], data: bytes) -> bool:
    quiet = subprocess.DEVNULL
    try:
        done = subprocess.run(
            command,
            input=data,
            stdout=quiet,
            stderr=quiet,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def typed() -> bytes:
    """What is pasted up to Ctrl-D, without an echo: it may drive the terminal.

    The terminal's own line editing is switched off meanwhile: it would cut lines at
    4,096 bytes without a word. Raises UsageError for more than `MOST` bytes.
    """
    if os.name != "posix":
        return sys.stdin.buffer.read(MOST)
    import termios

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    now = termios.tcgetattr(descriptor)
    now[3] &= ~(termios.ICANON | termios.ECHO)
    data = bytearray()
    try:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, now)
        while END not in data[-65_536:]:
            block = os.read(descriptor, 65_536)
            if not block:
                break
            data += block
            if len(data) > MOST:
                raise UsageError("the answer is longer than 32 MB")
    finally:
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)
    return bytes(data.partition(END)[0])
