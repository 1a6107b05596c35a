"""Twenty questions to Gemini with edits in between: the forecast comes true."""

from __future__ import annotations

import pytest

from flow.conversation import QUESTIONS, converse, repository
from servers.cache import Rules
from servers.gemini import KEY, Behaviour, serving

pytest.importorskip("google.genai")


@pytest.mark.parametrize(
    ("model", "behaviour"),
    [
        ("google/gemini-4-argon", Behaviour()),
        # Where the implicit cache serves nothing, the explicit one does.
        ("google/gemini-3.8-flash", Behaviour(implicit=Rules("none"))),
    ],
)
def test_forecast_and_report_agree(tmp_path, monkeypatch, model, behaviour):
    monkeypatch.setenv("REPOCTX_API_KEY", KEY)
    root = repository(tmp_path / "repo")
    with serving(behaviour) as server:
        turns = converse(root, model, server.url)
    assert len(turns) == QUESTIONS
    off = [abs(turn.foreseen - turn.reported) for turn in turns]
    assert max(off) <= 0.01, [tuple(turn) for turn in turns]
    warm = turns[1:]
    share = sum(turn.cached for turn in warm) / sum(turn.total for turn in warm)
    # An explicit cache holds the base alone: each question pays for the overlay.
    assert share > (0.8 if "flash" in model else 0.9)
    # One for each base, paid by the question that came first.
    made = server.calls("POST /cachedContents")
    assert len(made) == sum(turn.written > 0 for turn in turns)
    assert bool(made) is ("flash" in model)
