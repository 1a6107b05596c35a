"""The books of one answer: what it will cost, what it may, what it did and why.

Before it is sent the cache's part is foreseen and the money bounded; after each request
the usage is priced and what the provider counted is learnt from.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from repoctx.ask.ledger import WARM, Entry, record
from repoctx.ask.receive import Round
from repoctx.errors import BudgetExceeded, StorageError
from repoctx.flow.ledgers import note_ledger, repository_of
from repoctx.flow.model import Model, tokenizer_for
from repoctx.flow.pack import Packed
from repoctx.flow.price import price, storage, without_cache
from repoctx.flow.scale import learn_scale
from repoctx.flow.session import Session
from repoctx.values import Answer, Request, Usage

if TYPE_CHECKING:
    from repoctx.flow.bill import Bill
    from repoctx.flow.check import Check

LEAST_OUTPUT = 256
"""Tokens: an answer that may be no longer is not worth its prompt."""


class Books:
    """Keeps the accounts of one answer; ``door`` is the command that asks."""

    def __init__(
        self, session: Session, model: Model, packed: Packed | None, door: str
    ) -> None:
        self.bill: Bill | None = None
        self.ttl = 0
        self._session = session
        self._model = model
        self._packed = packed
        self._door = door
        self._prefix = ""
        self._costs: list[float | None] = []
        self._withouts: list[float | None] = []
        self._past: Sequence[Entry] = ()
        self._first = Usage()
        self._cap = 0

    def open(self, request: Request) -> Request:
        """Foresee what ``request`` uses, and bound it: with a lifetime for the cache,
        and no longer an answer than the money allows.

        Raises BudgetExceeded when the money is not enough, or somebody who was asked
        does not want to spend it. Nothing is sent before.
        """
        self._prefix = request.prefix.digest
        if self._packed is None:
            return request
        # An answer without a model needs none of it.
        from repoctx.flow.bill import bill_for, past_requests, ttl_for

        session, model = self._session, self._model
        past = self._past = past_requests(session, model)
        self.ttl = ttl_for(session, model, request.prefix.count.tokens, past)
        self.bill = bill_for(session, model, self._packed, request, past)
        request = replace(request, ttl=self.ttl)
        if session.settings.max_cost:
            request = self._bounded(request, self.bill)
        elif session.confirm is not None:
            self._confirm(self.bill)
        self._cap = request.max_output
        return request

    def _bounded(self, request: Request, bill: Bill) -> Request:
        """``request`` with an answer that --max-cost pays for."""
        most = self._session.settings.max_cost
        left = most - self._session.spent
        spent = self._price(bill.at_worst)
        if spent is None:
            raise BudgetExceeded(
                f"the price of {self._model.name} is not known, so --max-cost cannot "
                "be kept (0 takes the limit away); nothing was sent"
            )
        rate = self._rate()
        room = int((left - spent) / rate) if rate else request.max_output
        if spent > left or room < min(LEAST_OUTPUT, request.max_output):
            raise BudgetExceeded(
                f"the prompt alone costs about ${spent:.4f}, and --max-cost allows "
                f"${most:g} with the answer{self._before()}; nothing was sent"
            )
        return replace(request, max_output=min(request.max_output, room))

    def _before(self) -> str:
        spent = self._session.spent
        return f", of which ${spent:.4f} are spent" if spent else ""

    def _confirm(self, bill: Bill) -> None:
        """Ask whether to write a large prefix anew."""
        session, used = self._session, bill.usage
        least = session.settings.ask_above
        if not least or session.confirm is None or bill.is_warm:
            return
        cost = self._price(replace(used, output=0))
        if cost is None or cost < least:
            return
        more = ""
        if self._door != WARM:
            more = f", a usual answer ${self._rate() * used.output:.2f} more"
        question = (
            f"The cache of {self._model.name} is cold: ~{used.input:,} tokens cost "
            f"about ${cost:.2f}{more}. Send them?"
        )
        session.progress("", 0, 0)
        if not session.confirm(question):
            raise BudgetExceeded("nothing was sent")

    def entry(self, one: Round) -> Entry:
        """The ledger's row for a request that was sent; its count is learnt from."""
        began, first = time.time() - one.seconds, not self._costs
        used = one.usage
        if used.input or not one.error:
            used = self._priced(used, began)
        without = None
        if used.input:
            without = without_cache(self._model, used, began)
        self._costs.append(used.cost)
        self._session.spent += used.cost or 0.0
        self._withouts.append(without)
        bill = self.bill if first else None
        if bill is not None:
            self._first = used
            if self._door != WARM:  # Not all of it need have been sent.
                self._learn(bill, used)
        return Entry(
            time=began,
            door=self._door,
            model=self._model.name,
            prefix=self._prefix,
            usage=used,
            seconds=one.seconds,
            stop=one.stop or "",
            error=one.error,
            repository=repository_of(self._session),
            predicted=bill.usage.cached if bill else None,
            without=without,
            ttl=self.ttl,
            estimated=bill.ours if bill else 0,
        )

    def write(self, entry: Entry) -> None:
        """Put ``entry`` into the ledger; what hinders that is noted."""
        try:
            record(self._session.state.ledger, entry)
        except StorageError as exc:  # What came is worth more than our notes on it.
            self._session.notes.append(str(exc))
            return
        if entry.usage.input:
            note_ledger(self._session)

    def go_on(self, last: Usage) -> None:
        """Whether another request over the same prefix may follow one that used
        ``last``. Raises BudgetExceeded when it could cost more than is allowed."""
        most = self._session.settings.max_cost
        if not most or self.bill is None:
            return
        again = Usage(last.input + last.output, last.input, last.output)
        spent, more = self._session.spent, self._price(again)
        if more is None:
            return
        if spent + more + self._rate() * self._cap > most:
            raise BudgetExceeded(
                f"the answer was cut, and asking for the rest could pass --max-cost: "
                f"${spent:.4f} of ${most:g} are spent"
            )

    def close(self, answer: Answer) -> Answer:
        """``answer`` with its cost; a cache that did not serve is noted."""
        if self.bill is not None and self._first.input:
            from repoctx.flow.miss import missed

            note = missed(self.bill, self._first, answer.miss, self._past)
            if note:
                self._session.notes.append(note)
        return replace(answer, usage=replace(answer.usage, cost=self.cost))

    @property
    def cost(self) -> float | None:
        """USD of all requests so far; None when it is not known of each."""
        return _sum(self._costs)

    @property
    def saved(self) -> float | None:
        """USD that the cache saved (negative: cost more); None when not known."""
        cost, without = self.cost, _sum(self._withouts)
        return None if cost is None or without is None else without - cost

    def _priced(self, used: Usage, when: float) -> Usage:
        if used.cost is not None:
            return used
        cost = price(self._model, used, when, self.ttl) if used.input else 0.0
        if cost is not None and self.bill is not None and not self._costs:
            # A refresh that sent nothing prolonged all that was held.
            held = used.cached if used.input else self.bill.check.cached.tokens
            cost += kept(self._model, self.bill.check, held, self.ttl)
        return replace(used, cost=cost) if cost or used.input else used

    def _price(self, used: Usage) -> float | None:
        return price(self._model, used, time.time(), self.ttl)

    def _rate(self) -> float:
        """USD of a token of the answer, beside this prompt."""
        bill = self.bill
        used = Usage(bill.usage.input) if bill else Usage()
        plain, more = self._price(used), self._price(replace(used, output=1000))
        return 0.0 if plain is None or more is None else (more - plain) / 1000

    def _learn(self, bill: Bill, used: Usage) -> None:
        session = self._session
        counter = tokenizer_for(session, self._model)
        try:
            learn_scale(session.state, self._model.name, counter, bill.ours, used.input)
        except StorageError as exc:
            session.notes.append(str(exc))


def kept(model: Model, check: Check, cached: int, ttl: int) -> float:
    """USD for storing what an explicit cache served, since it was last asked."""
    if not cached or check.sent is None:
        return 0.0
    return storage(model, cached, min(max(check.age, 0.0), ttl or check.age))


def _sum(amounts: Sequence[float | None]) -> float | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known and len(known) == len(amounts) else None
