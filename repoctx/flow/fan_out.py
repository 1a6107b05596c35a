"""The job of asking many things at once, over one prefix that is paid for once.

Each finished answer is noted under what was asked, byte for byte: a run that ended
early goes on where it stopped. When all are there, the notes are dropped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Lock

from repoctx.ask.fan_out import fan_out as side_by_side
from repoctx.ask.receive import Control
from repoctx.errors import Interrupted, StorageError
from repoctx.flow.books import Books
from repoctx.flow.model import Model
from repoctx.flow.pack import Packed
from repoctx.flow.sending import send
from repoctx.flow.session import Session
from repoctx.flow.state import State, forget_old, read_json, write_json
from repoctx.values import Answer, Request, Stop, Usage

PARALLEL = 4
"""Requests at once."""

KEPT = 500
"""Notes of finished parts that stay."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One request's outcome: its answer, or why there is none. ``resumed`` says that an
    earlier run had it."""

    answer: Answer | None
    error: Exception | None = None
    resumed: bool = False


def fan_out(
    session: Session,
    model: Model,
    packed: Packed | None,
    requests: Sequence[Request],
    parallel: int = PARALLEL,
    door: str = "ask",
) -> tuple[Piece, ...]:
    """Send ``requests``, which all begin with ``packed``; the outcomes, in their order.

    The first must have begun to stream before the others start; ``parallel`` run at
    once, one where --max-cost is set, which bounds them all together. A failure is its
    own piece's alone. On Ctrl-C what is not finished becomes Interrupted; it is asked
    by the next call with the same requests, and it alone. Raises BudgetExceeded before
    anything is sent, when the person does not want to pay for a cold cache.
    """
    notes = [_note(session.state, model, request) for request in requests]
    found = [_finished(session.state, note) for note in notes]
    left = [at for at, piece in enumerate(found) if piece is None]
    most = session.settings.max_cost
    if left and not most:
        Books(session, model, packed, door).open(requests[left[0]])
    stop, lock = Event(), Lock()
    spent, done = 0.0, len(requests) - len(left)

    def run(at: int, begun: Callable[[], None]) -> Answer:
        nonlocal spent, done
        own = apart(session, max(most - spent, 1e-9) if most else 0.0)
        control = Control(sleep=stop.wait, cancelled=stop.is_set, begun=begun)
        try:
            got = send(own, model, requests[at], packed, _quietly, door, control)
            if got.stop is Stop.END:
                _remember(own, notes[at], got)
        finally:
            own.close()
            with lock:
                session.notes += own.notes
        with lock:
            spent, done = spent + (got.usage.cost or 0.0), done + 1
            session.progress("asking", done, len(requests))
        return got

    for at, got in zip(
        left, side_by_side(left, run, 1 if most else parallel, stop), strict=True
    ):
        found[at] = _piece(got)
    session.spent += spent
    pieces = tuple(piece for piece in found if piece is not None)
    if all(p.answer and p.answer.stop is Stop.END for p in pieces):
        for note in notes:
            with suppress(OSError):
                note.unlink()
    return pieces


def _piece(got: Answer | Exception) -> Piece:
    if isinstance(got, Exception):
        return Piece(None, got)
    if got.stop is Stop.CANCELLED:
        return Piece(got, Interrupted("interrupted"))
    return Piece(got)


def _quietly(_text: str) -> None:
    """Several answers at once are shown when they are whole."""


def apart(session: Session, most: float) -> Session:
    """``session`` for another thread: with an index of its own, and nobody to ask."""
    settings = replace(session.settings, max_cost=most)
    return replace(
        session,
        loaded=replace(session.loaded, settings=settings),
        progress=lambda *_: None,
        notes=[],
        confirm=None,
        unparsed=[],
        _store=None,
    )


# --- what an earlier run finished ---------------------------------------------------


def _note(state: State, model: Model, request: Request) -> Path:
    """The note of a request's answer, named by all that is asked."""
    asked = (
        model.name,
        request.prefix.digest,
        request.tail,
        request.question,
        request.mode,
        [(turn.role, turn.text) for turn in request.turns],
    )
    name = hashlib.sha256(repr(asked).encode("utf-8", "surrogatepass")).hexdigest()
    return state.folder / "parts" / f"{name[:40]}.json"


def _finished(state: State, note: Path) -> Piece | None:
    """The answer that an earlier run finished; None when it is not there any more."""
    kept = read_json(note)
    try:
        saved = state.answers / Path(kept["saved"]).name
        text = saved.read_text(encoding="utf-8")
        if hashlib.sha256(text.encode()).hexdigest() != kept["digest"]:
            return None
        answer = Answer(text, Stop.END, Usage(), kept["model"], saved=saved)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return Piece(answer, resumed=True)


def _remember(session: Session, note: Path, answer: Answer) -> None:
    if answer.saved is None:
        return
    digest = hashlib.sha256(answer.text.encode()).hexdigest()
    fields = {"saved": answer.saved.name, "digest": digest, "model": answer.model}
    try:
        write_json(note, fields)
        forget_old(note.parent, "*.json", KEPT)
    except StorageError as exc:
        session.notes.append(str(exc))
