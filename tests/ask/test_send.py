"""One request and its answer, through the scripted provider and a real wire."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from repoctx_plugins import compatible, scripted

from repoctx.ask.receive import Control, Limits
from repoctx.ask.save import AnswerFile
from repoctx.ask.send import answer
from repoctx.errors import AuthError, CutAnswer, ProviderError
from repoctx.values import Delta, Endpoint, Stop, Usage
from servers.chat import Fault, serving
from servers.prompts import request

USUAL = Limits()
NOW = 1_795_000_000.25


@pytest.fixture
def made(tmp_path):
    def make(script: str):
        path = tmp_path / "script.toml"
        path.write_text(script)
        return scripted.provider(Endpoint(f"file:{path}"))

    return make


class World:
    """A clock that only sleeping moves, and what was shown."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.shown: list[str] = []
        self.notes: list[str] = []
        self.cancel = False

    def control(self) -> Control:
        return Control(
            now=lambda: sum(self.slept),
            sleep=self.slept.append,
            cancelled=lambda: self.cancel,
            note=self.notes.append,
        )


def sent(provider, folder: Path, world: World | None = None, limits=USUAL):
    world = world or World()
    save = AnswerFile(folder / "answers", NOW)
    got = answer(provider, request(), world.shown.append, save, limits, world.control())
    return got, world


def files(folder: Path) -> list[str]:
    return sorted(os.listdir(folder / "answers"))


def test_answer_is_shown_saved_and_counted(made, tmp_path):
    got, world = sent(made('[[replies]]\ntext = "one two"\nchunk = 3'), tmp_path)
    assert got.text == "one two" == "".join(world.shown)
    assert world.shown == ["one", " tw", "o"]
    assert got.stop is Stop.END
    assert got.usage.input > 0
    assert got.saved is not None
    assert got.saved.read_text() == "one two"
    [name] = files(tmp_path)
    assert name.startswith("20261118T110640.250Z-")
    assert name.endswith(".md")
    assert ".cut" not in name


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_nobody_else_reads_an_answer(made, tmp_path):
    got, _ = sent(made('[[replies]]\ntext = "x"'), tmp_path)
    assert stat.S_IMODE(got.saved.stat().st_mode) == 0o600
    assert stat.S_IMODE(got.saved.parent.stat().st_mode) == 0o700


def test_cut_answer_is_kept_and_named(made, tmp_path):
    script = '[[replies]]\ntext = "abcdef"\n[replies.error]\nat = 4\nretryable = true'
    with pytest.raises(CutAnswer) as caught:
        sent(made(script), tmp_path)
    error = caught.value
    assert error.text == "abcd"
    assert error.saved.read_text() == "abcd"
    assert error.saved.name.endswith(".cut.md")
    assert str(error.saved) in str(error)
    assert "scripted failure" in str(error)


def test_end_without_a_reason_is_a_cut(made, tmp_path):
    with pytest.raises(CutAnswer, match="ended before"):
        sent(made('[[replies]]\ntext = "abc"\nstop = ""'), tmp_path)


def test_nothing_came_leaves_nothing(made, tmp_path):
    script = '[[replies]]\n[replies.error]\nkind = "auth"\nmessage = "no"'
    with pytest.raises(AuthError, match=r"^no$"):
        sent(made(script), tmp_path)
    assert not (tmp_path / "answers").exists()


FAIL = "[[replies]]\n[replies.error]\nretryable = true\n"


def test_retries_wait_longer_each_time(made, tmp_path):
    got, world = sent(made(FAIL + FAIL + '[[replies]]\ntext = "ok"'), tmp_path)
    assert got.text == "ok"
    assert world.slept == [1.0, 2.0]
    assert world.notes == [
        "trying again in 1 s (1 of 2)",
        "trying again in 2 s (2 of 2)",
    ]
    assert len(files(tmp_path)) == 1


def test_retries_are_bounded(made, tmp_path):
    world = World()
    with pytest.raises(ProviderError):
        sent(made(FAIL), tmp_path, world)
    assert world.slept == [1.0, 2.0]


@pytest.mark.parametrize(("asked", "slept"), [(7, [7]), (31, [])])
def test_servers_wait_is_kept_or_refused(made, tmp_path, asked, slept):
    world = World()
    script = FAIL + f"retry_after = {asked}\n" + '[[replies]]\ntext = "ok"'
    if slept:
        sent(made(script), tmp_path, world)
    else:
        with pytest.raises(ProviderError):
            sent(made(script), tmp_path, world)
    assert world.slept == slept


def test_no_retry_when_it_cannot_help_or_comes_too_late(made, tmp_path):
    world = World()
    with pytest.raises(ProviderError):
        sent(made("[[replies]]\n[replies.error]\nretryable = false\n"), tmp_path, world)
    with pytest.raises(ProviderError):
        sent(made(FAIL), tmp_path, world, Limits(first=0.5))
    assert world.slept == [1.0]


def test_wait_is_capped(made, tmp_path):
    world = World()
    with pytest.raises(ProviderError):
        sent(made(FAIL), tmp_path, world, Limits(retries=6, longest_wait=5))
    assert world.slept == [1.0, 2.0, 4.0, 5, 5, 5]


class Provider:
    """A stranger's provider."""

    name = "strange"

    def __init__(self, deltas):
        self._deltas = deltas

    def models(self):
        return ()

    def capabilities(self, model):
        raise NotImplementedError

    def stream(self, request) -> Iterator[Delta]:
        return self._deltas()


def test_stall_before_and_within_an_answer(tmp_path):
    closed = threading.Event()

    def stalling():
        try:
            yield Delta("abc")
            closed.wait(10)
            yield Delta("late")
        finally:
            closed.set()

    def silent():
        closed.wait(10)
        yield Delta("late")

    clock = iter(range(0, 10_000, 40))
    control = Control(now=lambda: float(next(clock)), sleep=lambda _: None)
    save = AnswerFile(tmp_path, NOW)
    with pytest.raises(CutAnswer, match="nothing came for 120 s") as caught:
        answer(Provider(stalling), request(), lambda _: None, save, Limits(), control)
    assert caught.value.text == "abc"
    with pytest.raises(ProviderError, match="nothing came for 600 s"):
        answer(Provider(silent), request(), lambda _: None, save, Limits(), control)
    closed.set()


def test_cancel_keeps_what_came_and_closes_the_stream(tmp_path):
    world, closed = World(), threading.Event()

    def endless():
        try:
            while True:
                yield Delta("more ")
                time.sleep(0.001)
        finally:
            closed.set()

    def shown(text: str) -> None:
        world.shown.append(text)
        world.cancel = len(world.shown) == 3

    save = AnswerFile(tmp_path, NOW)
    got = answer(Provider(endless), request(), shown, save, control=world.control())
    assert got.stop is Stop.CANCELLED
    assert got.text == "more more more "
    assert got.saved.read_text() == got.text
    assert got.saved.name.endswith(".cut.md")
    assert closed.wait(10)


def test_an_answer_without_end_is_ended(tmp_path):
    def endless():
        while True:
            yield Delta("x" * 100)

    save = AnswerFile(tmp_path, NOW)
    with pytest.raises(CutAnswer, match="does not end"):
        answer(Provider(endless), request(), len, save, Limits(most=1000))


def test_a_plugins_own_bug_and_a_closed_pipe_lose_nothing(tmp_path):
    def buggy():
        yield Delta("abc")
        raise KeyError("oh")

    def broken(_: str) -> None:
        raise BrokenPipeError

    with pytest.raises(KeyError):
        answer(Provider(buggy), request(), len, AnswerFile(tmp_path, NOW))
    with pytest.raises(BrokenPipeError):
        answer(Provider(buggy), request(), broken, AnswerFile(tmp_path, NOW))
    assert [p.read_text() for p in tmp_path.iterdir()] == ["abc", "abc"]


def test_lone_surrogates_become_plain_text(tmp_path):
    deltas = [Delta("a\ud800b"), Delta(usage=Usage(1), stop=Stop.END)]
    got = answer(
        Provider(lambda: iter(deltas)), request(), len, AnswerFile(tmp_path, NOW)
    )
    assert got.text == "a?b"


def test_a_refusing_disk_does_not_end_the_answer(made, tmp_path):
    (tmp_path / "answers").write_text("a file where the folder should be")
    save = AnswerFile(tmp_path / "answers", NOW)
    got = answer(made('[[replies]]\ntext = "all"'), request(), len, save)
    assert got.text == "all"
    assert got.saved is None
    assert "not saved" in save.problem


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_does_not_end_the_answer(made, tmp_path):
    save = AnswerFile(tmp_path, NOW)
    (tmp_path / f"{save.name}.part").symlink_to("/dev/full")
    got = answer(made('[[replies]]\ntext = "all"'), request(), len, save)
    assert got.text == "all"
    assert save.problem


@pytest.mark.parametrize("how", ["cut", "error", "garbage", "done"])
def test_cuts_on_a_real_wire(tmp_path, how):
    pytest.importorskip("openai")
    body = {"error": {"message": "boom"}}
    with serving(faults=[Fault(how=how, body=body, after=2)]) as server:
        provider = compatible.provider(Endpoint(server.url, timeout=5))
        with pytest.raises(CutAnswer) as caught:
            answer(provider, request(), len, AnswerFile(tmp_path, NOW))
        assert len(server.requests) == 1
    assert caught.value.saved.read_text() == "The answer "


def test_a_busy_server_is_asked_again(tmp_path):
    pytest.importorskip("openai")
    faults = [Fault(429, {}, {"retry-after": "3"}), Fault(529, {})]
    world = World()
    with serving(faults=faults) as server:
        provider = compatible.provider(Endpoint(server.url, timeout=5))
        got, _ = sent(provider, tmp_path, world)
    assert got.stop is Stop.END
    assert world.slept == [3.0, 2.0]


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGKILL])
def test_signals_in_the_middle_leave_the_text(tmp_path, kill):
    script = tmp_path / "s.toml"
    script.write_text('[[replies]]\ntext = "abcdefghij"\nchunk = 5\ndelay = 2\n')
    program = (
        "import sys, pathlib, time\n"
        f"sys.path[:0] = {[str(Path(__file__).parents[1])]!r}\n"
        "from servers.prompts import request\n"
        "from repoctx.ask.save import AnswerFile\n"
        "from repoctx.ask.send import answer\n"
        "from repoctx.values import Endpoint\n"
        "from repoctx_plugins.scripted import provider\n"
        f"folder = pathlib.Path({str(tmp_path)!r}) / 'answers'\n"
        f"made = provider(Endpoint('file:{script}'))\n"
        "got = answer(made, request(), lambda t: print(t, flush=True),"
        " AnswerFile(folder, time.time()))\n"
        "print(got.stop.value, flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "abcde\n"
        process.send_signal(kill)
        rest, _ = process.communicate(timeout=30)
    [file] = (tmp_path / "answers").iterdir()
    assert file.read_text() == "abcde"
    if kill is signal.SIGINT:
        assert rest == "cancelled\n"
        assert file.name.endswith(".cut.md")
    else:
        assert file.name.endswith(".part")
