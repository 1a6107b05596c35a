"""One job for an editor or an agent: opened, run, reported on, cancelled at any time.

What the doors share. A job's methods block: call them in a thread of your own
(`asyncio.to_thread`, a worker), as many at once as you like, each on a `Job` of its
own; `Job.cancel` may be called from any other thread and takes effect within a fraction
of a second, also in the middle of a stream. Callbacks come in the job's thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from repoctx.errors import Interrupted, RepoctxError, StorageError
from repoctx.values import Spot

if TYPE_CHECKING:
    from repoctx.apply.journal import Record
    from repoctx.apply.report import Outcome
    from repoctx.flow.apply import Applied, Confirm, Edits, Located, Rules
    from repoctx.flow.ask import Asked
    from repoctx.flow.chats import Chat
    from repoctx.flow.edit import Edited, Order
    from repoctx.flow.place import Lines
    from repoctx.flow.review import Options, Reviewed
    from repoctx.flow.search import Found
    from repoctx.flow.session import Session
    from repoctx.flow.sides import Subject
    from repoctx.flow.status import Status
    from repoctx.flow.tail import Material

T = TypeVar("T")


class InternalError(RepoctxError):
    """A fault of repoctx itself, which nobody raised on purpose."""

    code = 70


def _nobody(*_: object) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Hear:
    """Who is told while a job runs: of text as it streams, of work (what, done, total;
    total 0 is unknown), of each edit block when it has come, and, in a line, of what is
    done next."""

    text: Callable[[str], None] = _nobody
    progress: Callable[[str, int, int], None] = _nobody
    block: Callable[[Outcome], None] = _nobody
    step: Callable[[str], None] = _nobody


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a file, as an editor names it: ``path`` absolute or relative to the
    job's start, lines from 1, both ends included (0: the whole file). ``text`` is the
    file's where the editor holds changes that are not saved."""

    path: str
    start: int = 0
    end: int = 0
    text: str | None = None


@dataclass(slots=True, eq=False)
class Job:
    """One job in the repository at ``start``, with settings given for it as ``flags``
    (by the settings' keys; a wrong one is a SettingsError).

    Every method opens its own session and raises RepoctxError alone: Interrupted once
    the job was cancelled, whatever happened on the way.
    """

    start: Path
    flags: Mapping[str, Any] = field(default_factory=dict)
    hear: Hear = field(default_factory=Hear)
    _stop: threading.Event = field(default_factory=threading.Event)
    _notes: list[str] = field(default_factory=list)

    def cancel(self) -> None:
        """End the job soon. What is being written is written whole first."""
        self._stop.set()

    @property
    def cancelled(self) -> bool:
        """Whether somebody has had enough."""
        return self._stop.is_set()

    @property
    def notes(self) -> tuple[str, ...]:
        """Single lines of the run that a person should see once."""
        return tuple(dict.fromkeys(self._notes))

    def run(self, work: Callable[[Session], T]) -> T:
        """What ``work`` makes of an open session."""
        from repoctx.flow.session import open_session

        try:
            self._look()
            with open_session(self.start, self.flags, self._progress) as session:
                self._notes = session.notes
                session.cancelled = self._stop.is_set
                return work(session)
        except BaseException as exc:
            raise failure(exc, self.cancelled) from exc

    def ask(
        self,
        text: str,
        at: Where | None = None,
        material: Material | None = None,
        conversation: str = "",
    ) -> tuple[Chat, Asked]:
        """Ask, in the conversation with that id or a new one, and stream the answer.

        Raises Interrupted for an answer that was cancelled; what came is kept.
        """
        from repoctx.flow.ask import Question
        from repoctx.flow.chat import chosen, say
        from repoctx.flow.place import about
        from repoctx.flow.tail import NOTHING_MORE

        def work(session: Session) -> tuple[Chat, Asked]:
            question = Question(text, material or NOTHING_MORE)
            if at is not None:
                question = about(question, self._lines(session, at))
            chat = chosen(session, name=conversation)
            done = say(session, chat, question, self.hear.text, "ask")
            self._look()
            return done

        return self.run(work)

    def edit(
        self, order: Order, at: Where | None = None, confirm: Confirm | None = None
    ) -> Edited:
        """Have a change made; it is applied where ``confirm`` says so (None: never),
        later by `apply` with its ``edits``. ``record`` is set when it was applied.

        Raises `repoctx.flow.edit.Refused` with a report when it does not fit.
        """
        from repoctx.flow.edit import Watch, edit
        from repoctx.flow.place import order_about

        def sure(located: Located) -> bool:
            self._look()
            return confirm is not None and confirm(located) and not self.cancelled

        def work(session: Session) -> Edited:
            told = order
            if at is not None:
                told = order_about(order, self._lines(session, at))
            hear = self.hear
            watch = Watch(hear.text, hear.block, hear.step)
            done = edit(session, told, watch, sure)
            if done.record is None:
                self._look()
            return done

        return self.run(work)

    def apply(
        self,
        edits: Edits,
        confirm: Confirm | None = None,
        rules: Rules | None = None,
    ) -> Applied:
        """Apply edits, all or none, where ``confirm`` (None: yes) says so; files that
        changed meanwhile are merged or refused. See `repoctx.flow.apply.apply`."""
        from repoctx.flow.apply import STRICT, apply

        def sure(located: Located) -> bool:
            self._look()
            return (confirm is None or confirm(located)) and not self.cancelled

        return self.run(lambda session: apply(session, edits, sure, rules or STRICT))

    def undo(self, wanted: str = "", again: bool = False) -> Record:
        """Take back the last apply, or the one named; ``again``: make it again."""
        from repoctx.flow.undo import redo, undo

        return self.run(lambda session: (redo if again else undo)(session, wanted))

    def review(self, subject: Subject, options: Options) -> Reviewed:
        """What is wrong with a change; no model is asked unless ``options`` say so."""
        from repoctx.flow.review import review

        return self.run(lambda session: review(session, subject, options))

    def search(self, query: str, most: int = 16) -> Found:
        """Definitions and passages that match, best first."""
        from repoctx.flow.search import find
        from repoctx.flow.survey import snapshot_now

        return self.run(lambda s: find(s, snapshot_now(s), query, most))

    def status(self) -> tuple[Session, Status]:
        """What is in the context; the session is closed already."""
        from repoctx.flow.status import status

        return self.run(lambda session: (session, status(session)))

    def _lines(self, session: Session, at: Where) -> Lines:
        from repoctx.flow.place import lines_at, spot_of

        folder = self.start if self.start.is_dir() else self.start.parent
        root = session.place.root
        spot: Spot = spot_of(root, at.path, folder.absolute(), at.start, at.end)
        return lines_at(session, spot, at.text)

    def _progress(self, what: str, done: int, total: int) -> None:
        self._look()
        self.hear.progress(what, done, total)

    def _look(self) -> None:
        if self.cancelled:
            raise Interrupted("cancelled")


def failure(exc: BaseException, cancelled: bool = False) -> RepoctxError:
    """The expected failure that ``exc`` stands for; its message is one line."""
    if cancelled and not isinstance(exc, Interrupted):
        return Interrupted("cancelled")
    if isinstance(exc, RepoctxError):
        return exc
    if isinstance(exc, KeyboardInterrupt):
        return Interrupted("interrupted")
    if isinstance(exc, OSError):
        where = f"{exc.filename}: " if exc.filename else ""
        return StorageError(f"{where}{exc.strerror or type(exc).__name__}")
    if isinstance(exc, MemoryError):
        return StorageError("not enough memory")
    if type(exc).__module__ == "sqlite3":
        return StorageError(f"the state folder's database: {exc}")
    said = " ".join(str(exc).split())[:200]
    return InternalError(f"a fault of repoctx itself: {type(exc).__name__}: {said}")


__all__ = ["Hear", "InternalError", "Job", "Where", "failure"]
