"""Show a change before it is made, and ask."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from repoctx.cli import patches
from repoctx.cli.job import Job
from repoctx.errors import NotApplied

if TYPE_CHECKING:
    from repoctx.flow.apply import Located


class View:
    """What a person sees of the change before it is made, and what they say."""

    def __init__(self, here: Job, yes: bool, dry_run: bool, asked_stdin: bool) -> None:
        self._here = here
        self._yes = yes
        self._dry_run = dry_run
        self._asked_stdin = asked_stdin

    def confirm(self, located: Located) -> bool:
        """Show the change; whether it is to be made. Raises NotApplied."""
        out, on = self._here.out, self._here.colours
        out.fields.update(patches.fields(located.changes))
        for warning in located.warnings:
            self._here.session.notes.append(warning)
        if not located.changes:
            return False
        if not self._yes or self._dry_run:
            out.write(patches.diff(located.changes, on) + "\n")
        out.write(patches.summary(located.changes, on))
        if self._yes or self._dry_run:
            return not self._dry_run
        return self._asked()

    def _asked(self) -> bool:
        question = "Apply this?"
        if not self._here.out.text or not sys.stdout.isatty():
            raise NotApplied("nothing was applied: --yes applies, --dry-run only shows")
        if not self._asked_stdin and sys.stdin and sys.stdin.isatty():
            sure = typer.confirm(question, err=True)
        else:
            sure = _asked_terminal(question)
        if not sure:
            raise NotApplied("nothing was applied")
        return True

    def unchanged(self, located: Located) -> None:
        """Say why an answer that fits changed nothing."""
        out = self._here.out
        if not located.changes:
            out.write("Everything is there already: nothing to change.\n")
            out.fields["applied"] = True
        else:
            out.write("Nothing was changed (--dry-run).\n")


def _asked_terminal(question: str) -> bool:
    """Ask on the terminal itself, where stdin leads elsewhere."""
    try:
        with open("/dev/tty", "r+b", buffering=0) as terminal:  # noqa: PTH123
            terminal.write(f"{question} [y/N]: ".encode())
            return terminal.readline().strip().lower() in (b"y", b"yes")
    except OSError:
        raise NotApplied("nothing was applied: nobody can be asked; --yes") from None
