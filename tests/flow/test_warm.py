"""A cache that is filled beforehand and kept warm, on a clock that the test moves."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

import pytest

from flow.test_books import Bench, bench, habit
from flow.test_check import edit
from repoctx.errors import BudgetExceeded, UsageError
from repoctx.flow.cost import account
from repoctx.flow.session import Session, open_session
from repoctx.flow.warm import Bounds, Kept, Warmed, keep, warm
from repos import commit, write

__all__ = ["bench"]

MODEL = "scripted/x"
TTL = 300
HEAD = f"ttls = [{TTL}]\n"
PRICES = "[prices]\ninput = 4.0\ncache_read = 0.4\ncache_write = 5.0\noutput = 20.0\n"


class Clock:
    """The machine's clock, which runs ahead by what was slept."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.slept = 0.0
        self.at: list[tuple[float, Callable[[], object]]] = []
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + self.slept)

    def sleep(self, seconds: float) -> None:
        """Let so much time pass, and what was planned for it happen."""
        self.slept += seconds
        while self.at and self.at[0][0] <= self.slept:
            self.at.pop(0)[1]()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def opener(bench: Bench) -> Callable[[], AbstractContextManager[Session]]:
    return partial(open_session, bench.root, {"model": MODEL})


def warmed(bench: Bench, **flags: object) -> Warmed:
    with open_session(bench.root, {"model": MODEL, **flags}) as session:
        return warm(session)


def kept(
    bench: Bench, clock: Clock, seconds: float = 8 * 3600.0, cost: float = 0.0
) -> tuple[Kept, list[Warmed]]:
    first, told = warmed(bench), []
    ended = keep(opener(bench), first, Bounds(seconds, cost), told.append, clock.sleep)
    assert ended.refreshes == len(told)
    assert all(one.usage.cached > 0.99 * one.held for one in told)
    return ended, told


def test_the_first_question_after_warming_is_served(bench: Bench):
    bench.script(HEAD + PRICES)
    done = warmed(bench)
    assert done.fresh and done.usage.cached == 0
    assert done.lasts == TTL
    row = bench.sent()[-1]
    assert (row["mode"], row["question"], row["ttl"]) == ("prewarm", "", TTL)
    usage = bench.ask()
    assert usage.cached / usage.input > 0.98
    again = warmed(bench)
    assert not again.fresh
    # It is in the books, and no question.
    doors = [entry.door for entry in bench.ledger()]
    assert doors == ["warm", "ask", "warm"]
    with open_session(bench.root, {}) as session:
        assert account(session, "day", 0).total.requests == 3


def test_who_cannot_be_warmed_is_told(bench: Bench):
    with pytest.raises(UsageError, match="nothing to warm"):
        warmed(bench, model="offline")


def test_money_bounds_warming_too(bench: Bench):
    with pytest.raises(BudgetExceeded, match="nothing was sent"):
        warmed(bench, max_cost="0.01")
    with open_session(bench.root, {"model": MODEL, "ask_above": "0.1"}) as session:
        session.confirm = lambda question: "answer" in question
        with pytest.raises(BudgetExceeded):
            warm(session)
    assert bench.sent() == []


def test_kept_until_a_write_would_have_been_cheaper(bench: Bench, clock: Clock):
    bench.script(HEAD + PRICES)
    ended, told = kept(bench, clock)
    # 4.6 are saved at 0.4 each: 11 times, every 270 seconds.
    assert len(told) in (10, 11)
    assert "costs less to write it anew" in ended.why
    assert clock.slept == pytest.approx(270 * 11, rel=0.1)
    first = told[0].usage.cost
    assert ended.cost is not None and first is not None
    assert ended.cost == pytest.approx(first * len(told) + 12.5 * first, rel=0.05)


def test_questions_meanwhile_are_waited_for(bench: Bench, clock: Clock):
    bench.script(HEAD + PRICES)
    clock.at = [(200.0, bench.ask), (400.0, bench.ask)]
    ended, told = kept(bench, clock, 600)
    # Asked at 200 and 400: nothing to refresh before 670.
    assert told == [] and "as was asked for" in ended.why
    edit(bench.root, 3)
    clock.at = [(clock.slept + 100, bench.ask)]
    ended, told = kept(bench, clock, 500)
    assert len(told) == 1


def test_by_the_gaps_seen_it_lets_go(bench: Bench, clock: Clock):
    bench.script(HEAD + PRICES)
    habit(bench, 20)
    ended, told = kept(bench, clock)
    assert told == [] and "costs less" in ended.why


def test_the_bounds_end_it(bench: Bench, clock: Clock):
    bench.script(HEAD + PRICES)
    ended, told = kept(bench, clock, 1000)
    assert len(told) == 3 and "as was asked for" in ended.why
    spent = (told[0].usage.cost or 0) * 1.5
    ended, told = kept(bench, clock, cost=spent)
    assert "--max-cost" in ended.why


def test_a_prefix_that_moved_is_not_written_anew(bench: Bench, clock: Clock):
    bench.script(HEAD + PRICES)

    def moved() -> None:
        for path in (bench.root / "src").iterdir():
            path.unlink()
        write(bench.root, {"other.py": "".join(f"o{n} = {n}\n" for n in range(9000))})
        commit(bench.root, "another project")

    clock.at = [(100.0, moved)]
    ended, told = kept(bench, clock)
    assert (ended.why, told) == ("the prefix has moved", [])
    assert len(bench.sent()) == 1


def test_a_machine_that_slept_finds_the_cache_gone(bench: Bench, clock: Clock):
    bench.script(HEAD + PRICES)
    asleep = lambda: clock.sleep(5000)  # noqa: E731
    clock.at = [(100.0, asleep)]
    ended, told = kept(bench, clock)
    assert (ended.why, told) == ("the cache has ended meanwhile", [])


def test_without_a_lifetime_there_is_nothing_to_renew(bench: Bench, clock: Clock):
    ended, _ = kept(bench, clock)
    assert "not known" in ended.why and clock.slept == 0


def test_without_prices_it_ends_too(bench: Bench, clock: Clock):
    bench.script(HEAD)
    ended, told = kept(bench, clock)
    assert ended.cost is None and 5 < len(told) < 15
