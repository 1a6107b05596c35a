"""The job of asking: prefix, question, answer, citations, ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import repoctx_prompts as prompts

from repoctx.errors import BudgetExceeded, UsageError
from repoctx.flow.model import Model, choose_model, tokenizer_for
from repoctx.flow.pack import Packed
from repoctx.flow.packing import pack_for, room_for
from repoctx.flow.prefix import chunks
from repoctx.flow.search import citing, find
from repoctx.flow.sending import send
from repoctx.flow.session import Session, something_in
from repoctx.flow.shown import note_shown
from repoctx.flow.survey import snapshot_now
from repoctx.flow.tail import NOTHING_MORE, Material, tail
from repoctx.parse.citations import find_citations
from repoctx.values import (
    Answer,
    Passage,
    Prefix,
    Request,
    Segment,
    Snapshot,
)

DEFAULT_OUTPUT = 8192
"""Tokens of an answer from a model whose limit is not known."""


LOOKED_AT = 4000
"""Characters of the material that a search without a model takes into account."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and the material that stands in the tail beside it. ``mode`` names
    the prompt text that opens it, ``query`` what search looks for in its place, ``at``
    the lines that it is about; see `repoctx.flow.place`."""

    text: str
    material: Material = NOTHING_MORE
    mode: str = "ask"
    query: str = ""
    at: Passage | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """A request, the snapshot it is about, and the prefix it begins with (None when the
    provider reads none)."""

    request: Request
    now: Snapshot
    packed: Packed | None


@dataclass(frozen=True, slots=True)
class Asked:
    """An answer and the prompt that it answers."""

    answer: Answer
    prompt: Prompt
    model: Model


def ask(session: Session, question: Question, on_text: Callable[[str], None]) -> Asked:
    """Ask, and stream the answer into ``on_text``.

    Raises UsageError for an empty question, BudgetExceeded when the prompt cannot fit,
    and what packing and sending raise; every request that was sent is in the ledger,
    also a failed one.
    """
    if not question.text.strip():
        raise UsageError("the question is empty")
    model = choose_model(session, learn=True)
    return answered(session, model, prompt_for(session, model, question), on_text)


def answered(
    session: Session,
    model: Model,
    prompt: Prompt,
    on_text: Callable[[str], None],
    door: str = "ask",
) -> Asked:
    """Send ``prompt`` and look up what the answer quotes. Raises as `ask` does."""
    answer = send(session, model, prompt.request, prompt.packed, on_text, door)
    if answer.saved is not None:
        note_shown(session, answer.saved, prompt.now, answer.text)
    with citing(session, prompt.now) as lookup:
        quoted = find_citations(answer.text, lookup)
    return Asked(replace(answer, citations=quoted), prompt, model)


def prompt_for(session: Session, model: Model, question: Question) -> Prompt:
    """The whole prompt for ``question``; nothing is sent."""
    if not model.able.reads_context:
        request = _request(session, model, question)
        # Nothing is sent: the base need not be rendered.
        now = something_in(session, snapshot_now(session))
        given = "\n".join(text for _, text in question.material.texts)[:LOOKED_AT]
        found = find(session, now, f"{question.text}\n{given}")
        first = (question.at,) if question.at else ()
        request = replace(
            request,
            definitions=found.definitions,
            evidence=(*first, *found.passages),
        )
        return Prompt(request, now, None)
    packed = pack_for(session, model)
    something_in(session, packed.now)
    return prompt_over(session, model, packed, question)


def _request(session: Session, model: Model, question: Question) -> Request:
    """The question and what opens it, without what stands before them."""
    opening = prompts.load(question.mode, session.settings.prompts_dir)
    return Request(
        model=model.choice.model,
        prefix=Prefix((), ""),
        tail="",
        question=f"{opening}{question.text}\n",
        mode=question.mode,
        max_output=model.able.output or DEFAULT_OUTPUT,
        ask=question.text,
    )


def prompt_over(
    session: Session,
    model: Model,
    packed: Packed,
    question: Question,
    prefix: Prefix | None = None,
) -> Prompt:
    """The prompt for ``question`` over what is packed already; ``prefix`` has its bytes
    where somebody read them. Raises BudgetExceeded."""
    request = _request(session, model, question)
    text, query = request.question, question.query or question.text
    counter = tokenizer_for(session, model)
    limit = room_for(session, model, counter.exact, packed.factor).tokens
    used = packed.prefix.count.tokens + counter.count(text) if limit else 0
    room = limit - used
    if room < 0:
        raise BudgetExceeded(f"the prompt needs {used:,} tokens of {limit:,}")
    # The prefix stays as it was sent, but no more is put beside it than fits now.
    fresh = room_for(session, model, counter.exact).tokens - used
    most = max(1, min(room, fresh)) if limit else 0
    after = tail(session, packed, query, question.material, most, counter)
    if limit and counter.count(after) > room:
        raise BudgetExceeded(
            f"the material beside the question needs {counter.count(after):,} tokens, "
            f"and {room:,} are left: raise --budget or give less"
        )
    whole = replace(request, prefix=prefix or in_memory(packed.prefix), tail=after)
    return Prompt(whole, packed.now, packed)


def in_memory(prefix: Prefix) -> Prefix:
    """The prefix with every segment's bytes at hand, as a provider sends them."""

    def read(segment: Segment) -> Segment:
        return replace(segment, text=b"".join(chunks(segment)), file=None)

    return replace(prefix, segments=tuple(read(s) for s in prefix.segments))
