"""``repoctx warm``: fill the provider's cache beforehand, and keep it warm."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from repoctx.cli import options as o
from repoctx.cli.job import Job, job
from repoctx.cli.output import usage_fields
from repoctx.cli.terminal import ago, plain
from repoctx.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from repoctx.flow.session import Session
    from repoctx.flow.warm import Kept, Warmed

app = typer.Typer(**o.APP)

EXAMPLES = """
Examples:

\b
  repoctx warm -m compatible
  repoctx warm --keep                # until it no longer pays, or Ctrl-C
  repoctx warm --keep --for 2h --max-cost 1.50
"""


@app.command(epilog=EXAMPLES)
def warm(
    keep: Annotated[
        bool, typer.Option("--keep", help="Refresh it before it ends, while that pays.")
    ] = False,
    for_: Annotated[
        str, typer.Option("--for", metavar="SPAN", help="Most time to keep it warm.")
    ] = "8h",
    repo: o.Repo = Path(),
    model: o.Model = None,
    include: o.Include = None,
    exclude: o.Exclude = None,
    base: o.Base = None,
    budget: o.Budget = None,
    max_cost: o.MaxCost = None,
    yes: o.Yes = False,
    output_format: o.OutputFormat = None,
    quiet: o.Quiet = False,
) -> None:
    """Fill the provider's cache with the prefix, so that the first answer comes soon.

    With --keep it is refreshed shortly before it ends, as long as that is cheaper than
    to write it anew, judging by the gaps between your questions so far. It ends by
    itself then, after --for, at --max-cost for all of it, or on Ctrl-C.
    """
    from repoctx.flow.cost import seconds_of
    from repoctx.flow.warm import warm as run

    span = seconds_of(for_)
    if span is None:
        raise UsageError(f"--for {for_[:40]!r}: expected a span such as 90min or 8h")
    flags = {
        "model": model,
        "include": o.globs(include),
        "exclude": o.globs(exclude),
        "base": base,
        "budget": budget,
        "max_cost": max_cost,
        "output_format": output_format,
    }
    with job(repo, flags, quiet) as here:
        here.session.confirm = o.asker(yes)
        first = run(here.session)
        _tell(here, first)
        here.out.fields["model"] = first.model.name
        here.out.used(first.usage)
        here.out.fields["held"] = first.held
        here.out.fields["lasts_seconds"] = first.lasts
        if keep:
            _keep(here, first, (repo, flags), span)


def _keep(
    here: Job, first: Warmed, place: tuple[Path, Mapping[str, Any]], span: float
) -> None:
    from repoctx.flow.session import open_session
    from repoctx.flow.warm import Bounds
    from repoctx.flow.warm import keep as run

    @contextmanager
    def opened() -> Iterator[Session]:
        with open_session(*place) as session:
            yield session
        here.session.notes.extend(session.notes)

    done: list[Warmed] = []

    def tell(one: Warmed) -> None:
        done.append(one)
        _tell(here, one)

    began = time.monotonic()
    bounds = Bounds(span, here.session.settings.max_cost)
    try:
        ended = run(opened, first, bounds, tell)
    except KeyboardInterrupt:
        kept, times = ago(time.monotonic() - began), f"{len(done):,} refresh(es)"
        raise Interrupted(f"interrupted: kept warm for {kept}, {times}") from None
    _ended(here, ended)


def _ended(here: Job, ended: Kept) -> None:
    cost = "" if ended.cost is None else f", ${ended.cost:.4f} in all"
    here.out.write(f"ended     {ended.why}; {ended.refreshes} refresh(es){cost}\n")
    here.out.fields["ended"] = ended.why
    here.out.fields["refreshes"] = ended.refreshes
    here.out.fields["cost_usd"] = ended.cost


def _tell(here: Job, done: Warmed) -> None:
    """One line a warming, as it happens."""
    used, name = done.usage, plain(done.model.name)
    cost = "" if used.cost is None else f", ${used.cost:.4f}"
    here.out.event("warmed", usage=usage_fields(used), cost_usd=used.cost)
    if not done.held:
        here.out.write(f"nothing   {name} caches by itself: there is nothing to fill\n")
        return
    what = "written" if done.fresh else "refreshed"
    until = ""
    if done.lasts:
        end = datetime.fromtimestamp(time.time() + done.lasts)
        until = f", warm until {end:%H:%M:%S}"
    here.out.write(
        f"{what:<9} {name}: {done.held:,} tokens, {used.cached:,} of them read, "
        f"{used.cache_write:,} written{cost}{until}\n"
    )
    sys.stdout.flush()
