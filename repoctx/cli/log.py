"""``repoctx log``: the last requests, without their texts."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import _click as click
from typer.core import TyperCommand

from repoctx.cli import options as o
from repoctx.cli.job import Job, job
from repoctx.cli.terminal import plain

if TYPE_CHECKING:
    from repoctx.ask.ledger import Entry

app = typer.Typer(**o.APP)

EXAMPLES = """
Examples:

\b
  repoctx log
  repoctx log --last              # the newest; --last 3 for three
  repoctx log --answer > last.md  # as it came, to keep or to use
"""


class LogCommand(TyperCommand):
    """Takes ``--last`` without a number too: the newest one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, with the number put in where it is missing."""
        given: list[str] = []
        for one, after in pairwise([*args, "-"]):
            given.append(one)
            if one in ("--last", "-n") and after.startswith("-"):
                given.append("1")
        return super().parse_args(ctx, given)


@app.command(cls=LogCommand, epilog=EXAMPLES)
def log(
    last: Annotated[
        int | None,
        typer.Option(
            "--last", "-n", metavar="N", min=1, help="How many, the newest first."
        ),
    ] = None,
    answer: Annotated[
        bool, typer.Option("--answer", help="Print the newest saved answer instead.")
    ] = False,
    repo: o.Repo = Path(),
    output_format: o.OutputFormat = None,
) -> None:
    """Show the last requests: when, which model, tokens, cost, how they ended.

    No prompt and no answer stands in the ledger. Answers lie in the state folder, and
    conversations (repoctx chat --list); --answer prints the last answer.
    """
    from repoctx.ask.ledger import last as newest

    with job(repo, {"output_format": output_format}) as here:
        ledger = here.session.state.ledger
        entries = newest(ledger, last or (100 if answer else 10))
        if answer:
            _answer(here, entries)
            return
        here.out.fields["entries"] = [asdict(entry) for entry in entries]
        for entry in entries:
            here.out.write(plain(_line(entry)) + "\n")
        if not entries:
            here.out.write("Nothing was asked here yet.\n")


def _answer(here: Job, entries: list[Entry]) -> None:
    """The newest answer that is still there, byte for byte unless on a terminal."""
    folder = here.session.state.answers
    names = (e.answer for e in entries if e.answer and (folder / e.answer).is_file())
    name = next(names, "")
    text = (folder / name).read_text("utf-8", "replace") if name else ""
    here.out.fields["answer"] = text
    here.out.fields["file"] = str(folder / name) if name else None
    if not text:
        here.session.notes.append("no answer is saved here")
    here.out.write(plain(text) + "\n" if sys.stdout.isatty() and text else text)


def _line(entry: Entry) -> str:
    when = datetime.fromtimestamp(entry.time).isoformat(" ", "seconds")
    used = entry.usage
    parts = [when, entry.door, entry.model]
    if used.input:
        parts.append(f"{used.input:,} in, {used.cached / used.input:.1%} cached")
    if used.output:
        parts.append(f"{used.output:,} out")
    if used.cost:
        parts.append(f"${used.cost:.4f}")
    return "  ".join([*parts, f"{entry.seconds:.1f} s", entry.error or entry.stop])
