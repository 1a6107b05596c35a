"""``repoctx config``: settings, where each comes from, and trust."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from repoctx.cli import options as o
from repoctx.cli.job import tell
from repoctx.cli.output import form_of, output
from repoctx.cli.terminal import bold, colours, dim, plain, say
from repoctx.errors import UsageError

EXAMPLES = """
Examples:

\b
  repoctx config show
  REPOCTX_STYLE=markdown repoctx config show  # each key has a variable
  repoctx config init && repoctx config trust --yes
"""

app = typer.Typer(
    **o.APP,
    no_args_is_help=True,
    epilog=EXAMPLES,
    help="Show, create and trust settings.",
)

TEMPLATE = """\
# Settings of this repository for repoctx. All keys are optional.
# Precedence: flags > REPOCTX_* variables > this file > the user's file > defaults.

"""


@app.command(epilog=EXAMPLES)
def show(
    repo: o.Repo = Path(),
    output_format: o.OutputFormat = None,
    no_color: o.NoColor = False,
) -> None:
    """Show every setting with its value and where it comes from."""
    from repoctx.scan import discover
    from repoctx.settings import Settings, kinds, load, user_file

    with output(form_of(output_format)) as out:
        own = user_file(os.environ)
        given = {"output_format": output_format}
        loaded = load(discover(repo).root, own, os.environ, given)
        settings, origins = loaded.settings, loaded.origins
        out.use(settings.output_format)
        on = colours(not no_color, settings.color)
        out.fields["settings"] = {
            name: {"value": _value(getattr(settings, name)), "origin": origins[name]}
            for name in kinds()
        }
        out.fields["user_file"] = str(own)
        for name, kind in kinds().items():
            value = _shown(getattr(settings, name), getattr(Settings(), name))
            if origins[name] != "default":
                out.write(f"{bold(f'{name:<14}', on)} {plain(value)}")
                out.write(dim(f"  from {plain(origins[name])}", on) + "\n")
            else:
                out.write(f"{name:<14} {value:<8}  {dim(kind.help, on)}\n")
        out.write(f"\nYour own file: {plain(str(own))}\n")
    tell(list(loaded.problems))


@app.command()
def init(repo: o.Repo = Path(), output_format: o.OutputFormat = None) -> None:
    """Write a .repoctx.toml with every key, commented out. Overwrites nothing."""
    from repoctx.scan import discover
    from repoctx.settings import PROJECT_FILE, Settings, kinds

    with output(form_of(output_format)) as out:
        path = discover(repo).root / PROJECT_FILE
        defaults = Settings()
        lines = []
        for name, kind in kinds().items():
            if kind.scope != "own":
                example = f"# {name} = {_toml(getattr(defaults, name))}"
                trusted = " (only after: repoctx config trust)"
                note = trusted if kind.scope == "trusted" else ""
                lines.append(f"{example:<26} # {kind.help}{note}\n")
        try:
            with path.open("x", encoding="utf-8") as handle:
                handle.write(TEMPLATE + "".join(lines))
        except FileExistsError:
            raise UsageError(f"{path} exists already") from None
        out.fields["files_changed"] = [PROJECT_FILE]
        out.write(f"wrote {plain(str(path))}\n")


@app.command()
def trust(
    repo: o.Repo = Path(), yes: o.Yes = False, output_format: o.OutputFormat = None
) -> None:
    """Let this repository's settings choose a server, a model or a cost, and its
    .mcp.json name commands that --mcp starts.

    The trust ends when they change.
    """
    from repoctx.scan import discover
    from repoctx.settings import load, trusted, user_file
    from repoctx.settings import trust as remember

    with output(form_of(output_format)) as out:
        root = discover(repo).root
        own = user_file(os.environ)
        # A broken file is told before anybody is asked to trust it.
        load(root, own, os.environ, {})
        if not (yes or trusted(root, own)):
            _confirm(root, own)
        names = remember(root, own)
        out.fields["trusted"] = [str(root / name) for name in names]
        for name in names:
            out.write(f"trusted: {plain(str(root / name))}\n")


def _confirm(root: Path, own: Path) -> None:
    """Show what is asked for, and ask."""
    from repoctx.settings import wanted

    if not (sys.stdin and sys.stdin.isatty()):
        raise UsageError("config trust needs --yes when nobody can be asked")
    for name, value in wanted(root, own).items():
        say(f"{name} = {value!r}")
    if not typer.confirm(f"Trust these settings of {root}?", err=True):
        raise UsageError("nothing was trusted")


def _shown(value: Any, default: Any) -> str:
    """A value as it would stand in the file; - for what is not set."""
    return "-" if value == default and not value else _toml(value)


def _value(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, Path):
        return str(value)
    return dict(value) if isinstance(value, Mapping) else value


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, int):
        return str(value)
    # TOML's strings and lists are written as JSON's are.
    return json.dumps(list(value) if isinstance(value, tuple) else str(value or ""))
