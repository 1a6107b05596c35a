"""The job of asking: prefix, question, answer, citations, ledger."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import repoctx_prompts as prompts

from repoctx.ask.ledger import Entry, record
from repoctx.ask.save import AnswerFile
from repoctx.ask.send import Control, Limits
from repoctx.ask.send import answer as send
from repoctx.errors import RepoctxError, UsageError
from repoctx.flow.model import Model, choose_model, tokenizer_for
from repoctx.flow.pack import Packed, pack
from repoctx.flow.prefix import chunks
from repoctx.flow.search import found_for, lookup
from repoctx.flow.session import Session
from repoctx.parse.citations import find_citations
from repoctx.values import Answer, Prefix, Request, Segment, Usage

DEFAULT_OUTPUT = 8192
"""Tokens of an answer from a model whose limit is not known."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, with the material that stands in the tail beside it."""

    text: str
    extra: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """An answer and the prompt it was given to."""

    answer: Answer
    packed: Packed
    model: Model
    request: Request


def ask(session: Session, question: Question, on_text: Callable[[str], None]) -> Asked:
    """Ask, and stream the answer into ``on_text``.

    Raises UsageError for an empty question, and what packing and sending raise; every
    request that was sent is in the ledger, also a failed one.
    """
    if not question.text.strip():
        raise UsageError("the question is empty")
    model = choose_model(session)
    packed = pack(session, tokenizer_for(session, model))
    request = _request(session, model, packed, question)
    answer = _send(session, model, request, on_text)
    quoted = find_citations(answer.text, lookup(session, packed.now))
    return Asked(replace(answer, citations=quoted), packed, model, request)


def _request(
    session: Session, model: Model, packed: Packed, question: Question
) -> Request:
    opening = prompts.load("ask", session.settings.prompts_dir)
    request = Request(
        model=model.choice.model,
        prefix=packed.prefix,
        tail=question.extra,
        question=f"{opening}{question.text}\n",
        max_output=model.able.output or DEFAULT_OUTPUT,
        ask=question.text,
    )
    if model.able.reads_context:
        return replace(request, prefix=in_memory(packed.prefix))
    definitions, passages = found_for(session, packed.now, question.text)
    return replace(request, definitions=definitions, evidence=passages)


def in_memory(prefix: Prefix) -> Prefix:
    """The prefix with every segment's bytes at hand, as a provider sends them."""

    def read(segment: Segment) -> Segment:
        return replace(segment, text=b"".join(chunks(segment)), file=None)

    return replace(prefix, segments=tuple(read(s) for s in prefix.segments))


def _send(
    session: Session, model: Model, request: Request, on_text: Callable[[str], None]
) -> Answer:
    began, clock = time.time(), time.monotonic()
    file = AnswerFile(session.state.answers, began)
    limits = Limits(first=session.settings.timeout)
    entry = Entry(began, "ask", model.name, request.prefix.digest, Usage())
    try:
        control = Control(note=session.notes.append)
        got = send(model.provider, request, on_text, file, limits, control)
    except RepoctxError as exc:
        entry = replace(entry, error=f"{type(exc).__name__}: {exc}")
        raise
    else:
        saved = got.saved.name if got.saved else ""
        entry = replace(entry, usage=got.usage, stop=got.stop, answer=saved)
        return got
    finally:
        entry = replace(entry, seconds=time.monotonic() - clock)
        record(session.state.ledger, entry)
        if file.problem:
            session.notes.append(file.problem)
