"""``repoctx config``: settings, where each comes from, and trust."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

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
  repoctx config set budget 128k   # --project: in the project's file
  repoctx config init && repoctx config trust --yes
"""

app = typer.Typer(
    **o.APP,
    no_args_is_help=True,
    epilog=EXAMPLES,
    help="Show, set, create and trust settings.",
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


@app.command(name="set")
def put(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The setting.")] = "",
    value: Annotated[str, typer.Argument(metavar="VALUE", help="Its value.")] = "",
    repo: o.Repo = Path(),
    project: Annotated[
        bool, typer.Option("--project", help="In the project's file, for everybody.")
    ] = False,
    from_eval: Annotated[
        bool,
        typer.Option("--from-eval", help="Take over what `repoctx eval` speaks for."),
    ] = False,
    run: Annotated[
        str, typer.Option("--run", metavar="RUN", help="With --from-eval: which one.")
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show it, write nothing.")
    ] = False,
    output_format: o.OutputFormat = None,
) -> None:
    """Set a key in your own file, or with --project in the project's.

    Comments and all other lines stay as they are.
    """
    with output(form_of(output_format)) as out:
        if from_eval == bool(key) or (key and not value):
            raise UsageError("config set needs KEY VALUE, or --from-eval")
        wanted = _from_eval(repo, run) if from_eval else {key: value}
        rows = []
        for name, given in wanted.items():
            where, literal = _put(repo, name, given, project, dry_run)
            rows.append({"key": name, "value": literal, "file": where})
            out.write(f"{name} = {literal}  in {plain(where)}\n")
        out.fields["set"] = rows
        if not rows:
            out.write("The evaluation speaks for no setting: all stays as it is.\n")
        if dry_run and rows:
            out.write("Nothing was written (--dry-run).\n")


def _from_eval(repo: Path, run: str) -> dict[str, str]:
    """The settings that a run's report speaks for."""
    from repoctx.flow.runs import read_run
    from repoctx.flow.session import open_session
    from repoctx.probe.report import report_of

    with open_session(repo, {}) as session:
        found = report_of(read_run(session, run))
    return {name: str(value).lower() for name, value in found.settings.items()}


def _put(
    repo: Path, name: str, given: str, project: bool, dry_run: bool
) -> tuple[str, str]:
    """Write one key; the file, and the value as it stands there."""
    from repoctx.scan import discover
    from repoctx.settings import PROJECT_FILE, kinds, project_table, user_file
    from repoctx.settings.readers import meant
    from repoctx.settings.write import put as write

    if name not in kinds():
        raise UsageError(f"no setting {name[:60]!r}{meant(name, tuple(kinds()))}")
    kind = kinds()[name]
    if project and kind.scope == "own":
        raise UsageError(f"{name} can only be set by you: leave --project out")
    try:
        value = kind.parse(given, True)
    except (ValueError, OverflowError) as exc:
        raise UsageError(f"{name} must be {exc}") from None
    literal = _toml(given if isinstance(value, Path) else value)
    root = discover(repo).root
    path, table = user_file(os.environ), ""
    if project:
        path, table = root / PROJECT_FILE, ""
        if project_table(root) == "pyproject.toml":
            path, table = root / "pyproject.toml", "tool.repoctx"
    if not dry_run:
        write(path, name, literal, table)
        if project and kind.scope == "trusted":
            say(f"{name} counts only after: repoctx config trust")
    return str(path), literal


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
    from repoctx.settings import load, user_file
    from repoctx.settings.trusting import trust as remember
    from repoctx.settings.trusting import trusted

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
    from repoctx.settings.trusting import wanted

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
