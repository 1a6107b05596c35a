"""``repoctx plugins``: which providers are installed."""

from __future__ import annotations

from dataclasses import asdict

import typer

from repoctx.cli import options as o
from repoctx.cli.output import form_of, output
from repoctx.cli.terminal import plain

app = typer.Typer(**o.APP)


@app.command()
def plugins(output_format: o.OutputFormat = None) -> None:
    """List the providers that are installed, and whether each loads.

    A package adds one with an entry point in the group repoctx.providers.
    """
    from repoctx.plugins import describe

    with output(form_of(output_format)) as out:
        found = describe(check=True)
        out.fields["plugins"] = [asdict(plugin) for plugin in found]
        width = max((len(p.name) for p in found), default=0)
        for p in found:
            line = f"{p.name:<{width}}  {p.status}  {p.distribution} {p.version}"
            out.write(plain(f"{line}  {p.entry_point}") + "\n")
