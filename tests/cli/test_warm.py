"""``repoctx warm``, through pipes and on a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.program import Machine
from cli.test_cost import priced

__all__ = ["priced"]


def test_it_says_what_was_written_and_read(priced: Machine, repo: Path):
    done = priced.run("warm", cwd=repo)
    assert done.code == 0
    assert done.text.startswith("written   scripted/x: ")
    assert "warm until" in done.text and "$" in done.text
    assert priced.run("warm", cwd=repo).text.startswith("refreshed scripted/x: ")
    done = priced.run("ask", "Is it?", "--output-format", "json", cwd=repo)
    usage = done.result["usage"]
    assert usage["cached"] > 0.98 * usage["input"]


def test_keeping_ends_by_itself_and_tells_programs(priced: Machine, repo: Path):
    options = ["--keep", "--for", "1s", "--output-format", "stream-json"]
    done = priced.run("warm", *options, cwd=repo)
    assert done.code == 0
    assert [o["type"] for o in done.objects] == ["init", "warmed", "result"]
    result = done.result
    assert result["ended"] == "it was kept as long as was asked for"
    assert result["refreshes"] == 0
    assert result["usage"]["cache_write"] == result["usage"]["input"] == result["held"]
    assert result["cost_usd"] > 0 and result["lasts_seconds"] == 300


def test_ctrl_c_ends_it_in_good_order(priced: Machine, repo: Path):
    with priced.terminal("warm", "--yes", "--keep", cwd=repo) as terminal:
        terminal.until(b"warm until")
        terminal.type(b"\x03")
        assert terminal.end() == 130
    assert b"interrupted" in terminal.seen
    assert b"Traceback" not in terminal.seen


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-m", "offline"], "nothing to warm"),
        (["--for", "soon"], "--for"),
        (["--max-cost", "-1"], "--max-cost"),
    ],
)
def test_what_cannot_be(machine: Machine, shared: Path, words: list[str], said: str):
    done = machine.run("warm", *words, cwd=shared)
    assert done.code == 2 and said in done.err
    assert done.err.count("\n") == 1
