"""``repoctx cost``: what was used and spent, and what the caches saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from repoctx.cli import options as o
from repoctx.cli.job import job
from repoctx.cli.terminal import plain, quoted

if TYPE_CHECKING:
    from repoctx.flow.cost import Account, Spent

app = typer.Typer(**o.APP)

EXAMPLES = """
Examples:

\b
  repoctx cost
  repoctx cost --since 7d --by model
  repoctx cost --by repo --output-format json | jq .total.cost_usd
  repoctx cost --here --since 2026-11-01
"""

HEADS = ("requests", "input", "cached", "output", "cost", "saved")


@app.command(epilog=EXAMPLES)
def cost(
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="WHEN", help="From then on: 24h, 7d, a date."),
    ] = None,
    by: Annotated[
        str, typer.Option("--by", metavar="WHAT", help="A row a day, model or repo.")
    ] = "day",
    here: Annotated[
        bool, typer.Option("--here", help="Only this repository, not all of yours.")
    ] = False,
    repo: o.Repo = Path(),
    output_format: o.OutputFormat = None,
    quiet: o.Quiet = False,
) -> None:
    """Show tokens and USD of all requests, and what the providers' caches saved.

    Saved is what the same tokens would have cost without a cache, less what they did
    cost. Where a price is not known only the tokens are counted.
    """
    from repoctx.flow.cost import account, moment

    with job(repo, {"output_format": output_format}, quiet) as at:
        found = account(at.session, by, moment(since) if since else 0.0, here)
        at.out.fields["by"] = found.by
        at.out.fields["since"] = found.start or None
        at.out.fields["rows"] = [
            {found.by: row.name, **fields(row.spent)} for row in found.rows
        ]
        at.out.fields["total"] = fields(found.total)
        at.out.fields["cost_usd"] = found.total.cost
        at.out.write(_text(found))


def fields(spent: Spent) -> dict[str, object]:
    """The sums for programs."""
    row = asdict(spent)
    row["cost_usd"], row["saved_usd"] = row.pop("cost"), row.pop("saved")
    return row


def _text(found: Account) -> str:
    if not found.rows:
        return "Nothing was spent.\n"
    home = str(Path.home())
    names = [_short(row.name, home) for row in found.rows]
    lines = [[found.by, *HEADS]]
    lines += [
        [name, *_cells(row.spent)] for name, row in zip(names, found.rows, strict=True)
    ]
    if len(found.rows) > 1:
        lines.append(["total", *_cells(found.total)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = "".join(_line(line, widths) for line in lines)
    return text + _saved(found.total)


def _short(name: str, home: str) -> str:
    inside = name.startswith(home + "/") and len(home) > 1
    return plain(quoted(f"~{name[len(home) :]}" if inside else name))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(cells, widths, strict=True)
    row = f"{first[0]:<{first[1]}}"
    return row + "".join(f"  {cell:>{width}}" for cell, width in others) + "\n"


def _cells(spent: Spent) -> list[str]:
    share = f"{spent.cached / spent.input:.1%}" if spent.input else "-"
    return [
        f"{spent.requests:,}",
        f"{spent.input:,}",
        share,
        f"{spent.output:,}",
        _usd(spent.cost, spent.unpriced),
        _usd(spent.saved, 0),
    ]


def _usd(amount: float | None, unpriced: int) -> str:
    """USD; a ``+`` where some requests have no price."""
    if amount is None:
        return "?"
    sign = "-" if amount < 0 else ""
    return f"{sign}${abs(amount):,.4f}{'+' if unpriced else ''}"


def _saved(spent: Spent) -> str:
    text = (
        f"\nCaches served {spent.cached:,} of {spent.input:,} input tokens"
        f"; {spent.written:,} were written to them.\n"
    )
    if spent.saved is not None and spent.cost is not None and not spent.unpriced:
        whole = spent.cost + spent.saved
        text += f"Without a cache it would have been {_usd(whole, 0)}.\n"
    if spent.unpriced:
        text += f"Of {spent.unpriced:,} request(s) the price is not known.\n"
    return text
