"""``repoctx config``: settings, where each comes from, and trust."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from repoctx.cli import options as o
from repoctx.cli.output import output
from repoctx.cli.terminal import plain
from repoctx.errors import UsageError

app = typer.Typer(
    **o.APP,
    no_args_is_help=True,
    help="Show, create and trust settings.",
)

TEMPLATE = """\
# Settings of this repository for repoctx. All keys are optional.
# Precedence: flags > REPOCTX_* variables > this file > the user's file > defaults.

"""


@app.command()
def show(repo: o.Repo = Path(), output_format: o.OutputFormat = None) -> None:
    """Show every setting with its value and where it comes from."""
    from repoctx.cli.job import tell
    from repoctx.scan import discover
    from repoctx.settings import kinds, load, user_file

    with output(output_format or "text") as out:
        own = user_file(os.environ)
        loaded = load(discover(repo).root, own, os.environ, {})
        rows = {
            name: (_value(getattr(loaded.settings, name)), loaded.origins[name])
            for name in kinds()
        }
        out.fields["settings"] = {
            name: {"value": value, "origin": origin}
            for name, (value, origin) in rows.items()
        }
        out.fields["user_file"] = str(own)
        width = max(map(len, rows))
        for name, (value, origin) in rows.items():
            shown = "-" if value in ("", None, []) else value
            out.write(plain(f"{name:<{width}}  {shown}  ({origin})") + "\n")
        out.write(f"\nThe user's file: {own}\n")
    tell(list(loaded.problems))


@app.command()
def init(repo: o.Repo = Path()) -> None:
    """Write a .repoctx.toml with every key, commented out. Overwrites nothing."""
    from repoctx.scan import discover
    from repoctx.settings import PROJECT_FILE, Settings, kinds

    path = discover(repo).root / PROJECT_FILE
    defaults = Settings()
    lines = [
        f"# {name} = {_toml(getattr(defaults, name))}  # {kind.help}"
        for name, kind in kinds().items()
        if kind.scope != "own"
    ]
    try:
        with path.open("x", encoding="utf-8") as handle:
            handle.write(TEMPLATE + "\n".join(lines) + "\n")
    except FileExistsError:
        raise UsageError(f"{path} exists already") from None
    except OSError as exc:
        raise UsageError(f"cannot write {path}: {exc.strerror}") from None
    typer.echo(f"wrote {path}")


@app.command()
def trust(repo: o.Repo = Path(), yes: o.Yes = False) -> None:
    """Let this repository's settings choose a server, a model or a cost.

    The trust ends when the settings change.
    """
    from repoctx.scan import discover
    from repoctx.settings import load, user_file
    from repoctx.settings import trust as remember

    root = discover(repo).root
    own = user_file(os.environ)
    for problem in load(root, own, os.environ, {}).problems:
        typer.echo(plain(problem), err=True)
    if not yes:
        if not (sys.stdin and sys.stdin.isatty()):
            raise UsageError("config trust needs --yes when nobody can be asked")
        typer.confirm(f"Trust the settings in {root}?", abort=True, err=True)
    typer.echo(f"trusted: {remember(root, own)}")


def _value(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, Path):
        return str(value)
    return dict(value) if isinstance(value, Mapping) else value


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[]"
    return f'"{value or ""}"' if isinstance(value, str | Path | None) else str(value)
