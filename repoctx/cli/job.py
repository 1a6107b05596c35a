"""What every command does around its job: open, report, close, tell."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repoctx.cli.output import FORMATS, Output, output
from repoctx.cli.terminal import colours, progress, say
from repoctx.errors import UsageError
from repoctx.flow.session import Handed, Session, open_session
from repoctx.values import Progress


@dataclass(frozen=True, slots=True)
class Job:
    """A command's surroundings while it runs."""

    session: Session
    out: Output
    progress: Progress
    no_color: bool = False

    @property
    def colours(self) -> bool:
        """Whether stdout takes colours and links."""
        return colours(not self.no_color, self.session.settings.color)

    def answer_from(self, file: Path | None) -> None:
        """Take a model's answer from ``file`` (``-``: stdin) instead of waiting for a
        person to paste it; None waits."""
        if file is not None:
            self.session.carry = lambda _: read_answer(file)


@contextmanager
def job(
    repo: Path,
    flags: Mapping[str, Any],
    quiet: bool = False,
    no_color: bool = False,
) -> Iterator[Job]:
    """Open the repository at ``repo`` with the settings given as ``flags``.

    Errors become the result in the JSON formats. Notes of the run go to stderr at its
    end, one line each, unless ``quiet``.
    """
    form = flags.get("output_format") or os.environ.get("REPOCTX_OUTPUT_FORMAT", "")
    # A wrong one is told by the settings, which know where it comes from.
    notes: list[str] = []
    try:
        with (
            output(form if form in FORMATS else "text") as out,
            progress(quiet) as report,
            open_session(repo, flags, report) as session,
        ):
            notes = session.notes
            session.carry = carry
            out.before = lambda: report("", 0, 0)
            out.use(session.settings.output_format)
            yield Job(session, out, report, no_color)
    finally:
        if not quiet:
            tell(notes)


def carry(hand: Callable[[], Handed]) -> str:
    """A prompt to a chat window and its answer back, by the person here."""
    from repoctx.cli.carry import carry as by_hand

    return by_hand(hand)


def read_answer(file: Path) -> str:
    """The answer in ``file``. Raises UsageError when there is none."""
    from repoctx.cli.options import read_text

    text = read_text(file, "--answer")
    if not text.strip():
        raise UsageError(f"--answer {file}: there is no answer in it")
    return text


def tell(notes: list[str]) -> None:
    """Write notes to stderr, each once."""
    for note in dict.fromkeys(notes):
        say(note)
