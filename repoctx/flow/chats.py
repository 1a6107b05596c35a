"""Conversations as they are kept: one JSON file each in the state folder.

A conversation holds what was sent, so that it can be sent again byte for byte: the name
of its base, the overlay's text, the tail and every message.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from repoctx.errors import UsageError
from repoctx.flow.state import State, forget_old, read_json, write_json
from repoctx.values import Turn, Usage

VERSION = 1

KEPT = 50
"""Conversations that stay, those last used."""

TITLE = 72
"""Characters of a first question that name its conversation."""

_ID = re.compile(r"[0-9a-f]{8}")


UNUSED = Usage()


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and its answer. ``asked`` are the user's own words, ``turns`` the
    messages as they were sent and came (the first question is the chat's own).
    ``shown`` are the files whose present text, or its absence (""), the question showed
    anew: paths to blob ids. ``saved`` is the answer's file."""

    asked: str
    turns: tuple[Turn, ...]
    shown: Mapping[str, str] = field(default_factory=dict)
    usage: Usage = UNUSED
    saved: str = ""

    @property
    def text(self) -> str:
        """The answer."""
        return "".join(turn.text for turn in self.turns if turn.role == "assistant")


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation. ``time`` is its last use in seconds since 1970.

    Its prefix has the digest ``digest``: the base that is named ``base`` and kept as
    ``key``, then ``overlay``; with ``marks``. ``tail`` and ``question`` are the first
    user's message. ``shown`` is what overlay and tail showed beyond the base."""

    id: str
    time: float = 0.0
    model: str = ""
    digest: str = ""
    base: str = ""
    key: str = ""
    overlay: str = ""
    marks: tuple[int, ...] = ()
    tail: str = ""
    question: str = ""
    shown: Mapping[str, str] = field(default_factory=dict)
    exchanges: tuple[Exchange, ...] = ()

    @property
    def turns(self) -> tuple[Turn, ...]:
        """All messages after the first question."""
        return tuple(turn for one in self.exchanges for turn in one.turns)

    @property
    def title(self) -> str:
        """The beginning of its first question."""
        first = self.exchanges[0].asked.strip() if self.exchanges else ""
        return first.partition("\n")[0][:TITLE]

    @property
    def seen(self) -> dict[str, str]:
        """Every file that was shown beyond the base, as it was shown last."""
        seen = dict(self.shown)
        for one in self.exchanges:
            seen |= one.shown
        return seen


def new_chat() -> Chat:
    """A conversation in which nothing was said."""
    return Chat(secrets.token_hex(4), time.time())


def undone(chat: Chat) -> Chat:
    """``chat`` without its last exchange; one that has none is left as it is."""
    left = chat.exchanges[:-1]
    return replace(chat, exchanges=left) if left else Chat(chat.id, chat.time)


def save_chat(state: State, chat: Chat) -> None:
    """Keep ``chat``. Raises StorageError."""
    folder = state.folder / "chats"
    write_json(folder / f"{chat.id}.json", {"version": VERSION, **_fields(chat)})
    forget_old(folder, "*.json", KEPT)


def chats(state: State) -> Iterator[Chat]:
    """The conversations that are kept and sound, the last used first."""
    found = [c for p in (state.folder / "chats").glob("*.json") if (c := _read(p))]
    yield from sorted(found, key=lambda chat: (-chat.time, chat.id))


def find_chat(state: State, name: str = "") -> Chat:
    """The conversation whose id begins with ``name``; the last one when it is empty.

    Raises UsageError when there is none, or more than one.
    """
    found = [chat for chat in chats(state) if chat.id.startswith(name)]
    if not found:
        what = (
            f"no conversation {name[:20]!r} is kept here"
            if name
            else ("there is no conversation here to continue")
        )
        raise UsageError(f"{what}: repoctx chat --list shows them all")
    if name and len(found) > 1:
        raise UsageError(f"{name[:20]!r} begins the ids of {len(found)} conversations")
    return found[0]


def _fields(chat: Chat) -> dict[str, Any]:
    fields = asdict(chat)
    fields["exchanges"] = [
        asdict(one) | {"turns": [[t.role, t.text, _plain(t.raw)] for t in one.turns]}
        for one in chat.exchanges
    ]
    return fields


def _plain(raw: object) -> object:
    """A provider's own form of an answer, where JSON can hold it."""
    try:
        return json.loads(json.dumps(raw))
    except (TypeError, ValueError, RecursionError):
        return None


def _read(path: Path) -> Chat | None:
    """The conversation in ``path``; None when it is damaged in any way."""
    fields = read_json(path)
    try:
        if fields.pop("version") != VERSION or not _ID.fullmatch(fields["id"]):
            return None
        fields["exchanges"] = tuple(_exchange(one) for one in fields["exchanges"])
        fields["marks"] = tuple(int(mark) for mark in fields["marks"])
        chat = Chat(**fields)
        texts = [chat.model, chat.digest, chat.base, chat.key, chat.overlay]
        texts += [chat.tail, chat.question, *chat.seen, *chat.seen.values()]
        texts += [text for turn in chat.turns for text in (turn.role, turn.text)]
        sound = all(isinstance(text, str) for text in texts)
        sound = sound and (chat.key.isalnum() or not chat.key)  # It names a file.
        return replace(chat, time=float(chat.time)) if sound else None
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _exchange(fields: dict[str, Any]) -> Exchange:
    turns = tuple(Turn(*turn) for turn in fields.pop("turns"))
    usage = Usage(**fields.pop("usage"))
    return Exchange(**fields, turns=turns, usage=usage)
