"""The job of asking a grid of probes: as little as it can cost, every finished answer
kept. The requests over one prefix come together, the first alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from threading import Event, Lock
from typing import Any, NamedTuple

from repoctx.ask.fan_out import EVERYONES, fan_out
from repoctx.ask.receive import Control
from repoctx.errors import BudgetExceeded, Interrupted, StorageError
from repoctx.flow.ask import DEFAULT_OUTPUT
from repoctx.flow.contexts import applied, context, request
from repoctx.flow.fan_out import apart
from repoctx.flow.grids import Grid, Page, Question
from repoctx.flow.runs import begin, keep_answer
from repoctx.flow.sending import send
from repoctx.flow.session import Session
from repoctx.probe.probes import Scoring
from repoctx.probe.runs import Outcome, verdict
from repoctx.probe.score import score
from repoctx.values import Answer, Request, Stop, Usage


def ask_all(session: Session, grid: Grid) -> None:
    """Ask all that is not answered yet; ``grid.found`` grows.

    Who interrupts it loses nothing that was finished. Raises Interrupted then,
    BudgetExceeded before --max-cost is passed, and the first failure when no question
    at all got an answer.
    """
    finished = begin(session, grid.run.id, grid.paths)
    way = _Way(session, grid, Event(), Lock())
    failed: list[Exception] = []
    for page in grid.pages:
        answers = _answers(way, page, failed)
        grid.found += [
            _outcome(grid, page, one, answer)
            for one, answer in zip(page.questions, answers, strict=True)
            if not _unasked(answer)
        ]
        session.progress("asking", len(grid.found), grid.run.wanted)
        if way.stop.is_set():
            raise Interrupted(
                "stopped; what was answered is kept, and is not asked again"
            )
        for exc in failed:
            if isinstance(exc, EVERYONES):
                raise exc
        if failed and all(one.verdict == "failed" for one in grid.found):
            raise failed[0]
    if not failed:
        finished()


class _Way(NamedTuple):
    """What all questions of a grid share while they are asked."""

    session: Session
    grid: Grid
    stop: Event
    lock: Any


def _answers(way: _Way, page: Page, failed: list[Exception]) -> list[Mapping[str, Any]]:
    """The answers to a page's questions in their order, those that were there already
    too; one that failed has an ``error``, and is added to ``failed``."""
    session, grid = way.session, way.grid
    todo = [one for one in page.questions if one.answer is None]
    came: dict[int, Mapping[str, Any]] = {}
    if todo:
        made = context(grid.desk, page.sheet)
        output = page.model.able.output or DEFAULT_OUTPUT
        name = page.model.choice.model
        requests = [
            (one, request(grid.desk, made, one.ask, name, output)) for one in todo
        ]

        def one_of(
            pair: tuple[Question, Request], begun: Callable[[], None]
        ) -> Mapping[str, Any]:
            _affordable(way, pair[0])
            return _answered(way, page, pair, begun)

        parallel = 1 if session.settings.max_cost else grid.parallel
        for one, got in zip(
            todo, fan_out(requests, one_of, parallel, way.stop), strict=True
        ):
            if isinstance(got, Exception):
                failed.append(got)
                got = {"error": f"{type(got).__name__}: {got}"}
            came[id(one)] = got
    return [one.answer or came[id(one)] for one in page.questions]


def _unasked(answer: Mapping[str, Any]) -> bool:
    return str(answer.get("error", "")).startswith(("Interrupted", "BudgetExceeded"))


def _affordable(way: _Way, one: Question) -> None:
    most = way.session.settings.max_cost
    if not most:
        return
    with way.lock:
        spent = way.grid.spent
        if one.cost is None:
            raise BudgetExceeded("the price is not known, so --max-cost cannot be kept")
        if spent + one.cost > most:
            raise BudgetExceeded(
                f"${spent:.4f} are spent, and the next question could pass "
                f"--max-cost ${most:g}; run it again with more to go on"
            )


def _answered(
    way: _Way,
    page: Page,
    pair: tuple[Question, Request],
    begun: Callable[[], None],
) -> Mapping[str, Any]:
    """Ask one question; the answer as it is kept."""
    session, grid, stop, lock = way
    own = apart(session, 0.0)
    control = Control(sleep=stop.wait, cancelled=stop.is_set, begun=begun)
    began, first = time.monotonic(), 0.0

    def heard(_text: str) -> None:
        nonlocal first
        first = first or time.monotonic() - began

    try:
        got = send(own, page.model, pair[1], None, heard, "eval", control)
    finally:
        own.close()
        with lock:
            session.notes += own.notes
    if got.stop is Stop.CANCELLED:
        raise Interrupted("interrupted")
    with lock:
        grid.spent += got.usage.cost or 0.0
        session.spent += got.usage.cost or 0.0
    answer = {
        "text": got.text,
        "usage": asdict(got.usage),
        "seconds": time.monotonic() - began,
        "first": first,
    }
    try:
        keep_answer(pair[0].path, answer)
    except StorageError as exc:  # It is measured all the same.
        session.notes.append(str(exc))
    _drop_file(got)
    return answer


def _drop_file(got: Answer) -> None:
    """Hundreds of answers of one word would bury the user's own."""
    if got.saved is not None:
        with suppress(OSError):
            got.saved.unlink()


def _outcome(
    grid: Grid, page: Page, one: Question, answer: Mapping[str, Any]
) -> Outcome:
    ask, probe = one.ask, one.ask.probe
    blank = Outcome(
        probe=probe.id,
        family=probe.family,
        length=page.sheet.length,
        depth=one.depth,
        arm=ask.arm,
        setting=ask.setting,
        score=0.0,
        chance=one.chance,
        verdict="failed",
        error=str(answer.get("error", "")),
    )
    if blank.error:
        return blank
    text = str(answer["text"])
    tree = applied(grid.desk, probe) if probe.scoring is Scoring.TREE else None
    worth = score(probe, text, tree)
    usage = Usage(**answer["usage"])
    return replace(
        blank,
        score=worth,
        verdict=verdict(probe, text, worth),
        input=usage.input,
        cached=usage.cached,
        written=usage.cache_write,
        output=usage.output,
        cost=usage.cost,
        seconds=float(answer["seconds"]),
        first=float(answer["first"]),
        resumed=bool(answer.get("resumed")),
    )
