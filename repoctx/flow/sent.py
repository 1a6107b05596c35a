"""What was sent last, by model: what its cache is believed to hold.

One small file a model in the state folder. It names the base, so that a warm base
stays, and keeps the overlay's text, so that a check can name the first byte that moved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from repoctx.flow.state import State, read_json, write_json
from repoctx.values import Capabilities

VERSION = 1

UNKNOWN_TTL = 24 * 3600.0
"""Seconds after which a cache of unknown lifetime has surely ended."""


@dataclass(frozen=True, slots=True)
class Part:
    """One segment as it was sent: its kind, digest, bytes and tokens."""

    kind: str
    digest: str
    size: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Sent:
    """The last prefix that a model was sent. ``base`` is a commit or ``tree:DIGEST``,
    ``key`` the kept base's name, ``time`` in seconds since 1970."""

    model: str
    base: str
    key: str
    time: float
    digest: str
    parts: tuple[Part, ...]
    overlay: str = ""


def remember(state: State, sent: Sent) -> None:
    """Keep ``sent`` as its model's last. Raises StorageError."""
    write_json(_path(state, sent.model), {"version": VERSION, **asdict(sent)})


def last_sent(state: State, model: str) -> Sent | None:
    """What ``model`` was sent last; None when nothing was, or the note is damaged."""
    fields = read_json(_path(state, model))
    try:
        if fields.pop("version") != VERSION or fields["model"] != model:
            return None
        fields["parts"] = tuple(Part(**part) for part in fields["parts"])
        sent = Sent(**fields)
        return sent if sent.time > 0 and isinstance(sent.overlay, str) else None
    except (AttributeError, KeyError, TypeError):
        return None


def is_warm(sent: Sent, able: Capabilities, now: float) -> bool:
    """Whether the model's cache is believed to hold what was sent.

    A clock that went back makes the age negative; then nothing is known: not warm.
    """
    age = now - sent.time
    return 0 <= age <= _lifetime(able.ttls)


def is_cold(sent: Sent, able: Capabilities, now: float) -> bool:
    """Whether that cache has surely ended."""
    return now - sent.time > _lifetime(able.ttls)


def _lifetime(ttls: Sequence[int]) -> float:
    return float(max(ttls)) if ttls else UNKNOWN_TTL


def _path(state: State, model: str) -> Path:
    name = hashlib.sha256(model.encode()).hexdigest()[:16]
    return state.folder / "sent" / f"{name}.json"
