"""Work on many blobs in processes: the parser holds the GIL, so threads do not help.

Rows come back in the order of the batches. A worker that dies (a grammar that crashes,
the kernel short of memory) costs only the file that killed it: its batch is cut in two
until that file stands alone.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Row = TypeVar("Row")

MOST_MEMORY = 3 * 1024**3
"""Bytes of address space of one worker; an honest one stays below 400 MB."""

MOST_SECONDS = 20.0
"""Processor time for one file; the parser's own bound is 1.5 s, between its steps."""


def cpu_count() -> int:
    """Processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def in_processes(
    work: Callable[[Sequence[Item]], Row],
    lost: Callable[[Item], Row],
    batches: Sequence[Sequence[Item]],
    setup: Callable[[], None],
) -> Iterator[Row]:
    """Yield ``work(batch)`` for each batch; ``lost(item)`` for an item that killed its
    worker. ``work``, ``setup`` and the items must be picklable.

    On Ctrl-C and on close the workers end with the caller.
    """
    # Imported here: 20 ms that a warm run never pays.
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    waiting = list(batches)
    while waiting:
        workers = min(cpu_count(), len(waiting))
        pool = ProcessPoolExecutor(workers, _context(), _begin, (setup, os.getpid()))
        done = 0
        try:
            with _undisturbed():
                rows = pool.map(work, waiting)
            for row in rows:
                done += 1
                yield row
            return
        except BrokenProcessPool:
            waiting = waiting[done:]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        # The oldest unfinished batch is the likeliest culprit: halve or give it up.
        suspect = waiting.pop(0)
        if len(suspect) == 1:
            yield lost(suspect[0])
        else:
            middle = len(suspect) // 2
            waiting[:0] = [suspect[:middle], suspect[middle:]]


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keeps Ctrl-C back while workers are forked, until each has learnt to ignore it:
    the fork inherits the mask."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _context() -> multiprocessing.context.BaseContext:
    # fork shares the loaded modules (no 150 ms import a worker); but what other threads
    # have locked at that moment stays locked in it for ever.
    alone = threading.current_thread() is threading.main_thread()
    forks = sys.platform == "linux" and alone
    return multiprocessing.get_context("fork" if forks else "spawn")


def _begin(setup: Callable[[], None], parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    if sys.platform == "linux":
        _die_with(parent)
        _bound_memory()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
    setup()


def _bound_memory() -> None:
    """Let a worker die before the machine does: 12 KB of crafted C took tree-sitter
    5 GB in one step that nothing can interrupt."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_AS)
    bound = MOST_MEMORY if most == resource.RLIM_INFINITY else min(MOST_MEMORY, most)
    resource.setrlimit(resource.RLIMIT_AS, (bound, most))


@contextmanager
def bounded() -> Iterator[None]:
    """End this worker when the block takes more than ``MOST_SECONDS`` of processor
    time, also inside a parser that cannot be interrupted; see `in_processes`."""
    if not hasattr(signal, "setitimer") or multiprocessing.parent_process() is None:
        yield  # No worker: nobody would carry on.
        return
    signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _die_with(parent: int) -> None:
    """Ask Linux to end this worker when its parent is killed."""
    import ctypes

    set_parent_death_signal = 1  # PR_SET_PDEATHSIG
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(1)
