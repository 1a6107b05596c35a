"""Answers in several messages: asked on, joined while they stream, bounded."""

from __future__ import annotations

import gc
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import repoctx_prompts as prompts
from hypothesis import assume, given
from hypothesis import strategies as st

from repoctx.ask.receive import Control, Limits, Round
from repoctx.ask.save import AnswerFile
from repoctx.ask.seam import DONE, HELD, MOST_NEW, Rounds, Seam
from repoctx.ask.send import answer, total
from repoctx.errors import (
    AuthError,
    BudgetExceeded,
    CutAnswer,
    ProviderError,
    RepoctxError,
)
from repoctx.parse.stitch import stitch
from repoctx.values import Delta, Request, Stop, Turn, Usage
from servers.prompts import request

NOW = 1_795_000_000.25
GO_ON = "Go on.\n"


class Provider:
    """Says what it was made with, a message a request; keeps the requests."""

    name = "several"

    def __init__(self, *messages: object) -> None:
        self.messages = list(messages)
        self.requests: list[Request] = []

    def models(self):
        return ()

    def capabilities(self, model):
        raise NotImplementedError

    def stream(self, asked: Request) -> Iterator[Delta]:
        self.requests.append(asked)
        message = self.messages[min(len(self.requests), len(self.messages)) - 1]
        yield from message() if callable(message) else message


def said(text: str, stop: Stop | None = Stop.END, raw: object = None, size: int = 7):
    """One message: its text in small pieces, then its end."""

    def deltas() -> Iterator[Delta]:
        for at in range(0, len(text), size):
            yield Delta(text[at : at + size])
        if stop is not None:
            yield Delta("", Usage(10, 5, 2, len(text), 0.5), stop, raw)

    return deltas


def broken(text: str, error: Exception):
    def deltas() -> Iterator[Delta]:
        yield Delta(text)
        raise error

    return deltas


class World:
    """One answer's surroundings, and what became of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shown: list[str] = []
        self.notes: list[str] = []
        self.slept: list[float] = []
        self.rounds: list[Round] = []
        self.on_round: Callable[[Round], None] = self.rounds.append

    def ask(self, *messages: object, most: int = 8):
        self.provider = Provider(*messages)
        self.file = AnswerFile(self.folder, NOW)
        control = Control(
            sleep=self.slept.append,
            note=self.notes.append,
            sent=lambda one: self.on_round(one),
        )
        limits = Limits(rounds=Rounds(most, GO_ON, stitch))
        got = answer(
            self.provider, request(), self.shown.append, self.file, limits, control
        )
        assert got.text == "".join(self.shown) == got.saved.read_text()
        return got


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "answers")


TEXT = "".join(f"line {n} of the answer, {n * n}\n" for n in range(60))

LINE = TEXT.rindex("\n", 0, 500) + 1

SEAMS = {
    "within a line": (TEXT[:500], TEXT[500:]),
    "the line again": (TEXT[:500], TEXT[LINE:]),
    "between lines": (TEXT[:LINE], TEXT[LINE:]),
    "three lines again": (TEXT[:500], "\n".join(TEXT.split("\n")[15:])),
    "all of it again": (TEXT[:500], TEXT),
    "a word before": (
        TEXT[:500],
        "Continuing where I left off:\n\n" + "\n".join(TEXT.split("\n")[14:]),
    ),
}


@pytest.mark.parametrize("seam", SEAMS)
@pytest.mark.parametrize("size", [1, 9, 5000])
def test_a_cut_answer_is_asked_on_and_joined(world: World, seam: str, size: int):
    first, second = SEAMS[seam]
    got = world.ask(said(first, Stop.LENGTH, size=size), said(second, size=size))
    assert got.text == TEXT
    assert got.stop is Stop.END
    assert len(world.shown) > 1
    assert got.turns == (
        Turn("assistant", first),
        Turn("user", GO_ON),
        Turn("assistant", second),
    )
    assert [one.turns for one in world.provider.requests] == [(), got.turns[:2]]
    assert got.usage == Usage(20, 10, 4, len(first) + len(second), 1.0)
    ends = [(one.stop, one.last) for one in world.rounds]
    assert ends == [(Stop.LENGTH, False), (Stop.END, True)]
    assert world.notes == ["the answer reached its limit; asking for the rest (2 of 8)"]


def test_a_fence_that_is_opened_again(world: World):
    first = "So:\n\n```python\ndef a():\n    return 1\n\n\ndef b():\n    ret"
    again = "```python\ndef b():\n    return 2\n```\n"
    got = world.ask(said(first, Stop.LENGTH), said(again))
    assert got.text.count("```") == 2
    assert got.text.endswith("def b():\n    return 2\n```\n")


def test_a_stream_that_breaks_is_asked_on(world: World):
    reset = ProviderError("reset", retryable=True)
    later = ProviderError("busy", retryable=True, retry_after=7)
    got = world.ask(
        broken("one, ", reset), broken("two, ", later), said("three", None), said(".")
    )
    assert got.text == "one, two, three."
    assert world.slept == [1.0, 7, 4.0]
    errors = [one.error for one in world.rounds]
    assert errors[:2] == ["CutAnswer: reset", "CutAnswer: busy"] and not errors[3]
    assert "broke off: reset; asking for the rest (2 of 8)" in world.notes[0]


def test_a_break_that_cannot_help_is_not_asked_on(world: World):
    with pytest.raises(CutAnswer, match="the answer broke off: no"):
        world.ask(broken("one", ProviderError("no")), said("two"))
    late = ProviderError("busy", retryable=True, retry_after=3600)
    with pytest.raises(CutAnswer):
        world.ask(broken("one", late), said("two"))
    assert len(world.provider.requests) == 1 and world.slept == []


def test_a_providers_own_token_is_given_back(world: World):
    world.ask(said("one ", Stop.CONTINUE, {"token": "x"}), said("two", raw=[1]))
    turns = world.provider.requests[1].turns
    assert turns == (Turn("assistant", "one ", {"token": "x"}), Turn("user", GO_ON))


@pytest.mark.parametrize("most", [1, 3])
def test_rounds_are_bounded(world: World, most: int):
    parts = [said(f"part {n}, ", Stop.LENGTH) for n in range(9)]
    got = world.ask(*parts, most=most)
    assert got.stop is Stop.LENGTH
    assert got.text == "".join(f"part {n}, " for n in range(most))
    assert len(world.rounds) == most
    assert got.turns[-1].role == "assistant"
    assert got.saved.name.endswith(".md") and ".cut" not in got.saved.name


@pytest.mark.parametrize("again", ["", "\n", TEXT, f"{DONE}\n"])
def test_what_brings_nothing_new_is_not_asked_again(world: World, again: str):
    got = world.ask(said(TEXT, Stop.LENGTH), said(again, Stop.LENGTH))
    assert got.text.rstrip("\n") == TEXT.rstrip("\n")
    assert len(world.rounds) == 2


def test_the_prompt_names_the_word_that_ends():
    assert f" {DONE} " in prompts.load("continue")


@pytest.mark.parametrize("error", [AuthError("no key"), BudgetExceeded("no money")])
def test_a_later_round_that_fails_loses_nothing(world: World, error: RepoctxError):
    def failing() -> Iterator[Delta]:
        raise error
        yield Delta()

    with pytest.raises(CutAnswer, match=str(error)) as caught:
        world.ask(said("one two", Stop.LENGTH), failing)
    assert caught.value.code == error.code
    assert caught.value.text == "one two" == caught.value.saved.read_text()


def test_who_keeps_the_money_may_end_it(world: World):
    def refuse(one: Round) -> None:
        raise BudgetExceeded("too dear")

    world.on_round = refuse
    with pytest.raises(CutAnswer, match="too dear") as caught:
        world.ask(said("one two", Stop.LENGTH), said("three"))
    assert caught.value.code == 5
    assert caught.value.text == "one two" == caught.value.saved.read_text()


def test_ctrl_c_in_a_later_round_keeps_both(world: World):
    def interrupted() -> Iterator[Delta]:
        yield Delta(TEXT)
        raise KeyboardInterrupt

    got = world.ask(said("first\n", Stop.LENGTH), interrupted)
    assert got.stop is Stop.CANCELLED
    assert got.text == "first\n" + TEXT
    assert got.saved.name.endswith(".cut.md")


def test_a_bug_in_a_later_round_keeps_what_the_seam_holds(world: World):
    with pytest.raises(KeyError):
        world.ask(said("first\n", Stop.LENGTH), broken("second\n", KeyError("oh")))
    (file,) = world.folder.iterdir()
    assert file.read_text() == "first\nsecond\n"


# --- the seam ---------------------------------------------------------------------

lines = st.lists(
    st.sampled_from(["a = 1", "}", "", "    return x", "def f():", "x", "# y"]),
    max_size=30,
)


@given(lines, lines, st.integers(1, 40))
def test_only_a_beginning_is_ever_dropped(before, after, size):
    one, other = "\n".join(before), "\n".join(after)
    seam, shown = Seam(one, stitch), ""
    for at in range(0, len(other), size):
        shown += seam.feed(other[at : at + size])
    shown += seam.flush()
    assert other[seam.dropped :] == shown
    assert other.endswith(shown)


@given(st.integers(0, 59), st.integers(0, 500), st.integers(1, 80))
def test_repeated_lines_go_however_many_they_are(back, cut, size):
    whole = "".join(f"{n * 37 % 1000:03d} is step {n}\n" for n in range(90))
    at = 600 + cut
    start = whole[:at].rfind("\n")
    # So little of a line begins too many others, and one line alone may be meant.
    assume(back > 1 or (not back and len(whole[start + 1 : at]) not in (1, 2)))
    for _ in range(back):
        start = whole.rfind("\n", 0, max(start, 0))
    seam, shown, other = Seam(whole[:at], stitch), "", whole[start + 1 :]
    for place in range(0, len(other), size):
        shown += seam.feed(other[place : place + size])
    assert whole[:at] + shown + seam.flush() == whole


def test_new_text_is_not_held_for_long():
    seam = Seam(TEXT[:500], stitch)
    fresh = "".join(f"quite new {n}\n" for n in range(HELD + 1))
    assert seam.feed(fresh) == fresh
    assert seam.feed("more") == "more"
    # Nor where every few lines look like some that were there.
    boiler = "}\nend\nreturn\nfoo\n"
    seam, shown = Seam(boiler * 10, stitch), 0
    for n in range(MOST_NEW):
        shown += len(seam.feed(f"new {n}\n{boiler}"))
    assert shown
    seam = Seam("one line", stitch)
    assert seam.feed("x" * 20_000)


# --- much of it -------------------------------------------------------------------


def test_memory_stays_below_two_answers(tmp_path: Path):
    """50 MB through a slow disk's reader: nothing piles up, and no third copy."""
    size, piece = 50_000_000, "0123456789abcde\n" * 256
    count = size // len(piece)
    waiting = threading.Semaphore(1000)

    def long() -> Iterator[Delta]:
        for n in range(count):
            assert waiting.acquire(timeout=60)
            yield Delta(f"{n:08d}" + piece[8:])
        yield Delta("", Usage(1, output=2), Stop.END)

    seen = 0

    def show(text: str) -> None:
        nonlocal seen
        seen += len(text)
        waiting.release()

    gc.collect()
    tracemalloc.start()
    try:
        got = answer(
            Provider(long),
            request(),
            show,
            AnswerFile(tmp_path, NOW),
            Limits(most=60_000_000, rounds=Rounds(8, GO_ON, stitch)),
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert seen == len(got.text) == count * len(piece) == got.saved.stat().st_size
    assert got.turns[0].text is got.text
    assert peak < 2.2 * len(got.text)


def test_sums_of_usage():
    assert total([]) == Usage()
    assert total([Usage(1, 1, 1, 1, 0.5), Usage(2, 0, 1, 3)]) == Usage(3, 1, 2, 4, None)
