"""Money on the command line: bounds before, the account after."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.program import Machine
from repos import write

SCRIPT = """
cache = "seen"
record = "sent.jsonl"
ttls = [300]
[prices]
input = 4.0
cache_read = 0.4
cache_write = 5.0
output = 20.0
[[replies]]
text = "It is so."
"""


@pytest.fixture
def priced(machine: Machine, repo: Path, tmp_path: Path) -> Machine:
    """A machine whose model has prices, and a repository that costs some cents."""
    path = tmp_path / "script.toml"
    path.write_text(SCRIPT)
    machine.env |= {"REPOCTX_SCRIPT": str(path), "REPOCTX_MODEL": "scripted/x"}
    write(repo, {"big.py": "".join(f"value_{n} = {n}\n" for n in range(6000))})
    return machine


def test_an_account_of_two_questions(priced: Machine, repo: Path):
    for _ in range(2):
        done = priced.run("ask", "Is it?", cwd=repo)
        assert done.code == 0 and "$" in done.err
    done = priced.run("cost", cwd=repo)
    assert done.code == 0
    head, row, _, served, without = done.text.splitlines()
    assert head.split()[:3] == ["day", "requests", "input"]
    assert row.split()[1] == "2" and row.split()[3] == "50.0%"
    assert served.startswith("Caches served ")
    assert without.startswith("Without a cache it would have been $")
    found = priced.run("cost", "--by", "model", "--output-format", "json", cwd=repo)
    result = found.result
    (only,) = result["rows"]
    assert only["model"] == "scripted/x" and only["requests"] == 2
    total = result["total"]
    assert total["cost_usd"] == only["cost_usd"] == result["cost_usd"] > 0
    assert total["saved_usd"] > 0 and total["unpriced"] == 0
    assert total["cached"] > 0 < total["predicted"]
    for by in ("repo", "model", "day"):
        assert priced.run("cost", "--by", by, "--since", "1h", cwd=repo).code == 0
    short = priced.run("cost", "--by", "repo", cwd=repo)
    assert str(repo) in short.text


def test_nothing_spent_and_wrong_words(machine: Machine, shared: Path):
    assert machine.run("ask", "delay", cwd=shared).code == 0  # offline costs nothing
    assert machine.run("cost", cwd=shared).text == "Nothing was spent.\n"
    for words in (["--by", "hour"], ["--since", "yesterday"]):
        done = machine.run("cost", *words, cwd=shared)
        assert done.code == 2 and words[0] in done.err


def test_who_asks_no_model_loads_no_prices(machine: Machine, shared: Path):
    for command in (["ask", "delay"], ["pack"], ["cost"]):
        env = {"PYTHONPROFILEIMPORTTIME": "1"}
        done = machine.run(*command, cwd=shared, env=env)
        assert done.code == 0
        loaded = {line.rpartition("|")[2].strip() for line in done.err.splitlines()}
        assert "repoctx.flow.session" in loaded
        assert not loaded & {"genai_prices", "openai", "repoctx.flow.bill"}


def test_max_cost_is_exit_5_and_nothing_is_sent(priced: Machine, repo: Path):
    done = priced.run("ask", "--max-cost", "0.01", "Is it?", cwd=repo)
    assert done.code == 5
    assert "nothing was sent" in done.err and done.err.count("\n") == 1
    assert not (Path(priced.env["REPOCTX_SCRIPT"]).parent / "sent.jsonl").exists()
    assert priced.run("ask", "--max-cost", "1", "Is it?", cwd=repo).code == 0


@pytest.mark.parametrize(("typed", "code"), [(b"n\n", 5), (b"y\n", 0)])
def test_a_cold_cache_is_asked_about_on_a_terminal(
    priced: Machine, repo: Path, typed: bytes, code: int
):
    env = {"REPOCTX_ASK_ABOVE": "0.01"}
    with priced.terminal("ask", "Is it?", cwd=repo, env=env) as terminal:
        terminal.until(b"Send them? [y/N]")
        terminal.type(typed)
        assert terminal.end() == code
    assert (b"It is so." in terminal.seen) == (code == 0)
    # Yes to everything, and nobody there to be asked.
    with priced.terminal("ask", "--yes", "Is it?", cwd=repo, env=env) as terminal:
        assert terminal.end() == 0
    assert priced.run("ask", "Is it?", cwd=repo, env=env).code == 0
