"""One or more conversations that make one change, each over the same prefix.

A change is one conversation; a large one is several, each about some files. What does
not fit goes back to the conversation that it came from, under the numbers it had there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import repoctx_prompts as prompts

from repoctx.apply.report import Outcome, report
from repoctx.errors import ProviderError
from repoctx.flow import pending
from repoctx.flow.apply import Edits, Located, Rules, edits_of, locate, trial
from repoctx.flow.ask import Prompt
from repoctx.flow.fan_out import fan_out
from repoctx.flow.live import Live
from repoctx.flow.model import Model
from repoctx.flow.pending import Round, blocks_of
from repoctx.flow.sending import send
from repoctx.flow.session import Session
from repoctx.flow.shown import Shown, note_shown, shown_by
from repoctx.flow.trial import Ran
from repoctx.values import Answer, Block, Request, Stop, Turn

if TYPE_CHECKING:
    from repoctx.apply.journal import Record
    from repoctx.flow.edit import Edited

DOOR = "edit"


@dataclass(slots=True)
class Talk:
    """One conversation: what it asks (again, with ``turns``), whether it is due, and
    the blocks that count of what it was answered."""

    request: Request
    turns: tuple[Turn, ...] = ()
    due: bool = True
    answers: list[Answer] = field(default_factory=list)
    rounds: list[Round] = field(default_factory=list)


class Talks:
    """All conversations of one change."""

    def __init__(
        self, session: Session, model: Model, prompt: Prompt, title: str, rules: Rules
    ) -> None:
        self._session, self._model, self._prompt = session, model, prompt
        self._title, self._rules = title, rules
        self._talks = [Talk(prompt.request, prompt.request.turns)]
        self._parallel = 1
        self._notes: list[Shown] = []
        self._order: list[Answer] = []
        self.unsaved: Mapping[str, bytes] = {}
        """What the prompt showed of files that an editor has not saved."""

    def begin(self, requests: Sequence[Request], parallel: int) -> None:
        """Make the change by these requests, ``parallel`` at once."""
        self._talks = [Talk(request, request.turns) for request in requests]
        self._parallel = parallel

    @property
    def answers(self) -> tuple[Answer, ...]:
        """All answers, in the order in which they came."""
        return tuple(self._order)

    @property
    def cancelled(self) -> bool:
        """Whether the user ended the last answer."""
        return bool(self._order) and self._order[-1].stop is Stop.CANCELLED

    @property
    def said(self) -> tuple[Turn, ...]:
        """What was said after the question: the messages of the one conversation, or
        the answers of several as one message."""
        talk = self._talks[0]
        if len(self._talks) > 1:
            text = "\n\n".join(answer.text for answer in self._order)
            return (Turn("assistant", text),) if text else ()
        asked = talk.turns[len(talk.request.turns) :]
        if talk.due:
            return asked[:-1]  # Its last message was not answered.
        last = talk.answers[-1]
        return (*asked, Turn("assistant", last.text, last.raw)) if last.text else ()

    @property
    def whole(self) -> bool:
        """Whether every last answer ended by itself: else more makes no sense."""
        return all(t.answers and t.answers[-1].stop is Stop.END for t in self._talks)

    def edited(
        self,
        located: Located,
        record: Record | None = None,
        ran: tuple[Ran, ...] = (),
    ) -> Edited:
        """All that came of it."""
        from repoctx.flow.edit import Edited

        prompt, model = self._prompt, self._model
        edits = self.edits()
        return Edited(self.answers, located, record, model, prompt, ran, edits)

    def ask(
        self, on_text: Callable[[str], None], on_block: Callable[[Outcome], None]
    ) -> Located:
        """Send what is due, and locate all that has come so far."""
        due = [talk for talk in self._talks if talk.due]
        if len(due) == 1:
            self._hear(due[0], self._streamed(due[0], on_text, on_block))
        elif due:
            requests = [replace(t.request, turns=t.turns) for t in due]
            session, packed = self._session, self._prompt.packed
            pieces = fan_out(
                session, self._model, packed, requests, self._parallel, DOOR
            )
            for talk, piece in zip(due, pieces, strict=True):
                if piece.answer is not None and piece.error is None:
                    self._hear(talk, piece.answer)
            failed = [piece.error for piece in pieces if piece.error is not None]
            if failed:
                done = len(pieces) - len(failed)
                session.notes.append(
                    f"{done} of {len(pieces)} parts are finished and kept: the same "
                    "command goes on with the rest"
                )
                raise failed[0]
        return locate(self._session, self.edits(), self._rules)

    def _streamed(
        self,
        talk: Talk,
        on_text: Callable[[str], None],
        on_block: Callable[[Outcome], None],
    ) -> Answer:
        request = replace(talk.request, turns=talk.turns)
        with trial(self._session) as shadow:
            watching = Live(shadow.take, on_block)

            def take(piece: str) -> None:
                on_text(piece)
                watching(piece)

            packed = self._prompt.packed
            return send(self._session, self._model, request, packed, take, DOOR)

    def _hear(self, talk: Talk, answer: Answer) -> None:
        talk.due = False
        talk.answers.append(answer)
        talk.rounds.append(Round((answer.text,)))
        self._order.append(answer)
        if answer.saved is not None:
            now = self._prompt.now
            note_shown(self._session, answer.saved, now, answer.text)
            note = shown_by(self._session, answer.saved)
            self._notes += [note] if note else []

    # --- what is there so far ---------------------------------------------------------

    def _rounds(self) -> list[tuple[Talk, Round]]:
        return [(talk, one) for talk in self._talks for one in talk.rounds]

    def edits(self) -> Edits:
        """All blocks that are to be tried, against what the prompt showed."""
        rounds = [one for _, one in self._rounds()]
        return edits_of(rounds, self._title, self._shown)

    def _shown(self, path: str) -> bytes | None:
        """What the prompt showed of ``path``, where an answer names it."""
        if path in self.unsaved:
            return self.unsaved[path]
        for note in self._notes:
            data = note(path)
            if data is not None:
                return data
        return None

    def keep(self, located: Located) -> None:
        """Keep the accepted blocks pending."""
        fits = frozenset(o.id for o in located.report.outcomes if o.ok)
        rounds = [one for _, one in self._rounds()]
        pending.keep(self._session, rounds, fits, self._title)

    # --- back to the model ------------------------------------------------------------

    def send_back(self, located: Located) -> None:
        """Make due again, with a report, each conversation of which a block failed."""
        self.keep(located)
        told = prompts.load("repair", self._session.settings.prompts_dir)
        outcomes = {o.id: o for o in located.report.outcomes}
        pairs = self._rounds()
        found = blocks_of([one for _, one in pairs])
        for talk in self._talks:
            mine = [
                replace(outcomes[block.id], id=own)
                for block, number, own in found
                if pairs[number][0] is talk and block.id in outcomes
            ]
            fits = [
                replace(one, accepted=self._accepted(one, found, pairs, outcomes))
                for one in talk.rounds
            ]
            if any(not outcome.ok for outcome in mine):
                self._go_on(talk, told + report(mine).text())
            talk.rounds = [one for one in fits if one.accepted]

    def _accepted(
        self,
        one: Round,
        found: Sequence[tuple[Block, int, str]],
        pairs: Sequence[tuple[Talk, Round]],
        outcomes: dict[str, Outcome],
    ) -> frozenset[str]:
        """The ids, in its own numbers, of a round's blocks that fit."""
        return frozenset(
            own
            for block, number, own in found
            if pairs[number][1] is one
            and block.id in outcomes
            and outcomes[block.id].ok
        )

    def send_output(self, located: Located, ran: Ran) -> None:
        """Tell the last conversation what a command says of the change."""
        self.keep(located)
        told = prompts.load("checks", self._session.settings.prompts_dir)
        self._go_on(self._talks[-1], f"{told}{ran.command}\n\n{ran.output}\n")

    def _go_on(self, talk: Talk, text: str) -> None:
        if not talk.answers:
            raise ProviderError("there is no answer to go on from")
        last = talk.answers[-1]
        answered = Turn("assistant", last.text or "(nothing)", last.raw)
        talk.turns = (*talk.turns, answered, Turn("user", text))
        talk.due = True
