"""Slash commands of a session: they arrive as the text of a prompt."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from acp.schema import (
    AvailableCommand,
    AvailableCommandInput,
    ConfigOptionUpdate,
    UnstructuredCommandInput,
)

from repoctx.editor.acp_edit import Editing
from repoctx.editor.acp_shown import applied, fenced
from repoctx.editor.acp_state import Talk, options
from repoctx.errors import UsageError

if TYPE_CHECKING:
    from repoctx.editor.acp_turn import Turn
    from repoctx.flow.session import Session
    from repoctx.flow.sides import Subject

END = "end_turn"
_COMMAND = re.compile(r"/([a-z]+)(?:\s+|$)")
_RANGE = re.compile(r"(\S+)\.\.(\S+)")


class Command(NamedTuple):
    """What a command does (given the turn, a session, and what follows its name; it
    returns the stop reason), what follows its name, and its line for people."""

    run: Callable[[Turn, Session, str], str]
    hint: str
    what: str


IN_MODE = {
    "ask": ("a question", "ask about the whole repository"),
    "edit": ("what to change", "have it changed, all or nothing, asking first"),
    "plan": ("a large change", "plan it first, then make it in parts, side by side"),
    "review": (
        "uncommitted, staged, A..B or a branch",
        "say what is wrong with a change",
    ),
}
"""Commands that do for one prompt what a mode does for all."""


def command_of(text: str) -> tuple[str, str]:
    """The command that a prompt begins with, and the rest; "" when it is none."""
    match = _COMMAND.match(text)
    if match is None or match[1] not in (*COMMANDS, *IN_MODE):
        return "", text
    return match[1], text[match.end() :].strip()


def available() -> list[AvailableCommand]:
    """All commands, as a client lists them."""
    rows = [(name, hint, what) for name, (hint, what) in IN_MODE.items()]
    rows += [(name, one.hint, one.what) for name, one in COMMANDS.items()]
    return [
        AvailableCommand(
            name=name,
            description=what,
            input=AvailableCommandInput(UnstructuredCommandInput(hint=hint))
            if hint
            else None,
        )
        for name, hint, what in rows
    ]


def review(turn: Turn, session: Session, rest: str) -> str:
    """Say what is wrong with a change, by rules and by the model where there is one."""
    from repoctx.flow.review import Options
    from repoctx.flow.review import review as run
    from repoctx.review.render import text

    done = run(session, subject(rest), Options(model=True))
    turn.progress.end()
    count = len(done.findings)
    head = f"{count or 'No'} finding{'' if count == 1 else 's'} in {done.files} file(s)"
    turn.client.say(f"{head}{f'; {done.model} was asked' if done.model else ''}.\n\n")
    lines = text(done.findings).splitlines()
    turn.client.say("".join(f"- {x}\n" if x[:1] != " " else f"  {x}\n" for x in lines))
    if done.failed is not None:
        turn.client.think(f"the model gave no opinion: {done.failed}")
    return END


def subject(rest: str) -> Subject:
    """The change that the words name; without any, what is not committed."""
    from repoctx.flow.sides import Scope, Subject

    word = rest.strip()
    if word in ("", "uncommitted"):
        return Subject(Scope.UNCOMMITTED)
    if word == "staged":
        return Subject(Scope.STAGED)
    if match := _RANGE.fullmatch(word):
        return Subject(Scope.RANGE, match[1], match[2])
    if " " in word or word.startswith("-"):
        raise UsageError(
            "review what? uncommitted, staged, A..B, or the name of a branch"
        )
    return Subject(Scope.BRANCH, word)


def _search(turn: Turn, session: Session, rest: str) -> str:
    from repoctx.flow.search import find
    from repoctx.flow.survey import snapshot_now

    found = find(session, snapshot_now(session), rest)
    turn.progress.end()
    lines = [
        f"- `{d.path}:{d.symbol.start}` {d.symbol.signature}" for d in found.definitions
    ]
    places = {(d.path, d.symbol.start) for d in found.definitions}
    lines += [
        f"- `{p.path}:{p.start}-{p.end}` {p.why}"
        for p in found.passages
        if (p.path, p.start) not in places
    ]
    turn.client.say("\n".join(lines or ["Nothing matches."]) + "\n")
    return END


def _status(turn: Turn, session: Session, rest: str) -> str:
    from repoctx.flow.status import status

    found = status(session)
    turn.progress.end()
    out = sum(map(len, found.left_out.values()))
    head = found.head
    rows = [
        f"root: `{session.place.root}`",
        *([f"head: {head.branch or 'detached'} at {head.commit[:12]}"] if head else []),
        f"context: {len(found.packed.now.files):,} files, {found.count} tokens",
        f"left out: {out:,} (`repoctx status --left-out` says why)",
        f"redacted: {sum(found.redacted.values())} secret(s)",
        f"conversation: {turn.talk.id}, {len(turn.talk.chat.exchanges)} question(s)",
    ]
    turn.client.say("".join(f"- {row}\n" for row in rows))
    return END


def _apply(turn: Turn, session: Session, rest: str) -> str:
    from repoctx.flow.apply import apply, edits_of
    from repoctx.flow.pending import drop, pending

    rounds, title = pending(session)
    shown = Editing(turn.client, turn.talk, session.place.root)
    done = apply(session, edits_of(rounds, title), shown.confirm)
    report = done.located.report
    told = done.ran[-1].output if done.ran else "" if report.ok else report.text()
    shown.ended(done.record is not None, told)
    if done.record is not None:
        drop(session)
        turn.client.say(f"{applied(done.record.files)}\n")
    else:
        turn.client.say("Nothing was changed.\n" + (fenced(told) if told else ""))
    return END


def _undo(turn: Turn, session: Session, rest: str) -> str:
    from repoctx.flow.undo import undo

    return _turned(turn, "Undone", undo(session, rest).files)


def _redo(turn: Turn, session: Session, rest: str) -> str:
    from repoctx.flow.undo import redo

    return _turned(turn, "Done again", redo(session, rest).files)


def _turned(turn: Turn, what: str, files: tuple[tuple[str, str], ...]) -> str:
    turn.client.say(f"{what}:\n" + "".join(f"- `{path}`\n" for path, _ in files))
    return END


def _model(turn: Turn, session: Session, rest: str) -> str:
    from repoctx.flow.models import reachable

    if rest:
        choose(turn.talk, session, rest)
    else:
        rows = reachable(session)
        turn.talk.offer(row.name for row in rows if row.ready)
        lines = [f"- `{row.name}`: {row.how}" for row in rows]
        turn.client.say("\n".join(lines) + "\n\n")
    turn.client.say(f"{turn.talk.model} answers.\n")
    told = ConfigOptionUpdate(
        session_update="config_option_update", config_options=options(turn.talk)
    )
    turn.client.update(told)
    return END


def choose(talk: Talk, session: Session, name: str) -> None:
    """Let the model ``name`` answer from now on. Raises UnknownModel."""
    from repoctx.flow.chat import use_model
    from repoctx.flow.model import choose_model

    use_model(session, name)
    choose_model(session)
    talk.model, talk.named = name, True
    talk.offer([name])


def _cost(turn: Turn, session: Session, rest: str) -> str:
    usages = [one.usage for one in turn.talk.chat.exchanges]
    count, cached = sum(u.input for u in usages), sum(u.cached for u in usages)
    share = f", {cached / count:.1%} of them cached" if count else ""
    costs = [u.cost for u in usages if u.cost is not None]
    usd = f", ${sum(costs):.4f}" if costs else ""
    output = sum(u.output for u in usages)
    turn.client.say(
        f"{len(usages)} questions: {count:,} tokens in{share}, {output:,} out{usd}\n"
    )
    return END


COMMANDS: Mapping[str, Command] = {
    "search": Command(_search, "words or a name", "find definitions and passages"),
    "status": Command(_status, "", "say what is in the context"),
    "apply": Command(_apply, "", "make the change that is pending (asks first)"),
    "undo": Command(_undo, "", "take back the last change"),
    "redo": Command(_redo, "", "make again what was undone"),
    "model": Command(_model, "PROVIDER/MODEL", "say or change who answers"),
    "cost": Command(_cost, "", "tokens and money of this conversation"),
}
"""By name; none of them asks a model about the words that follow."""
