"""Send one request and bring its answer home, whatever happens on the way.

A provider streams in a thread of its own, so that a stream which stalls, in whatever
code, ends by our clock and Ctrl-C is heard at once. Text is saved before it is shown.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from repoctx.ask.save import AnswerFile
from repoctx.errors import CutAnswer, ProviderError
from repoctx.protocols import Provider
from repoctx.values import Answer, Delta, Request, Stop, Usage

_POLL = 0.2
"""Seconds between two looks at the clock and the user's will."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one request: seconds to the first event and between two events (0: no
    bound), retries before the first event, the longest wait in seconds before one, and
    the most characters of an answer."""

    first: float = 600.0
    idle: float = 120.0
    retries: int = 2
    longest_wait: float = 30.0
    most: int = 16_000_000


@dataclass(frozen=True, slots=True)
class Control:
    """Time and the user's will: a monotonic clock in seconds, a sleep, whether the user
    has cancelled, and where a line about a wait goes."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    cancelled: Callable[[], bool] = lambda: False
    note: Callable[[str], None] = lambda _: None


def answer(
    provider: Provider,
    request: Request,
    on_text: Callable[[str], None],
    save: AnswerFile,
    limits: Limits = Limits(),
    control: Control = Control(),
) -> Answer:
    """The provider's answer; ``on_text`` gets each piece of text as it comes.

    Ends with ``Stop.CANCELLED`` on Ctrl-C or when ``control`` says so; what came is in
    ``text`` and saved. Raises CutAnswer, naming the file that holds what came, when the
    answer broke off, and the provider's own error when nothing had come.
    """
    began = control.now()
    attempt = 0
    while True:
        got = _Got(save, on_text, limits.most)
        try:
            return _receive(provider, request, got, limits, control)
        except ProviderError as exc:
            if got.begun:
                raise got.cut(str(exc)) from exc
            late = limits.first and control.now() - began >= limits.first
            wait = _wait(exc, attempt, limits)
            if late or wait is None:
                raise
        attempt += 1
        control.note(f"trying again in {wait:g} s ({attempt} of {limits.retries})")
        try:
            control.sleep(wait)
        except KeyboardInterrupt:
            return got.finished(request, Stop.CANCELLED)


def _wait(exc: ProviderError, attempt: int, limits: Limits) -> float | None:
    """Seconds before the next attempt; None when there should be none."""
    if not exc.retryable or attempt >= limits.retries:
        return None
    if exc.retry_after is None:
        return min(2.0**attempt, limits.longest_wait)
    # To come back before the server's time is to be refused again.
    return exc.retry_after if exc.retry_after <= limits.longest_wait else None


class _Got:
    """What has come of one answer."""

    def __init__(
        self, save: AnswerFile, on_text: Callable[[str], None], most: int
    ) -> None:
        self.begun = False
        self.usage = Usage()
        self.stop: Stop | None = None
        self._texts: list[str] = []
        self._room = most
        self._save = save
        self._on_text = on_text

    def take(self, delta: Delta) -> None:
        """Save and show a delta's text, keep its usage and stop."""
        self.usage = delta.usage or self.usage
        self.stop = delta.stop or self.stop
        if not delta.text:
            return
        self.begun = True
        # A lone surrogate can come in JSON; no file and no terminal can take it.
        text = delta.text.encode("utf-8", "replace").decode()
        self._room -= len(text)
        if self._room < 0:
            raise ProviderError("the answer does not end: it is longer than any can be")
        self._texts.append(text)
        self._save.append(text)
        self._on_text(text)

    def cut(self, reason: str) -> CutAnswer:
        """The error of an answer that broke off."""
        text = "".join(self._texts)
        saved = self._save.close(whole=False)
        kept = f"what came ({len(text):,} characters) is in {saved}" if saved else ""
        message = f"the answer broke off: {reason}" + (f"; {kept}" if kept else "")
        return CutAnswer(message, text=text, saved=saved)

    def finished(self, request: Request, stop: Stop) -> Answer:
        """The answer, its file named for what it holds."""
        whole = stop is not Stop.CANCELLED
        saved: Path | None = self._save.close(whole=whole)
        return Answer("".join(self._texts), stop, self.usage, request.model, (), saved)


def _receive(
    provider: Provider, request: Request, got: _Got, limits: Limits, control: Control
) -> Answer:
    pump = _Pump(lambda: provider.stream(request))
    try:
        for delta in _deltas(pump, limits, control):
            got.take(delta)
    except KeyboardInterrupt:
        return got.finished(request, Stop.CANCELLED)
    except ProviderError:
        raise
    except BaseException as exc:
        # Whatever failed (a closed pipe, a plugin's own bug): what came is kept.
        if got.begun:
            got.cut(type(exc).__name__)
        raise
    finally:
        pump.abandon()
    if got.stop is None:
        raise ProviderError("the stream ended before the answer did", retryable=True)
    return got.finished(request, got.stop)


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
