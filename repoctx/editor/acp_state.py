"""What a session of ACP is: a conversation in one folder, its mode, who answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from acp.schema import (
    SessionConfigOptionBoolean,
    SessionConfigOptionSelect,
    SessionConfigSelectOption,
    SessionMode,
    SessionModeState,
)

from repoctx.editor.jobs import Job

if TYPE_CHECKING:
    from repoctx.flow.chats import Chat

ASK, EDIT, REVIEW = "ask", "edit", "review"

MODES = {
    ASK: ("Ask", "Answer from the whole repository; nothing is changed"),
    EDIT: ("Edit", "Change files, all or none, after you have seen the diff"),
    REVIEW: ("Review", "Say what is wrong with a change: uncommitted, staged, BRANCH"),
}
"""Id to name and description; a session begins in the first."""

MODE, MODEL = "mode", "model"
"""The ids of the configuration options."""


@dataclass(slots=True)
class Talk:
    """A session. ``always`` is what the person said of all edits to come (None:
    ask each time); ``job`` is the turn that runs."""

    cwd: Path
    chat: Chat
    model: str
    models: tuple[str, ...] = ()
    named: bool = False
    mode: str = ASK
    always: bool | None = None
    job: Job | None = None
    told: set[str] = field(default_factory=set)

    @property
    def id(self) -> str:
        """The conversation's own."""
        return self.chat.id

    @property
    def flags(self) -> dict[str, Any]:
        """The settings that this session overrides."""
        flags: dict[str, Any] = {"output_format": "text"}
        return flags | {"model": self.model} if self.named else flags

    def offer(self, names: Iterable[str]) -> None:
        """Offer these models too."""
        self.models = tuple(dict.fromkeys([*self.models, *filter(None, names)]))


def modes(talk: Talk) -> SessionModeState:
    """The modes, and which is on."""
    return SessionModeState(
        current_mode_id=talk.mode,
        available_modes=[
            SessionMode(id=key, name=name, description=what)
            for key, (name, what) in MODES.items()
        ],
    )


def options(
    talk: Talk,
) -> list[SessionConfigOptionSelect | SessionConfigOptionBoolean]:
    """What can be set, with its present value: the same modes, and the model."""
    by_mode = [(key, name) for key, (name, _) in MODES.items()]
    by_model = [(name, name) for name in dict.fromkeys([talk.model, *talk.models])]
    return [
        _select("mode", "Mode", talk.mode, by_mode),
        _select("model", "Model", talk.model, by_model),
    ]


def _select(
    key: Literal["mode", "model"],
    name: str,
    value: str,
    rows: Sequence[tuple[str, str]],
) -> SessionConfigOptionSelect:
    return SessionConfigOptionSelect(
        type="select",
        id=key,
        name=name,
        category=key,
        current_value=value,
        options=[SessionConfigSelectOption(value=v, name=n) for v, n in rows],
    )
