"""The job of sending: one prompt out, its answer home; every request in the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import repoctx_prompts as prompts

from repoctx.ask.ledger import Entry
from repoctx.ask.receive import REAL, Control, Limits, Round
from repoctx.ask.save import AnswerFile
from repoctx.ask.seam import Rounds
from repoctx.ask.send import answer
from repoctx.errors import CutAnswer, Interrupted, StorageError
from repoctx.flow.books import Books
from repoctx.flow.byhand import carried
from repoctx.flow.model import Model
from repoctx.flow.pack import Packed
from repoctx.flow.packing import held
from repoctx.flow.sent import Part, Sent, remember
from repoctx.flow.session import Session
from repoctx.flow.state import forget_old
from repoctx.parse.stitch import stitch
from repoctx.values import Answer, Request, SegmentKind

IDLE = 120.0
"""Seconds between two events of a stream."""

KEPT_ANSWERS = 500
"""Raw answers that stay, of a few to a hundred kilobytes."""


def send(
    session: Session,
    model: Model,
    request: Request,
    packed: Packed | None,
    on_text: Callable[[str], None],
    door: str = "ask",
    control: Control = REAL,
) -> Answer:
    """Send ``request``, asking for the rest of an answer that was cut, and stream the
    answer into ``on_text``.

    Raises Interrupted where the session is cancelled already, BudgetExceeded when it
    may not cost what it does, and as
    `repoctx.ask.send.answer` does. Every request that was sent is in the ledger, also a
    failed one; what stands in ``packed`` is remembered as sent.
    """
    if session.cancelled():
        raise Interrupted("interrupted")
    books = Books(session, model, packed, door)
    request = books.open(request)
    carried(session, model, request)
    file = AnswerFile(session.state.answers, time.time())
    rows: list[Entry] = []

    def note(one: Round) -> None:
        entry = books.entry(one)
        if one.last:
            rows.append(entry)  # It will name the file, once that has its name.
        else:
            books.write(entry)
            books.go_on(one.usage)

    before = held(session, model, packed.key) if packed else None
    request = replace(request, previous=before.response if before else "")
    saved, response = None, ""
    stopped = control.cancelled
    control = replace(
        control,
        note=session.notes.append,
        sent=note,
        cancelled=lambda: stopped() or session.cancelled(),
    )
    session.progress(f"waiting for {model.name}", 0, 0)
    try:
        got = answer(model.provider, request, on_text, file, limits(session), control)
        saved, response = got.saved, got.id
        return books.close(got)
    except CutAnswer as exc:
        saved = exc.saved
        raise
    finally:
        for entry in rows:
            books.write(replace(entry, answer=saved.name if saved else ""))
        if packed is not None and any(not entry.error or saved for entry in rows):
            sent = note_of(model, packed, time.time(), books.ttl)
            keep_in_mind(session, replace(sent, response=response))
        if file.problem:
            session.notes.append(file.problem)
        forget_old(session.state.answers, "*", KEPT_ANSWERS)


def limits(session: Session) -> Limits:
    """The bounds of an answer, by the settings."""
    settings = session.settings
    going_on = prompts.load("continue", settings.prompts_dir)
    return Limits(
        first=settings.timeout,
        idle=min(IDLE, settings.timeout or IDLE),
        rounds=Rounds(settings.rounds, going_on, stitch),
    )


def note_of(model: Model, packed: Packed, when: float, ttl: int = 0) -> Sent:
    """What to remember of a prefix that was sent at ``when`` (seconds since 1970), for
    a cache that keeps it ``ttl`` seconds."""
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
        factor=packed.factor,
        ttl=ttl,
    )


def keep_in_mind(session: Session, sent: Sent) -> None:
    """Remember what was sent; what hinders that is noted."""
    try:
        remember(session.state, replace(sent, way=session.way))
    except StorageError as exc:
        session.notes.append(str(exc))
