"""What a vendor's faults look like to whoever asked: an exit code and one line."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cli.program import Done, Machine
from servers import anthropic, openai
from servers.chat import Fault
from servers.wire import KEY, Says, Server

pytest.importorskip("anthropic")
pytest.importorskip("openai")

WIRES: dict[str, tuple[ModuleType, str, str]] = {
    "anthropic": (anthropic, f"anthropic/{anthropic.MODEL}", "ANTHROPIC"),
    "openai": (openai, f"openai/{openai.MODEL}", "OPENAI"),
}


def error(kind: str, message: str) -> Any:
    """A failure's body with what both vendors put there."""
    return {"type": "error", "error": {"type": kind, "code": kind, "message": message}}


def environment(name: str, server: Server, **more: str) -> dict[str, str]:
    """What makes the program ask ``server`` as the vendor."""
    _, model, vendor = WIRES[name]
    url, key = f"{vendor}_BASE_URL", f"{vendor}_API_KEY"
    return {url: server.url, key: KEY, "REPOCTX_MODEL": model} | more


def asked(
    machine: Machine,
    repo: Path,
    name: str,
    faults: list[Fault],
    says: Says | None = None,
    **more: str,
) -> Done:
    """One question to a server that does as told."""
    serving = WIRES[name][0].serving
    with serving(says, faults) as server:
        env = environment(name, server, **more)
        done = machine.run("ask", "where is the delay?", cwd=repo, env=env)
    assert KEY not in done.err + done.text
    assert "Traceback" not in done.err
    return done


def one_line(done: Done) -> str:
    """The last line of stderr, which says what is wrong; before it stand notes."""
    lines = done.err.splitlines()
    assert all(line.startswith("repoctx: ") for line in lines), done.err
    return lines[-1]


AT_ONCE: dict[str, tuple[list[Fault], int, str]] = {
    "a bad key": (
        [Fault(401, error("authentication_error", "invalid key"))],
        4,
        "refuses the key (401)",
    ),
    "the quota": (
        [Fault(429, error("insufficient_quota", "Check your plan."))],
        3,
        "the quota is used up: Check your plan.",
    ),
    "a long wait": (
        [Fault(429, error("rate_limit_error", "slow down"), {"retry-after": "900"})],
        3,
        "answered 429: slow down",
    ),
    "too large": (
        [Fault(413, error("request_too_large", "too large"))],
        3,
        "lower --budget",
    ),
    "too long": (
        [Fault(400, error("context_length_exceeded", "prompt is too long"))],
        3,
        "longer than the model's window",
    ),
}


@pytest.mark.parametrize("name", WIRES)
@pytest.mark.parametrize("what", AT_ONCE)
def test_refused_at_once(machine: Machine, repo: Path, what: str, name: str):
    faults, code, says = AT_ONCE[what]
    done = asked(machine, repo, name, faults)
    assert (done.code, done.text) == (code, "")
    assert says in one_line(done)
    logged = machine.run("log", cwd=repo).text
    assert KEY not in logged and "where is the delay" not in logged


PASSING: dict[str, Fault] = {
    "429 with a time": Fault(429, error("x", "slow"), {"retry-after": "0"}),
    "529": Fault(529, error("overloaded_error", "Overloaded")),
    "500": Fault(500, error("api_error", "oh")),
    "a cut before any text": Fault(how="cut", after=0),
}


@pytest.mark.parametrize("name", WIRES)
@pytest.mark.parametrize("what", PASSING)
def test_what_passes_is_tried_again(machine: Machine, repo: Path, what: str, name: str):
    done = asked(machine, repo, name, [PASSING[what]])
    assert done.code == 0, done.err
    assert done.text.startswith("The answer is")
    assert "trying again in" in done.err


def test_what_does_not_pass_is_tried_a_few_times(machine: Machine, repo: Path):
    busy = Fault(529, error("overloaded_error", "Overloaded"), {"retry-after": "0"})
    done = asked(machine, repo, "anthropic", [busy] * 9)
    assert done.code == 3
    assert "answered 529: Overloaded" in one_line(done)


BROKEN: dict[str, tuple[Fault, str]] = {
    "cut": (Fault(how="cut", after=2), "the connection was cut"),
    "stalled": (Fault(how="stall", after=2), "in time"),
    "an error": (
        Fault(how="error", after=2, body=error("overloaded_error", "Overloaded")),
        "529: Overloaded",
    ),
    "no end": (Fault(how="end", after=2), "ended before the answer did"),
    "nonsense": (Fault(how="garbage", after=2), "not understood"),
}


@pytest.mark.parametrize("name", WIRES)
@pytest.mark.parametrize("what", BROKEN)
def test_a_stream_that_breaks_is_kept(
    machine: Machine, repo: Path, what: str, name: str
):
    fault, says = BROKEN[what]
    # One message only: otherwise the rest would be asked for.
    more = {"REPOCTX_ROUNDS": "1", "REPOCTX_TIMEOUT": "4" if what == "stalled" else "9"}
    done = asked(machine, repo, name, [fault], **more)
    assert (done.code, done.text) == (3, "The answer \n"), done.err
    line = one_line(done)
    assert says in line or (what == "stalled" and "nothing came for 4 s" in line)
    saved = next(word for word in line.split() if word.endswith(".md"))
    assert Path(saved).read_text() == "The answer "
    assert machine.run("log", "--answer", cwd=repo).text == "The answer "


ENDS: dict[str, tuple[str, Says, int, str]] = {
    "a refusal": ("anthropic", Says(refusal="No. "), 3, "the model refused to answer"),
    "another": ("openai", Says(refusal="No. "), 3, "the model refused to answer"),
    "a filter": ("openai", Says(stop="content_filter"), 3, "content filter ended"),
    "a limit": ("anthropic", Says(stop="max_tokens"), 5, "cut at its limit"),
    "the window": (
        "anthropic",
        Says(stop="model_context_window_exceeded"),
        5,
        "cut at its limit",
    ),
}


@pytest.mark.parametrize("what", ENDS)
def test_ends_that_are_no_answer(machine: Machine, repo: Path, what: str):
    name, says, code, words = ENDS[what]
    done = asked(machine, repo, name, [], says, REPOCTX_ROUNDS="1")
    assert done.code == code
    line = one_line(done)
    assert words in line
    saved = next(word for word in line.split() if word.endswith(".md"))
    assert Path(saved).read_text() == (says.refusal or says.text)


@pytest.mark.parametrize("name", WIRES)
def test_a_cut_answer_is_asked_for_to_its_end(machine: Machine, repo: Path, name: str):
    with WIRES[name][0].serving(faults=[Fault(how="cut", after=2)]) as server:
        env = environment(name, server)
        done = machine.run("ask", "where is the delay?", cwd=repo, env=env)
        first, second = server.requests
    assert done.code == 0, done.err
    # The server says all of it again: what was said twice stands once.
    assert done.text.startswith("The answer is `pkg/a.py:3`.\n")
    talk = second.get("messages") or second["input"]
    before = first.get("messages") or first["input"]
    assert [one["role"] for one in talk[len(before) :]] == ["assistant", "user"]
    assert second.get("system") == first.get("system")


@pytest.mark.parametrize("name", WIRES)
def test_a_conversation_over_one_prefix(machine: Machine, repo: Path, name: str):
    with WIRES[name][0].serving(Says(thinking="Let me look. ")) as server:
        env = environment(name, server)
        for argv in (["one?"], ["-c", "two?"], ["-c", "three?"]):
            done = machine.run("ask", *argv, cwd=repo, env=env)
            assert done.code == 0, done.err  # An altered thought would be refused.
            assert "Let me look" not in done.text
        third = server.requests[-1]
    told = third.get("messages") or third["input"][1:]
    assert [one["role"] for one in told if "role" in one] == [
        "user",
        "assistant",
    ] * 2 + ["user"]
    assert "Let me look" in str(told) or "encrypted" in str(told)


def test_another_effort_has_another_cache(machine: Machine, repo: Path):
    # Long enough for a cache.
    (repo / "long.py").write_text("".join(f"a{n} = {n}\n" for n in range(900)))
    with openai.serving() as server:
        env = environment("openai", server)
        for effort in ("low", "low", "high"):
            form = ("--output-format", "json")
            more = env | {"REPOCTX_EFFORT": effort}
            seen = machine.run("pack", "--check", *form, cwd=repo, env=more).result
            done = machine.run("ask", "x", cwd=repo, env=more)
            foreseen = seen["check"]["tokens"]["cached"]
            assert (foreseen > 0) is ("0.0% of them cached" not in done.err)
    assert "the effort or verbosity was changed" in done.err


@pytest.mark.parametrize("name", WIRES)
def test_no_key_no_server(machine: Machine, repo: Path, name: str):
    _, model, vendor = WIRES[name]
    done = machine.run("ask", "x", "-m", model, cwd=repo)
    assert done.code == 4
    assert f"set {vendor}_API_KEY" in one_line(done)
    env = {f"{vendor}_BASE_URL": "http://127.0.0.1:9", f"{vendor}_API_KEY": KEY}
    done = machine.run("ask", "x", "-m", model, cwd=repo, env=env)
    assert done.code == 3
    assert "nothing answers at http://127.0.0.1:9" in one_line(done)


@pytest.mark.parametrize("name", WIRES)
def test_a_missing_sdk_names_the_command(
    machine: Machine, repo: Path, tmp_path: Path, name: str
):
    hidden = tmp_path / "hidden" / name
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("raise ImportError('not installed')\n")
    env = {f"{WIRES[name][2]}_API_KEY": KEY, "PYTHONPATH": str(hidden.parent)}
    done = machine.run("ask", "x", "-m", WIRES[name][1], cwd=repo, env=env)
    assert done.code == 2
    assert done.err.endswith(f"needs: pip install 'repoctx[{name}]'\n")
