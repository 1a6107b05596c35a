"""What was sent last, by model: what its cache is believed to hold.

One small file a model in the state folder. It names the base, so that a warm base
stays, and keeps the overlay's text, so that a check can name the first byte that moved.
The last prefix over each of a few bases is kept: whoever goes to another branch and
back finds its cache warm.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from repoctx.flow.state import State, read_json, write_json
from repoctx.values import Capabilities

VERSION = 3

BASES = 4
"""Bases whose last prefix is remembered."""

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
    ``key`` the kept base's name, ``time`` in seconds since 1970. ``marks`` are the
    offsets at which the cache has entries (none: not known), ``window`` the
    model's in tokens, as it was learnt then (0: not known), ``ttl`` the lifetime in
    seconds that they were written for (0: the provider's usual), ``factor`` the tokens
    that were planned with for one of ours, ``way`` what else parts caches: the effort
    and verbosity asked for, and ``response`` the provider's name of the answer."""

    model: str
    base: str
    key: str
    time: float
    digest: str
    parts: tuple[Part, ...]
    overlay: str = ""
    marks: tuple[int, ...] = ()
    window: int = 0
    ttl: int = 0
    factor: float = 1.0
    way: str = ""
    response: str = ""


def remember(state: State, sent: Sent) -> None:
    """Keep ``sent`` as its model's last. Raises StorageError."""
    before = [old for old in all_sent(state, sent.model) if old.key != sent.key]
    kept = [asdict(one) for one in (sent, *before[: BASES - 1])]
    note = {"version": VERSION, "model": sent.model, "sent": kept}
    write_json(_path(state, sent.model), note)


def last_sent(state: State, model: str) -> Sent | None:
    """What ``model`` was sent last; None when nothing was, or the note is damaged."""
    return next(iter(all_sent(state, model)), None)


def all_sent(state: State, model: str) -> tuple[Sent, ...]:
    """The last prefix that ``model`` was sent over each base, newest first; none when
    the note is damaged."""
    note = read_json(_path(state, model))
    try:
        if note["version"] != VERSION or note["model"] != model:
            return ()
        return tuple(_sent(fields, model) for fields in note["sent"])
    except (AttributeError, KeyError, TypeError, ValueError):
        return ()


def models_sent(state: State) -> tuple[str, ...]:
    """The models that were sent something, the last one first."""
    found: list[tuple[float, str]] = []
    for path in (state.folder / "sent").glob("*.json"):
        note = read_json(path)
        model = note.get("model") if isinstance(note, dict) else None
        if isinstance(model, str) and (sent := last_sent(state, model)):
            found.append((sent.time, model))
    return tuple(model for _, model in sorted(found, reverse=True))


def _sent(fields: dict[str, Any], model: str) -> Sent:
    """The note of one prefix. Raises TypeError, ValueError or KeyError for another
    shape: state may be damaged in any way."""
    parts = tuple(Part(**part) for part in fields.pop("parts"))
    sent = Sent(**fields, parts=parts)
    texts = [sent.base, sent.key, sent.digest, sent.overlay, sent.way, sent.response]
    texts += [text for part in parts for text in (part.kind, part.digest)]
    numbers = [n for part in parts for n in (part.size, part.tokens)]
    numbers += [*sent.marks, sent.window, sent.ttl]
    if not all(isinstance(text, str) for text in texts) or sent.model != model:
        raise TypeError("not a note of what was sent")
    if not all(isinstance(n, int) and n >= 0 for n in numbers):
        raise ValueError("not a size")
    if not sent.key.isalnum():  # It names a file.
        raise ValueError("not a key")
    if not (math.isfinite(sent.time) and sent.time > 0):
        raise ValueError("not a time")
    if not 0.1 < sent.factor < 10:
        raise ValueError("not a factor")
    return replace(sent, marks=tuple(sent.marks))


def is_warm(sent: Sent, able: Capabilities, now: float, way: str = "") -> bool:
    """Whether the model's cache is believed to hold what was sent, for requests of the
    same ``way`` (see `Sent`).

    A clock that went back makes the age negative; then nothing is known: not warm.
    """
    age = now - sent.time
    return sent.way == way and 0 <= age <= lifetime(sent, able)


def is_cold(sent: Sent, able: Capabilities, now: float) -> bool:
    """Whether that cache has surely ended."""
    return now - sent.time > lifetime(sent, able)


def lifetime(sent: Sent, able: Capabilities) -> float:
    """Seconds that the cache keeps what was sent, as far as is known."""
    return float(sent.ttl or next(iter(able.ttls), UNKNOWN_TTL))


def _path(state: State, model: str) -> Path:
    name = hashlib.sha256(model.encode()).hexdigest()[:16]
    return state.folder / "sent" / f"{name}.json"
