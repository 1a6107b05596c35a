"""One prompt, from its blocks to a stop reason, in a thread of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from acp.schema import Cost, SessionInfoUpdate, UsageUpdate

from repoctx.editor.acp_client import Client, ClientFiles
from repoctx.editor.acp_commands import COMMANDS, command_of, review
from repoctx.editor.acp_edit import Editing, Prose
from repoctx.editor.acp_prompt import Said, new_in, said, words
from repoctx.editor.acp_shown import Progress, applied, fenced, sources
from repoctx.editor.acp_state import EDIT, REVIEW, Talk
from repoctx.editor.jobs import Job
from repoctx.errors import RepoctxError, UsageError
from repoctx.flow.chats import Chat, find_chat
from repoctx.flow.edit import Order
from repoctx.flow.model import Model
from repoctx.flow.session import Session
from repoctx.values import Answer, Stop, Usage

DOOR = "acp"

STOPS: Mapping[Stop, str] = {
    Stop.END: "end_turn",
    Stop.LENGTH: "max_tokens",
    Stop.CONTINUE: "max_tokens",
    Stop.REFUSAL: "refusal",
    Stop.FILTER: "refusal",
    Stop.CANCELLED: "cancelled",
}

PARTS = 4
"""Parts of a planned change that are made at once."""


@dataclass(slots=True)
class Turn:
    """What one prompt is answered with: its session, and the ways to the client."""

    talk: Talk
    client: Client
    files: ClientFiles
    progress: Progress

    def run(self, job: Job, blocks: Sequence[Any]) -> str:
        """Answer ``blocks``; the stop reason. Raises RepoctxError."""
        try:
            return job.run(lambda session: self._answer(session, blocks))
        finally:
            for note in job.notes:
                if note not in self.talk.told and not job.cancelled:
                    self.talk.told.add(note)
                    self.client.think(note)

    def _answer(self, session: Session, blocks: Sequence[Any]) -> str:
        session.confirm = self.client.sure
        self.files.root = session.place.root
        session.editor = self.files
        blocks = new_in(blocks)
        command, rest = command_of(words(blocks))
        if command in COMMANDS:
            return COMMANDS[command].run(self, session, rest)
        asked = said(session, blocks, f"/{command}" if command else "")
        for note in asked.notes:
            self.client.think(note)
        mode = command or self.talk.mode
        if mode == REVIEW:
            return review(self, session, asked.text)
        if not asked.text:
            raise UsageError("the prompt is empty")
        try:
            if mode in (EDIT, "plan"):
                return self.edit(session, asked, PARTS if mode == "plan" else 1)
            return self.ask(session, asked)
        except RepoctxError:
            self._recall(session)
            raise

    def ask(self, session: Session, asked: Said) -> str:
        """Answer a question in the conversation; the stop reason."""
        from repoctx.flow.ask import Question
        from repoctx.flow.chat import say

        self._model(session)
        question = Question(asked.text, asked.material)
        chat, done = say(session, self.talk.chat, question, self._text, DOOR)
        self.progress.end()
        if done.answer.stop is not Stop.CANCELLED:
            self.client.say(sources(done.answer.citations, session))
        return self._ended(chat, done.model, done.answer)

    def edit(self, session: Session, asked: Said, parts: int = 1) -> str:
        """Have a change made in the conversation; the stop reason."""
        from repoctx.flow.chat_edit import RefusedInChat, change
        from repoctx.flow.edit import Watch

        self._model(session)
        shown = Editing(self.client, self.talk, session.place.root)
        prose = Prose(self._text)
        watch = Watch(prose, shown.block, self.client.think, shown.planned)
        order = Order(asked.text, asked.material, parts=parts)
        try:
            chat, done = change(
                session, self.talk.chat, order, watch, shown.confirm, asked.unsaved
            )
        except RefusedInChat as exc:
            self.talk.chat = exc.chat
            told = exc.ran.output if exc.ran else exc.located.report.text()
            shown.ended(False, told)
            self.client.say(f"\n\n{exc}. What fits is kept pending.\n\n{fenced(told)}")
            return STOPS[Stop.END]
        finally:
            self.progress.end()
        prose.end()
        last = done.answers[-1] if done.answers else Answer("", Stop.END, Usage())
        stop = self._ended(chat, done.model, last)
        if last.stop is Stop.CANCELLED:
            return stop
        shown.ended(done.record is not None)
        if done.record is not None:
            self.client.say(f"\n\n{applied(done.record.files)}\n")
        elif shown.declined:
            self.client.say("\n\nNothing was changed; /apply makes the change.\n")
        elif done.located.report.outcomes:
            self.client.say("\n\nAll of it is in the files already.\n")
        return stop

    # --- what all of them share ---------------------------------------------------

    def _text(self, piece: str) -> None:
        self.progress.end()
        self.client.say(piece)

    def _model(self, session: Session) -> None:
        """The conversation's own model, unless another was chosen."""
        from repoctx.flow.chat import use_model

        own = self.talk.chat.model
        if own and not self.talk.named:
            use_model(session, own)

    def _ended(self, chat: Chat, model: Model, answer: Answer) -> str:
        new = not self.talk.chat.exchanges and bool(chat.exchanges)
        self.talk.chat = chat
        if answer.stop is Stop.CANCELLED:
            return STOPS[answer.stop]
        if new:
            self.client.update(
                SessionInfoUpdate(
                    session_update="session_info_update", title=chat.title
                )
            )
        if answer.usage.input:
            used = answer.usage.input + answer.usage.output
            costs = [one.usage.cost for one in chat.exchanges]
            known = [cost for cost in costs if cost is not None]
            cost = Cost(amount=sum(known), currency="USD") if known else None
            size = max(model.able.window, used)
            self.client.update(
                UsageUpdate(
                    session_update="usage_update", used=used, size=size, cost=cost
                )
            )
        return STOPS[answer.stop]

    def _recall(self, session: Session) -> None:
        """What was kept of a question that failed."""
        try:
            self.talk.chat = find_chat(session.state, self.talk.id)
        except RepoctxError:
            return  # Nothing was.
