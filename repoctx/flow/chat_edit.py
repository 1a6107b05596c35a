"""The job of editing within a conversation: the order stands after all that was said.

What was changed, and what had to be repaired, is said there too, so that the next
question can be about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from repoctx.ask.send import total
from repoctx.errors import CutAnswer, UsageError
from repoctx.flow.apply import Confirm
from repoctx.flow.chat import keep_exchange, next_prompt
from repoctx.flow.chats import Chat
from repoctx.flow.edit import (
    Edited,
    Order,
    Refused,
    Watch,
    carried_out,
    editor,
    question,
)
from repoctx.flow.session import Session
from repoctx.flow.talks import Talks
from repoctx.values import Turn


class RefusedInChat(Refused):
    """As `Refused`; ``chat`` is the conversation with what was tried."""

    def __init__(self, why: Refused, chat: Chat) -> None:
        self.args = why.args
        self.located, self.answers, self.ran = why.located, why.answers, why.ran
        self.chat = chat


def change(
    session: Session,
    chat: Chat,
    order: Order,
    watch: Watch,
    confirm: Confirm,
    unsaved: Mapping[str, bytes] | None = None,
) -> tuple[Chat, Edited]:
    """Have ``order`` carried out within ``chat``, and apply it where ``confirm`` says
    so; the conversation with the answer, which is kept. What is declined stays pending.

    ``unsaved`` is what the order's material shows of files that an editor has not
    saved. Raises RefusedInChat where `repoctx.flow.edit.edit` raises Refused, and as
    that does.
    """
    if not order.text.strip():
        raise UsageError("the instruction is empty")
    model = editor(session)
    asked = question(session, order)
    following = next_prompt(session, model, chat, asked)
    prompt = following.prompt
    talks = Talks(session, model, prompt, order.title, order.rules)
    talks.unsaved = unsaved or {}

    def kept(saved: Path | None, cut: str = "") -> Chat:
        turns = talks.said or ((Turn("assistant", cut),) if cut else ())
        if not turns:  # No provider takes back a message that says nothing.
            return chat
        usage = total([answer.usage for answer in talks.answers])
        came = (turns, usage, saved.name if saved else "")
        return keep_exchange(session, model, following, asked, came)

    try:
        if order.parts > 1:
            from repoctx.flow.large import batches

            parts = batches(session, model, prompt, order, watch)
            talks.begin(parts, order.parts)
        edited = carried_out(session, order, watch, confirm, talks)
    except CutAnswer as exc:
        kept(exc.saved, exc.text)
        raise
    except Refused as exc:
        raise RefusedInChat(exc, kept(exc.answers[-1].saved)) from exc
    if edited.record is None and edited.located.patch.changes:
        talks.keep(edited.located)
    saved = edited.answers[-1].saved if edited.answers else None
    return kept(saved), edited
