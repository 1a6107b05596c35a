"""``repoctx eval``: does the long context work, here and with this model?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from repoctx.cli import options as o
from repoctx.cli.job import Job, job
from repoctx.cli.terminal import plain, screen
from repoctx.errors import BudgetExceeded, Interrupted, RepoctxError, UsageError

if TYPE_CHECKING:
    from repoctx.flow.grids import Grid, Wanted
    from repoctx.probe.runs import Run

EXAMPLES = """
Examples:

\b
  repoctx eval --offline    # no model: search and cache, by your history
  repoctx eval --dry-run    # what a grid would ask, and its price
  repoctx eval --max-cost 5 --probes 2 --lengths 16k,64k,1 -o eval.html
  repoctx eval show         # the last run; compare A B: two runs
"""

app = typer.Typer(**o.APP)

RunArgument = Annotated[
    str,
    typer.Argument(metavar="RUN", help="A run's id, or its JSON file."),
]
Page = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write the HTML page."),
]


@app.callback(invoke_without_command=True, epilog=EXAMPLES)
def evaluate(
    ctx: typer.Context,
    repo: o.Repo = Path(),
    model: o.Model = None,
    offline: Annotated[
        bool,
        typer.Option("--offline", help="Measure search and cache; ask no model."),
    ] = False,
    commits: Annotated[
        int,
        typer.Option(
            "--commits", metavar="N", min=0, help="With --offline: commits replayed."
        ),
    ] = 0,
    probes: Annotated[
        int,
        typer.Option(
            "--probes", metavar="N", min=1, help="Probes of each kind; 4 tell little."
        ),
    ] = 4,
    kinds: Annotated[
        str | None,
        typer.Option("--kinds", metavar="A,B", help="Only these kinds of probes."),
    ] = None,
    lengths: Annotated[
        str | None,
        typer.Option(
            "--lengths", metavar="N,N", help="Tokens (8k), or up to 1 shares."
        ),
    ] = None,
    arms: Annotated[
        str | None,
        typer.Option(
            "--arms",
            metavar="A,B",
            help="anchor, overlay, distractors, context, question; none.",
        ),
    ] = None,
    efforts: Annotated[
        str | None,
        typer.Option("--efforts", metavar="A,B", help="Efforts to try besides."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Other probes.")] = 0,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Ask again what was answered before.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan and its price.")
    ] = False,
    output: Page = None,
    max_cost: o.MaxCost = None,
    yes: o.Yes = False,
    include: o.Include = None,
    exclude: o.Exclude = None,
    output_format: o.OutputFormat = None,
    quiet: o.Quiet = False,
    no_color: o.NoColor = False,
) -> None:
    """Measure whether the long context works, on this repository.

    A grid of questions whose answers are certain is asked over contexts of several
    lengths. The price is said and confirmed first; finished answers are kept, and a run
    that ended early goes on where it stopped.
    """
    if ctx.invoked_subcommand:
        return
    flags = {
        "model": model,
        "include": o.globs(include),
        "exclude": o.globs(exclude),
        "max_cost": max_cost,
        "output_format": output_format,
    }
    with job(repo, flags, quiet, no_color) as here:
        if offline:
            from repoctx.cli.offline import show_offline

            show_offline(here, commits)
            return
        here.session.confirm = o.asker(yes)
        from repoctx.flow.grids import Wanted

        usual = Wanted()
        wanted = Wanted(
            probes=probes,
            families=_parts(kinds) or usual.families,
            lengths=tuple(map(_length, _parts(lengths))),
            arms=usual.arms if arms is None else _arms(arms),
            efforts=_parts(efforts),
            seed=seed,
            fresh=fresh,
        )
        _grid(here, wanted, dry_run=dry_run, yes=yes, target=output)


def _parts(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def _arms(text: str) -> tuple[str, ...]:
    return tuple(arm for arm in _parts(text) if arm != "none")


def _length(text: str) -> float:
    from repoctx.settings import parse_budget

    try:
        number = float(text)
    except ValueError:
        number = float(parse_budget(text))
    if not 0 < number < 1e9 or 1 < number < 100:
        raise UsageError(f"--lengths {text}: tokens such as 8k, or a share up to 1")
    return number


def _grid(
    here: Job, wanted: Wanted, *, dry_run: bool, yes: bool, target: Path | None
) -> None:
    from repoctx.flow.evaluate import ask_all
    from repoctx.flow.grids import prepared
    from repoctx.flow.runs import keep_run

    ended: RepoctxError | None = None
    with prepared(here.session, wanted) as grid:
        here.out.write(_plan(grid))
        here.out.fields["plan"] = _plan_fields(grid)
        if dry_run:
            return
        _confirm(here, grid, yes)
        try:
            ask_all(here.session, grid)
        except KeyboardInterrupt:
            ended = Interrupted("stopped; what was answered is kept")
        except RepoctxError as exc:
            ended = exc
        run = grid.result()
    here.progress("", 0, 0)
    if run.outcomes:
        kept = keep_run(here.session, run)
        here.out.fields["file"] = str(kept)
        _show(here, run, target)
    if ended is not None:
        raise ended


def _plan(grid: Grid) -> str:
    from repoctx.probe.heat import tokens

    run, told = grid.run, grid.run.foreseen
    kinds = ", ".join(f"{n} {name}" for name, n in run.families.items())
    lengths = " ".join(tokens(n) for n in run.lengths)
    arms = ", ".join(f"{a} ({'/'.join(filter(None, v))})" for a, v in run.arms.items())
    share = told.cached / told.input if told.input else 0.0
    left = run.wanted - told.requests
    kept = f"; {left:,} answers are there already" if left else ""
    return (
        f"model      {plain(run.model)}\n"
        f"probes     {kinds}\n"
        f"contexts   {lengths} tokens, {len(run.depths)} depths\n"
        f"arms       {arms or 'none'}\n"
        f"questions  {told.requests:,} over {len(grid.sheets):,} prefixes{kept}\n"
        f"foreseen   ~{told.input:,} tokens, {share:.0%} of them from the cache, "
        f"~{told.output:,} of answers: {_usd(told.cost)}\n"
    )


def _usd(cost: float | None) -> str:
    return "the price is not known" if cost is None else f"${cost:,.2f}"


def _plan_fields(grid: Grid) -> dict[str, object]:
    from dataclasses import asdict

    run = grid.run
    return {
        "id": run.id,
        "model": run.model,
        "families": dict(run.families),
        "lengths": list(run.lengths),
        "depths": list(run.depths),
        "arms": {arm: list(values) for arm, values in run.arms.items()},
        "prefixes": len(grid.sheets),
        "wanted": run.wanted,
        "foreseen": asdict(run.foreseen),
    }


def _confirm(here: Job, grid: Grid, yes: bool) -> None:
    """Ask before money is spent. Raises BudgetExceeded, UsageError."""
    told, most = grid.run.foreseen, here.session.settings.max_cost
    if most and told.cost is not None and told.cost > most:
        raise BudgetExceeded(
            f"about {_usd(told.cost)} are foreseen, and --max-cost allows ${most:g}: "
            "fewer --probes, --lengths or --arms cost less"
        )
    if yes or most or not told.requests or told.cost == 0:
        return
    if here.session.confirm is None:
        raise UsageError(
            f"{told.requests:,} questions for {_usd(told.cost)}: nobody can be asked, "
            "so say --yes or --max-cost"
        )
    here.progress("", 0, 0)
    if not here.session.confirm(f"Ask them for about {_usd(told.cost)}?"):
        raise BudgetExceeded("nothing was sent")


# --- showing --------------------------------------------------------------------------


def _show(here: Job, run: Run, target: Path | None) -> None:
    from repoctx.probe.heat import heat
    from repoctx.probe.page import page
    from repoctx.probe.report import as_json, report_of
    from repoctx.probe.tables import percent

    found = report_of(run)
    here.out.fields["report"] = as_json(found)
    for sentence in found.sentences:
        here.out.event("said", text=sentence)
    wide, drawn = screen()
    paint = _painted if here.colours else None
    columns = wide if drawn else 0
    lines = ["", heat(found, drawn=drawn, paint=paint, columns=columns), ""]
    lines += [f"{row.name:<12} {percent(row.score)}" for row in found.families]
    lines.append("")
    lines += [plain(f"- {sentence}") for sentence in found.sentences]
    asked = [one for one in run.outcomes if one.input]
    if asked:
        served = sum(o_.cached for o_ in asked) / sum(o_.input for o_ in asked)
        lines.append(f"\nThe cache served {served:.0%} of the grid's input tokens.")
    failed = sum(one.verdict == "failed" for one in run.outcomes)
    if failed:
        why = next(one.error for one in run.outcomes if one.error)
        here.session.notes.append(f"{failed} question(s) got no answer: {why}")
    lines.append(f"run        {run.id} (repoctx eval show, compare)")
    here.out.write("\n".join(lines) + "\n")
    if target is not None:
        _write(here, target, page(found))


def _painted(text: str, score: float) -> str:
    from repoctx.probe.heat import colour, is_dark

    red, green, blue = rgb = colour(score)
    ink = "97" if is_dark(rgb) else "30"
    return f"\033[{ink};48;2;{red};{green};{blue}m{text}\033[0m"


def _write(here: Job, target: Path, text: str) -> None:
    from repoctx.flow.state import output_file

    path = target.absolute()
    with output_file(path) as handle:
        handle.write(text.encode())
    here.out.fields["page"] = str(path)
    here.out.write(f"page       {plain(str(path))}\n")


@app.command()
def show(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="A run's id or file; the last one.")
    ] = "",
    repo: o.Repo = Path(),
    output: Page = None,
    output_format: o.OutputFormat = None,
    quiet: o.Quiet = False,
    no_color: o.NoColor = False,
) -> None:
    """Show a run's report again."""
    from repoctx.flow.runs import read_run

    with job(repo, {"output_format": output_format}, quiet, no_color) as here:
        _show(here, read_run(here.session, run), output)


@app.command()
def compare(
    one: RunArgument,
    other: RunArgument,
    repo: o.Repo = Path(),
    output: Page = None,
    output_format: o.OutputFormat = None,
    quiet: o.Quiet = False,
    no_color: o.NoColor = False,
) -> None:
    """Compare two runs: two models, or before and after."""
    from repoctx.flow.runs import read_run
    from repoctx.probe.compare import as_json, compared, rows_of
    from repoctx.probe.page import compare_page, names_of
    from repoctx.probe.report import report_of

    with job(repo, {"output_format": output_format}, quiet, no_color) as here:
        first, second = (read_run(here.session, name) for name in (one, other))
        found = compared(first, second)
        a, b = names_of(first, second)
        here.out.fields["runs"] = [first.id, second.id]
        here.out.fields["compared"] = as_json(found)
        rows = [("", a, b, "difference", ""), *rows_of(found, a, b)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = (f"{c:<{w}}" for c, w in zip(row, widths, strict=True))
            here.out.write(plain("  ".join(cells)).rstrip() + "\n")
        if output is not None:
            reports = report_of(first), report_of(second)
            _write(here, output, compare_page(*reports, found))
