"""Many requests over one prefix: who starts when, told by events and not by clocks."""

from __future__ import annotations

import os
import signal
from threading import Barrier, Event, Lock, Thread

import pytest

from repoctx.ask.fan_out import fan_out
from repoctx.errors import AuthError, Interrupted, ProviderError

LONG = 30.0
"""Seconds after which a wait that should end fails its test."""


def test_nobody_starts_before_the_first_has_begun():
    log: list[str] = []
    others = Barrier(3)

    def run(item: int, begun) -> int:
        log.append(f"start {item}")
        if item == 0:
            log.append("begin 0")
            begun()
        # The first runs on while the others do: all three meet here.
        others.wait(LONG)
        begun()
        return item * 10

    assert fan_out([0, 1, 2], run, 3, Event()) == (0, 10, 20)
    assert log[:2] == ["start 0", "begin 0"]


def test_never_more_at_once_than_asked_for():
    lock, now, most = Lock(), 0, 0
    pairs = Barrier(2)

    def run(item: int, begun) -> int:
        nonlocal now, most
        begun()
        with lock:
            now += 1
            most = max(most, now)
        pairs.wait(LONG)
        with lock:
            now -= 1
        return item

    assert fan_out(range(8), run, 2, Event()) == tuple(range(8))
    assert most == 2


def test_when_the_first_fails_the_next_goes_first():
    log: list[int] = []

    def run(item: int, begun) -> int:
        log.append(item)
        if item < 2:
            raise ProviderError(f"no {item}")
        begun()
        return item

    got = fan_out([0, 1, 2, 3], run, 4, Event())
    assert log[:3] == [0, 1, 2]
    assert [str(one) for one in got] == ["no 0", "no 1", "2", "3"]


def test_a_failure_loses_only_its_own():
    def run(item: int, begun) -> int:
        begun()
        if item == 1:
            raise KeyError("a bug")
        return item

    got = fan_out([0, 1, 2], run, 2, Event())
    assert (got[0], got[2]) == (0, 2) and isinstance(got[1], KeyError)


def test_what_would_fail_everyone_is_tried_once():
    asked: list[int] = []

    def run(item: int, begun) -> int:
        asked.append(item)
        raise AuthError("the key is refused")

    got = fan_out(range(5), run, 4, Event())
    assert asked == [0]
    assert [type(one) for one in got] == [AuthError] * 5


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_ctrl_c_keeps_what_is_finished():
    stop = Event()

    def run(item: int, begun) -> int:
        begun()
        if item == 0:
            return 0
        if item == 2:
            Thread(target=os.kill, args=(os.getpid(), signal.SIGINT)).start()
        assert stop.wait(LONG)
        raise Interrupted(f"{item} heard it")

    got = fan_out(range(6), run, 2, stop)
    assert got[0] == 0
    assert [str(one) for one in got[1:3]] == ["1 heard it", "2 heard it"]
    assert [str(one) for one in got[3:]] == ["not asked"] * 3


def test_nothing_to_ask():
    assert fan_out([], lambda item, begun: item, 4, Event()) == ()
