"""Twenty questions with edits in between: what was foreseen is what is reported."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flow.conversation import QUESTIONS, converse, repository
from servers import anthropic, openai
from servers.wire import KEY

pytest.importorskip("anthropic")
pytest.importorskip("openai")

WIRES = {
    "anthropic": (anthropic, f"anthropic/{anthropic.MODEL}", anthropic.ANTHROPIC),
    "responses": (openai, f"openai/{openai.MODEL}", openai.OPENAI),
    "chat": (openai, f"openai/{openai.OLDER}", openai.OPENAI),
}


@pytest.mark.parametrize(
    ("name", "cuts"), [*((name, True) for name in WIRES), ("anthropic", False)]
)
def test_forecast_and_report_agree(tmp_path, monkeypatch, name: str, cuts: bool):
    server, model, rules = WIRES[name]
    monkeypatch.setenv("REPOCTX_API_KEY", KEY)
    root = repository(tmp_path / "repo")
    with server.serving(rules=replace(rules, cuts=cuts)) as running:
        turns = converse(root, model, running.url)
    off = [abs(turn.foreseen - turn.reported) for turn in turns]
    assert len(turns) == QUESTIONS
    assert max(off) <= 0.01, [tuple(turn) for turn in turns]
    warm = turns[1:]
    share = sum(turn.cached for turn in warm) / sum(turn.total for turn in warm)
    assert share > 0.9
