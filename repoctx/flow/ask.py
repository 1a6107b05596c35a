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
from repoctx.flow.pack import NOTHING, Memory, Packed, pack
from repoctx.flow.prefix import chunks
from repoctx.flow.search import citing, find
from repoctx.flow.sent import Part, Sent, is_cold, is_warm, last_sent, remember
from repoctx.flow.session import Session
from repoctx.flow.survey import snapshot_now
from repoctx.parse.citations import find_citations
from repoctx.values import (
    Answer,
    Prefix,
    Request,
    Segment,
    SegmentKind,
    Snapshot,
    Usage,
)

DEFAULT_OUTPUT = 8192
"""Tokens of an answer from a model whose limit is not known."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, with the material that stands in the tail beside it."""

    text: str
    extra: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """An answer, the snapshot it is about, and the request it answers."""

    answer: Answer
    now: Snapshot
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
    opening = prompts.load("ask", session.settings.prompts_dir)
    request = Request(
        model=model.choice.model,
        prefix=Prefix((), ""),
        tail=question.extra,
        question=f"{opening}{question.text}\n",
        max_output=model.able.output or DEFAULT_OUTPUT,
        ask=question.text,
    )
    packed = None
    if model.able.reads_context:
        packed = pack_for(session, model)
        now, request = packed.now, replace(request, prefix=in_memory(packed.prefix))
    else:
        # Nothing is sent: the base need not be rendered.
        now = snapshot_now(session)
        found = find(session, now, question.text)
        request = replace(
            request, definitions=found.definitions, evidence=found.passages
        )
    answer = _send(session, model, request, on_text)
    if packed is not None:
        remember(session.state, note_of(model, packed, time.time()))
    with citing(session, now) as lookup:
        quoted = find_citations(answer.text, lookup)
    return Asked(replace(answer, citations=quoted), now, model, request)


def pack_for(session: Session, model: Model) -> Packed:
    """The prefix for ``model``, on the base that its cache is believed to hold."""
    sent = last_sent(session.state, model.name)
    memory = NOTHING
    if sent is not None:
        now = time.time()
        warm = (sent.base,) if is_warm(sent, model.able, now) else ()
        memory = Memory(warm, is_cold(sent, model.able, now))
    return pack(session, tokenizer_for(session, model), memory)


def note_of(model: Model, packed: Packed, when: float) -> Sent:
    """What to remember of a prefix that was sent at ``when`` (seconds since 1970)."""
    segments = packed.prefix.segments
    overlay = next((s for s in segments if s.kind is SegmentKind.OVERLAY), None)
    return Sent(
        model=model.name,
        base=packed.name,
        key=packed.key,
        time=when,
        digest=packed.prefix.digest,
        parts=tuple(Part(s.kind, s.digest, s.size, s.count.tokens) for s in segments),
        overlay=(overlay.text or b"").decode() if overlay else "",
    )


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
