"""``repoctx completion``: completion of commands and options in a shell."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from repoctx.cli import options as o
from repoctx.errors import UsageError

app = typer.Typer(**o.APP)

EXAMPLES = """
Examples:

\b
  repoctx completion bash > ~/.local/share/bash-completion/completions/repoctx
  repoctx completion zsh > ~/.zfunc/_repoctx  # with ~/.zfunc in fpath
  repoctx completion fish > ~/.config/fish/completions/repoctx.fish
"""
SHELLS = ("bash", "zsh", "fish")


@app.command(epilog=EXAMPLES)
def completion(
    shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
) -> None:
    """Print the script that completes repoctx's commands and options in a shell."""
    from typer._completion_shared import get_completion_script

    if shell not in SHELLS:
        raise UsageError(f"no completion for {shell[:40]!r}: say bash, zsh or fish")
    script = get_completion_script(
        prog_name="repoctx", complete_var="_REPOCTX_COMPLETE", shell=shell
    )
    typer.echo(script)


def complete(command: Any) -> None:
    """Answer a shell that asks for completions, and end."""
    from typer._completion_classes import completion_init

    completion_init()
    sys.exit(command.main(prog_name="repoctx"))
