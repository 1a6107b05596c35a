"""The job of packing for one model: its window, and the base that its cache holds.

Apart from asking, because a warm ``pack`` takes a tenth of a second in all.
"""

from __future__ import annotations

import time
from dataclasses import replace

from repoctx.flow.model import Model, tokenizer_for
from repoctx.flow.pack import NOTHING, Memory, Packed, pack
from repoctx.flow.sent import Sent, all_sent, is_cold, is_warm, last_sent
from repoctx.flow.session import Session
from repoctx.pack.budget import Room, prompt_room
from repoctx.pack.marks import marks


def room_for(session: Session, model: Model, exact: bool, factor: float = 0) -> Room:
    """What a prompt for ``model`` may hold, in our tokens; ``factor`` are the model's
    for one of them (0: as it was learnt last)."""
    settings, able = session.settings, model.able
    answer = settings.answer_room or min(able.output, able.window // 4)
    cliff = 0 if settings.past_cliff else able.cliff
    room = prompt_room(able.window, answer, settings.budget, cliff, exact)
    return replace(room, limit=int(room.limit / (factor or model.scale.factor)))


def pack_for(session: Session, model: Model) -> Packed:
    """The prefix for ``model``, on the base that its cache is believed to hold.

    While it does, the prefix is fitted with the factor that it was sent with: what is
    learnt meanwhile must not move its bytes.
    """
    sent = last_sent(session.state, model.name)
    memory, factor = NOTHING, model.scale.factor
    if sent is not None:
        now = time.time()
        warm = is_warm(sent, model.able, now, session.way)
        factor = sent.factor if warm else factor
        memory = Memory((sent.base,) if warm else (), is_cold(sent, model.able, now))
    counter = tokenizer_for(session, model)
    limit = room_for(session, model, counter.exact, factor).limit
    packed = pack(session, counter, memory, limit)
    before = held(session, model, packed.key)
    known = (before.overlay, before.marks) if before else ("", ())
    places = marks(packed.prefix.segments, *known)
    prefix = replace(packed.prefix, marks=places)
    return replace(packed, prefix=prefix, factor=factor)


def held(session: Session, model: Model, key: str) -> Sent | None:
    """What was sent last over the base ``key``, where the model's cache is believed to
    hold it still."""
    now = time.time()
    over = (sent for sent in all_sent(session.state, model.name) if sent.key == key)
    warm = (sent for sent in over if is_warm(sent, model.able, now, session.way))
    return next(warm, None)
