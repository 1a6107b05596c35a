"""ACP, with PyPI's SDK as the client: what a turn, a session, an edit look like."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("acp", reason="the extra acp is not installed")

from acp import RequestError, embedded_text_resource, resource_block
from acp import resource_link_block as link

from editor.acp_side import (
    Ide,
    conversing,
    environment,
    requests,
    running,
    scripted,
)
from repos import git, make_repo

FILES = {
    "calc.py": "def add(a, b):\n    return a + b\n",
    "main.py": "from calc import add\n\nprint(add(1, 2))\n",
    "sub/notes.md": "# Notes\n",
}
ANSWER = "It adds:\n\n`calc.py`\n```python\n    return a + b\n```\n"


def edits(path: str, old: str, new: str, number: int = 1) -> str:
    return (
        f"@@@@ {number} edit {path}\n<<<<<<< SEARCH\n{old}=======\n{new}"
        f">>>>>>> REPLACE\n@@@@ end {number}\n"
    )


PRODUCT = "I make it multiply.\n\n" + edits(
    "calc.py", "    return a + b\n", "    return a * b\n"
)
TWO = PRODUCT + "@@@@ 2 create new.py\nx = 1\n@@@@ end 2\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return make_repo(tmp_path / "repo", FILES)


def env(home: Path, *replies: Any, **script: Any) -> dict[str, str]:
    told = [{"text": r} if isinstance(r, str) else r for r in replies]
    return environment(home, **scripted(home, *told, **script))


def tree(repo: Path) -> dict[str, str]:
    return {
        str(p.relative_to(repo)): p.read_text()
        for p in repo.rglob("*")
        if p.is_file() and ".git" not in p.parts
    }


# --- beginnings -------------------------------------------------------------------


def test_it_says_what_it_can_do(home: Path) -> None:
    ide = Ide()

    async def work(agent: Any) -> Any:
        return await agent.initialize(protocol_version=1)

    told = conversing(ide, environment(home), home, work)
    assert told.protocol_version == 1
    assert told.agent_info.name == "repoctx"
    assert told.auth_methods == []
    able = told.agent_capabilities
    assert able.load_session and able.prompt_capabilities.embedded_context
    assert able.session_capabilities.list is not None


@pytest.mark.parametrize(("asked", "told"), [(1, 1), (2, 1), (99, 1)])
def test_another_version_is_answered_by_ours(home: Path, asked: int, told: int) -> None:
    async def work(agent: Any) -> Any:
        return await agent.initialize(protocol_version=asked)

    found = conversing(Ide(), environment(home), home, work)
    assert found.protocol_version == told


def test_a_new_session_reads_nothing(home: Path, repo: Path) -> None:
    ide = Ide()

    async def work(agent: Any) -> Any:
        told = await agent.new_session(str(repo), mcp_servers=[])
        await ide.until("available_commands_update")
        return told

    told = conversing(ide, env(home, ANSWER), home, work)
    assert [m.id for m in told.modes.available_modes] == ["ask", "edit", "review"]
    assert [(o.id, o.current_value) for o in told.config_options] == [
        ("mode", "ask"),
        ("model", "scripted/one"),
    ]
    assert not (repo / ".git" / "repoctx" / "index.db").exists()
    (commands,) = ide.of("available_commands_update", told.session_id)
    names = {one["name"] for one in commands["availableCommands"]}
    assert {"search", "status", "review", "undo", "model", "edit"} <= names


@pytest.mark.parametrize("cwd", ["relative", "/nowhere/at/all", "/a\0b"])
def test_a_session_needs_an_absolute_folder(home: Path, cwd: str) -> None:
    async def work(agent: Any) -> None:
        with pytest.raises(RequestError) as caught:
            await agent.new_session(cwd, mcp_servers=[])
        assert caught.value.code == -32602

    conversing(Ide(), environment(home), home, work)


def test_without_its_key_a_vendor_is_not_asked(home: Path, repo: Path) -> None:
    (home / "config.toml").write_text('model = "anthropic/claude-sonnet-5-5"\n')

    async def work(agent: Any) -> None:
        told = await agent.initialize(protocol_version=1)
        (way,) = told.auth_methods
        assert "ANTHROPIC_API_KEY" in way.description
        for wanted in (
            lambda: agent.new_session(str(repo), mcp_servers=[]),
            lambda: agent.authenticate(method_id=way.id),
        ):
            with pytest.raises(RequestError, match="ANTHROPIC_API_KEY") as caught:
                await wanted()
            assert caught.value.code == -32000
        file = home / "config.toml"
        file.write_text(file.read_text() + '[keys]\nanthropic = "sk-x"\n')
        file.chmod(0o600)
        await agent.authenticate(method_id=way.id)
        await agent.new_session(str(repo), mcp_servers=[])

    conversing(Ide(), environment(home), home, work)


# --- asking -----------------------------------------------------------------------


def test_an_answer_streams_with_its_sources_and_its_usage(
    home: Path, repo: Path
) -> None:
    ide = Ide()

    async def work(agent: Any) -> str:
        return await ide.ask(await ide.open(repo), "what does add do?")

    assert conversing(ide, env(home, ANSWER, prices={"input": 4.0}), home, work) == (
        "end_turn"
    )
    assert len(ide.of("agent_message_chunk")) > 3
    assert ide.said().startswith(ANSWER)
    assert f"[calc.py:2]({(repo / 'calc.py').as_uri()}#L2)" in ide.said()
    (usage,) = ide.of("usage_update")
    assert 0 < usage["used"] <= usage["size"] == 1_000_000
    assert ide.of("session_info_update")[0]["title"] == "what does add do?"


STOPS = {
    "length": "max_tokens",
    "refusal": "refusal",
    "content_filter": "refusal",
    "end": "end_turn",
}


@pytest.mark.parametrize("stop", STOPS)
def test_a_stop_has_its_reason(home: Path, repo: Path, stop: str) -> None:
    ide = Ide()
    variables = env(home, {"text": "so far", "stop": stop}) | {"REPOCTX_ROUNDS": "1"}

    async def work(agent: Any) -> str:
        return await ide.ask(await ide.open(repo), "what does add do?")

    assert conversing(ide, variables, home, work) == STOPS[stop]


ERRORS = {
    "auth": ({"kind": "auth", "message": "bad key"}, -32000, False),
    "provider": ({"message": "no such model"}, -32603, False),
    "overflow": ({"kind": "overflow", "message": "too long"}, -32603, False),
    "cut": ({"message": "gone", "at": 10, "retryable": False}, -32603, True),
}


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_says_what_is_wrong(home: Path, repo: Path, kind: str) -> None:
    error, code, retryable = ERRORS[kind]
    ide = Ide()
    variables = env(home, {"text": "x" * 400, "error": error}) | {"REPOCTX_ROUNDS": "1"}

    async def work(agent: Any) -> None:
        session = await ide.open(repo)
        with pytest.raises(RequestError, match=error["message"]) as caught:
            await ide.ask(session, "what does add do?")
        assert caught.value.code == code
        assert caught.value.data["retryable"] is retryable
        if kind == "cut":
            saved = Path(caught.value.data["saved"])
            assert saved.read_text() == "x" * 10
            assert str(saved) in str(caught.value)
        # The session goes on.
        assert await ide.ask(session, "/cost") == "end_turn"

    conversing(ide, variables, home, work)


def test_a_cancelled_turn_says_so_and_the_next_one_works(
    home: Path, repo: Path
) -> None:
    ide = Ide()
    slow = {"text": "word " * 2000, "chunk": 5, "delay": 0.02, "match": "slowly"}

    async def work(agent: Any) -> None:
        session = await ide.open(repo)
        streaming = asyncio.Event()
        ide.heard = lambda told: (
            streaming.set() if told["sessionUpdate"] == "agent_message_chunk" else None
        )
        turn = asyncio.create_task(ide.ask(session, "slowly, please"))
        await asyncio.wait_for(streaming.wait(), 30)
        with pytest.raises(RequestError) as caught:
            await ide.ask(session, "meanwhile")
        assert caught.value.code == -32600
        await agent.cancel(session_id=session)
        assert await asyncio.wait_for(turn, 10) == "cancelled"
        assert len(ide.said()) < 9000
        assert await ide.ask(session, "what does add do?") == "end_turn"
        # What came of the first is a part of the conversation.
        assert "word word" in json.dumps(requests(home)[-1]["turns"])

    conversing(ide, env(home, slow, ANSWER), home, work)


def test_a_turn_can_be_cancelled_before_anything_came(home: Path, repo: Path) -> None:
    ide = Ide()

    async def work(agent: Any) -> None:
        session = await ide.open(repo)
        turn = asyncio.create_task(ide.ask(session, "what does add do?"))
        await asyncio.sleep(0.05)
        await agent.cancel(session_id=session)
        assert await asyncio.wait_for(turn, 10) == "cancelled"
        await agent.cancel(session_id=session)
        await agent.cancel(session_id="nobody")

    stalled = {"text": "late", "delay": 30.0}
    conversing(ide, env(home, stalled), home, work)


def test_links_are_named_and_nothing_outside_is_read(home: Path, repo: Path) -> None:
    ide = Ide()
    outside = home / "secret.txt"
    outside.write_text("classified")

    async def work(agent: Any) -> None:
        session = await ide.open(repo / "sub")
        await ide.ask(
            session,
            "what about ",
            link("calc.py", (repo / "calc.py").as_uri() + "#L1:2"),
            " and ",
            link("secret", outside.as_uri()),
            link("page", "https://example.org/x"),
            resource_block(embedded_text_resource("untitled:1", "a scratch text")),
        )

    conversing(ide, env(home, ANSWER), home, work)
    (request,) = requests(home)
    assert "what about `calc.py:1-2` and `secret`" in request["question"]
    assert "a scratch text" in request["tail"]
    assert "classified" not in json.dumps(request)
    thoughts = ide.said(kind="agent_thought_chunk")
    assert "secret.txt lies outside" in thoughts
    assert "example.org/x lies outside" in thoughts


def test_a_resource_stands_beside_where_the_disk_has_another(
    home: Path, repo: Path
) -> None:
    ide = Ide()

    def given(path: str, text: str) -> Any:
        name, mark, lines = path.partition("#")
        uri = f"{(repo / name).as_uri()}{mark}{lines}"
        return resource_block(embedded_text_resource(uri, text))

    async def work(agent: Any) -> None:
        await ide.ask(
            await ide.open(repo),
            "compare ",
            given("main.py", FILES["main.py"]),
            given("calc.py", "def add(a, b, c):\n    return 0\n"),
            given("sub/notes.md#L1:1", "# Notes"),
        )

    conversing(ide, env(home, ANSWER), home, work)
    (request,) = requests(home)
    assert "compare `main.py``calc.py``sub/notes.md:1-1`" in request["question"]
    assert "print(add" not in request["tail"]
    assert "calc.py (not saved yet)" in request["tail"]
    assert "def add(a, b, c)" in request["tail"]
    assert "sub/notes.md:1-1" in request["tail"]


def test_what_avante_says_again_is_said_once(home: Path, repo: Path) -> None:
    ide = Ide()

    def told(*messages: str) -> list[str]:
        tags = [f"<previous_user_message>{m}</previous_user_message>" for m in messages]
        end = f"with {len(messages)} recent user messages</system_context>"
        return [*tags, f"<system_context>Continuing from previous session {end}"]

    async def work(agent: Any) -> None:
        session = await ide.open(repo)
        await ide.ask(session, *told("what does add do?"))
        await ide.ask(session, *told("/cost", "what does add do?"))
        code = "<selected_code>x</selected_code>"
        await ide.ask(session, code, *told("and\nthis?", "/cost", "what does add do?"))

    conversing(ide, env(home, ANSWER), home, work)
    first, second = requests(home)
    assert first["question"].endswith("\nwhat does add do?\n")
    assert "<selected_code>x</selected_code>and\nthis?" in second["turns"][-1][1]
    assert "previous" not in json.dumps([second["turns"], first["question"]])
    assert ide.of("session_info_update")[0]["title"] == "what does add do?"


@pytest.mark.parametrize("choice", ["allow", "reject", ""])
def test_a_costly_prompt_is_asked_about(home: Path, repo: Path, choice: str) -> None:
    ide = Ide(choice)
    prices = {"input": 4.0, "cache_read": 0.4, "cache_write": 5.0, "output": 20.0}
    costly = env(home, ANSWER, prices=prices) | {"REPOCTX_ASK_ABOVE": "0.000001"}

    async def work(agent: Any) -> None:
        session = await ide.open(repo)
        if choice == "allow":
            assert await ide.ask(session, "what does add do?") == "end_turn"
            return
        with pytest.raises(RequestError, match="nothing was sent"):
            await ide.ask(session, "what does add do?")

    conversing(ide, costly, home, work)
    (asked,) = ide.asked
    assert "is cold" in asked["title"]
    assert [kind for _, kind in asked["options"]] == ["allow_once", "reject_once"]
    assert bool(ide.said()) is (choice == "allow")


# --- editing ----------------------------------------------------------------------


def edit_once(ide: Ide, home: Path, repo: Path, *replies: Any) -> str:
    async def work(agent: Any) -> str:
        session = await ide.open(repo)
        await agent.set_session_mode(session_id=session, mode_id="edit")
        return await ide.ask(session, "make it multiply")

    return str(conversing(ide, env(home, *replies), home, work))


def test_an_edit_is_shown_permitted_and_made(home: Path, repo: Path) -> None:
    ide = Ide()
    assert edit_once(ide, home, repo, TWO) == "end_turn"
    assert "a * b" in (repo / "calc.py").read_text()
    assert (repo / "new.py").read_text() == "x = 1\n"
    assert "@@@@" not in ide.said()
    assert ide.said().startswith("I make it multiply.")
    (call,) = [c for c in ide.of("tool_call") if c.get("kind") == "edit"]
    assert call["content"] == [
        {
            "type": "diff",
            "path": str(repo / "calc.py"),
            "oldText": FILES["calc.py"],
            "newText": FILES["calc.py"].replace("+", "*"),
        },
        {"type": "diff", "path": str(repo / "new.py"), "newText": "x = 1\n"},
    ]
    (asked,) = ide.asked
    assert asked["toolCallId"] == call["toolCallId"]
    assert asked["content"] == call["content"]
    kinds = ["allow_once", "allow_always", "reject_once", "reject_always"]
    assert [kind for _, kind in asked["options"]] == kinds
    states = [
        u["status"]
        for u in ide.of("tool_call_update")
        if u["toolCallId"] == call["toolCallId"]
    ]
    assert states == ["in_progress", "completed"]
    plans = ide.of("plan")
    assert [e["content"] for e in plans[-1]["entries"]] == ["calc.py", "new.py"]
    assert {e["status"] for e in plans[-1]["entries"]} == {"completed"}


@pytest.mark.parametrize("choice", ["reject", "reject_always", ""])
def test_what_is_rejected_changes_nothing_and_stays_pending(
    home: Path, repo: Path, choice: str
) -> None:
    ide = Ide(choice)

    async def work(agent: Any) -> None:
        session = await ide.open(repo)
        assert await ide.ask(session, "/edit make it multiply") == "end_turn"
        assert tree(repo) == FILES
        assert "/apply" in ide.said()
        ide.choice = "allow"
        if choice == "reject_always":
            await ide.ask(session, "/apply")
            assert tree(repo) == FILES
            await agent.set_session_mode(session_id=session, mode_id="ask")
        await ide.ask(session, "/apply")
        assert "a * b" in (repo / "calc.py").read_text()
        await ide.ask(session, "/undo")
        assert tree(repo) == FILES
        await ide.ask(session, "/redo")
        assert "a * b" in (repo / "calc.py").read_text()

    conversing(ide, env(home, TWO), home, work)


def test_allowed_for_good_is_not_asked_again(home: Path, repo: Path) -> None:
    ide = Ide("allow_always")
    back = edits("calc.py", "    return a * b\n", "    return a - b\n")

    async def work(agent: Any) -> None:
        session = await ide.open(repo)
        await ide.ask(session, "/edit make it multiply")
        await ide.ask(session, "/edit make it subtract")
        assert "a - b" in (repo / "calc.py").read_text()
        other = await ide.open(repo)
        assert len(ide.asked) == 1
        await ide.ask(other, "/edit make it subtract")

    conversing(ide, env(home, PRODUCT, back), home, work)


def test_what_does_not_fit_is_repaired_or_reported(home: Path, repo: Path) -> None:
    ide = Ide()
    wrong = edits("calc.py", "    return nothing\n", "    return a * b\n")
    assert edit_once(ide, home, repo, wrong, PRODUCT) == "end_turn"
    assert "a * b" in (repo / "calc.py").read_text()
    thoughts = ide.said(kind="agent_thought_chunk")
    assert "does not fit" in thoughts and "asking for them again" in thoughts
    other = Ide()
    wrong = wrong.replace("return a * b", "return 7")
    assert edit_once(other, home, repo, wrong) == "end_turn"
    assert "do not fit" in other.said()
    assert "its old lines do not stand in the file" in other.said()
    assert not other.asked


def test_an_edit_that_is_cancelled_changes_nothing(home: Path, repo: Path) -> None:
    ide = Ide("never answer")

    async def work(agent: Any) -> None:
        session = await ide.open(repo)
        turn = asyncio.create_task(ide.ask(session, "/edit make it multiply"))
        while not ide.asked:
            await asyncio.sleep(0.02)
        await agent.cancel(session_id=session)
        assert await asyncio.wait_for(turn, 10) == "cancelled"
        assert tree(repo) == FILES

    conversing(ide, env(home, TWO), home, work)


def test_an_answer_cut_short_by_the_user_is_not_applied(home: Path, repo: Path) -> None:
    ide = Ide("allow")
    slow = {"text": PRODUCT + "more " * 2000, "chunk": 10, "delay": 0.01}

    async def work(agent: Any) -> None:
        session = await ide.open(repo)
        turn = asyncio.create_task(ide.ask(session, "/edit make it multiply"))
        while not ide.of("plan"):
            await asyncio.sleep(0.02)
        await agent.cancel(session_id=session)
        assert await asyncio.wait_for(turn, 10) == "cancelled"
        assert tree(repo) == FILES
        assert not ide.asked

    conversing(ide, env(home, slow), home, work)


def test_a_large_change_is_planned_and_made_in_parts(home: Path, repo: Path) -> None:
    ide = Ide()
    plan = '{"files": [{"path": "calc.py", "change": "multiply"}, '
    plan += '{"path": "main.py", "change": "say so"}]}'
    told = PRODUCT + edits("main.py", "print(add(1, 2))\n", "print(add(2, 2))\n", 2)

    async def work(agent: Any) -> str:
        return await ide.ask(await ide.open(repo), "/plan make it multiply")

    assert conversing(ide, env(home, plan, told), home, work) == "end_turn"
    assert "add(2, 2)" in (repo / "main.py").read_text()
    first = ide.of("plan")[0]["entries"]
    assert [e["content"].partition(":")[0] for e in first] == ["calc.py", "main.py"]
    assert {e["status"] for e in first} == {"pending"}


# --- the editor's files -----------------------------------------------------------


def test_what_the_editor_has_not_saved_is_asked_about_and_edited(
    home: Path, repo: Path
) -> None:
    ide = Ide(fs=(True, True))
    calc = repo / "calc.py"
    ide.held[str(calc)] = "def add(a, b, c):\n    return a + b + c\n"
    change = edits("calc.py", "    return a + b + c\n", "    return a * b * c\n")

    async def work(agent: Any) -> None:
        session = await ide.open(repo)
        await ide.ask(
            session, "/edit make it multiply ", link("calc.py", calc.as_uri())
        )

    conversing(ide, env(home, change), home, work)
    assert "a + b + c" in requests(home)[0]["tail"]
    assert calc.read_text() == "def add(a, b, c):\n    return a * b * c\n"
    # First what it had, so that undo gives that back, then what it is now.
    assert [text for _, text in ide.written] == [
        "def add(a, b, c):\n    return a + b + c\n",
        "def add(a, b, c):\n    return a * b * c\n",
    ]
    (call,) = [c for c in ide.of("tool_call") if c.get("kind") == "edit"]
    assert call["content"][0]["oldText"].endswith("a + b + c\n")


def test_an_editor_of_lines_keeps_the_last_newline(home: Path, repo: Path) -> None:
    """As Neovim's clients: no newline is told, and one more is written."""
    ide = Ide(fs=(True, True))
    ide.adds_a_line = True
    calc = repo / "calc.py"
    ide.held[str(calc)] = "# mine\n\n" + FILES["calc.py"].removesuffix("\n")

    async def work(agent: Any) -> None:
        session = await ide.open(repo)
        await ide.ask(session, "/edit make it multiply")
        assert calc.read_text() == "# mine\n\n" + FILES["calc.py"].replace("+", "*")
        await ide.ask(session, "/undo")

    conversing(ide, env(home, PRODUCT), home, work)
    assert calc.read_text() == "# mine\n\n" + FILES["calc.py"]


def test_unsaved_lines_that_nobody_asked_about_are_merged(
    home: Path, repo: Path
) -> None:
    ide = Ide(fs=(True, True))
    calc = repo / "calc.py"
    ide.held[str(calc)] = "# mine\n\n" + FILES["calc.py"]

    async def work(agent: Any) -> None:
        session = await ide.open(repo)
        await ide.ask(session, "/edit make it multiply")
        await ide.ask(session, "/undo")

    conversing(ide, env(home, PRODUCT), home, work)
    mine = "# mine\n\n" + FILES["calc.py"]
    assert ide.written[-2][1] == mine.replace("+", "*")
    # What undo makes of a file is told too.
    assert ide.written[-1][1] == ide.held[str(calc)] == calc.read_text() == mine


@pytest.mark.parametrize("way", ["adds a line", "formats"])
def test_an_editor_that_saves_something_else(home: Path, repo: Path, way: str) -> None:
    ide = Ide(fs=(True, True))
    ide.adds_a_line = way == "adds a line"
    ide.held[str(repo / "calc.py")] = FILES["calc.py"]
    if way == "formats":
        ide.formats = lambda text: text.replace("a * b", "(a * b)")
    assert edit_once(ide, home, repo, TWO) == "end_turn"
    saved = (repo / "calc.py").read_text()
    told = ide.said(kind="agent_thought_chunk")
    if way == "formats":
        assert "(a * b)" in saved
        assert "calc.py: the editor changed it on saving" in told
    else:
        assert saved == FILES["calc.py"].replace("+", "*")
        assert (repo / "new.py").read_text() == "x = 1\n"
        assert "changed it" not in told


def test_a_buffer_that_the_editor_tells_nothing_of_is_not_replaced(
    home: Path, repo: Path
) -> None:
    """As CodeCompanion: it reads the disk, and writes into its buffer."""
    ide = Ide(fs=(True, True))
    ide.tells_the_disk = True
    ide.held[str(repo / "calc.py")] = "# mine\n" + FILES["calc.py"]
    assert edit_once(ide, home, repo, TWO) == "end_turn"
    assert "a * b" in (repo / "calc.py").read_text()
    assert not ide.written


def test_an_editor_that_only_reads_gets_its_change_on_the_disk(
    home: Path, repo: Path
) -> None:
    ide = Ide(fs=(True, False))
    assert edit_once(ide, home, repo, TWO) == "end_turn"
    assert not ide.written
    assert "a * b" in (repo / "calc.py").read_text()


# --- sessions ---------------------------------------------------------------------


def test_a_session_is_found_again_by_another_process(home: Path, repo: Path) -> None:
    variables = env(home, ANSWER, PRODUCT)
    first, later = Ide(), Ide()

    async def begin(agent: Any) -> str:
        session = await first.open(repo)
        await first.ask(session, "what does add do?")
        await first.ask(session, "/edit make it multiply")
        return session

    session = conversing(first, variables, home, begin)

    async def go_on(agent: Any) -> None:
        (info,) = (await agent.list_sessions(cwd=str(repo))).sessions
        assert (info.session_id, info.title) == (session, "what does add do?")
        assert info.cwd == str(repo)
        await agent.load_session(str(repo), session, mcp_servers=[])
        said = [u["content"]["text"] for u in later.of("user_message_chunk")]
        assert said == ["what does add do?", "make it multiply"]
        assert later.said().startswith(ANSWER)
        assert "@@@@" not in later.said()
        later.updates.clear()
        await agent.close_session(session_id=session)
        with pytest.raises(RequestError) as caught:
            await later.ask(session, "hello")
        assert caught.value.code == -32002
        await agent.resume_session(cwd=str(repo), session_id=session)
        assert not later.of("user_message_chunk")
        await later.ask(session, "and now?")
        turns = requests(home)[-1]["turns"]
        assert [role for role, *_ in turns] == ["assistant", "user"] * 2
        with pytest.raises(RequestError) as caught:
            await agent.load_session(str(repo), session[:4], mcp_servers=[])
        assert caught.value.code == -32002

    conversing(later, variables, home, go_on)


def test_the_model_and_the_mode_can_be_set(home: Path, repo: Path) -> None:
    ide = Ide()

    async def work(agent: Any) -> None:
        session = await ide.open(repo)

        async def choose(key: str, value: str) -> dict[str, str]:
            told = await agent.set_config_option(
                config_id=key, session_id=session, value=value
            )
            return {o.id: o.current_value for o in told.config_options}

        assert (await choose("model", "scripted/two"))["model"] == "scripted/two"
        assert (await choose("mode", "edit"))["mode"] == "edit"
        await ide.until("current_mode_update")
        assert ide.of("current_mode_update")[-1]["currentModeId"] == "edit"
        for key, value in (("model", "nobody/x"), ("mode", "x"), ("x", "y")):
            with pytest.raises(RequestError) as caught:
                await choose(key, value)
            assert caught.value.code == -32602
        await choose("mode", "ask")
        await ide.ask(session, "what does add do?")
        assert requests(home)[-1]["model"] == "two"
        await ide.ask(session, "/model scripted/three")
        told = ide.of("config_option_update")[-1]["configOptions"]
        assert told[1]["currentValue"] == "scripted/three"
        await ide.ask(session, "what does add do?")
        assert requests(home)[-1]["model"] == "three"

    conversing(ide, env(home, ANSWER), home, work)


def test_two_sessions_answer_at_once_each_about_its_own_folder(
    home: Path, repo: Path, tmp_path: Path
) -> None:
    other = make_repo(tmp_path / "other", {"zebra.py": "def stripes():\n    pass\n"})
    ide = Ide()
    replies = [
        {"text": "first " * 60, "match": "add", "delay": 0.02, "chunk": 6},
        {"text": "second " * 60, "match": "zebra", "delay": 0.02, "chunk": 7},
    ]

    async def work(agent: Any) -> None:
        one, two = await ide.open(repo), await ide.open(other)
        turns = (ide.ask(one, "where is add?"), ide.ask(two, "where is the zebra?"))
        assert await asyncio.gather(*turns) == ["end_turn", "end_turn"]
        assert ide.said(one) == "first " * 60
        assert ide.said(two) == "second " * 60
        order = [
            number
            for number, told in ide.updates
            if told["sessionUpdate"] == "agent_message_chunk"
        ]
        changes = sum(a != b for a, b in pairwise(order))
        assert changes > 2, "one after the other"

    conversing(ide, env(home, *replies), home, work)
    prefixes = {r["question"][-20:]: r["prefix"] for r in requests(home)}
    assert sum("stripes" in prefix for prefix in prefixes.values()) == 1


@pytest.mark.parametrize("files", [8, 1])
def test_two_agents_in_one_tree_lose_no_edit(
    home: Path, tmp_path: Path, files: int
) -> None:
    """Of one file an edit may be refused, as the other agent was faster."""
    names = [f"m{n % files}.py" for n in range(8)]
    parts = [f"def f{n}():\n    return {n}\n\n\n" for n in range(8)]
    texts = {m: "".join(parts[names.index(m) :: files]) for m in names}
    repo = make_repo(tmp_path / "both", texts)
    ides = [Ide("allow_always"), Ide("allow_always")]

    async def run() -> None:
        told = [
            {"text": edits(names[n], f"    return {n}\n", f"    return -{n}\n")}
            | {"match": f"number {n}"}
            for n in range(8)
        ]
        homes = [home / "one", home / "two"]
        variables = [env(at, *told) for at in homes]
        async with (
            running(ides[0], variables[0], homes[0]),
            running(ides[1], variables[1], homes[1]),
        ):
            sessions = [await ide.open(repo) for ide in ides]
            for n in range(0, 8, 2):
                asked = [f"/edit number {n}", f"/edit number {n + 1}"]
                turns = map(Ide.ask, ides, sessions, asked)
                assert await asyncio.gather(*turns) == ["end_turn", "end_turn"]

    asyncio.run(run())
    said = ides[0].said() + ides[1].said()
    made = sum(text.count("return -") for text in tree(repo).values())
    assert made == said.count("Applied to 1 file")
    assert made + said.count("[conflict]") == 8
    assert made == 8 or files == 1
    assert list((repo / ".git/repoctx/journal").glob("*.applying")) == []


# --- commands ---------------------------------------------------------------------


def test_commands_answer_without_a_model(home: Path, repo: Path) -> None:
    ide = Ide()
    (repo / "main.py").write_text("from calc import gone\n\nprint(add(1, 2))\n")

    async def work(agent: Any) -> None:
        session = await ide.open(repo)
        for command, wanted in (
            ("/search add", "`calc.py:1` def add(a, b)"),
            ("/status", "3 files"),
            ("/review", "gone"),
            ("/review staged", "No findings"),
            ("/model", "offline"),
            ("/cost", "0 questions"),
        ):
            ide.updates.clear()
            assert await ide.ask(session, command) == "end_turn", command
            assert wanted in ide.said(), command
        for wrong in ("/search", "/undo", "/apply", "/model nobody/x", "/edit", "  "):
            with pytest.raises(RequestError):
                await ide.ask(session, wrong)

    conversing(ide, environment(home), home, work)
    assert not (home / "requests.jsonl").exists()
    git(repo, "checkout", "-q", "main.py")


def test_a_path_is_no_command(home: Path, repo: Path) -> None:
    ide = Ide()

    async def work(agent: Any) -> None:
        await ide.ask(await ide.open(repo), "/usr/bin/add is what?")

    conversing(ide, env(home, ANSWER), home, work)
    assert "/usr/bin/add is what?" in requests(home)[0]["question"]
