"""Every fault of a provider: its exit code, one clear line, and what is kept."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cli.test_ask import script

QUESTION = "which secret plan is this?"
KEY = "sk-very-secret-key"


def error(**fields: Any) -> dict[str, Any]:
    return {"text": "Half of it", "error": fields}


def busy(**fields: Any) -> dict[str, Any]:
    return error(message="busy (529)", retryable=True, **fields)


REST = {"text": " and the rest.\n"}
GOOD = {"text": "Half of it and the rest.\n"}


@dataclass(frozen=True)
class Case:
    """Replies, how the run ends, words of its last line, what came, other notes."""

    replies: list[dict[str, Any]]
    code: int
    words: str = ""
    came: str = ""
    notes: list[str] = field(default_factory=list)
    kind: str = ""
    retryable: bool = False
    args: tuple[str, ...] = ()
    timeout: str = "30"


ONE = ("--rounds", "1")

CASES = {
    "a refused key": Case(
        [error(kind="auth", message="the key is refused (401)")],
        *(4, "the key is refused (401)"),
        kind="AuthError",
    ),
    "too long a prompt": Case(
        [error(kind="overflow", message="the prompt is longer than the window")],
        *(3, "longer than the window"),
        kind="ContextOverflow",
    ),
    "a used-up quota": Case(
        [error(message="the quota is used up"), GOOD],
        *(3, "the quota is used up"),
        kind="ProviderError",
    ),
    "busy, then not": Case(
        [busy(retry_after=0.01), busy(retry_after=0.01), GOOD],
        *(0, "", GOOD["text"]),
        ["trying again in 0.01 s (1 of 2)", "trying again in 0.01 s (2 of 2)"],
    ),
    "busy without a time, then not": Case(
        [busy(), GOOD], 0, "", GOOD["text"], ["trying again in 1 s (1 of 2)"]
    ),
    "busy for ever": Case(
        [busy(retry_after=0.01)],
        *(3, "busy (529)"),
        notes=["trying again in 0.01 s (2 of 2)"],
        kind="ProviderError",
        retryable=True,
    ),
    "busy for an hour": Case(
        [busy(retry_after=3600), GOOD],
        *(3, "busy (529)"),
        kind="ProviderError",
        retryable=True,
    ),
    "silent": Case(
        [error(stall=30, message="late")],
        *(3, "nothing came for 0.5 s"),
        kind="ProviderError",
        retryable=True,
        timeout="0.5",
    ),
    "silent in the middle": Case(
        [error(at=4, stall=30, message="late")],
        *(3, "the answer broke off: nothing came for 0.5 s", "Half"),
        kind="CutAnswer",
        retryable=True,
        args=ONE,
        timeout="0.5",
    ),
    "silent in the middle, then not": Case(
        [error(at=10, stall=30, message="late"), REST],
        *(0, "", GOOD["text"]),
        ["the answer broke off: nothing came for 0.5 s; asking for the rest (2 of 8)"],
        timeout="0.5",
    ),
    "cut": Case(
        [error(at=4, message="the connection was cut", retryable=True)],
        *(3, "the answer broke off: the connection was cut", "Half"),
        kind="CutAnswer",
        retryable=True,
        args=ONE,
    ),
    "cut, then not": Case(
        [error(at=10, message="cut", retryable=True, retry_after=0.01), REST],
        *(0, "", GOOD["text"]),
        ["the answer broke off: cut; asking for the rest (2 of 8)"],
    ),
    "cut, then refused": Case(
        [
            error(at=4, message="cut", retryable=True, retry_after=0.01),
            error(kind="auth", message="the key is refused"),
        ],
        *(4, "the answer broke off: the key is refused", "Half"),
        kind="CutAnswer",
        retryable=True,
    ),
    "an error in the middle": Case(
        [error(at=4, message="overloaded_error"), GOOD],
        *(3, "the answer broke off: overloaded_error", "Half"),
        kind="CutAnswer",
        retryable=True,
    ),
    "no end": Case(
        [{"text": "Half", "stop": ""}],
        *(3, "the stream ended before the answer did", "Half"),
        kind="CutAnswer",
        retryable=True,
        args=ONE,
    ),
    "a limit": Case(
        [{"text": "Half", "stop": "length"}],
        *(5, "the answer was cut at its limit", "Half"),
        kind="BudgetExceeded",
        args=ONE,
    ),
    "a limit, then the rest": Case(
        [{"text": "Half of it", "stop": "length"}, REST],
        *(0, "", GOOD["text"]),
        ["the answer reached its limit; asking for the rest (2 of 8)"],
    ),
    "more rounds than allowed": Case(
        [{"text": f"part {n}, ", "stop": "continue"} for n in range(3)],
        *(5, "the answer was cut at its limit", "part 0, part 1, "),
        kind="BudgetExceeded",
        args=("--rounds", "2"),
    ),
    "a refusal": Case(
        [{"text": "I will not.", "stop": "refusal"}],
        *(3, "the model refused to answer", "I will not."),
        kind="ProviderError",
    ),
    "a content filter": Case(
        [{"text": "Half", "stop": "content_filter"}],
        *(3, "content filter ended the answer", "Half"),
        kind="ProviderError",
    ),
    "no price for a bound": Case(
        [GOOD],
        *(5, "the price of scripted is not known"),
        kind="BudgetExceeded",
        args=("--max-cost", "0.01"),
    ),
}


@pytest.mark.parametrize("what", CASES)
def test_a_fault(machine, repo: Path, tmp_path: Path, what: str):
    case = CASES[what]
    env = script(tmp_path, *case.replies)
    env |= {"REPOCTX_TIMEOUT": case.timeout, "REPOCTX_API_KEY": KEY}
    done = machine.run("ask", QUESTION, *case.args, cwd=repo, env=env)
    assert done.code == case.code, done
    assert done.text.strip() == case.came.strip()
    lines = done.err.splitlines()
    assert all(line.startswith("repoctx: ") for line in lines), lines
    for note in case.notes:
        assert f"repoctx: {note}" in lines
    if case.code:
        assert case.words in lines[-1]
        assert not any(case.words in line for line in lines[:-1])
    state = repo / ".git" / "repoctx"
    if case.came:
        (saved,) = (state / "answers").iterdir()
        assert saved.read_text() == case.came
        assert case.code == 0 or str(saved) in lines[-1]
        assert machine.run("log", "--answer", cwd=repo).text == case.came
    else:
        assert not (state / "answers").exists()
    told = done.err + machine.run("log", cwd=repo).text
    ledger = (
        (state / "ledger.db").read_bytes() if (state / "ledger.db").exists() else b""
    )
    assert KEY not in told and QUESTION not in told
    for word in (KEY, QUESTION, "Half"):
        assert word.encode() not in ledger


@pytest.mark.parametrize("what", [w for w, case in CASES.items() if case.code])
def test_a_fault_in_json(machine, shared: Path, tmp_path: Path, what: str):
    case = CASES[what]
    env = script(tmp_path, *case.replies)
    env |= {"REPOCTX_TIMEOUT": case.timeout}
    form = ("--output-format", "stream-json")
    done = machine.run("ask", QUESTION, *case.args, *form, cwd=shared, env=env)
    result = done.result
    assert (done.code, result["status"]) == (case.code, "error")
    assert result["error"]["type"] == case.kind
    assert result["error"]["retryable"] == case.retryable
    assert case.words in result["error"]["message"]
    assert result.get("answer", "") == case.came
    pieces = [one["text"] for one in done.objects if one["type"] == "text"]
    assert "".join(pieces) == case.came


def test_no_network(machine, repo: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # Nobody listens there.
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        env = {"REPOCTX_BASE_URL": url, "REPOCTX_MODEL": "compatible/tiny"}
        pytest.importorskip("openai")
        done = machine.run("ask", "x", cwd=repo, env=env)
    assert done.code == 3
    assert done.err.splitlines()[-1].startswith(f"repoctx: nothing answers at {url}")


def test_each_round_is_a_row(machine, repo: Path, tmp_path: Path):
    parts = [{"text": f"part {n}, ", "stop": "length", "cost": 0.25} for n in range(2)]
    env = script(tmp_path, *parts, {"text": "end\n", "cost": 0.25})
    done = machine.run("ask", "x", "--output-format", "json", cwd=repo, env=env)
    assert done.result["cost_usd"] == 0.75
    assert done.result["rounds"] == 3
    rows = machine.run("log", "--output-format", "json", cwd=repo).result["entries"]
    assert [row["stop"] for row in rows] == ["end", "length", "length"]
    used = [row["usage"] for row in rows]
    assert sum(row["input"] for row in used) == done.result["usage"]["input"]
    assert [bool(row["answer"]) for row in rows] == [True, False, False]
    assert used[0]["cached"] > 0.9 * used[1]["input"]
    sent = (tmp_path / "requests.jsonl").read_text().splitlines()
    assert len({json.loads(line)["prefix"] for line in sent}) == 1
