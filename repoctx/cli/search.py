"""``repoctx search``: definitions and text, ranked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from repoctx.cli import options as o
from repoctx.cli.job import Job, job
from repoctx.cli.stdin import read_stdin
from repoctx.cli.terminal import dim, link, plain, quoted

app = typer.Typer(**o.APP)

EXAMPLES = """
Examples:

\b
  repoctx search RetryPolicy.delay
  repoctx search "where is the retry delay computed"
  git log -1 --format=%B | repoctx search --paths --budget 128k -
"""


@app.command(epilog=EXAMPLES)
def search(
    query: Annotated[
        list[str],
        typer.Argument(metavar="QUERY", help="A name or words; - reads stdin."),
    ],
    paths: Annotated[
        bool,
        typer.Option(
            "--paths", help="Only ranked paths, or path:start-end where a part fits."
        ),
    ] = False,
    budget: o.Budget = None,
    repo: o.Repo = Path(),
    include: o.Include = None,
    exclude: o.Exclude = None,
    output_format: o.OutputFormat = None,
    quiet: o.Quiet = False,
    no_color: o.NoColor = False,
) -> None:
    """Find definitions and text in the index, best first.

    With --budget the best files are taken until their tokens are used up.
    """
    from repoctx.flow.search import find, ranked_paths
    from repoctx.flow.session import something_in
    from repoctx.flow.survey import snapshot_now

    words = " ".join(query)
    text = read_stdin() if words == "-" else words
    flags = {
        "include": o.globs(include),
        "exclude": o.globs(exclude),
        "output_format": output_format,
    }
    with job(repo, flags, quiet, no_color) as here:
        now = something_in(here.session, snapshot_now(here.session))
        if budget is not None:
            from repoctx.flow.model import choose_model, tokenizer_for
            from repoctx.flow.search import select
            from repoctx.settings import parse_budget

            counter = tokenizer_for(here.session, choose_model(here.session))
            room = parse_budget(budget)
            picks = select(here.session, now, text, room, counter)
            if not picks:
                note = f"nothing that matches fits into {room:,} tokens"
                here.session.notes.append(note)
            here.out.fields["picks"] = [
                {"path": p.path, "start": p.start, "end": p.end, "tokens": p.tokens}
                for p in picks
            ]
            for pick in picks:
                span = f":{pick.start}-{pick.end}" if pick.start else ""
                here.out.write(quoted(pick.path) + span + "\n")
        elif paths:
            found = ranked_paths(here.session, now, text)
            here.out.fields["paths"] = found
            for path in found:
                here.out.write(quoted(path) + "\n")
        else:
            _show(here, find(here.session, now, text), here.colours)


def _show(here: Job, found: object, rich: bool) -> None:
    from repoctx.flow.search import Found

    if not isinstance(found, Found):
        return
    root = here.session.place.root
    here.out.fields["definitions"] = [
        {
            "path": d.path,
            "start": d.symbol.start,
            "end": d.symbol.end,
            "kind": d.symbol.kind,
            "name": d.symbol.name,
            "parent": d.symbol.parent,
            "signature": d.symbol.signature,
        }
        for d in found.definitions
    ]
    here.out.fields["passages"] = [
        {"path": p.path, "start": p.start, "end": p.end, "text": p.text, "why": p.why}
        for p in found.passages
    ]
    for d in found.definitions:
        place = f"{quoted(d.path)}:{d.symbol.start}"
        shown = link(place, root / d.path, d.symbol.start) if rich else place
        kind, signature = d.symbol.kind, plain(d.symbol.signature)
        said = "" if signature.split(" ")[0] == kind else f"{dim(kind, rich)}  "
        here.out.write(f"{shown}  {said}{signature}\n")
    places = {(d.path, d.symbol.start) for d in found.definitions}
    for p in found.passages:
        if (p.path, p.start) in places:
            continue
        place = f"{quoted(p.path)}:{p.start}-{p.end}"
        shown = link(place, root / p.path, p.start) if rich else place
        here.out.write(f"{shown}  {dim(plain(p.why), rich)}\n")
    if not found.definitions and not found.passages:
        here.out.write("Nothing matches.\n")
