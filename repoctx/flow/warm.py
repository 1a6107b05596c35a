"""The job of warming: a cache filled before anybody asks, and kept while that pays."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from repoctx.ask.ledger import WARM
from repoctx.ask.receive import Round
from repoctx.ask.warmth import gaps, worth_keeping
from repoctx.errors import ProviderError, RepoctxError, UsageError
from repoctx.flow.ask import in_memory
from repoctx.flow.bill import past_requests
from repoctx.flow.books import Books
from repoctx.flow.model import Model, choose_model
from repoctx.flow.packing import pack_for
from repoctx.flow.price import price, storage
from repoctx.flow.sending import keep_in_mind, note_of
from repoctx.flow.sent import Sent, last_sent, lifetime
from repoctx.flow.session import Session, something_in
from repoctx.protocols import Prewarms
from repoctx.values import Request, Usage

QUESTION = "Say OK.\n"
"""For servers that take no prompt without one; it stands behind what is cached."""

MARGIN, SHARE = 30.0, 0.1
"""A cache is refreshed so many seconds before it ends, or this share of its life."""

STEP = 30.0
"""Most seconds between two looks at the clock: a machine may have slept."""

AGAIN = 5.0
"""Seconds until a refresh that failed is tried again."""

READ, WRITE = 0.1, 1.25
"""Prices in input prices where none are known: those of most vendors."""


@dataclass(frozen=True, slots=True)
class Warmed:
    """What one warming did. ``held`` tokens are believed to lie in the cache now, for
    ``lasts`` seconds (0: the provider did nothing, or nothing is known of its time);
    ``fresh`` says that most of them were written by this."""

    model: Model
    usage: Usage
    held: int
    lasts: float
    fresh: bool


@dataclass(frozen=True, slots=True)
class Bounds:
    """What keeping warm may take: seconds, and USD (0: no bound of its own)."""

    seconds: float
    cost: float = 0.0


@dataclass(frozen=True, slots=True)
class Kept:
    """How keeping warm ended, after how many refreshes and USD (None: not known)."""

    why: str
    refreshes: int
    cost: float | None


def warm(session: Session) -> Warmed:
    """Have the chosen model's provider cache the prefix as it is now.

    Raises UsageError when it has no way to, BudgetExceeded as asking does, and what
    packing and sending raise.
    """
    model = choose_model(session, learn=True)
    if not model.able.reads_context:
        raise UsageError(f"{model.name} is sent no prompt: there is nothing to warm")
    if not isinstance(model.provider, Prewarms):
        raise UsageError(
            f"{model.name} cannot be warmed beforehand: the first question warms it"
        )
    done = _warmed(session, model)
    if done is None:
        raise AssertionError
    return done


def _warmed(session: Session, model: Model, *, anew: bool = True) -> Warmed | None:
    """Warm ``model``; None, and nothing is sent, when it would be written anew and
    ``anew`` does not allow it."""
    packed = pack_for(session, model)
    something_in(session, packed.now)
    books = Books(session, model, packed, WARM)
    prefix = in_memory(packed.prefix)
    request = Request(model.choice.model, prefix, "", QUESTION, max_output=1)
    request = books.open(request)
    bill = books.bill
    if bill is None or not isinstance(model.provider, Prewarms):
        raise AssertionError
    if not (anew or bill.is_warm):
        return None
    session.progress(f"warming {model.name}", 0, 0)
    began, used, error = time.time(), Usage(), ""
    try:
        used = model.provider.prewarm(request)
    except RepoctxError as exc:
        error = f"{type(exc).__name__}: {exc}"
        raise
    finally:
        entry = books.entry(Round(used, time.time() - began, error=error))
        books.write(entry)
    explicit = model.able.cache == "explicit"
    if not used.input and not explicit:
        return Warmed(model, entry.usage, 0, 0.0, fresh=False)
    note = note_of(model, packed, time.time(), books.ttl)
    keep_in_mind(session, note)
    held = bill.check.cached.tokens if explicit and not used.input else used.input
    lasts = lifetime(note, model.able) if model.able.ttls else 0.0
    return Warmed(model, entry.usage, held, lasts, fresh=2 * used.cached < used.input)


def keep(
    opened: Callable[[], AbstractContextManager[Session]],
    first: Warmed,
    bounds: Bounds,
    tell: Callable[[Warmed], None],
    pause: Callable[[float], None] = time.sleep,
) -> Kept:
    """Refresh the cache that ``first`` filled just before it ends, while that pays.

    ``opened`` opens the repository as it is then, ``tell`` is told of each refresh.
    Questions asked meanwhile, from anywhere, refresh it too and are waited for. Ends by
    itself: at the bounds, when by the gaps seen it costs more to keep than to write
    anew, when the prefix has moved, when the cache has ended. Raises what warming does
    when it may not be tried again.
    """
    keeping = _Keeping(first, bounds)
    if not first.lasts:
        return keeping.ended("how long its cache lives is not known: nothing to renew")
    while True:
        with opened() as session:
            sent = last_sent(session.state, first.model.name)
            if sent is None:
                return keeping.ended("what was sent is not known any more")
            wait = keeping.due(sent) - time.time()
            if wait <= 0:
                if why := keeping.over(session, sent):
                    return keeping.ended(why)
                try:
                    done = _warmed(session, first.model, anew=False)
                except ProviderError as exc:
                    if not exc.retryable or keeping.end(sent) <= time.time():
                        raise
                    session.notes.append(str(exc))
                    wait = min(AGAIN, keeping.end(sent) - time.time())
                else:
                    if done is None:
                        return keeping.ended("the prefix has moved")
                    keeping.add(done)
                    tell(done)
        left = keeping.until - time.time()
        if left <= 0:
            return keeping.ended("it was kept as long as was asked for")
        if wait > 0:
            pause(min(wait, left, STEP))


class _Keeping:
    """What keeping one cache warm has cost so far, and whether to go on."""

    def __init__(self, first: Warmed, bounds: Bounds) -> None:
        self.until = time.time() + bounds.seconds
        self._began = time.time()
        self._model = first.model
        self._held = first.held
        self._bounds = bounds
        self._costs = [first.usage.cost]
        self._refreshes = 0

    def end(self, sent: Sent) -> float:
        """When the cache ends, in seconds since 1970."""
        return sent.time + lifetime(sent, self._model.able)

    def due(self, sent: Sent) -> float:
        """When it should be refreshed."""
        lasts = lifetime(sent, self._model.able)
        return self.end(sent) - min(MARGIN, SHARE * lasts)

    def over(self, session: Session, sent: Sent) -> str:
        """Why not to refresh it once more; empty: it pays."""
        now = time.time()
        if self.end(sent) <= now:
            return "the cache has ended meanwhile"
        read, write = self._prices(sent, now)
        if self._bounds.cost and self._spent() + read > self._bounds.cost:
            return f"--max-cost ${self._bounds.cost:g} is reached"
        past = [row.time for row in past_requests(session, self._model)]
        idle = now - max([self._began, *past[-1:]])
        every = self.due(sent) - sent.time
        if write <= 0 or worth_keeping(gaps(past), idle, every, read, write):
            return ""
        return "by now it costs less to write it anew when it is asked"

    def _prices(self, sent: Sent, now: float) -> tuple[float, float]:
        """What a refresh costs, and what writing anew does."""
        held, model = self._held, self._model
        write = price(model, Usage(held, cache_write=held), now, sent.ttl)
        if write is None:
            return READ, WRITE
        if model.able.cache == "explicit":
            return storage(model, held, self.due(sent) - sent.time), write
        return price(model, Usage(held, cached=held), now, sent.ttl) or 0.0, write

    def add(self, done: Warmed) -> None:
        """Count a refresh."""
        self._refreshes += 1
        self._costs.append(done.usage.cost)
        self._held = done.held or self._held

    def _spent(self) -> float:
        return sum(cost or 0.0 for cost in self._costs)

    def ended(self, why: str) -> Kept:
        """The account."""
        known = all(cost is not None for cost in self._costs)
        return Kept(why, self._refreshes, self._spent() if known else None)
