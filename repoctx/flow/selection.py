"""The job of rewriting a selection: bytes in, the bytes that take their place out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from repoctx.ask.ledger import Entry, record
from repoctx.errors import Interrupted, NotApplied, RepoctxError, UsageError
from repoctx.flow.ask import Question, prompt_for
from repoctx.flow.edit import editor
from repoctx.flow.sending import send
from repoctx.flow.session import Session, open_session
from repoctx.flow.tail import Material
from repoctx.parse.edits import blocks
from repoctx.scan import Binary, decode, encode, redact
from repoctx.values import Stop, Usage

MODE = "filter"
NAME = "selection"
MARKDOWN = (".md", ".markdown", ".mdx", ".rst", ".txt")
"""Files in which somebody may want a fence."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What is selected: its bytes, and where it stands where that is known."""

    data: bytes
    path: str = ""
    line: int = 0


def note_failure(start: Path, error: RepoctxError) -> None:
    """Note why nothing was rewritten, where `repoctx log` finds it. Raises what
    `open_session` raises, and StorageError."""
    with open_session(start, {}) as session:
        why = f"{type(error).__name__}: {error}"
        model = session.settings.model
        entry = Entry(time.time(), MODE, model, "", Usage(), error=why)
        record(session.state.ledger, entry)


def rewrite(session: Session, selection: Selection, instruction: str) -> bytes:
    """The replacement: newlines at the end, line ends, encoding and indentation kept.

    Raises UsageError for a selection with a secret in it, for one that is no text and
    for a model that cannot edit, NotApplied for an answer that holds no whole
    replacement, Interrupted, and what packing and sending raise.
    """
    if not instruction.strip():
        raise UsageError("the instruction is empty")
    try:
        text, encoding, newline = decode(selection.data)
    except Binary:
        raise UsageError("the selection is no text") from None
    if redact(text)[1]:
        raise UsageError("the selection holds a secret, which is not sent")
    model = editor(session)
    where = f"It stands in `{selection.path}`" if selection.path else ""
    if where and selection.line:
        where += f", from line {selection.line} on"
    asked = "\n".join(filter(None, [instruction, where and f"({where}.)"]))
    material = Material(((NAME, text),))
    query = f"{instruction}\n{selection.path}\n{text}"[:4000]
    prompt = prompt_for(session, model, Question(asked, material, MODE, query))
    answer = send(session, model, prompt.request, prompt.packed, lambda _: None, MODE)
    if answer.stop is Stop.CANCELLED:
        raise Interrupted("interrupted")
    if answer.stop is not Stop.END:
        raise NotApplied(f"the answer ended early ({answer.stop})")
    new = replacement(answer.text)
    if "```" not in text and not selection.path.endswith(MARKDOWN):
        new = _fenced(new) or new
    if newline == "mixed":
        crlf = selection.data.count(b"\r") * 2 > text.count("\n")
        newline = "crlf" if crlf else "lf"
    try:
        return encode(_fitted(new, text), encoding, newline)
    except UnicodeEncodeError as exc:
        bad = exc.object[exc.start : exc.start + 1]
        raise NotApplied(f"the file's encoding ({encoding}) has no {bad!r}") from None


def replacement(text: str) -> str:
    """The new text in an answer: our block, or a fence that is all of it.

    Raises NotApplied when it is neither, or cut.
    """
    found = [b for b in blocks(text, "blocks") if b.path == NAME and not b.problem]
    if len(found) == 1:
        return found[0].text
    inside = "" if found else _fenced(text)
    if not inside:
        raise NotApplied("the answer holds no replacement")
    return inside


def _fenced(text: str) -> str:
    """What stands in a fence that is all of ``text``; "" where it is not."""
    lines = text.strip().split("\n")
    fences = [n for n, line in enumerate(lines) if line.lstrip().startswith("```")]
    whole = fences == [0, len(lines) - 1] and len(lines) > 1
    return "\n".join(lines[1:-1]) + "\n" if whole else ""


def _fitted(new: str, old: str) -> str:
    """``new`` with the margin and the newlines at the end of ``old``."""
    text = _indented(new.replace("\r\n", "\n"), _margin(old))
    return text.rstrip("\n") + old[len(old.rstrip("\n")) :]


def _indented(text: str, margin: str) -> str:
    """``text`` moved in by ``margin`` where a model has taken that away."""
    if not margin or _margin(text):
        return text
    lines = text.split("\n")
    return "\n".join(margin + line if line.strip() else line for line in lines)


def _margin(text: str) -> str:
    """The white space that all lines of ``text`` begin with."""
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines:
        return ""
    first, last = min(lines), max(lines)
    size = 0
    for one, other in zip(first, last, strict=False):
        if one != other or one not in " \t":
            break
        size += 1
    return first[:size]
