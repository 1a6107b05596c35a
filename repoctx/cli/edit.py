"""``repoctx edit``: have a model change the repository, all of it or nothing."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from repoctx.cli import options as o
from repoctx.cli.confirm import View
from repoctx.cli.job import Job, job
from repoctx.cli.terminal import plain, say
from repoctx.errors import Interrupted, NotApplied
from repoctx.values import Stop

if TYPE_CHECKING:
    from repoctx.apply.report import Outcome
    from repoctx.flow.apply import Located
    from repoctx.flow.edit import Edited, Refused, Watch

app = typer.Typer(**o.APP)

EXAMPLES = """
Examples:

\b
  repoctx edit "rename load() to read() everywhere"
  repoctx edit --dry-run "give every request a timeout"
  repoctx edit --fan-out 4 "move every test to pytest"
  repoctx edit -y --commit --branch timeouts "give every request a timeout"
  pytest 2>&1 | repoctx edit "make the failing tests pass"
"""


@app.command(epilog=EXAMPLES)
def edit(
    instruction: Annotated[
        list[str],
        typer.Argument(metavar="INSTRUCTION", help="What to change; - reads stdin."),
    ],
    repo: o.Repo = Path(),
    model: o.Model = None,
    yes: o.Yes = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, change nothing.")
    ] = False,
    commit: Annotated[
        bool, typer.Option("--commit", help="Commit the changed files afterwards.")
    ] = False,
    branch: Annotated[
        str | None,
        typer.Option("--branch", metavar="NAME", help="Do it on this new branch."),
    ] = None,
    repairs: Annotated[
        int,
        typer.Option(
            "--repairs", metavar="N", help="Rounds to repair what does not fit."
        ),
    ] = 2,
    fan_out: Annotated[
        int,
        typer.Option(
            "--fan-out",
            metavar="N",
            help="Plan first, then make the change in parts, N at once.",
        ),
    ] = 1,
    force: Annotated[
        bool, typer.Option("--force", help="Also where a file no longer parses.")
    ] = False,
    allow_ignored: Annotated[
        bool, typer.Option("--allow-ignored", help="Also write files that git ignores.")
    ] = False,
    include: o.Include = None,
    exclude: o.Exclude = None,
    base: o.Base = None,
    overlay: o.Overlay = None,
    strict: o.Strict = False,
    budget: o.Budget = None,
    with_: o.With = None,
    mcp: o.Mcp = None,
    max_cost: o.MaxCost = None,
    output_format: o.OutputFormat = None,
    quiet: o.Quiet = False,
    no_color: o.NoColor = False,
) -> None:
    """Have a model change the repository: every edit fits, or nothing is changed.

    The answer streams; each block is tried as soon as it is whole. What does not fit
    goes back to the model with the lines that the file has there. Then the change is
    shown and asked about; `repoctx undo` takes it back. Text piped into stdin is added
    to the instruction.
    """
    from repoctx.flow.apply import Rules
    from repoctx.flow.edit import Order, Refused
    from repoctx.flow.edit import edit as run
    from repoctx.flow.record import check_branch, commit_files, start_branch
    from repoctx.flow.tail import Material

    flags = {
        "model": model,
        "include": o.globs(include),
        "exclude": o.globs(exclude),
        "base": base,
        "overlay": overlay,
        "strict": strict or None,
        "budget": budget,
        "max_cost": max_cost,
        "output_format": output_format,
    }
    text, texts = o.given(" ".join(instruction), with_ or [], quiet)
    rules = Rules(force, allow_ignored)
    with job(repo, flags, quiet, no_color) as here:
        material = Material((*texts, *o.gathered(here.session, mcp, text)))
        order = Order(text, material, rules, max(0, repairs), max(1, fan_out))
        here.session.confirm = o.asker(yes)
        if commit or branch:
            check_branch(here.session.place, branch or "")
        view = View(here, yes, dry_run, asked_stdin=any(n == "stdin" for n, _ in texts))

        def confirm(located: Located) -> bool:
            sure = view.confirm(located)
            if sure and branch:
                start_branch(here.session.place, branch)
            return sure

        try:
            done = run(here.session, order, _watch(here, quiet), confirm)
        except Refused as exc:
            _refused(here, exc)
            raise
        _report(here, done, view)
        if done.record is not None and commit:
            paths = [change.path for change in done.located.patch.changes]
            made = commit_files(here.session.place, paths, order.text)
            here.out.fields["commit"] = made
            here.out.write(f"Committed as {made[:12]}.\n")


def _watch(here: Job, quiet: bool) -> Watch:
    """What is told while the answer comes: its prose on a terminal, each block."""
    from repoctx.flow.edit import Watch

    shows = here.out.text and not quiet and sys.stderr.isatty()

    def text(piece: str) -> None:
        here.out.event("text", text=piece)
        if shows:
            here.out.before()
            sys.stderr.write(plain(piece))
            sys.stderr.flush()

    def block(outcome: Outcome) -> None:
        here.out.event("block", id=outcome.id, path=outcome.path, status=outcome.status)
        if not outcome.ok and not quiet and here.out.text:
            say(f"block {outcome.id} ({outcome.path}) does not fit: {outcome.code}")

    def step(line: str) -> None:
        here.out.event("step", text=line)
        if not quiet and here.out.text:
            say(line)

    return Watch(text, block, step)


def _refused(here: Job, exc: Refused) -> None:
    """Show the report on what is left, and say what is kept."""
    report = exc.located.report
    here.out.fields["report"] = report.data()
    here.out.fields["repair"] = report.text()
    text = exc.ran.output if exc.ran else report.text()
    here.out.write(plain(text) if sys.stdout.isatty() else text)
    here.session.notes.append(
        "what fits is pending: repoctx apply --pending MORE.md adds the rest"
    )


def _report(here: Job, done: Edited, view: View) -> None:
    out, usage = here.out, done.usage
    out.fields["model"] = done.model.name
    out.fields["answer"] = "".join(a.text for a in done.answers)
    out.fields["rounds"] = len(done.answers)
    out.fields["report"] = done.located.report.data()
    out.fields["applied"] = done.record is not None
    out.fields["checks"] = [asdict(one) for one in done.ran]
    shape = done.prompt.packed.shape if done.prompt.packed else {}
    count = done.prompt.request.prefix.count
    out.context(len(done.prompt.now.files), count, bool(shape))
    out.used(usage)
    if usage.input:
        cost = "" if usage.cost is None else f", ${usage.cost:.4f}"
        here.session.notes.append(
            f"{done.model.name}: {usage.input:,} tokens in, "
            f"{usage.cached / usage.input:.1%} of them cached, {usage.output:,} out"
            f"{cost}"
        )
    if done.answers[-1].stop is Stop.CANCELLED:
        raise Interrupted("interrupted")
    if not done.located.report.outcomes:
        text = done.answers[-1].text
        out.write(plain(text) if sys.stdout.isatty() else text)
        raise NotApplied("the answer holds no edit: nothing was changed")
    if done.record is None:
        view.unchanged(done.located)
        return
    out.fields["journal"] = done.record.id
    out.write("Applied. repoctx undo takes it back.\n")
