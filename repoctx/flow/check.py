"""The job of foreseeing: what a cache would serve of the prefix, before it is sent.

Nothing is sent and no network is touched.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from repoctx.ask.choose import Choice
from repoctx.ask.prices import Ref, facts
from repoctx.errors import UnknownModel
from repoctx.flow.differs import Difference, Seen, differs
from repoctx.flow.model import Model, choose_model, counting
from repoctx.flow.pack import Packed
from repoctx.flow.packing import pack_for, room_for
from repoctx.flow.price import price
from repoctx.flow.sent import Sent, all_sent, is_warm, models_sent
from repoctx.flow.session import Session, something_in
from repoctx.pack.marks import marks
from repoctx.pack.tokens import Scale
from repoctx.values import (
    Capabilities,
    Count,
    Delta,
    Prefix,
    Request,
    SegmentKind,
    Usage,
)


@dataclass(frozen=True, slots=True)
class Band:
    """One part of the prompt: its kind, bytes, tokens, and how many of the tokens a
    cache is believed to hold."""

    kind: str
    size: int
    count: Count
    cached: int


@dataclass(frozen=True, slots=True)
class Check:
    """What is foreseen for a prefix.

    ``sends`` is False for a provider that reads no prompt, ``served`` when no provider
    here serves the model. ``sent`` is the last prefix the model was sent, ``age`` its
    seconds, ``warm`` whether its cache is believed to hold it; ``difference`` is None
    when nothing differs or nothing was sent. ``cached``, ``written`` and ``plain``
    tokens add up to the prefix; ``cached_bytes`` lie in the cache. Costs are USD of the
    prefix alone, as foreseen and with a cold cache; None when prices are not known.
    ``room`` tokens are left for tail and question (0: no limit), of ``window`` in all
    (0: unknown); ``others`` are models that were sent something, where this never is.
    ``error`` is by how much of the tokens the model's last counts were off (None:
    nothing was counted yet, or the count is exact). ``parted``: the last prefix was
    sent with another effort or verbosity, which has a cache of its own.
    """

    packed: Packed
    model: Model
    served: bool
    sent: Sent | None
    age: float
    warm: bool
    difference: Difference | None
    cached: Count
    written: Count
    plain: Count
    cached_bytes: int
    cost: float | None
    cold_cost: float | None
    bands: tuple[Band, ...]
    room: int = 0
    window: int = 0
    others: tuple[str, ...] = ()
    error: float | None = None
    parted: bool = False

    @property
    def sends(self) -> bool:
        """Whether the model is sent any of this."""
        return self.model.able.reads_context

    @property
    def count(self) -> Count:
        """Tokens of the whole prefix, as the model counts them."""
        return self.cached + self.written + self.plain


def check(session: Session) -> Check:
    """Pack for the chosen model, and foresee what its cache serves.

    A model that no provider here serves is foreseen all the same, when its limits or
    prices are known. Raises UnknownModel, AuthError, NotARepository where there is
    nothing to send, and what packing raises.
    """
    model = model_to_check(session)
    packed = pack_for(session, model)
    something_in(session, packed.now)
    return foresee(session, packed, model)


def model_to_check(session: Session) -> Model:
    """The model that the settings name, also one that no provider here serves but whose
    limits are known. Raises UnknownModel, MissingExtra, AuthError."""
    try:
        return choose_model(session)
    except UnknownModel:
        provider, _, name = session.settings.model.partition("/")
        known = facts(Ref(provider, name), time.time())
        if known is None:
            raise
        choice = Choice(provider, name, why="known, but not installed here")
        able = known.able
        return counting(session, Model(_Unserved(provider, able), choice, able, known))


def foresee(
    session: Session, packed: Packed, model: Model, *, priced: bool = True
) -> Check:
    """What ``model`` would find in its cache of ``packed``, were it sent now; costs are
    left out unless ``priced``, for prices take 0.2 s to load."""
    now, prefix, scale = time.time(), packed.prefix, model.scale
    able = replace(model.able, minimum=int(model.able.minimum / scale.factor))
    sent = all_sent(session.state, model.name) if able.reads_context else ()
    seen = [Seen(one, differs(session.state, prefix, one)) for one in sent]
    warm = [one for one in seen if is_warm(one.sent, able, now, session.way)]
    last = seen[0] if seen else None
    places = prefix.marks or marks(prefix.segments)
    cached, written, held = served(prefix, able, places, warm)
    _, cold, _ = served(prefix, able, places, [])
    total = prefix.count.tokens
    room = room_for(session, model, prefix.count.exact).tokens

    def count(tokens: int) -> Count:
        return scale.of(Count(tokens, prefix.count.exact))

    def cost(hit: int, new: int) -> float | None:
        used = Usage(count(total).tokens, count(hit).tokens, count(new).tokens)
        return price(model, used, now) if priced else None

    return Check(
        packed=packed,
        model=model,
        served=not isinstance(model.provider, _Unserved),
        sent=last.sent if last else None,
        age=now - last.sent.time if last else 0.0,
        warm=bool(warm) and warm[0] is last,
        difference=last.difference if last else None,
        cached=count(cached),
        written=count(written),
        plain=count(total - cached - written),
        cached_bytes=held,
        cost=cost(cached, written),
        cold_cost=cost(0, cold),
        bands=_bands(prefix, scale, cached),
        room=count(max(0, room - total)).tokens,
        window=able.window,
        others=() if able.reads_context else models_sent(session.state),
        error=None if prefix.count.exact else scale.error,
        parted=last is not None and last.sent.way != session.way,
    )


# --- what a cache serves ----------------------------------------------------------


def served(
    prefix: Prefix, able: Capabilities, places: Sequence[int], warm: Sequence[Seen]
) -> tuple[int, int, int]:
    """(tokens read from the cache, tokens written to it, bytes read from it).

    ``places`` are the prefix's marks, ``warm`` what the cache is believed to hold. By
    kind: ``automatic`` serves any common prefix; ``marks`` serves what was written at
    a mark, if the prefix still has a block that ends there; ``explicit`` holds the base
    alone. A prefix below the model's minimum is neither read nor written.
    """
    if able.cache == "automatic":
        top = prefix.size
        held = [one.common(prefix) for one in warm]
    elif able.cache in ("marks", "explicit") and places:
        most = max(1, able.marks) if able.cache == "marks" else 1
        top = max(places[:most])
        # Without looking back only the request's own breakpoints are read.
        readable = places if able.look_back else places[:most]
        held = [
            at
            for one in warm
            for at in _written(one.sent, able.cache)
            if at <= one.common(prefix) and at in readable
        ]
    else:
        return 0, 0, 0
    tokens = {at: tokens_before(prefix, at) for at in {top, *held}}
    hit = max((at for at in held if tokens[at] >= able.minimum), default=0)
    cached = tokens[hit] if hit else 0
    written = tokens[top] - cached if tokens[top] >= max(able.minimum, cached) else 0
    return cached, written, hit


def _written(sent: Sent, kind: str) -> tuple[int, ...]:
    """The offsets at which there are entries of what was sent."""
    if sent.marks:
        return sent.marks if kind == "marks" else sent.marks[:1]
    ends, at = [], 0
    for part in sent.parts:
        at += part.size
        if part.kind != SegmentKind.PREAMBLE:
            ends.append(at)
    return tuple(ends if kind == "marks" else ends[:1])


def tokens_before(prefix: Prefix, offset: int) -> int:
    """Tokens of the first ``offset`` bytes; by the share of bytes inside a document."""
    total = 0
    for segment in prefix.segments:
        if offset >= segment.size:
            total += segment.count.tokens
            offset -= segment.size
            continue
        if not segment.units:
            return total + segment.count.tokens * offset // max(segment.size, 1)
        for unit in segment.units:
            if offset < unit.offset + unit.size:
                inside = offset - unit.offset
                return total + unit.count.tokens * inside // max(unit.size, 1)
            total += unit.count.tokens
        return total
    return total


def _bands(prefix: Prefix, scale: Scale, cached: int) -> tuple[Band, ...]:
    bands = []
    for segment in prefix.segments:
        count, left = segment.count, max(0, cached)
        hit = min(left, count.tokens)
        cached -= count.tokens
        held = scale.of(Count(hit)).tokens
        bands.append(Band(segment.kind, segment.size, scale.of(count), held))
    return tuple(bands)


class _Unserved:
    """Stands for a provider that is not installed: its limits are known, no more."""

    def __init__(self, name: str, able: Capabilities) -> None:
        self.name = name
        self._able = able

    def models(self) -> Sequence[str]:
        """None can be asked."""
        return ()

    def capabilities(self, model: str) -> Capabilities:
        """What is known of the model."""
        return self._able

    def stream(self, request: Request) -> Iterator[Delta]:
        """Raises UnknownModel: there is nobody to send to."""
        raise UnknownModel(f"no provider here serves {self.name}/{request.model}")
