"""Jobs of a server in one thread, one after another, so that the protocol never waits:
pings are answered, progress is told and a cancellation is heard while a job runs."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar, cast

from repoctx.errors import Interrupted
from repoctx.values import Progress

T = TypeVar("T")

Tell = Callable[[float, float | None, str], Awaitable[None]]
"""Tells a client of (done, total, what)."""

EVERY = 0.25
"""Seconds between two notices of progress."""

PATIENCE = 5.0
"""Seconds that a cancelled job has to end before the process does without."""


@dataclass(slots=True)
class News:
    """How far a job is, as numbers that only grow over all its steps."""

    what: str = ""
    done: int = 0
    total: int = 0
    before: int = 0

    def step(self, what: str, done: int, total: int) -> None:
        """Note a report of progress."""
        if what != self.what or done < self.done:
            self.before += self.done
        self.what, self.done, self.total = what, done, total


@dataclass(slots=True)
class Order(Generic[T]):
    """A job, what came of it, how far it is, and whether anybody still wants it."""

    job: Callable[[Progress], T]
    future: Future[T] = field(default_factory=Future)
    news: News = field(default_factory=News)
    unwanted: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Do it, in the worker's thread."""
        if self.unwanted.is_set() or not self.future.set_running_or_notify_cancel():
            return
        try:
            self.future.set_result(self.job(self._progress))
        except BaseException as exc:  # noqa: BLE001 - whoever waits gets it
            self.future.set_exception(exc)

    def _progress(self, what: str, done: int, total: int) -> None:
        if self.unwanted.is_set():
            raise Interrupted("cancelled")
        self.news.step(what, done, total)


class Worker:
    """The thread that does the jobs."""

    def __init__(self) -> None:
        self._orders: queue.SimpleQueue[Order[object] | None] = queue.SimpleQueue()
        self._now: Order[object] | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while (order := self._orders.get()) is not None:
            self._now = order
            order.run()
            self._now = None
            del order

    def close(self) -> None:
        """End the thread; what runs is given a moment to stop at its next step."""
        if (order := self._now) is not None:
            order.unwanted.set()
        self._orders.put(None)
        self._thread.join(PATIENCE)

    async def do(self, job: Callable[[Progress], T], tell: Tell | None = None) -> T:
        """What ``job`` returns or raises. Cancelled, it stops at its next step."""
        order = Order(job)
        self._orders.put(cast("Order[object]", order))
        waiting = asyncio.wrap_future(order.future)
        try:
            while tell is not None:
                done, _ = await asyncio.wait({waiting}, timeout=EVERY)
                if done:
                    break
                await _tell(order.news, tell)
            return await waiting
        except asyncio.CancelledError:
            order.unwanted.set()
            raise


async def _tell(news: News, tell: Tell) -> None:
    at, of, what = news.before + news.done, news.total, news.what
    if what:
        await tell(at, news.before + of if of else None, f"{what}: {news.done}/{of}")
