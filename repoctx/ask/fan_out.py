"""Many requests over one prefix, side by side, once the prefix is in the cache.

A cache entry can be read as soon as the request that writes it has begun to stream, and
not before: requests that start together would all pay for the whole prefix.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Condition, Event
from typing import TypeVar

from repoctx.errors import AuthError, BudgetExceeded, Interrupted, UsageError

T = TypeVar("T")
R = TypeVar("R")

EVERYONES = (AuthError, BudgetExceeded, UsageError)
"""Failures of one request that all the others would have too."""

_POLL = 0.2
"""Seconds between two looks at whether somebody has had enough."""


def fan_out(
    items: Sequence[T],
    run: Callable[[T, Callable[[], None]], R],
    parallel: int,
    stop: Event,
) -> tuple[R | Exception, ...]:
    """What ``run`` gives for each of ``items``, or what it raised, in their order.

    ``run(item, begun)`` is called in threads, ``parallel`` at once, and calls ``begun``
    when its answer has begun to stream: until the first one has, no other starts; when
    it fails before that, the next one goes first. After a failure of everyone's nobody
    starts any more. On Ctrl-C ``stop`` is set, which ``run`` must heed, and who has not
    started gets Interrupted.
    """
    found: dict[int, R | Exception] = {}
    left, warm, most = list(range(len(items))), Event(), max(1, parallel)
    busy: set[int] = set()
    quiet = Condition()

    def one(at: int) -> None:
        with quiet:
            if stop.is_set():
                return
            busy.add(at)
        try:
            found[at] = run(items[at], warm.set)
        except Exception as exc:  # noqa: BLE001 (the caller gets it in its place)
            found[at] = exc
        else:
            warm.set()
        with quiet:
            busy.remove(at)
            quiet.notify()

    with ThreadPoolExecutor(most) as pool:
        running: set[Future[None]] = set()
        try:
            while left or running:
                while left and len(running) < (most if warm.is_set() else 1):
                    running.add(pool.submit(one, left.pop(0)))
                # Also when nobody has finished: the first may have begun.
                running = wait(running, _POLL, "FIRST_COMPLETED").not_done
                for reason in [e for e in found.values() if isinstance(e, EVERYONES)]:
                    found |= dict.fromkeys(left, reason)
                    left = []
        except KeyboardInterrupt:
            with quiet:
                stop.set()
    # A thread that an interrupt struck while it started is unknown to the pool.
    with quiet:
        quiet.wait_for(lambda: not busy)
    return tuple(found.get(at, Interrupted("not asked")) for at in range(len(items)))
