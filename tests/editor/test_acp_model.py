"""ACP over a vendor's own wire: the official SDK, and a server on loopback."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("acp", reason="the extra acp is not installed")
pytest.importorskip("anthropic")

from acp import RequestError

from editor.acp_side import Ide, conversing, environment
from editor.test_acp import FILES, PRODUCT
from repos import make_repo
from servers.anthropic import MODEL, overloaded, serving
from servers.chat import Fault
from servers.wire import KEY, Says, Server

# Longer than what the vendor caches at least.
LARGE = {f"m{n}.py": f"def f{n}(a):\n    return a + {n}\n" * 40 for n in range(30)}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return make_repo(tmp_path / "repo", FILES | LARGE)


def variables(home: Path, server: Server, key: str = KEY) -> dict[str, str]:
    return environment(
        home,
        ANTHROPIC_BASE_URL=server.url,
        ANTHROPIC_API_KEY=key,
        REPOCTX_MODEL=f"anthropic/{MODEL}",
    )


def test_a_conversation_with_an_edit_is_served_from_the_cache(
    home: Path, repo: Path
) -> None:
    ide = Ide()

    async def work(agent: Any) -> None:
        session = await ide.open(repo)
        assert await ide.ask(session, "what does add do?") == "end_turn"
        assert await ide.ask(session, "/edit make it multiply") == "end_turn"
        assert await ide.ask(session, "and now?") == "end_turn"

    with serving(Says(PRODUCT)) as server:
        conversing(ide, variables(home, server), home, work)
        sent = server.requests
    assert "a * b" in (repo / "calc.py").read_text()
    assert len(sent) == 3
    # What was sent once is sent again, word for word, and the edit with it.
    assert [len(one["messages"]) for one in sent] == [1, 3, 5]
    assert sent[2]["messages"][3]["content"][0]["text"] == PRODUCT
    assert sent[0]["system"] == sent[1]["system"] == sent[2]["system"]
    costs = [u["cost"]["amount"] for u in ide.of("usage_update")]
    assert len(costs) == 3 and costs == sorted(costs)
    assert costs[2] - costs[1] < costs[0] / 4, "the cache did not serve"


def test_a_stream_that_stalls_can_be_cancelled(home: Path, repo: Path) -> None:
    ide = Ide()

    async def work(agent: Any) -> None:
        session = await ide.open(repo)
        turn = asyncio.create_task(ide.ask(session, "what does add do?"))
        while not ide.said():
            await asyncio.sleep(0.02)
        await agent.cancel(session_id=session)
        assert await asyncio.wait_for(turn, 10) == "cancelled"
        ide.updates.clear()
        assert await ide.ask(session, "what does add do?") == "end_turn"

    with serving(faults=[Fault(how="stall", after=3)]) as server:
        conversing(ide, variables(home, server), home, work)


FAULTS = {
    "overloaded": (Fault(529, overloaded()), KEY, -32603, True),
    "a bad key": (Fault(), "sk-wrong", -32000, False),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_says_whether_to_try_again(home: Path, repo: Path, kind: str) -> None:
    fault, key, code, retryable = FAULTS[kind]

    async def work(agent: Any) -> None:
        ide.agent = agent
        session = await ide.open(repo)
        with pytest.raises(RequestError) as caught:
            await ide.ask(session, "what does add do?")
        assert caught.value.code == code
        assert caught.value.data["retryable"] is retryable
        assert key not in str(caught.value) + str(caught.value.data)

    ide = Ide()
    faults = [fault] * 20 if fault.status else []
    with serving(faults=faults) as server:
        conversing(ide, variables(home, server, key), home, work)
