"""Asking end to end: scripted answers, a real wire, pipes and a terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.program import Machine
from repos import write
from servers.chat import Behaviour, Fault, serving

QUOTE = "    def delay(self, attempt):\n"
ANSWER = (
    "It is in `src/retry.py`:\n\n```python\n"
    "        return min(2**attempt, 60)\n```\n\n"
    "and in:\n\n```python\n# src/retry.py\n"
    "        return sleep_forever(attempt, jitter=False)\n```\n"
)


def script(path: Path, *replies: dict[str, Any], **fields: Any) -> dict[str, str]:
    """A script of replies; the environment that makes it answer."""
    file = path / "script.json"
    given = {"cache": "seen", "record": "requests.jsonl", "replies": replies}
    file.write_text(json.dumps(given | fields))
    return {"REPOCTX_SCRIPT": str(file), "REPOCTX_MODEL": "scripted"}


def requests(path: Path) -> list[dict[str, Any]]:
    lines = (path / "requests.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


# --- through pipes ----------------------------------------------------------------


def test_an_answer_its_sources_and_its_usage(machine, repo: Path, tmp_path: Path):
    env = script(tmp_path, {"text": ANSWER, "cost": 0.0125})
    done = machine.run("ask", "where is the delay?", cwd=repo, env=env)
    assert done.code == 0
    assert done.text == (
        f"{ANSWER}\nSources:\n  src/retry.py:4\n"
        "\nUnverified: 1 quoted passage(s) are nowhere in this repository.\n"
    )
    assert "0.0% of them cached" in done.err and "$0.0125" in done.err
    again = machine.run("ask", "and why?", cwd=repo, env=env)
    share = float(again.err.split("% of them cached")[0].rsplit(" ", 1)[1])
    assert share > 90
    first, second = requests(tmp_path)
    assert first["prefix"] == second["prefix"]
    assert "where is the delay?" in first["question"]


# --- about a place ----------------------------------------------------------------


def test_a_place_stands_beside_the_question(machine, repo: Path, tmp_path: Path):
    env = script(tmp_path, {"text": "yes"})
    write(repo, {"src/retry.py": "# new\n" + (repo / "src/retry.py").read_text()})
    argv = ("ask", "--path", "retry.py", "--line", "3-4", "is it right?")
    done = machine.run(*argv, cwd=repo / "src", env=env)
    assert done.code == 0, done.err
    [request] = requests(tmp_path)
    assert request["question"].endswith(
        "is it right?\n\n(This is about lines 3-4 of `src/retry.py`, beside this under "
        "the name `selection`.)\n"
    )
    selected = request["tail"].partition('"selection"')[2]
    assert "def delay(self, attempt):" in selected and "class" not in selected


def test_a_place_offline(machine, repo: Path):
    argv = ("ask", "--path", "src/retry.py", "--line", "4", "why so?")
    done = machine.run(*argv, cwd=repo)
    assert done.code == 0
    assert "src/retry.py:4-4" in done.text and "min(2**attempt, 60)" in done.text


def test_a_file_alone(machine, repo: Path, tmp_path: Path):
    env = script(tmp_path, {"text": "yes"})
    machine.run("ask", "--path", "src/app.js", "what is it?", cwd=repo, env=env)
    assert "(This is about `src/app.js`.)" in requests(tmp_path)[0]["question"]


def test_a_secret_at_the_place_is_not_sent(machine, repo: Path, tmp_path: Path):
    env = script(tmp_path, {"text": "yes"})
    argv = ("ask", "--path", "secret.py", "--line", "1", "what is it?")
    machine.run(*argv, cwd=repo, env=env)
    [request] = requests(tmp_path)
    assert "[redacted:" in request["tail"] and "AKIA" not in json.dumps(request)


NO_PLACES = {
    "a line alone": ("--line", "3"),
    "no number": ("--path", "README.md", "--line", "x"),
    "no line": ("--path", "README.md", "--line", "0"),
    "no such line": ("--path", "README.md", "--line", "99"),
    "backwards": ("--path", "README.md", "--line", "3-1"),
    "an open end": ("--path", "README.md", "--line", "1-"),
    "no such file": ("--path", "gone.py", "--line", "1"),
    "binary": ("--path", "link.bin", "--line", "1"),
    "outside": ("--path", "../other.py", "--line", "1"),
    "the root": ("--path", ".", "--line", "1"),
}


@pytest.mark.parametrize("what", NO_PLACES)
def test_what_is_no_place(machine, repo: Path, what: str):
    done = machine.run("ask", *NO_PLACES[what], "what?", cwd=repo)
    assert done.code == 2 and done.err.startswith("repoctx: ")
    assert "fault" not in done.err and len(done.err.splitlines()) == 1


def test_the_answer_in_json(machine, repo: Path, tmp_path: Path):
    env = script(tmp_path, {"text": ANSWER, "cost": 0.5, "output": 7})
    form = ("--output-format", "stream-json")
    done = machine.run("ask", "delay?", *form, cwd=repo, env=env)
    texts = [one["text"] for one in done.objects if one["type"] == "text"]
    assert "".join(texts) == done.result["answer"] == ANSWER
    found = [(c["path"], c["start"], c["verified"]) for c in done.result["citations"]]
    assert ("src/retry.py", 4, True) in found
    assert [verified for _, _, verified in found].count(False) == 1
    assert done.result["usage"]["output"] == 7
    assert done.result["cost_usd"] == 0.5
    assert done.result["context"]["files"] == 4


CUTS: dict[str, tuple[dict[str, Any], int, str]] = {
    "at its limit": ({"text": "Half", "stop": "length"}, 5, "cut at its limit"),
    "connection": (
        {"text": "Half of it", "error": {"message": "reset", "at": 4}},
        3,
        "the answer broke off: reset",
    ),
    "no end": ({"text": "Half", "stop": ""}, 3, "the answer broke off"),
}


@pytest.mark.parametrize("what", CUTS)
def test_a_cut_answer_is_kept_and_named(machine, repo: Path, tmp_path: Path, what: str):
    reply, code, words = CUTS[what]
    env = script(tmp_path, reply) | {"REPOCTX_ROUNDS": "1"}
    done = machine.run("ask", "delay?", cwd=repo, env=env)
    assert (done.code, done.text) == (code, "Half\n")
    last = done.err.splitlines()[-1]
    assert words in last
    saved = next(word for word in last.split() if word.endswith(".md"))
    assert Path(saved).read_text() == "Half"
    assert machine.run("log", "--answer", cwd=repo).text == "Half"
    assert ("CutAnswer" in machine.run("log", cwd=repo).text) == (code == 3)
    done = machine.run("ask", "x", "--output-format", "json", cwd=repo, env=env)
    assert (done.code, done.result["answer"]) == (code, "Half")
    assert done.result["status"] == "error"


FAULTS = {"provider": (3, "ProviderError"), "auth": (4, "AuthError")}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_provider_that_fails(machine, repo: Path, tmp_path: Path, kind: str):
    code, name = FAULTS[kind]
    env = script(tmp_path, {"error": {"kind": kind, "message": "no"}})
    done = machine.run("ask", "delay?", cwd=repo, env=env)
    assert (done.code, done.out, done.err) == (code, b"", "repoctx: no\n")
    done = machine.run("ask", "x", "--output-format", "json", cwd=repo, env=env)
    assert done.code == code
    assert done.result["error"] == {"type": name, "message": "no", "retryable": False}
    assert f"{name}: no" in machine.run("log", "--last", cwd=repo).text


def test_over_the_budget(machine, repo: Path, tmp_path: Path):
    env = script(tmp_path, {"text": "x"})
    done = machine.run("ask", "delay?", "--budget", "50", cwd=repo, env=env)
    assert (done.code, done.out) == (5, b"")
    assert "--budget" in done.err or "tokens of" in done.err
    assert not (tmp_path / "requests.jsonl").exists()


def test_ctrl_c_keeps_what_came(machine, repo: Path, tmp_path: Path):
    env = script(tmp_path, {"text": "one two " * 500, "chunk": 8, "delay": 0.05})
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    run = machine.start("ask", "x", cwd=repo, env=env, stdin=-3, **pipes)
    assert run.stdout is not None
    begun = run.stdout.read(8)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=60)
    assert run.returncode == 130
    assert err.splitlines()[-1].startswith(b"repoctx: interrupted")
    saved = machine.run("log", "--answer", cwd=repo).text
    assert (begun + out).decode().rstrip("\n") == saved.rstrip("\n") != ""
    form = ("--output-format", "json")
    run = machine.start("ask", "x", *form, cwd=repo, env=env, stdin=-3, **pipes)
    answers = repo / ".git" / "repoctx" / "answers"
    # Until some of the answer is there: an empty file is made a moment before.
    while not any(part.stat().st_size > 7 for part in answers.glob("*.part")):
        assert run.poll() is None
    run.send_signal(signal.SIGTERM)
    out, err = run.communicate(timeout=60)
    result = json.loads(out)
    assert (run.returncode, result["status"]) == (130, "interrupted"), result
    assert result["answer"].startswith("one two")


# --- a real wire ------------------------------------------------------------------


def compatible(url: str) -> dict[str, str]:
    return {"REPOCTX_BASE_URL": url, "REPOCTX_MODEL": "compatible/tiny"}


def test_a_server_and_its_cache(machine, repo: Path):
    with serving(Behaviour(text=ANSWER)) as server:
        env = compatible(server.url)
        first = machine.run("ask", "delay?", cwd=repo, env=env)
        second = machine.run("ask", "why?", "--output-format=json", cwd=repo, env=env)
    assert first.code == 0 and "src/retry.py:4" in first.text
    assert "0.0% of them cached" in first.err
    usage = second.result["usage"]
    assert usage["cached"] > 0.9 * usage["input"]
    assert second.result["model"] == "compatible/tiny"


WIRE = {
    "a wrong key": (Fault(401, {"error": {"message": "bad key"}}), 4, "bad key"),
    "a bad request": (Fault(400, {"error": {"message": "no"}}), 3, "no"),
    "a cut stream": (Fault(how="cut", after=2), 3, "the answer broke off"),
}


@pytest.mark.parametrize("what", WIRE)
def test_a_server_that_fails(machine, repo: Path, what: str):
    fault, code, words = WIRE[what]
    with serving(Behaviour(text=ANSWER), [fault]) as server:
        env = compatible(server.url) | {"REPOCTX_ROUNDS": "1"}
        done = machine.run("ask", "delay?", cwd=repo, env=env)
    assert done.code == code, done
    assert words in done.err.splitlines()[-1]
    assert "Traceback" not in done.err


def test_a_missing_sdk_names_the_command(machine, repo: Path, tmp_path: Path):
    hidden = tmp_path / "hidden" / "openai"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("raise ImportError('not installed')\n")
    env = compatible("http://127.0.0.1:9/v1") | {"PYTHONPATH": str(hidden.parent)}
    done = machine.run("ask", "x", cwd=repo, env=env)
    assert done.code == 2
    assert done.err.endswith("needs: pip install 'repoctx[compatible]'\n")


# --- stdin beside a question ------------------------------------------------------


def tail_of(machine: Machine, repo: Path, env: dict[str, str], **stdin: Any) -> str:
    record = Path(env["REPOCTX_SCRIPT"]).with_name("requests.jsonl")
    done = machine.run("ask", "is it so?", cwd=repo, env=env, **stdin)
    assert done.code == 0, done
    return str(json.loads(record.read_text().splitlines()[-1])["tail"])


def test_what_is_piped_stands_in_the_tail(machine, repo: Path, tmp_path: Path):
    env = script(tmp_path, {"text": "ok"})
    assert "+ added line" in tail_of(machine, repo, env, data=b"+ added line\n")
    assert tail_of(machine, repo, env) == ""
    assert tail_of(machine, repo, env, data=b"") == ""
    odd = tail_of(machine, repo, env, data=b"nul \0 bad \xff utf\n")
    assert "bad \N{REPLACEMENT CHARACTER} utf" in odd
    (tmp_path / "notes.txt").write_text("from a file\n")
    with open(tmp_path / "notes.txt", "rb") as file:
        assert "from a file" in tail_of(machine, repo, env, stdin=file)
    with open("/dev/zero", "rb") as endless:
        assert tail_of(machine, repo, env, stdin=endless) == ""


def test_a_question_from_stdin(machine, repo: Path, tmp_path: Path):
    env = script(tmp_path, {"text": "ok"})
    done = machine.run("ask", "-", cwd=repo, env=env, data=b"what is this?\n")
    assert done.code == 0
    (request,) = requests(tmp_path)
    assert "what is this?" in request["question"] and request["tail"] == ""
    assert machine.run("ask", "-", cwd=repo, env=env).code == 2
    found = machine.run("search", "-", cwd=repo, data=b"RetryPolicy")
    assert found.text.startswith("src/retry.py:1  class RetryPolicy")


@pytest.mark.skipif(os.name != "posix", reason="waits for a pipe")
def test_a_silent_pipe_does_not_hang(machine, repo: Path, tmp_path: Path):
    read, wrote = os.pipe()
    try:
        done = machine.run("ask", "delay", cwd=repo, stdin=read)
    finally:
        os.close(read)
        os.close(wrote)
    assert done.code == 0 and "src/retry.py" in done.text
    assert "nothing came on stdin" in done.err


def test_a_huge_stdin(machine, repo: Path):
    endless = subprocess.Popen(["yes"], stdout=subprocess.PIPE)
    try:
        done = machine.run("ask", "delay", cwd=repo, stdin=endless.stdout)
    finally:
        endless.kill()
        endless.wait()
    assert (done.code, done.err) == (2, "repoctx: stdin holds more than 32 MB\n")


# --- on a terminal ----------------------------------------------------------------

terminal = pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal")


@terminal
def test_the_answer_cannot_drive_the_terminal(machine, repo: Path, tmp_path: Path):
    text = "title \x1b]0;owned\x07 colour \x1b[31m c1 \x9b31m\n"
    env = script(tmp_path, {"text": text})
    with machine.terminal("ask", "x", cwd=repo, env=env | {"NO_COLOR": "1"}) as screen:
        assert screen.end() == 0
    assert b"title" in screen.seen
    for driving in (b"\x1b]0", b"\x1b[31m", b"\x07", "\x9b".encode()):
        assert driving not in screen.seen
    piped = machine.run("ask", "x", cwd=repo, env=env)
    assert piped.text.startswith(text)


@terminal
def test_sources_are_links(machine, repo: Path, tmp_path: Path):
    env = script(tmp_path, {"text": ANSWER})
    with machine.terminal("ask", "x", cwd=repo, env=env) as screen:
        assert screen.end() == 0
    uri = (repo / "src/retry.py").as_uri().encode()
    assert b"\x1b]8;;" + uri + b"#L4\x1b\\src/retry.py:4\x1b]8;;\x1b\\" in screen.seen


@terminal
def test_waiting_shows_and_goes_away(machine, repo: Path, tmp_path: Path):
    env = script(tmp_path, {"text": "late answer\n", "delay": 2.5, "chunk": 99})
    with machine.terminal("ask", "x", cwd=repo, env=env, columns=60) as screen:
        screen.until(b"waiting for")
        assert screen.end() == 0
    before, _, after = screen.seen.partition(b"late answer")
    assert b"\x1b[2K" in before and b"waiting for" not in after
    assert screen.seen.count(b"\x1b[?25h") >= screen.seen.count(b"\x1b[?25l") > 0


@terminal
def test_ctrl_c_takes_the_bar_away(machine, repo: Path, tmp_path: Path):
    env = script(tmp_path, {"text": "late", "delay": 30})
    with machine.terminal("ask", "x", cwd=repo, env=env) as screen:
        screen.until(b"waiting for")
        screen.type(b"\x03")
        assert screen.end() == 130
    assert b"Traceback" not in screen.seen
    assert screen.seen.rstrip().endswith(b"repoctx: interrupted")
    assert screen.seen.count(b"\x1b[?25h") >= screen.seen.count(b"\x1b[?25l") > 0


@terminal
def test_ctrl_c_on_the_terminal(machine, repo: Path, tmp_path: Path):
    env = script(tmp_path, {"text": "one two " * 500, "chunk": 8, "delay": 0.05})
    with machine.terminal("ask", "x", cwd=repo, env=env) as screen:
        screen.until(b"one two one two")
        screen.type(b"\x03")
        assert screen.end() == 130
    assert screen.seen.rstrip().endswith(b"repoctx: interrupted")
    assert b"Traceback" not in screen.seen
