"""The job of sending: one prompt out, its answer home; every request in the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import repoctx_prompts as prompts

from repoctx.ask.ledger import Entry, record
from repoctx.ask.receive import Control, Limits, Round
from repoctx.ask.save import AnswerFile
from repoctx.ask.seam import Rounds
from repoctx.ask.send import answer
from repoctx.errors import CutAnswer, StorageError
from repoctx.flow.model import Model
from repoctx.flow.pack import Packed
from repoctx.flow.sent import Part, Sent, remember
from repoctx.flow.session import Session
from repoctx.values import Answer, Request, SegmentKind

IDLE = 120.0
"""Seconds between two events of a stream."""


def send(
    session: Session,
    model: Model,
    request: Request,
    packed: Packed | None,
    on_text: Callable[[str], None],
    door: str = "ask",
) -> Answer:
    """Send ``request``, asking for the rest of an answer that was cut, and stream the
    answer into ``on_text``.

    Raises as `repoctx.ask.send.answer` does. Every request that was sent is in the
    ledger, also a failed one; what stands in ``packed`` is remembered as sent.
    """
    began = time.time()
    file = AnswerFile(session.state.answers, began)
    rows: list[Entry] = []

    def note(one: Round) -> None:
        entry = _entry(model, request, one, door)
        if one.last:
            rows.append(entry)  # It will name the file, once that has its name.
        else:
            _record(session, entry)

    saved = None
    control = Control(note=session.notes.append, sent=note)
    session.progress(f"waiting for {model.name}", 0, 0)
    try:
        got = answer(model.provider, request, on_text, file, limits(session), control)
        saved = got.saved
        return got
    except CutAnswer as exc:
        saved = exc.saved
        raise
    finally:
        for entry in rows:
            _record(session, replace(entry, answer=saved.name if saved else ""))
        if packed is not None and any(not entry.error or saved for entry in rows):
            _remember(session, note_of(model, packed, time.time()))
        if file.problem:
            session.notes.append(file.problem)


def limits(session: Session) -> Limits:
    """The bounds of an answer, by the settings."""
    settings = session.settings
    going_on = prompts.load("continue", settings.prompts_dir)
    return Limits(
        first=settings.timeout,
        idle=min(IDLE, settings.timeout or IDLE),
        rounds=Rounds(settings.rounds, going_on),
    )


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
        factor=packed.factor,
    )


def _entry(model: Model, request: Request, one: Round, door: str) -> Entry:
    return Entry(
        time=time.time() - one.seconds,
        door=door,
        model=model.name,
        prefix=request.prefix.digest,
        usage=one.usage,
        seconds=one.seconds,
        stop=one.stop or "",
        error=one.error,
    )


def _record(session: Session, entry: Entry) -> None:
    try:
        record(session.state.ledger, entry)
    except StorageError as exc:  # What came is worth more than our notes on it.
        session.notes.append(str(exc))


def _remember(session: Session, sent: Sent) -> None:
    try:
        remember(session.state, sent)
    except StorageError as exc:
        session.notes.append(str(exc))
