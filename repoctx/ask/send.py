"""Bring an answer home, in as many messages as it needs. Text is saved before it is
shown.

An answer that was cut (by its limit, or on the way) is asked on in a new user turn over
the same prefix, which the cache serves; no provider is asked to complete a message of
its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from io import StringIO

from repoctx.ask.receive import (
    REAL,
    USUAL,
    Control,
    Limits,
    Received,
    Round,
    pause,
    receive,
)
from repoctx.ask.save import AnswerFile
from repoctx.ask.seam import WINDOW, Rounds, Seam
from repoctx.errors import CutAnswer, RepoctxError
from repoctx.protocols import Provider
from repoctx.values import Answer, Request, Stop, Turn, Usage

CUT = (Stop.LENGTH, Stop.CONTINUE)
"""Ends that say: there is more."""


def answer(
    provider: Provider,
    request: Request,
    on_text: Callable[[str], None],
    save: AnswerFile,
    limits: Limits = USUAL,
    control: Control = REAL,
) -> Answer:
    """The provider's whole answer; ``on_text`` gets each piece of text as it comes.

    Ends with ``Stop.CANCELLED`` on Ctrl-C or when ``control`` says so, with
    ``Stop.LENGTH`` or ``CONTINUE`` when the rounds are used up; what came is in
    ``text`` and saved. Raises CutAnswer, naming the file that holds what came, when the
    answer broke off, and the provider's own error when nothing had come.
    """
    joined = _Joined(save, on_text, limits.rounds)
    try:
        while True:
            turns = (*request.turns, *joined.turns)
            if not _round(
                provider, replace(request, turns=turns), joined, limits, control
            ):
                return joined.answer(request)
    except RepoctxError as exc:
        if joined.turns:
            raise joined.cut(exc) from exc
        joined.abandon()
        raise
    except BaseException:
        # Whatever failed (a closed pipe, a plugin's own bug): what came is kept.
        joined.abandon()
        raise


def _round(
    provider: Provider,
    request: Request,
    joined: _Joined,
    limits: Limits,
    control: Control,
) -> bool:
    """Send once, and add what comes; whether to go on. Raises as `answer` does."""
    began = control.now()
    try:
        got = receive(provider, request, joined.take, limits, control)
    except (RepoctxError, OSError) as exc:
        error = f"{type(exc).__name__}: {exc}"
        control.sent(Round(Usage(), control.now() - began, error=error))
        raise
    seconds = control.now() - began
    more = joined.add(got)
    wait = pause(got.broken, joined.breaks - 1, limits) if got.broken else 0.0
    more = more and wait is not None
    error = f"CutAnswer: {got.broken}" if got.broken else ""
    control.sent(Round(got.usage, seconds, got.stop, error, last=not more))
    if not more:
        if got.broken:
            raise got.broken
        return False
    why = f"broke off: {got.broken}" if got.broken else "reached its limit"
    number = f"{joined.rounds + 1} of {limits.rounds.most}"
    control.note(f"the answer {why}; asking for the rest ({number})")
    try:
        if wait:
            control.sleep(wait)
    except KeyboardInterrupt:
        joined.stop = Stop.CANCELLED
        return False
    return True


class _Joined:
    """What has come of an answer, message by message."""

    def __init__(
        self, save: AnswerFile, on_text: Callable[[str], None], rounds: Rounds
    ) -> None:
        self.turns: tuple[Turn, ...] = ()
        self.stop: Stop | None = None
        self.rounds = 0
        self.breaks = 0
        self._save = save
        self._on_text = on_text
        self._how = rounds
        self._text = ""
        self._usages: list[Usage] = []
        self._miss = ""
        self._id = ""
        self._raw: object = None
        self._begin()

    def _begin(self) -> None:
        self._message = StringIO()
        self._seam = Seam(self._text[-WINDOW:], self._how.stitch)
        self._news = False

    def take(self, text: str) -> None:
        """Keep a piece of the message; save and show it, unless the seam holds it."""
        self._message.write(text)
        self._show(self._seam.feed(text))

    def _show(self, text: str) -> None:
        if text:
            self._news = self._news or bool(text.strip())
            self._save.append(text)
            self._on_text(text)

    def add(self, got: Received) -> bool:
        """End the message; whether the next is to be asked for."""
        self._show(self._seam.flush())
        message = self._message.getvalue()
        self._text += message[self._seam.dropped :]
        self.rounds += 1
        self.breaks += got.broken is not None
        self.stop, self._raw = got.stop, got.raw
        self._usages.append(got.usage)
        self._miss = self._miss or got.miss
        self._id = got.id or self._id
        # Without a new word the next message would say as little.
        more = self._news and self.rounds < self._how.most
        more = more and (got.broken is not None or got.stop in CUT)
        self.turns += (Turn("assistant", message, got.raw),)
        if more:
            self.turns += (Turn("user", self._how.ask),)
        self._begin()
        return more

    def abandon(self) -> None:
        """Keep what came of an answer that nobody will see the end of."""
        self._save.append(self._seam.flush())
        self._save.close(whole=False)

    def answer(self, request: Request) -> Answer:
        """The answer, its file named for what it holds."""
        stop = self.stop or Stop.CANCELLED
        saved = self._save.close(whole=stop is not Stop.CANCELLED)
        turns = self.turns if self.turns[-1].role == "assistant" else self.turns[:-1]
        return Answer(
            text=self._text,
            stop=stop,
            usage=total(self._usages),
            model=request.model,
            saved=saved,
            raw=self._raw,
            miss=self._miss,
            id=self._id,
            turns=turns,
        )

    def cut(self, reason: RepoctxError) -> CutAnswer:
        """The error of an answer that broke off."""
        saved = self._save.close(whole=False)
        size = f"{len(self._text):,} characters"
        kept = f"; what came ({size}) is in {saved}" if saved else ""
        message = f"the answer broke off: {reason}{kept}"
        error = CutAnswer(message, text=self._text, saved=saved)
        error.code = reason.code
        return error


def total(usages: Iterable[Usage]) -> Usage:
    """The sum; its cost is known when every one is."""
    whole = list(usages)
    costs = [usage.cost for usage in whole if usage.cost is not None]
    return Usage(
        sum(usage.input for usage in whole),
        sum(usage.cached for usage in whole),
        sum(usage.cache_write for usage in whole),
        sum(usage.output for usage in whole),
        sum(costs) if whole and len(costs) == len(whole) else None,
    )
