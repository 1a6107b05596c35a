"""The command group: a table of commands, each imported only when it is called."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any, TextIO

import typer
from typer import _click as click  # Typer brings its own; a second one costs 13 ms.
from typer.core import TyperGroup
from typer.main import get_command

from repoctx.errors import Interrupted, RepoctxError

COMMANDS = {
    "ask": "Ask a question about the whole repository.",
    "pack": "Print the prompt's stable prefix, or check what a cache would serve.",
    "search": "Find definitions and text in the index.",
    "status": "Show what is in the context, what was left out, and why.",
    "config": "Show, create and trust settings.",
    "plugins": "List the providers that are installed.",
    "log": "Show the last requests.",
}
"""Name to its line in ``--help``; the module of that name holds ``app``."""

EPILOG = (
    'Start with: repoctx ask "where is the retry delay computed?"  '
    "Answers go to stdout, progress to stderr."
)


class LazyGroup(TyperGroup):
    """A group that knows its commands' names without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order in which a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module, or give up with near names."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"repoctx.cli.{cmd_name}")
        command = get_command(module.app)
        command.name = cmd_name
        return command

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """Write the table without importing a single command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a wrong name gets a "did you mean"."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in COMMANDS:
            import difflib

            near = difflib.get_close_matches(name, COMMANDS, n=2, cutoff=0.5)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            raise click.exceptions.UsageError(f"No such command '{name}'.{hint}", ctx)
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Ask a whole repository through a byte-stable, cacheable context.",
    epilog=EPILOG,
)


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", "-V", help="Print the version."),
) -> None:
    if version:
        from repoctx import __version__

        typer.echo(f"repoctx {__version__}")
        raise typer.Exit


def run(argv: list[str]) -> int:
    """Run one command; every expected failure is one line on stderr and its code."""
    _utf8(sys.stdout)
    _utf8(sys.stderr)
    try:
        command = get_command(app)
        result = command.main(argv, prog_name="repoctx", standalone_mode=False)
        _finish(sys.stdout.flush)
    except typer.Exit as exc:
        return exc.exit_code
    except click.ClickException as exc:
        exc.show()
        return 2
    except (KeyboardInterrupt, typer.Abort, Interrupted):
        sys.stderr.write("repoctx: interrupted\n")
        return Interrupted.code
    except BrokenPipeError:
        _finish(lambda: os.dup2(os.open(os.devnull, os.O_WRONLY), 1))
        return 0
    except RepoctxError as exc:
        sys.stderr.write(f"repoctx: {exc}\n")
        return exc.code
    return result if isinstance(result, int) else 0


def _finish(step: Callable[[], Any]) -> None:
    """Run a last step on stdout; a reader that has gone away is no error."""
    try:
        step()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _utf8(stream: TextIO) -> None:
    """Write UTF-8 whatever the locale is; odd path bytes come out as they are."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure:
        reconfigure(encoding="utf-8", errors="surrogateescape")
