"""A conversation with edits in between, on each wire and by its cache rules."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from flow.conversation import edit, repository
from repoctx.flow.ask import Question
from repoctx.flow.chat import say
from repoctx.flow.chats import new_chat
from repoctx.flow.session import open_session
from servers import anthropic, chat, gemini, openai
from servers.wire import KEY

TURNS = 8

WIRES: dict[str, tuple[Any, str, str]] = {
    "anthropic": (anthropic, f"anthropic/{anthropic.MODEL}", "anthropic"),
    "responses": (openai, f"openai/{openai.MODEL}", "openai"),
    "older": (openai, f"openai/{openai.OLDER}", "openai"),
    "gemini": (gemini, "google/gemini-4-argon", "google.genai"),
    "compatible": (chat, "compatible/tiny", "openai"),
}


@pytest.mark.parametrize("name", WIRES)
def test_what_was_said_before_comes_from_the_cache(tmp_path, monkeypatch, name: str):
    wire, model, sdk = WIRES[name]
    pytest.importorskip(sdk)
    monkeypatch.setenv("REPOCTX_API_KEY", gemini.KEY if name == "gemini" else KEY)
    root = repository(tmp_path / "repo")
    talk, used, prefixes = new_chat(), [], set()
    with wire.serving() as server:
        for turn in range(TURNS):
            edit(root, turn)
            flags = {"model": model, "base_url": server.url, "window": 200_000}
            with open_session(root, flags) as session:
                text = f"Where does retry_{turn}_3 end?"
                talk, asked = say(session, talk, Question(text), lambda _: None)
            used.append(asked.answer.usage)
            prefixes.add(asked.prompt.request.prefix.digest)
    assert len(prefixes) == 1
    assert len(talk.exchanges) == TURNS
    for before, now in pairwise(used[1:]):
        # A mark stands before the last exchange: all but that is served.
        assert now.cached >= before.cached
        fresh = now.input - now.cached
        assert fresh <= 2 * (now.input - used[0].input) / 3 + 2000, used
    assert used[-1].cached > 0.9 * used[-2].input
