"""``repoctx chat``: a conversation about the whole repository."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from repoctx.cli import options as o
from repoctx.cli.failure import as_error
from repoctx.cli.job import Job, job
from repoctx.cli.terminal import plain, say
from repoctx.errors import Interrupted, RepoctxError, UsageError

if TYPE_CHECKING:
    from repoctx.flow.chats import Chat

app = typer.Typer(**o.APP)

EXAMPLES = """
Examples:

\b
  repoctx chat              # /help lists what else can be typed
  repoctx chat "where do I start?"
  repoctx chat -c           # goes on with the last conversation
  repoctx chat --list
  printf 'what is it?\\nand why?\\n' | repoctx chat -q > answers.md
"""


@dataclass(slots=True)
class Talk:
    """A conversation at the keyboard: how sessions are opened, what was said, and the
    texts that stand beside the next question."""

    repo: Path
    flags: dict[str, Any]
    quiet: bool
    no_color: bool
    chat: Chat
    yes: bool = False
    added: list[tuple[str, str]] = field(default_factory=list)
    mcp: tuple[str, ...] = ()
    ending: bool = False

    def open(self) -> Any:
        """A session for one question; settings and files are read as they are then."""
        return job(self.repo, self.flags, self.quiet, self.no_color)


@app.command(epilog=EXAMPLES)
def chat(
    question: Annotated[
        list[str] | None,
        typer.Argument(metavar="[QUESTION]", help="The first question."),
    ] = None,
    repo: o.Repo = Path(),
    continue_: o.Continue = False,
    resume: o.Resume = None,
    list_: Annotated[
        bool, typer.Option("--list", "-l", help="List the conversations.")
    ] = False,
    model: o.Model = None,
    include: o.Include = None,
    exclude: o.Exclude = None,
    base: o.Base = None,
    style: o.Style = None,
    overlay: o.Overlay = None,
    budget: o.Budget = None,
    with_: o.With = None,
    mcp: o.Mcp = None,
    rounds: o.Rounds = None,
    max_cost: o.MaxCost = None,
    yes: o.Yes = False,
    output_format: o.OutputFormat = None,
    quiet: o.Quiet = False,
    no_color: o.NoColor = False,
) -> None:
    """Talk about the whole repository, question by question.

    Every question stands after all that was said, so that the cache serves the whole
    conversation; files that change meanwhile are shown with the next question. What
    comes through a pipe is one question a line (a backslash at its end joins the next),
    and the first failure ends it.
    """
    flags = {
        "model": model,
        "include": o.globs(include),
        "exclude": o.globs(exclude),
        "base": base,
        "style": style,
        "overlay": overlay,
        "budget": budget,
        "rounds": rounds,
        "max_cost": max_cost,
        "output_format": output_format,
    }
    if list_:
        with job(repo, flags, quiet, no_color) as here:
            _list(here)
        return
    if output_format not in (None, "text"):
        raise UsageError(
            "a chat is text; for JSON: repoctx ask -c --output-format json"
        )
    talk = _opened(repo, flags, quiet, no_color, (continue_, resume or ""))
    talk.yes, talk.mcp = yes, tuple(mcp or ())
    talk.added += o.read_files(with_ or [])
    _talk(talk, " ".join(question or []))


def _opened(
    repo: Path,
    flags: Mapping[str, Any],
    quiet: bool,
    no_color: bool,
    which: tuple[bool, str],
) -> Talk:
    from repoctx.flow.chat import chosen

    # What JSON a program may have asked for by the environment is not for a chat.
    given = {**flags, "output_format": "text"}
    with job(repo, given, quiet, no_color) as here:
        found = chosen(here.session, *which)
        given["model"] = here.session.settings.model or None
    return Talk(repo, given, quiet, no_color, found)


def _list(here: Job) -> None:
    """Every conversation: its id, when it was last used, its model and first words."""
    from repoctx.flow.chats import chats

    found = list(chats(here.session.state))
    here.out.fields["conversations"] = [
        {
            "id": one.id,
            "time": one.time,
            "model": one.model,
            "questions": len(one.exchanges),
            "title": one.title,
        }
        for one in found
    ]
    for one in found:
        when = datetime.fromtimestamp(one.time).isoformat(" ", "minutes")
        count = len(one.exchanges)
        here.out.write(plain(f"{one.id}  {when}  {one.model}  {count}  {one.title}\n"))
    if not found:
        here.out.write("There is no conversation here yet.\n")


def _talk(talk: Talk, first: str) -> None:
    """Take line after line until there is none. Raises what ended a pipe early."""
    person = sys.stdin is not None and sys.stdin.isatty()
    _heed(talk)
    read = _reader(talk, person)
    line: str | None = first
    while line is not None and not talk.ending:
        try:
            if line and not _did(talk, line):
                return
            line = ""
            line = read()
        except (BrokenPipeError, typer.Exit):
            raise
        # A failure ends a question, not the conversation.
        except (Exception, KeyboardInterrupt) as exc:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            line, error = "", as_error(exc)
            if talk.ending or not person:
                raise error from exc
            say(str(error))
            _recall(talk)
            signal.signal(signal.SIGINT, signal.default_int_handler)
    if talk.ending:
        raise Interrupted("interrupted")


def _did(talk: Talk, line: str) -> bool:
    """Do or ask what a line says; whether the talk goes on."""
    from repoctx.cli.slash import slash

    if line.startswith("/"):
        return slash(talk, line)
    ask(talk, line)
    return True


def ask(talk: Talk, text: str, *, edit: bool = False) -> None:
    """Ask ``text`` and show the answer; with ``edit`` it is asked for as edits.

    Raises what asking raises, and for an answer that was not ended.
    """
    from repoctx.cli.answering import answer, unended
    from repoctx.flow.ask import Question
    from repoctx.flow.tail import Material

    with talk.open() as here:
        heard = o.gathered(here.session, talk.mcp, text)
        material = Material((*talk.added, *heard))
        question = Question(text, material)
        if edit:
            from repoctx.flow.edit import Order, editor
            from repoctx.flow.edit import question as ordered

            editor(here.session)
            question = ordered(here.session, Order(text, material))
        here.session.confirm = o.asker(talk.yes)
        talk.chat, asked = answer(here, talk.chat, question, "chat")
        sys.stdout.flush()
    talk.added.clear()
    if error := unended(asked.answer):
        raise error


def _recall(talk: Talk) -> None:
    """What was kept of a question that failed."""
    from repoctx.flow.chats import find_chat

    try:
        with job(talk.repo, talk.flags, quiet=True) as here:
            talk.chat = find_chat(here.session.state, talk.chat.id)
    except RepoctxError:
        return  # Nothing was.


def _reader(talk: Talk, person: bool) -> Callable[[], str | None]:
    """What gives the next line, empty where there is none now; None at the end."""
    if person:
        from repoctx.cli.typed import typing

        with job(talk.repo, talk.flags, quiet=True) as here:
            history = here.session.state.folder / "chat_history"
        if not talk.quiet:
            say(f"conversation {talk.chat.id}; /help lists commands, Ctrl-D ends")
        return typing(history)
    lines = piped(sys.stdin.buffer if sys.stdin else ())
    return lambda: next(lines, None)


def piped(stream: Iterable[bytes]) -> Iterator[str]:
    """The questions of a script, one a line; a backslash at a line's end joins the
    next."""
    held = ""
    for data in stream:
        line = data.decode("utf-8", "replace").rstrip("\r\n")
        if line.endswith("\\"):
            held += line[:-1] + "\n"
            continue
        whole, held = held + line, ""
        if whole.strip():
            yield whole
    if held.strip():
        yield held


def _heed(talk: Talk) -> None:
    """Ctrl-C ends an answer, and a plea to end ends the conversation."""

    def end(number: int, frame: object) -> None:
        if talk.ending:
            os._exit(Interrupted.code)
        talk.ending = True
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, end)
