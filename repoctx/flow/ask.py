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
from repoctx.errors import (
    BudgetExceeded,
    CutAnswer,
    RepoctxError,
    StorageError,
    UsageError,
)
from repoctx.flow.model import Model, choose_model, tokenizer_for
from repoctx.flow.pack import Packed
from repoctx.flow.packing import pack_for, room_for
from repoctx.flow.prefix import chunks
from repoctx.flow.search import citing, find
from repoctx.flow.sent import Part, Sent, remember
from repoctx.flow.session import Session, something_in
from repoctx.flow.survey import snapshot_now
from repoctx.flow.tail import NOTHING_MORE, Material, tail
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


LOOKED_AT = 4000
"""Characters of the material that a search without a model takes into account."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and the material that stands in the tail beside it."""

    text: str
    material: Material = NOTHING_MORE


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
    prompt = prompt_for(session, model, question)
    answer = _send(session, model, prompt, on_text)
    with citing(session, prompt.now) as lookup:
        quoted = find_citations(answer.text, lookup)
    return Asked(replace(answer, citations=quoted), prompt, model)


def prompt_for(session: Session, model: Model, question: Question) -> Prompt:
    """The whole prompt for ``question``; nothing is sent."""
    opening = prompts.load("ask", session.settings.prompts_dir)
    text = f"{opening}{question.text}\n"
    request = Request(
        model=model.choice.model,
        prefix=Prefix((), ""),
        tail="",
        question=text,
        max_output=model.output or DEFAULT_OUTPUT,
        ask=question.text,
    )
    if not model.able.reads_context:
        # Nothing is sent: the base need not be rendered.
        now = something_in(session, snapshot_now(session))
        given = "\n".join(text for _, text in question.material.texts)[:LOOKED_AT]
        found = find(session, now, f"{question.text}\n{given}")
        request = replace(
            request, definitions=found.definitions, evidence=found.passages
        )
        return Prompt(request, now, None)
    packed = pack_for(session, model)
    something_in(session, packed.now)
    counter = tokenizer_for(session, model)
    limit = room_for(session, model, counter.exact).tokens
    room = limit - packed.prefix.count.tokens - counter.count(text) if limit else 0
    if limit and room < 0:
        raise BudgetExceeded(f"the prompt needs {limit - room:,} tokens of {limit:,}")
    after = tail(session, packed, question.text, question.material, room, counter)
    if limit and counter.count(after) > room:
        raise BudgetExceeded(
            f"the material beside the question needs {counter.count(after):,} tokens, "
            f"and {room:,} are left: raise --budget or give less"
        )
    whole = replace(request, prefix=in_memory(packed.prefix), tail=after)
    return Prompt(whole, packed.now, packed)


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
        marks=packed.prefix.marks,
        window=model.able.window,
    )


def in_memory(prefix: Prefix) -> Prefix:
    """The prefix with every segment's bytes at hand, as a provider sends them."""

    def read(segment: Segment) -> Segment:
        return replace(segment, text=b"".join(chunks(segment)), file=None)

    return replace(prefix, segments=tuple(read(s) for s in prefix.segments))


def _send(
    session: Session, model: Model, prompt: Prompt, on_text: Callable[[str], None]
) -> Answer:
    request, packed = prompt.request, prompt.packed
    began, clock = time.time(), time.monotonic()
    file = AnswerFile(session.state.answers, began)
    limits = Limits(first=session.settings.timeout)
    entry = Entry(began, "ask", model.name, request.prefix.digest, Usage())
    sent = False
    try:
        control = Control(note=session.notes.append)
        session.progress(f"waiting for {model.name}", 0, 0)
        got = send(model.provider, request, on_text, file, limits, control)
        sent = True
        saved = got.saved.name if got.saved else ""
        entry = replace(entry, usage=got.usage, stop=got.stop, answer=saved)
        return got
    except (RepoctxError, OSError) as exc:
        reason: BaseException = exc
        if isinstance(exc, CutAnswer):
            sent, reason = True, exc.__cause__ or exc
            entry = replace(entry, answer=exc.saved.name if exc.saved else "")
        entry = replace(entry, error=f"{type(exc).__name__}: {reason}")
        raise
    finally:
        entry = replace(entry, seconds=time.monotonic() - clock)
        try:
            if packed is not None and sent:
                remember(session.state, note_of(model, packed, time.time()))
            record(session.state.ledger, entry)
        except StorageError as exc:  # What came is worth more than our notes on it.
            session.notes.append(str(exc))
        if file.problem:
            session.notes.append(file.problem)
