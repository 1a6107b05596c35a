"""What a request is foreseen to use, before it is sent: of the cache, and of money."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from repoctx.ask.ledger import WARM, Entry, of_model
from repoctx.ask.warmth import best_ttl, gaps
from repoctx.errors import StorageError
from repoctx.flow.check import Check, foresee
from repoctx.flow.model import Model, tokenizer_for
from repoctx.flow.pack import Packed
from repoctx.flow.price import price
from repoctx.flow.sent import is_warm, last_sent
from repoctx.flow.session import Session
from repoctx.values import Request, Usage

USUAL_ERROR = 0.06
"""By how much an estimate may be off before a provider has counted; see `tokens`."""

USUAL_OUTPUT = 1000
"""Tokens of an answer, before there were any."""

REMEMBERED = 200
"""Requests whose gaps and lengths say what is usual."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What is foreseen of a request: what its cache serves, the whole of it in our
    tokens (``ours``), and the usage as the model counts, with an answer of usual
    length."""

    check: Check
    ours: int
    usage: Usage

    @property
    def at_worst(self) -> Usage:
        """The input, by the error of an estimate more than is foreseen."""
        used = replace(self.usage, output=0)
        if self.check.count.exact:
            return used
        error = self.check.error
        more = 1 + (USUAL_ERROR if error is None else error)
        parts = (used.input, used.cached, used.cache_write)
        return Usage(*(round(part * more) for part in parts))

    @property
    def is_warm(self) -> bool:
        """Whether the cache is believed to hold the larger part of the prefix."""
        return 2 * self.check.cached.tokens > self.check.count.tokens


def bill_for(
    session: Session,
    model: Model,
    packed: Packed,
    request: Request,
    past: Sequence[Entry],
) -> Bill:
    """What ``request``, which begins with ``packed``, would use were it sent now; the
    ``past`` requests tell how long answers are."""
    check = foresee(session, packed, model, priced=False)
    counter = tokenizer_for(session, model)
    texts = [request.tail, request.question, *(turn.text for turn in request.turns)]
    ours = request.prefix.count.tokens
    ours += sum(counter.count_many([text for text in texts if text]))
    outputs = sorted(row.usage.output for row in past if row.usage.output)
    usual = outputs[len(outputs) // 2] if outputs else USUAL_OUTPUT
    whole = round(ours * model.scale.factor)
    hit, new = check.cached.tokens, check.written.tokens
    return Bill(check, ours, Usage(whole, hit, new, min(usual, request.max_output)))


def past_requests(session: Session, model: Model) -> list[Entry]:
    """The last requests that somebody made; none when the ledger cannot be read."""
    try:
        rows = of_model(session.state.ledger, model.name, REMEMBERED)
    except StorageError:
        return []
    return [row for row in rows if row.door != WARM]


def ttl_for(session: Session, model: Model, tokens: int, past: Sequence[Entry]) -> int:
    """The lifetime in seconds to write the cache for: while it is warm the one that it
    was written for, then the one that the gaps seen make the cheapest."""
    able, now = model.able, time.time()
    sent = last_sent(session.state, model.name)
    warm = sent is not None and is_warm(sent, able, now, session.way)
    if sent is not None and warm and sent.ttl in able.ttls:
        return sent.ttl
    usual = next(iter(able.ttls), 0)
    seen = gaps([row.time for row in past])
    if len(able.ttls) < 2:
        return usual
    prices = {}
    for ttl in able.ttls:
        read = price(model, Usage(tokens, cached=tokens), now, ttl)
        write = price(model, Usage(tokens, cache_write=tokens), now, ttl)
        if read is None or write is None:
            return usual
        prices[ttl] = (read, write)
    return best_ttl(seen, prices)
