"""The job of editing: an instruction to a patch, by a model, over the shared prefix.

The answer's blocks are tried while they stream. What does not fit goes back to the
model, with what the files have in those places, for a bounded number of rounds; the
rest is kept. Nothing is written before every block fits and somebody says yes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import repoctx_prompts as prompts

from repoctx.apply.journal import Record
from repoctx.apply.report import Outcome
from repoctx.errors import NotApplied, UsageError
from repoctx.flow import pending
from repoctx.flow.apply import (
    Confirm,
    Edits,
    Located,
    Rules,
    apply,
    edits_of,
    locate,
    trial,
)
from repoctx.flow.ask import Prompt, Question, prompt_for
from repoctx.flow.live import Live
from repoctx.flow.model import Model, choose_model
from repoctx.flow.pending import Round
from repoctx.flow.sending import send
from repoctx.flow.session import Session
from repoctx.flow.shown import Shown, note_shown, shown_by
from repoctx.flow.tail import NOTHING_MORE, Material
from repoctx.values import Answer, Stop, Turn, Usage

MODE = "edit"
FORMAT = "formats/blocks"
REPAIRS = 2
"""Rounds in which a model may repair what did not fit."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be changed, the material beside it, what is let through, and how often
    the model may repair what does not fit."""

    text: str
    material: Material = NOTHING_MORE
    rules: Rules = field(default_factory=Rules)
    repairs: int = REPAIRS


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told: of text as it streams, of each block when it has come, of each
    repair before it is asked for."""

    text: Callable[[str], None]
    block: Callable[[Outcome], None]
    repair: Callable[[Located, int], None]


@dataclass(frozen=True, slots=True)
class Edited:
    """What came of an order: the answers, where their blocks went, and the journal's
    record where it was applied (None: declined, or there was nothing to do)."""

    answers: tuple[Answer, ...]
    located: Located
    record: Record | None
    model: Model
    prompt: Prompt

    @property
    def usage(self) -> Usage:
        """All requests together."""
        return total([answer.usage for answer in self.answers])


def edit(session: Session, order: Order, watch: Watch, confirm: Confirm) -> Edited:
    """Have ``order`` carried out, and apply it where ``confirm`` says so.

    Raises UsageError for an empty order and for a model that cannot edit, NotApplied
    when blocks are left that do not fit (the others are pending then), and what
    packing, sending and committing raise.
    """
    if not order.text.strip():
        raise UsageError("the instruction is empty")
    model = editor(session)
    prompt = prompt_for(session, model, question(session, order))
    made = _Rounds(session, model, prompt, order, watch)
    located = made.ask()
    while not located.report.ok and made.repairs_left and made.whole:
        watch.repair(located, made.number)
        located = made.repair(located)
    if not located.report.outcomes:
        return Edited(tuple(made.answers), located, None, model, prompt)
    if not located.report.ok:
        made.keep(located)
        raise Refused(located, tuple(made.answers))
    located, record = apply(session, made.edits(), confirm, order.rules)
    if record is not None:
        pending.drop(session)
    return Edited(tuple(made.answers), located, record, model, prompt)


class Refused(NotApplied):
    """Blocks are left that do not fit; ``located`` holds the report on them."""

    def __init__(self, located: Located, answers: tuple[Answer, ...]) -> None:
        failed = located.report.failed
        ids = ", ".join(outcome.id for outcome in failed[:20])
        super().__init__(
            f"{len(failed)} of {len(located.report.outcomes)} blocks do not fit "
            f"({ids}); nothing was changed"
        )
        self.located = located
        self.answers = answers


def editor(session: Session) -> Model:
    """The chosen model. Raises UsageError for one that cannot edit."""
    model = choose_model(session, learn=True)
    if not model.able.edits or not model.able.reads_context:
        raise UsageError(
            f"{model.name} cannot edit. Three ways on: name a model (-m "
            "PROVIDER/MODEL, repoctx models lists them); take the prompt to any chat "
            "window (-m clipboard); or apply an answer you have (repoctx apply FILE)"
        )
    return model


def question(session: Session, order: Order) -> Question:
    """The order as the prompt's question: the format, then the instruction."""
    form = prompts.load(FORMAT, session.settings.prompts_dir)
    text = f"{form}\nThe change:\n{order.text}"
    return Question(text, order.material, MODE, order.text)


def total(usages: list[Usage]) -> Usage:
    """The sum; its cost is unknown where one of them is."""
    costs = [usage.cost for usage in usages]
    known = [cost for cost in costs if cost is not None]
    return Usage(
        sum(u.input for u in usages),
        sum(u.cached for u in usages),
        sum(u.cache_write for u in usages),
        sum(u.output for u in usages),
        sum(known) if known and len(known) == len(costs) else None,
    )


class _Rounds:
    """The answer and its repairs, one after another over the same prefix."""

    def __init__(
        self, session: Session, model: Model, prompt: Prompt, order: Order, watch: Watch
    ) -> None:
        self.answers: list[Answer] = []
        self.repairs_left = order.repairs
        self._session, self._model, self._prompt = session, model, prompt
        self._order, self._watch = order, watch
        self._turns: tuple[Turn, ...] = ()
        self._rounds: list[Round] = []
        self._notes: list[Shown] = []

    @property
    def number(self) -> int:
        """Rounds so far."""
        return len(self.answers)

    @property
    def whole(self) -> bool:
        """Whether the last answer ended by itself: only then is there sense in more."""
        return self.answers[-1].stop is Stop.END

    def ask(self) -> Located:
        """Send what there is to say, and locate all that has come so far."""
        request = replace(self._prompt.request, turns=self._turns)
        with trial(self._session) as shadow:
            watching = Live(shadow.take, self._watch.block)

            def on_text(piece: str) -> None:
                self._watch.text(piece)
                watching(piece)

            packed = self._prompt.packed
            answer = send(self._session, self._model, request, packed, on_text, MODE)
        self.answers.append(answer)
        self._rounds.append(Round((answer.text,)))
        if answer.saved is not None:
            note_shown(self._session, answer.saved, self._prompt.now, answer.text)
            note = shown_by(self._session, answer.saved)
            self._notes += [note] if note else []
        return locate(self._session, self.edits(), self._order.rules)

    def repair(self, located: Located) -> Located:
        """Ask for the blocks that did not fit, and locate all again."""
        self.repairs_left -= 1
        self.keep(located)
        told = prompts.load("repair", self._session.settings.prompts_dir)
        last = self.answers[-1]
        self._turns = (
            *self._turns,
            Turn("assistant", last.text or "(nothing)", last.raw),
            Turn("user", told + located.report.text()),
        )
        return self.ask()

    def keep(self, located: Located) -> None:
        """Keep the accepted blocks, and forget the others."""
        fits = frozenset(o.id for o in located.report.outcomes if o.ok)
        pending.keep(self._session, self._rounds, fits, self.title)
        self._rounds = list(pending.pending(self._session)[0]) if fits else []

    @property
    def title(self) -> str:
        """The order in a line."""
        return " ".join(self._order.text.split())[:72]

    def edits(self) -> Edits:
        """All blocks that are to be tried, against what the prompt showed."""
        return edits_of(self._rounds, self.title, self._shown)

    def _shown(self, path: str) -> bytes | None:
        """What the prompt showed of ``path``, where an answer names it."""
        for note in self._notes:
            data = note(path)
            if data is not None:
                return data
        return None
