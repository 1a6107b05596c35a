"""The job of drafting a commit's message, by a model, from what is staged."""

from __future__ import annotations

from repoctx.errors import UsageError
from repoctx.flow.ask import Question, prompt_for
from repoctx.flow.judging import NAME, change_text
from repoctx.flow.model import choose_model
from repoctx.flow.sending import send
from repoctx.flow.session import Session
from repoctx.flow.sides import Subject, opened, sides
from repoctx.flow.tail import Material

MODE = "message"

LINES = 40
"""Lines of a message that are taken."""


def draft(session: Session, subject: Subject) -> str:
    """A message for the change, ended by a newline; empty when nothing is changed.

    Raises UsageError for a model that reads no context, and what packing and sending
    raise.
    """
    both = sides(session, subject)
    with opened(session, both) as (deltas, _):
        shown = change_text(deltas)
        paths = " ".join(d.path for d in deltas)
    if not paths:
        return ""
    model = choose_model(session, learn=True)
    if not model.able.reads_context:
        raise UsageError(f"{model.name} cannot draft a message: name a model")
    question = Question("", Material(((NAME, shown),)), MODE, paths[:4000])
    prompt = prompt_for(session, model, question)
    answer = send(session, model, prompt.request, prompt.packed, lambda _: None, MODE)
    return message(answer.text)


def message(text: str) -> str:
    """The message in an answer: without a fence around it, and without lines that git
    would take for comments."""
    lines = [line.rstrip() for line in text.strip().split("\n")]
    if len(lines) > 1 and lines[0].startswith("```") and lines[-1].startswith("```"):
        lines = lines[1:-1]
    kept = [line for line in lines if not line.startswith("#")][:LINES]
    clean = "\n".join(kept).strip()
    return f"{clean}\n" if clean else ""
