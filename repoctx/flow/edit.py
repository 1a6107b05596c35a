"""The job of editing: an instruction to a patch, by a model, over the shared prefix.

The answer's blocks are tried while they stream. What does not fit goes back to the
model, with what the files have in those places, for a bounded number of rounds, as does
what a linter or the tests say; the rest is kept. Nothing is written before every block
fits and somebody says yes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import repoctx_prompts as prompts

from repoctx.apply.journal import Record
from repoctx.apply.report import Outcome
from repoctx.ask.send import total
from repoctx.errors import NotApplied, UsageError
from repoctx.flow import pending
from repoctx.flow.apply import Confirm, Edits, Located, Rules, apply
from repoctx.flow.ask import Prompt, Question, prompt_for
from repoctx.flow.model import Model, choose_model
from repoctx.flow.session import Session
from repoctx.flow.tail import NOTHING_MORE, Material
from repoctx.flow.talks import Talks
from repoctx.flow.trial import Ran
from repoctx.values import Answer, Usage

MODE = "edit"
FORMAT = "formats/blocks"
NO_EDITS = Edits(())
REPAIRS = 2
"""Rounds in which a model may repair what did not fit."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be changed, the material beside it, what is let through, and how often
    the model may repair what does not fit. ``parts`` above 1: a large change is planned
    first and made in batches, so many at once."""

    text: str
    material: Material = NOTHING_MORE
    rules: Rules = field(default_factory=Rules)
    repairs: int = REPAIRS
    parts: int = 1

    @property
    def title(self) -> str:
        """The order in a line."""
        return " ".join(self.text.split())[:72]


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told: of text as it streams, of each block when it has come, in a line, of
    what is done next, and of a large change's plan, (path, what) by file."""

    text: Callable[[str], None]
    block: Callable[[Outcome], None]
    step: Callable[[str], None]
    plan: Callable[[Sequence[tuple[str, str]]], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Edited:
    """What came of an order: the answers, where their blocks went, and the journal's
    record where it was applied (None: declined, or there was nothing to do). ``edits``
    can be applied later."""

    answers: tuple[Answer, ...]
    located: Located
    record: Record | None
    model: Model
    prompt: Prompt
    ran: tuple[Ran, ...] = ()
    edits: Edits = NO_EDITS

    @property
    def usage(self) -> Usage:
        """All requests together."""
        return total([answer.usage for answer in self.answers])


class Refused(NotApplied):
    """Blocks are left that do not fit, or a command fails on the result (``ran``);
    ``located`` holds the report on the blocks."""

    def __init__(
        self, why: str, located: Located, answers: tuple[Answer, ...], ran: Ran | None
    ) -> None:
        super().__init__(f"{why}; nothing was changed")
        self.located = located
        self.answers = answers
        self.ran = ran


def edit(session: Session, order: Order, watch: Watch, confirm: Confirm) -> Edited:
    """Have ``order`` carried out, and apply it where ``confirm`` says so.

    Raises UsageError for an empty order and for a model that cannot edit, Refused when
    blocks are left that do not fit or a check fails (what fits is pending then), and
    what packing, sending and committing raise.
    """
    if not order.text.strip():
        raise UsageError("the instruction is empty")
    model = editor(session)
    prompt = prompt_for(session, model, question(session, order))
    talks = Talks(session, model, prompt, order.title, order.rules)
    if order.parts > 1:
        from repoctx.flow.large import batches

        talks.begin(batches(session, model, prompt, order, watch), order.parts)
    return carried_out(session, order, watch, confirm, talks)


def carried_out(
    session: Session, order: Order, watch: Watch, confirm: Confirm, talks: Talks
) -> Edited:
    """Ask until all fits, and apply it; see `edit`. Of an answer that the user ended
    nothing is applied."""
    located = talks.ask(watch.text, watch.block)
    for left in range(order.repairs, -1, -1):
        if talks.cancelled or not located.report.outcomes:
            return talks.edited(located)
        failed = located.report.failed
        if failed:
            if not (left and talks.whole):
                break
            watch.step(f"{len(failed)} block(s) do not fit: asking for them again")
            talks.send_back(located)
        else:
            done = apply(session, talks.edits(), confirm, order.rules)
            if not done.ran or done.ran[-1].ok:
                if done.record is not None:
                    pending.drop(session)
                return talks.edited(done.located, done.record, done.ran)
            told = done.ran[-1]
            if not (left and talks.whole):
                talks.keep(done.located)
                raise Refused(f"{told.name} fails", done.located, talks.answers, told)
            watch.step(f"{told.name} fails: asking for a repair")
            talks.send_output(done.located, told)
        located = talks.ask(watch.text, watch.block)
    talks.keep(located)
    ids = ", ".join(outcome.id for outcome in located.report.failed[:20])
    count = len(located.report.failed)
    of = f"{count} of {len(located.report.outcomes)} blocks do not fit ({ids})"
    raise Refused(of, located, talks.answers, None)


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
