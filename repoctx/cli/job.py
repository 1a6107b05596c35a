"""What every command does around its job: open, report, close, tell."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repoctx.cli.output import Output, output
from repoctx.cli.terminal import plain, progress
from repoctx.flow.session import Session, open_session
from repoctx.values import Progress


@dataclass(frozen=True, slots=True)
class Job:
    """A command's surroundings while it runs."""

    session: Session
    out: Output
    progress: Progress


@contextmanager
def job(repo: Path, flags: Mapping[str, Any], quiet: bool = False) -> Iterator[Job]:
    """Open the repository at ``repo`` with the settings given as ``flags``.

    Errors become the result in the JSON formats. Notes of the run go to stderr at its
    end, one line each, unless ``quiet``.
    """
    form = flags.get("output_format") or os.environ.get("REPOCTX_OUTPUT_FORMAT", "text")
    with output(form) as out, progress(quiet) as report:
        with open_session(repo, flags, report) as session:
            out.use(session.settings.output_format)
            try:
                yield Job(session, out, report)
            finally:
                notes = session.notes
        if not quiet:
            tell(notes)


def tell(notes: list[str]) -> None:
    """Write notes to stderr, each once."""
    for note in dict.fromkeys(notes):
        sys.stderr.write(f"repoctx: {plain(note)}\n")
