"""Send one request and take what comes, whatever happens on the way.

A provider streams in a thread of its own, so that a stream which stalls, in whatever
code, ends by our clock and Ctrl-C is heard at once.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from repoctx.ask.seam import ONE, Rounds
from repoctx.errors import ProviderError
from repoctx.protocols import Provider
from repoctx.values import Delta, Request, Stop, Usage

_POLL = 0.2
"""Seconds between two looks at the clock and the user's will."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one answer: seconds to the first event and between two events (0: no
    bound), retries before the first event, the longest wait in seconds before one, the
    most characters of one message, and the messages that it may come in."""

    first: float = 600.0
    idle: float = 120.0
    retries: int = 2
    longest_wait: float = 30.0
    most: int = 16_000_000
    rounds: Rounds = ONE


@dataclass(frozen=True, slots=True)
class Round:
    """One request that was sent, for the ledger: its usage, seconds, why it ended
    (None: by ``error``, one line), and whether it was the answer's last."""

    usage: Usage
    seconds: float
    stop: Stop | None = None
    error: str = ""
    last: bool = True


@dataclass(frozen=True, slots=True)
class Control:
    """Time and the user's will: a monotonic clock in seconds, a sleep, whether the user
    has cancelled, where a line about a wait goes, and who is told of each round and of
    the first event of a stream."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep
    cancelled: Callable[[], bool] = lambda: False
    note: Callable[[str], None] = lambda _: None
    sent: Callable[[Round], None] = lambda _: None
    begun: Callable[[], None] = lambda: None


USUAL = Limits()
REAL = Control()
"""The machine's clock, and nobody to cancel."""


@dataclass(frozen=True, slots=True)
class Received:
    """How one request ended. ``stop`` is None when it broke off, by ``broken``."""

    usage: Usage
    stop: Stop | None
    raw: object = None
    miss: str = ""
    broken: ProviderError | None = None
    id: str = ""


def receive(
    provider: Provider,
    request: Request,
    take: Callable[[str], None],
    limits: Limits,
    control: Control,
) -> Received:
    """Give ``take`` each piece of text as it comes; how it ended.

    As long as nothing has come, a failure that may pass is tried again. Ends with
    ``Stop.CANCELLED`` on Ctrl-C or when ``control`` says so. Raises the provider's own
    error when nothing had come, and whatever else a plugin or ``take`` raises.
    """
    began = control.now()
    attempt = 0
    while True:
        got = _Got(take, limits.most)
        try:
            return _receive(provider, request, got, limits, control)
        except KeyboardInterrupt:
            return got.ended(Stop.CANCELLED)
        except ProviderError as exc:
            if got.begun:
                return got.ended(None, exc)
            late = limits.first and control.now() - began >= limits.first
            wait = pause(exc, attempt, limits)
            if late or wait is None or attempt >= limits.retries:
                raise
        attempt += 1
        control.note(f"trying again in {wait:g} s ({attempt} of {limits.retries})")
        try:
            control.sleep(wait)
        except KeyboardInterrupt:
            return got.ended(Stop.CANCELLED)


def pause(exc: ProviderError, attempt: int, limits: Limits) -> float | None:
    """Seconds before the next attempt; None when there should be none."""
    if not exc.retryable:
        return None
    if exc.retry_after is None:
        return min(2.0**attempt, limits.longest_wait)
    # To come back before the server's time is to be refused again.
    return exc.retry_after if exc.retry_after <= limits.longest_wait else None


class _Got:
    """What has come of one request."""

    def __init__(self, take: Callable[[str], None], most: int) -> None:
        self.begun = False
        self.stop: Stop | None = None
        self._usage = Usage()
        self._raw: object = None
        self._miss = ""
        self._id = ""
        self._room = most
        self._take = take

    def add(self, delta: Delta) -> None:
        """Pass a delta's text on, keep the rest."""
        self._usage = delta.usage or self._usage
        self.stop = delta.stop or self.stop
        self._miss = delta.miss or self._miss
        self._id = delta.id or self._id
        if delta.raw is not None:
            self._raw = delta.raw
        if not delta.text:
            return
        self.begun = True
        # A lone surrogate can come in JSON; no file and no terminal can take it.
        text = delta.text.encode("utf-8", "replace").decode()
        self._room -= len(text)
        if self._room < 0:
            raise ProviderError("the answer does not end: it is longer than any can be")
        self._take(text)

    def ended(self, stop: Stop | None, broken: ProviderError | None = None) -> Received:
        return Received(self._usage, stop, self._raw, self._miss, broken, self._id)


def _receive(
    provider: Provider, request: Request, got: _Got, limits: Limits, control: Control
) -> Received:
    pump = _Pump(lambda: provider.stream(request))
    try:
        for delta in _deltas(pump, limits, control):
            got.add(delta)
    finally:
        pump.abandon()
    if got.stop is None:
        raise ProviderError("the stream ended before the answer did", retryable=True)
    return got.ended(got.stop)


def _deltas(pump: _Pump, limits: Limits, control: Control) -> Iterator[Delta]:
    """The pump's deltas, until it ends or the patience does."""
    patience, since = limits.first, control.now()
    while True:
        if control.cancelled():
            raise KeyboardInterrupt
        try:
            item = pump.events.get(timeout=_POLL)
        except queue.Empty:
            if patience and control.now() - since >= patience:
                raise ProviderError(
                    f"nothing came for {patience:g} s", retryable=True
                ) from None
            continue
        if item is None:
            return
        if isinstance(item, BaseException):
            raise item
        control.begun()
        yield item
        patience, since = limits.idle, control.now()


class _Pump:
    """Runs a stream in a thread and puts its deltas, then None or its error, in
    ``events``."""

    def __init__(self, stream: Callable[[], Iterator[Delta]]) -> None:
        self.events: queue.Queue[Delta | BaseException | None] = queue.Queue(256)
        self._abandoned = threading.Event()
        thread = threading.Thread(target=self._run, args=(stream,), daemon=True)
        thread.start()

    def abandon(self) -> None:
        """Close the stream at its next delta, and keep nothing more."""
        self._abandoned.set()

    def _run(self, stream: Callable[[], Iterator[Delta]]) -> None:
        end: BaseException | None = None
        try:
            deltas = stream()
            try:
                for delta in deltas:
                    if not self._put(delta):
                        break
            finally:
                getattr(deltas, "close", lambda: None)()
        except BaseException as exc:  # noqa: BLE001 (raised again by the reader)
            end = exc
        self._put(end)

    def _put(self, item: Delta | BaseException | None) -> bool:
        while not self._abandoned.is_set():
            try:
                self.events.put(item, timeout=_POLL)
            except queue.Full:
                continue
            return True
        return False
