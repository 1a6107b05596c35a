"""Jobs of the MCP server in one thread, one after another: the protocol never waits,
pings are answered, progress is told and a cancellation is heard while a job runs."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar, cast

from repoctx.editor.jobs import Hear, Job
from repoctx.errors import RepoctxError
from repoctx.flow.session import Session

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
    """A job, what it does, what came of it, and how far it is."""

    job: Job
    work: Callable[[Session], T]
    news: News
    future: Future[T] = field(default_factory=Future)

    def run(self) -> None:
        """Do it, in the worker's thread."""
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            self.future.set_result(self.job.run(self.work))
        except RepoctxError as exc:
            self.future.set_exception(exc)


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
            order.job.cancel()
        self._orders.put(None)
        self._thread.join(PATIENCE)

    async def do(
        self, root: Path, work: Callable[[Session], T], tell: Tell | None = None
    ) -> T:
        """What ``work`` makes of the repository at ``root``, opened for it. Raises
        RepoctxError alone. Cancelled, it stops at its next step."""
        news = News()
        order = Order(Job(root, hear=Hear(progress=news.step)), work, news)
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
            order.job.cancel()
            raise


async def _tell(news: News, tell: Tell) -> None:
    at, of, what = news.before + news.done, news.total, news.what
    if what:
        await tell(at, news.before + of if of else None, f"{what}: {news.done}/{of}")
