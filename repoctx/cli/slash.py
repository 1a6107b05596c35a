"""What begins with a slash in a chat: commands about the conversation, not to it."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from repoctx.cli import options as o
from repoctx.cli.terminal import plain, quoted
from repoctx.errors import UsageError
from repoctx.values import Usage

if TYPE_CHECKING:
    from repoctx.cli.chat import Talk


def slash(talk: Talk, line: str) -> bool:
    """Do what ``line`` asks for; whether the talk goes on. Raises UsageError."""
    name, _, rest = line[1:].partition(" ")
    if name in ("exit", "quit"):
        return False
    known = COMMANDS.get(name)
    if known is None:
        near = difflib.get_close_matches(name, COMMANDS, n=1, cutoff=0.5)
        hint = f"did you mean /{near[0]}?" if near else "/help lists them"
        raise UsageError(f"no command /{name[:40]}: {hint}")
    known[0](talk, rest.strip())
    return True


def _write(line: str) -> None:
    sys.stdout.write(plain(line) + "\n")
    sys.stdout.flush()


def _help(talk: Talk, rest: str) -> None:
    for name, (_, usage, what) in COMMANDS.items():
        _write(f"/{f'{name} {usage}':<16}  {what}")


def _files(talk: Talk, rest: str) -> None:
    for name, text in talk.added:
        _write(f"{quoted(name)}  beside the next question, {len(text):,} characters")
    for one in talk.chat.exchanges:
        for path, oid in one.shown.items():
            _write(f"{quoted(path)}  {'shown anew' if oid else 'gone'} since the start")
    if not talk.added and not any(one.shown for one in talk.chat.exchanges):
        _write("Nothing was added, and no file has changed since the start.")


def _add(talk: Talk, rest: str) -> None:
    if not rest:
        raise UsageError("/add needs a file")
    talk.added += o.read_files([Path(rest).expanduser()])
    _write(f"{quoted(talk.added[-1][0])} stands beside the next question.")


def _cost(talk: Talk, rest: str) -> None:
    usages = [one.usage for one in talk.chat.exchanges]
    count = sum(usage.input for usage in usages)
    cached = sum(usage.cached for usage in usages)
    share = f", {cached / count:.1%} of them cached" if count else ""
    output = sum(usage.output for usage in usages)
    _write(
        f"{len(usages)} questions: {count:,} tokens in{share}, {output:,} out"
        f"{_usd(usages)}"
    )


def _usd(usages: list[Usage]) -> str:
    costs = [usage.cost for usage in usages if usage.cost is not None]
    rest = " where the price is known" if len(costs) < len(usages) else ""
    return f", ${sum(costs):.4f}{rest}" if costs else ""


def _model(talk: Talk, rest: str) -> None:
    from repoctx.flow.model import choose_model

    before = talk.flags["model"]
    talk.flags["model"] = rest or before
    try:
        with talk.open() as here:
            model = choose_model(here.session)
    except BaseException:
        talk.flags["model"] = before
        raise
    _write(f"{model.name}{f' ({model.choice.why})' if model.choice.why else ''}")


def _undo(talk: Talk, rest: str) -> None:
    from repoctx.flow.chats import save_chat, undone

    if not talk.chat.exchanges:
        raise UsageError("nothing was asked yet")
    asked = talk.chat.exchanges[-1].asked
    talk.chat = undone(talk.chat)
    with talk.open() as here:
        save_chat(here.session.state, talk.chat)
    _write(f"Taken back: {asked.partition(chr(10))[0][:72]}")


def _edit(talk: Talk, rest: str) -> None:
    from repoctx.cli.chat import ask

    if not rest:
        raise UsageError("/edit needs what is to be changed")
    ask(talk, rest, edit=True)
    _apply(talk, "")


def _apply(talk: Talk, rest: str) -> None:
    from repoctx.cli.apply import apply

    saved = talk.chat.exchanges[-1].saved if talk.chat.exchanges else ""
    if not saved:
        raise UsageError("there is no answer to apply")
    with talk.open() as here:
        path = here.session.state.answers / saved
    apply([path], talk.repo, talk.yes, quiet=talk.quiet, no_color=talk.no_color)


def _new(talk: Talk, rest: str) -> None:
    from repoctx.flow.chats import new_chat

    talk.chat = new_chat()
    _write(f"conversation {talk.chat.id}")


def _save(talk: Talk, rest: str) -> None:
    from repoctx.flow.state import output_file

    if not rest:
        raise UsageError("/save needs a file")
    parts = [f"## {one.asked}\n\n{one.text.rstrip()}\n" for one in talk.chat.exchanges]
    path = Path(rest).expanduser()
    with output_file(path) as handle:
        handle.write("\n".join(parts).encode("utf-8", "replace"))
    _write(f"{len(parts)} questions and answers are in {quoted(str(path))}")


def _exit(talk: Talk, rest: str) -> None:
    """Known to the list; `slash` itself ends the conversation."""


Command = Callable[["Talk", str], None]

COMMANDS: Mapping[str, tuple[Command, str, str]] = {
    "help": (_help, "", "list these commands"),
    "add": (_add, "FILE", "put a text beside the next question"),
    "files": (_files, "", "what was added, and what changed meanwhile"),
    "cost": (_cost, "", "tokens and money of this conversation"),
    "model": (_model, "[NAME]", "say or change who answers"),
    "undo-last": (_undo, "", "take back the last question and its answer"),
    "edit": (_edit, "CHANGE", "have it changed, and apply the edits (asks first)"),
    "apply": (_apply, "", "apply the edits in the last answer (asks first)"),
    "new": (_new, "", "begin another conversation"),
    "save": (_save, "FILE", "write the conversation as Markdown"),
    "exit": (_exit, "", "end (also Ctrl-D)"),
}
"""Name to what does it, what follows it, and its line in /help."""
