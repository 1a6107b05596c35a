"""The part of a review that a model makes: the change in the tail, over the same prefix
as every question; its findings believed only where their quotes stand.

The same change is never judged twice by the same model: the answer is kept by what
decided it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import repoctx_prompts as prompts

from repoctx import __version__
from repoctx.errors import ProviderError, StorageError
from repoctx.flow.ask import Prompt, Question, prompt_for
from repoctx.flow.fixes import fitting
from repoctx.flow.model import Model
from repoctx.flow.sending import send
from repoctx.flow.session import Session
from repoctx.flow.sides import IndexedTree
from repoctx.flow.state import forget_old, read_json, write_json
from repoctx.flow.tail import Material
from repoctx.pack.patch import patch
from repoctx.parse.findings import findings, is_review
from repoctx.review.change import Delta
from repoctx.review.judged import Judged, judged
from repoctx.values import Finding, Usage

MODE = "review"
NAME = "change under review"
"""How the prompt calls the change; `prompts/review.md` names it."""

CONTEXT = 10
"""Lines around a change that stand beside it."""

MOST_CHANGE = 400_000
"""Characters of a change that a model is shown; later files are named only."""

KEPT = 200
"""Answers that are kept."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a model found: ``judged`` holds what stood up to the check; ``kept`` when
    nothing was sent because the same was asked before."""

    judged: Judged
    usage: Usage
    kept: bool


def opinion(
    session: Session,
    model: Model,
    deltas: Sequence[Delta],
    tree: IndexedTree,
    known: Sequence[Finding],
) -> Opinion:
    """Let ``model`` review the change. Raises what packing and sending raise, and
    ProviderError for an answer that says nothing of findings."""
    shown = change_text(deltas)
    prompt = prompt_for(session, model, _question(session, shown, deltas, known))
    key = _key(session, model, prompt)
    text, usage, kept = _kept(session, key), Usage(), True
    if text is None:
        request, packed = prompt.request, prompt.packed
        answer = send(session, model, request, packed, lambda _: None, MODE)
        text, usage, kept = answer.text, answer.usage, False
        if not is_review(text):
            raise ProviderError(
                f"the answer of {model.name} is no list of findings "
                "(`repoctx log --answer` shows it)"
            )
        _keep(session, key, text)
    with fitting(session, tree) as fits:
        return Opinion(judged(findings(text), deltas, tree, known, fits), usage, kept)


def change_text(deltas: Sequence[Delta]) -> str:
    """The change as one unified diff with file headers, in path order."""
    parts: list[str] = []
    room = MOST_CHANGE
    for delta in sorted(deltas, key=lambda d: d.path):
        old = delta.old.text if delta.old else ""
        new = delta.new.text if delta.new else ""
        before = f"a/{delta.old.path}" if delta.old else "/dev/null"
        after = f"b/{delta.new.path}" if delta.new else "/dev/null"
        head = f"--- {before}\n+++ {after}\n"
        body = patch(old, new, CONTEXT)
        if not (old or new):
            body = "(there is no text to show)\n"
        elif len(body) > room:
            body = "(too long to be shown here)\n"
        room -= len(body)
        parts.append(head + body)
    return "".join(parts)


def _question(
    session: Session, shown: str, deltas: Sequence[Delta], known: Sequence[Finding]
) -> Question:
    form = prompts.load("formats/blocks", session.settings.prompts_dir)
    told = "".join(f"- {f.at.path}:{f.at.start}: {f.message}\n" for f in known[:20])
    text = form
    if told:
        text += f"\nThese are known already; do not repeat them:\n{told}"
    words = " ".join(d.path for d in deltas)
    names = " ".join(_names(deltas))
    query = f"{words}\n{names}"[:4000]
    return Question(text, Material(((NAME, shown),)), MODE, query)


def _names(deltas: Sequence[Delta]) -> list[str]:
    """The definitions that the change touches: what its neighbours are found by."""
    found: dict[str, None] = {}
    for delta in deltas:
        for symbol in delta.new.outline.definitions if delta.new else ():
            if not delta.added.isdisjoint(range(symbol.start, symbol.end + 1)):
                found.setdefault(symbol.name)
    return list(found)[:200]


# --- what was asked before --------------------------------------------------------


def _key(session: Session, model: Model, prompt: Prompt) -> str:
    request, settings = prompt.request, session.settings
    parts = (
        __version__,
        model.name,
        settings.effort,
        settings.verbosity,
        request.prefix.digest,
        request.tail,
        request.question,
    )
    text = "\0".join(parts).encode("utf-8", "surrogateescape")
    return hashlib.sha256(text).hexdigest()


def _kept(session: Session, key: str) -> str | None:
    note = read_json(session.state.folder / "reviews" / f"{key}.json")
    text = note.get("answer") if isinstance(note, dict) else None
    return text if isinstance(text, str) else None


def _keep(session: Session, key: str, text: str) -> None:
    folder = session.state.folder / "reviews"
    try:
        write_json(folder / f"{key}.json", {"answer": text})
        forget_old(folder, "*.json", KEPT)
    except StorageError as exc:  # It only saves money.
        session.notes.append(str(exc))
