"""``repoctx models``: what can be asked from here, now, and what it costs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from repoctx.cli import options as o
from repoctx.cli.job import job
from repoctx.cli.terminal import bold, plain

if TYPE_CHECKING:
    from repoctx.flow.models import Reached

app = typer.Typer(**o.APP)

EXAMPLES = """
Examples:

\b
  repoctx models
  repoctx models -m auto                # what auto would take
  repoctx models --output-format json | jq '.models[].name'
"""

HEADS = ("model", "window", "output", "cache", "in", "cached", "written", "out")
KINDS = ("input", "cache_read", "cache_write", "output")


@app.command(epilog=EXAMPLES)
def models(
    provider: Annotated[
        str | None,
        typer.Argument(metavar="PROVIDER", help="List what this one offers."),
    ] = None,
    model: o.Model = None,
    repo: o.Repo = Path(),
    output_format: o.OutputFormat = None,
    quiet: o.Quiet = False,
    no_color: o.NoColor = False,
) -> None:
    """Show the models that can be asked from here, and those one step away.

    Keys are looked for where they are used (never shown), local servers on their usual
    ports. Prices are of this moment, in USD per million tokens. Without PROVIDER
    (google: what the key may ask) nothing but this machine is asked.
    """
    from repoctx.flow.models import of_provider, reachable

    flags = {"model": model, "output_format": output_format}
    with job(repo, flags, quiet, no_color) as here:
        rows = (
            of_provider(here.session, provider) if provider else reachable(here.session)
        )
        here.out.fields["models"] = [_fields(row) for row in rows]
        here.out.write(_table(rows, here.colours))
        taken = next((row.name for row in rows if row.asked), "")
        auto = next((row.name for row in rows if row.auto), "")
        if not provider:
            here.out.write(f"\nask takes {taken or 'offline'}; -m auto, {auto}\n")


def _fields(row: Reached) -> dict[str, object]:
    fields = asdict(row)
    fields["usd_per_mtok"] = fields.pop("prices")
    return {"name": row.name, **fields}


def _table(rows: list[Reached], rich: bool) -> str:
    """One line a model; those that can be asked first, then what is missing."""
    ordered = sorted(rows, key=lambda row: not row.ready)
    cells = [HEADS, *(_cells(row) for row in ordered)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(HEADS))]
    hows = ["", *(row.how for row in ordered)]
    lines = []
    for number, (line, how) in enumerate(zip(cells, hows, strict=True)):
        first, *rest = line
        name = f"{first:<{widths[0]}}"
        numbers = (f"{c:>{w}}" for c, w in zip(rest, widths[1:], strict=True))
        shown = bold(plain(name), rich and number > 0 and ordered[number - 1].ready)
        lines.append(f"{shown}  {'  '.join(numbers)}  {plain(how)}".rstrip() + "\n")
    return "".join(lines)


def _cells(row: Reached) -> tuple[str, ...]:
    mark = "*" if row.asked else ""
    prices = row.prices or {}
    cliff = f" to {_size(row.cliff)}" if row.cliff else ""
    money = [_money(prices.get(kind)) for kind in KINDS]
    money[0] += cliff
    return (
        f"{row.name}{mark}",
        _size(row.window),
        _size(row.output),
        row.cache,
        *money,
    )


def _size(tokens: int) -> str:
    if tokens >= 1_000_000:
        return f"{tokens / 1e6:.3g}m"
    return f"{tokens / 1e3:.3g}k" if tokens >= 1000 else str(tokens or "-")


def _money(usd: float | None) -> str:
    return "-" if usd is None else f"{usd:.3g}" if usd else "0"
