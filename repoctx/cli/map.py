"""``repoctx map``: where the tokens of the prompt lie."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from repoctx.cli import options as o
from repoctx.cli.job import Job, job
from repoctx.cli.terminal import dim, plain, screen
from repoctx.values import Count

app = typer.Typer(**o.APP)

EXAMPLES = """
Examples:

\b
  repoctx map                        # the heaviest folders and files
  repoctx map -o map.html            # and a page to look around in
  repoctx map --open --include src   # make the page and open it
  repoctx map --output-format json | jq '.map.languages'
"""
PAGE = "repoctx-map.html"
"""The page's name where nobody names it; it lies in the state folder."""


@app.command(name="map", epilog=EXAMPLES)
def show(
    repo: o.Repo = Path(),
    target: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write the HTML page; - is stdout."
        ),
    ] = None,
    open_it: Annotated[
        bool, typer.Option("--open", help="Write the page and open it in a browser.")
    ] = False,
    depth: Annotated[
        int, typer.Option("--depth", metavar="N", min=1, help="Levels of the tree.")
    ] = 2,
    most: Annotated[
        int, typer.Option("--most", metavar="N", min=1, help="Lines of the tree.")
    ] = 40,
    model: o.Model = None,
    include: o.Include = None,
    exclude: o.Exclude = None,
    budget: o.Budget = None,
    output_format: o.OutputFormat = None,
    quiet: o.Quiet = False,
    no_color: o.NoColor = False,
) -> None:
    """Show the prompt's tokens by folder and file, as a tree and as a page.

    The page is one file that needs no network: a treemap to zoom into, by folder,
    language and cache state, with what was left out.
    """
    from repoctx.flow.map import map_of
    from repoctx.pack.treemap import as_json, page, tree

    flags = {
        "model": model,
        "include": o.globs(include),
        "exclude": o.globs(exclude),
        "budget": budget,
        "output_format": output_format,
    }
    with job(repo, flags, quiet, no_color) as here:
        found = map_of(here.session)
        tokens = sum(number for _, number in found.segments)
        paths = {file.path for file in found.files}
        here.out.context(len(paths), Count(tokens, found.exact))
        here.out.fields["map"] = as_json(found)
        if str(target) == "-":
            here.out.write(page(found))
            return
        width, drawn = screen()
        lines = tree(found, width, depth, most, ascii_only=not (drawn or here.colours))
        here.out.write(plain(lines) + "\n")
        if target is not None or open_it:
            _write_page(here, page(found), target, open_it)
        else:
            hint = "page       repoctx map -o map.html, or --open"
            here.out.write(dim(hint, here.colours) + "\n")


def _write_page(here: Job, text: str, target: Path | None, open_it: bool) -> None:
    from repoctx.flow.state import output_file

    path = (target or here.session.state.folder / PAGE).absolute()
    with output_file(path) as handle:
        handle.write(text.encode())
    here.out.fields["page"] = str(path)
    here.out.write(f"page       {plain(str(path))}\n")
    if open_it:
        import webbrowser

        if not webbrowser.open(path.as_uri()):
            here.session.notes.append(f"no browser was found: open {path}")
