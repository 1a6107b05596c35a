"""``repoctx apply``: the edits in an answer, all of them or none."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from repoctx.cli import options as o
from repoctx.cli.confirm import View
from repoctx.cli.job import Job, job
from repoctx.cli.stdin import read_answer
from repoctx.cli.terminal import plain, quoted
from repoctx.errors import NotApplied, StorageError, UsageError

if TYPE_CHECKING:
    from repoctx.apply.report import Report
    from repoctx.flow.apply import Edits
    from repoctx.flow.pending import Round
    from repoctx.flow.trial import Ran

app = typer.Typer(**o.APP)

EXAMPLES = """
Examples:

\b
  repoctx apply answer.md                # shows the change and asks
  pbpaste | repoctx apply - --yes
  repoctx apply part1.md part2.md        # one answer that came in parts
  repoctx apply --last --dry-run         # the newest saved answer
  repoctx apply --pending again.md       # what was refused, sent again
"""


@app.command(epilog=EXAMPLES)
def apply(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE...",
            help="The answer; several are its parts in order, - is stdin.",
        ),
    ] = None,
    repo: o.Repo = Path(),
    yes: o.Yes = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, change nothing.")
    ] = False,
    form: Annotated[
        str,
        typer.Option("--format", metavar="FORM", help="The edits' format, or auto."),
    ] = "auto",
    force: Annotated[
        bool,
        typer.Option("--force", help="Also where a file no longer parses."),
    ] = False,
    allow_ignored: Annotated[
        bool, typer.Option("--allow-ignored", help="Also write files that git ignores.")
    ] = False,
    pending: Annotated[
        bool,
        typer.Option("--pending", help="The blocks accepted last time."),
    ] = False,
    last: Annotated[
        bool, typer.Option("--last", help="The newest saved answer.")
    ] = False,
    lint_cmd: Annotated[
        str | None,
        typer.Option("--lint-cmd", metavar="CMD", help="Must succeed on a copy first."),
    ] = None,
    test_cmd: Annotated[
        str | None,
        typer.Option("--test-cmd", metavar="CMD", help="Then this one must."),
    ] = None,
    output_format: o.OutputFormat = None,
    quiet: o.Quiet = False,
    no_color: o.NoColor = False,
) -> None:
    """Apply the edits in an answer, whatever format they have: all or nothing.

    Reads unified diffs, SEARCH/REPLACE, *** Begin Patch, whole files and numbered
    blocks. Exits with 0 only when everything was applied; else nothing was changed,
    and a report says what to send again. `repoctx undo` takes it back.
    """
    from repoctx.flow.apply import Rules
    from repoctx.flow.apply import apply as run

    if not (files or pending or last):
        raise UsageError("which answer? Name its file, or - for stdin, or --last")
    if last and (files or pending):
        raise UsageError("--last is an answer of its own: leave the others out")
    flags = {
        "output_format": output_format,
        "lint_cmd": lint_cmd,
        "test_cmd": test_cmd,
    }
    with job(repo, flags, quiet, no_color) as here:
        given = _given(here, files or [], form, pending, last)
        view = View(here, yes, dry_run, asked_stdin="-" in map(str, files or []))
        rules = Rules(force, allow_ignored)
        done = run(here.session, given.edits, view.confirm, rules)
        located, record = done.located, done.record
        if not here.out.text:
            # What it calls applied is what fits; here it is what was done.
            made = {"applied": record is not None}
            here.out.fields["report"] = located.report.data() | made
        here.out.fields["applied"] = record is not None
        here.out.fields["checks"] = [asdict(one) for one in done.ran]
        if not located.report.ok:
            _refused(here, located.report, given, dry_run)
        if done.ran and not done.ran[-1].ok:
            _failed(here, done.ran[-1], given)
        if record is None:
            view.unchanged(located)
            return
        here.out.fields["journal"] = record.id
        from repoctx.flow.pending import drop

        drop(here.session)
        here.out.write("Applied. repoctx undo takes it back.\n")


@dataclass(frozen=True, slots=True)
class _Given:
    """What is to be applied, and where it came from."""

    edits: Edits
    rounds: tuple[Round, ...]


def _given(here: Job, files: list[Path], form: str, again: bool, last: bool) -> _Given:
    from repoctx.flow.apply import edits_of, last_answer
    from repoctx.flow.pending import Round, pending
    from repoctx.flow.shown import shown_by

    session = here.session
    rounds: tuple[Round, ...] = ()
    title, shown = "", None
    if again:
        rounds, title = pending(session)
    if last:
        files = [last_answer(session)]
    if files:
        texts = tuple(map(read_answer, files))
        rounds += (Round(texts, form),)
        names = ["stdin" if str(path) == "-" else path.name for path in files]
        title = ", ".join([*filter(None, [title]), *names])
        if files[0].parent.resolve() == session.state.answers.resolve():
            shown = shown_by(session, files[0])
    return _Given(edits_of(rounds, title, shown), rounds)


def _refused(here: Job, found: Report, given: _Given, dry_run: bool) -> None:
    """Tell what was refused, keep what was not, and end. Raises NotApplied."""
    here.out.fields["files_changed"] = []
    text = found.text()
    here.out.fields["repair"] = text
    here.out.write(plain(text) if sys.stdout.isatty() else text)
    if not found.outcomes:
        raise NotApplied("no edit was found in the answer")
    if not dry_run:
        _keep(here, given, frozenset(o.id for o in found.outcomes if o.ok))
    where = sorted({quoted(o.path) for o in found.failed if o.path})
    raise NotApplied(
        f"{len(found.failed)} of {len(found.outcomes)} block(s) refused "
        f"({', '.join(where[:5]) or 'no path'}): nothing was applied"
    )


def _failed(here: Job, ran: Ran, given: _Given) -> None:
    """Tell what a command has against it, keep the blocks, end. Raises NotApplied."""
    here.out.fields["files_changed"] = []
    here.out.write(plain(ran.output))
    _keep(here, given, frozenset(block.id for block in given.edits.blocks))
    how = "took too long" if ran.code is None else f"failed ({ran.code})"
    raise NotApplied(
        f"{ran.name} {how}: nothing was applied; the blocks are kept pending"
    )


def _keep(here: Job, given: _Given, accepted: frozenset[str]) -> None:
    """Keep the accepted blocks; that the disk refuses them is but a note."""
    from repoctx.flow.pending import keep

    try:
        keep(here.session, given.rounds, accepted, given.edits.title)
    except StorageError as exc:
        here.session.notes.append(str(exc))
