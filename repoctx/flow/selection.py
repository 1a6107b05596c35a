"""The job of rewriting a selection: bytes in, the bytes that take their place out."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace

from repoctx.ask.ledger import Entry, record
from repoctx.errors import NotApplied, RepoctxError, StorageError, UsageError
from repoctx.flow.ask import Question, prompt_for
from repoctx.flow.edit import editor
from repoctx.flow.sending import send
from repoctx.flow.session import Session
from repoctx.flow.tail import Material
from repoctx.parse.edits import blocks
from repoctx.scan import redact
from repoctx.values import Stop, Usage

MODE = "filter"
NAME = "selection"


@dataclass(frozen=True, slots=True)
class Selection:
    """What is selected: its bytes, and where it stands where that is known."""

    data: bytes
    path: str = ""
    line: int = 0


def rewrite(session: Session, selection: Selection, instruction: str) -> bytes:
    """The replacement: newline at the end, line ends, encoding and indentation kept.

    What goes wrong is noted where `repoctx log` finds it. Raises UsageError for a
    selection with a secret in it and for a model that cannot edit, NotApplied for an
    answer that holds no whole replacement, and what packing and sending raise.
    """
    began = time.time()
    try:
        return _rewritten(session, selection, instruction)
    except RepoctxError as exc:
        entry = Entry(began, MODE, session.settings.model, "", Usage())
        with suppress(StorageError):
            record(session.state.ledger, replace(entry, error=_reason(exc)))
        raise


def _reason(exc: RepoctxError) -> str:
    return f"{type(exc).__name__}: {exc}"


def _rewritten(session: Session, selection: Selection, instruction: str) -> bytes:
    if not instruction.strip():
        raise UsageError("the instruction is empty")
    text, codec = _decoded(selection.data)
    plain = text.replace("\r\n", "\n")
    if redact(plain)[1]:
        raise UsageError("the selection holds a secret, which is not sent")
    model = editor(session)
    where = f"It stands in `{selection.path}`" if selection.path else ""
    if where and selection.line:
        where += f", from line {selection.line} on"
    asked = "\n".join(filter(None, [instruction, where and f"({where}.)"]))
    material = Material(((NAME, plain),))
    query = f"{instruction}\n{selection.path}\n{plain}"[:4000]
    prompt = prompt_for(session, model, Question(asked, material, MODE, query))
    answer = send(session, model, prompt.request, prompt.packed, lambda _: None, MODE)
    if answer.stop is not Stop.END:
        raise NotApplied(f"the answer ended early ({answer.stop})")
    return _fitted(replacement(answer.text), text, codec)


def replacement(text: str) -> str:
    """The new text in an answer: our block, or a fence that is all of it.

    Raises NotApplied when it is neither, or cut.
    """
    found = [b for b in blocks(text, "blocks") if b.path == NAME and not b.problem]
    if len(found) == 1:
        return found[0].text
    lines = text.strip().split("\n")
    fences = [n for n, line in enumerate(lines) if line.lstrip().startswith("```")]
    if not found and fences == [0, len(lines) - 1] and len(lines) > 1:
        return "\n".join(lines[1:-1]) + "\n"
    raise NotApplied("the answer holds no replacement")


def _decoded(data: bytes) -> tuple[str, str]:
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return data.decode("latin-1"), "latin-1"


def _fitted(new: str, old: str, codec: str) -> bytes:
    """``new`` in the dress of ``old``."""
    text = _indented(new.replace("\r\n", "\n"), _margin(old.replace("\r\n", "\n")))
    text = text.rstrip("\n") + "\n" if old.endswith("\n") else text.rstrip("\n")
    if "\r\n" in old and old.count("\r\n") * 2 > old.count("\n"):
        text = text.replace("\n", "\r\n")
    try:
        return text.encode(codec)
    except UnicodeEncodeError as exc:
        bad = text[exc.start : exc.start + 1]
        raise NotApplied(f"the file's encoding ({codec}) has no {bad!r}") from None


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
