"""The command group: a table of commands, each imported only when it is called."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time

import typer
from typer import _click as click  # Typer brings its own; a second one costs 13 ms.
from typer.core import TyperGroup
from typer.main import get_command

from repoctx.errors import Interrupted

COMMANDS = {
    "ask": "Ask a question about the whole repository.",
    "chat": "Talk about the repository; every question builds on the last.",
    "edit": "Have a model change the repository, all of it or nothing.",
    "apply": "Apply the edits in an answer: all of them or none.",
    "undo": "Take back what was applied, or make it again.",
    "pack": "Print the prompt's stable prefix, or check what a cache would serve.",
    "review": "Review a change: what is staged, a branch, a commit.",
    "search": "Find definitions and text in the index.",
    "status": "Show what is in the context, what was left out, and why.",
    "map": "Show where the prompt's tokens lie, as a tree and as a page.",
    "config": "Show, set, create and trust settings.",
    "models": "Show which models can be asked from here, and what they cost.",
    "plugins": "List the providers that are installed.",
    "warm": "Fill the provider's cache beforehand, and keep it warm.",
    "cost": "Show what was used and spent, and what the caches saved.",
    "log": "Show the last requests.",
    "eval": "Measure whether the long context works, on this repository.",
    "completion": "Print the completion script of a shell.",
}
"""Name to its line in ``--help``; the module of that name holds ``app``."""

DOORS = {
    "hook": "Review what is being committed, in a git hook.",
    "filter": "Rewrite a selection on stdin, for editors.",
    "acp": "Serve an editor that speaks the Agent Client Protocol.",
    "mcp": "Serve the repository to agents by MCP, read-only.",
    "serve": "Serve editors over stdin and stdout, as JSON-RPC.",
    "lsp": "Serve editors as a language server: findings, fixes, questions.",
}
"""Commands that `repoctx.__main__` opens without this library."""

SAME_REQUEST = 1.0
"""Seconds in which a second signal is taken for the first one's echo."""

COMPLETE = "_REPOCTX_COMPLETE"
"""The variable by which a shell asks for completions."""

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
            formatter.write_dl(list({**COMMANDS, **DOORS}.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a wrong name gets a "did you mean"."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in COMMANDS:
            import difflib

            near = difflib.get_close_matches(
                name, {**COMMANDS, **DOORS}, n=2, cutoff=0.5
            )
            if " " in name:
                near = [f'repoctx ask "{name[:60]}"']
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            shown = name[:60]
            raise click.exceptions.UsageError(f"No such command '{shown}'.{hint}", ctx)
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
    """Run one command; every failure is one line on stderr, or the result in the JSON
    formats, and its code."""
    _open_streams()
    _heed_interrupts()
    code = _run(argv)
    if code == Interrupted.code:
        # While Python ends, its own handlers are gone: an echo would kill it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    return code


def _run(argv: list[str]) -> int:
    try:
        command = get_command(app)
        if COMPLETE in os.environ:
            from repoctx.cli.completion import complete

            complete(command)
        # Not main(): it would swallow Ctrl-C.
        with command.make_context("repoctx", argv) as ctx:
            command.invoke(ctx)
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_stdout()
        return 0
    except typer.Exit as exc:
        return exc.exit_code
    except click.exceptions.NoArgsIsHelpError as exc:
        exc.show()
        return 2
    # The last place that can make one line of it.
    except (Exception, KeyboardInterrupt) as exc:  # noqa: BLE001
        return _told(argv, exc)
    return 0


def _told(argv: list[str], exc: BaseException) -> int:
    """Tell what went wrong in the form that was asked for; the exit code."""
    from repoctx.cli.failure import as_error
    from repoctx.cli.output import Output, asked_form
    from repoctx.cli.terminal import say

    error = as_error(exc)
    out = Output(asked_form(argv, os.environ))
    try:
        out.failed(error)
        out.finish()
        sys.stdout.flush()
    except OSError:
        _drop_stdout()
        out.form = "text"
    if out.text:
        say(str(error))
    return error.code


def _heed_interrupts() -> None:
    """Ctrl-C, and a plea to end, stop the run in good order; asked again, at once."""
    first = 0.0

    def stop(number: int, frame: object) -> None:
        nonlocal first
        now = time.monotonic()
        if not first:
            first = now
            raise KeyboardInterrupt
        # `timeout` and shells may send one request twice.
        if now - first > SAME_REQUEST:
            os._exit(Interrupted.code)

    for name in ("SIGINT", "SIGTERM"):
        signal.signal(getattr(signal, name), stop)


def _drop_stdout() -> None:
    """What still waits to be written goes nowhere: its reader or its disk is gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _open_streams() -> None:
    """Write UTF-8 whatever the locale is, odd path bytes as they are; a stream that the
    caller has closed leads nowhere."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, PTH123
        elif reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(encoding="utf-8", errors="surrogateescape")
