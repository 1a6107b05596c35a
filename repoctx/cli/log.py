"""``repoctx log``: the last requests, without their texts."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from repoctx.cli import options as o
from repoctx.cli.job import job
from repoctx.cli.terminal import plain

app = typer.Typer(**o.APP)


@app.command()
def log(
    last: Annotated[
        int | None,
        typer.Option("--last", "-n", min=1, help="How many, the newest first."),
    ] = None,
    answer: Annotated[
        bool, typer.Option("--answer", help="Print the newest saved answer instead.")
    ] = False,
    repo: o.Repo = Path(),
    output_format: o.OutputFormat = None,
) -> None:
    """Show the last requests: when, which model, tokens, cost, how they ended.

    Prompts are not kept. Raw answers lie in the state folder; --answer prints the last.
    """
    from repoctx.ask.ledger import last as newest

    with job(repo, {"output_format": output_format}) as here:
        state = here.session.state
        entries = newest(state.ledger, last or (100 if answer else 10))
        if answer:
            named = [e.answer for e in entries if e.answer]
            path = state.answers / named[0] if named else None
            text = path.read_text("utf-8") if path and path.is_file() else ""
            here.out.fields["answer"] = text
            here.out.write(plain(text) or "No answer is saved here.\n")
            return
        here.out.fields["entries"] = [asdict(entry) for entry in entries]
        for e in entries:
            when = datetime.fromtimestamp(e.time).astimezone().isoformat(" ", "seconds")
            u = e.usage
            used = f"{u.input:,} in ({u.cached:,} cached), {u.output:,} out"
            cost = "" if u.cost is None else f", ${u.cost:.4f}"
            end = e.error or e.stop
            line = (
                f"{when}  {e.door}  {e.model}  {used}{cost}  {e.seconds:.1f} s  {end}"
            )
            here.out.write(plain(line) + "\n")
        if not entries:
            here.out.write("Nothing was asked here yet.\n")
