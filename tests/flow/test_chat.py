"""Conversations: what was sent stays, what changed comes last, and all is kept."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from repoctx.errors import BudgetExceeded, CutAnswer, UsageError
from repoctx.flow.ask import Question
from repoctx.flow.chat import say
from repoctx.flow.chats import (
    KEPT,
    chats,
    find_chat,
    new_chat,
    save_chat,
    undone,
)
from repoctx.flow.session import open_session
from repos import commit, make_repo, write

LINES = "".join(f"def function_{n}():\n    return {n}\n\n\n" for n in range(200))
FILES = {
    "a.py": LINES,
    "big.py": LINES * 2,
    "b.py": "B = 1\n",
    "docs/c.md": "# C\n\nText.\n",
}


class World:
    """A repository, and a scripted model that keeps what it was sent."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root = root
        self.folder = folder
        self.notes: list[str] = []
        self.script({"text": "An answer.\n"})

    def script(self, *replies: dict[str, Any], **fields: Any) -> None:
        given = {"cache": "seen", "record": "requests.jsonl", "bytes_per_token": 1}
        file = self.folder / "script.json"
        file.write_text(json.dumps(given | {"replies": replies} | fields))
        (self.folder / "requests.jsonl").unlink(missing_ok=True)

    @property
    def sent(self) -> list[dict[str, Any]]:
        lines = (self.folder / "requests.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def say(self, chat, text: str, **flags: Any):
        flags = {"model": "scripted"} | flags
        flags |= {"base_url": f"file:{self.folder / 'script.json'}"}
        with open_session(self.root, flags) as session:
            try:
                return say(session, chat, Question(text), lambda _: None)
            finally:
                self.notes = session.notes


@pytest.fixture
def world(tmp_path: Path) -> World:
    folder = tmp_path / "model"
    folder.mkdir()
    return World(make_repo(tmp_path / "repo", FILES), folder)


def bytes_of(row: dict[str, Any]) -> bytes:
    turns = "".join(f"\n[{role}]\n{text}" for role, text, _ in row["turns"])
    return (row["prefix"] + row["tail"] + row["question"] + turns).encode()


def changed(world: World, number: int) -> None:
    """An edit, a new file, a deletion, a commit: one after another."""
    text = FILES["a.py"].replace("return 7\n", f"return 7{number}\n")
    match number % 4:
        case 0:
            write(world.root, {"a.py": text})
        case 1:
            write(world.root, {f"new{number}.py": f"N = {number}\n"})
        case 2:
            (world.root / "b.py").unlink(missing_ok=True)
        case 3:
            commit(world.root, f"commit {number}")


def test_every_turn_finds_the_whole_conversation_in_the_cache(world: World):
    chat = new_chat()
    for number in range(9):
        chat, asked = world.say(chat, f"question {number}?")
        if number:
            before = len(bytes_of(world.sent[number - 1]))
            assert asked.answer.usage.cached >= before
        changed(world, number)
    rows = [bytes_of(row) for row in world.sent]
    for one, other in pairwise(rows):
        assert other.startswith(one)
    assert len({row["prefix"] for row in world.sent}) == 1
    assert [one.asked for one in chat.exchanges] == [f"question {n}?" for n in range(9)]


def test_what_changed_is_told_once_with_the_next_question(world: World):
    chat, _ = world.say(new_chat(), "one?")
    write(world.root, {"a.py": LINES.replace("return 7\n", "return 'seven'\n")})
    (world.root / "b.py").unlink()
    write(world.root, {"d.py": "D = 1\n"})
    chat, _ = world.say(chat, "two?")
    chat, _ = world.say(chat, "three?")
    write(world.root, {"a.py": LINES})
    chat, _ = world.say(chat, "four?")
    two, three, four = (row["turns"][-1][1] for row in world.sent[1:])
    assert '<patch path="a.py">' in two and "+    return 'seven'\n" in two
    assert '<deleted path="b.py"/>' in two
    assert '<file path="d.py">\nD = 1\n</file>' in two
    assert two.endswith("Question:\ntwo?\n")
    assert "a.py" not in three and "d.py" not in three
    # Back to what the base shows: only the whole text undoes the patch.
    assert f'<file path="a.py">\n{LINES}</file>' in four
    assert "d.py" not in four


def test_a_secret_in_a_changed_file_stays_out(world: World):
    chat, _ = world.say(new_chat(), "one?")
    key = "AKIA" + "IOSFODNN7EXAMPLQ"
    write(world.root, {"b.py": f'KEY = "{key}"\n'})
    world.say(chat, "two?")
    assert key not in json.dumps(world.sent)
    assert "[redacted:" in world.sent[1]["turns"][-1][1]


def test_it_goes_on_in_another_process(world: World):
    chat, _ = world.say(new_chat(), "one?")
    with open_session(world.root, {}) as session:
        kept = find_chat(session.state)
        assert kept == chat
        assert find_chat(session.state, chat.id[:5]) == chat
        with pytest.raises(UsageError, match="no conversation 'zz'"):
            find_chat(session.state, "zz")
    world.say(kept, "two?")
    one, two = map(bytes_of, world.sent)
    assert two.startswith(one)


def test_rounds_stay_in_the_conversation_as_they_came(world: World):
    parts = [{"text": "first half, ", "stop": "length", "raw": {"token": 1}}]
    world.script(*parts, {"text": "second half"}, {"text": "after"})
    chat, asked = world.say(new_chat(), "one?")
    assert asked.answer.text == "first half, second half"
    assert chat.exchanges[0].text == "first half, second half"
    world.say(chat, "two?")
    first, second, third = world.sent
    assert bytes_of(second).startswith(bytes_of(first))
    assert bytes_of(third).startswith(bytes_of(second))
    assert second["turns"][0] == ["assistant", "first half, ", {"token": 1}]
    assert third["turns"][2] == ["assistant", "second half", None]


def test_a_cut_answer_stays_as_far_as_it_came(world: World):
    cut = {"text": "Half of it", "error": {"message": "reset", "at": 4}}
    world.script(cut, {"text": "more"})
    chat = new_chat()
    with pytest.raises(CutAnswer):
        world.say(chat, "one?")
    with open_session(world.root, {}) as session:
        kept = find_chat(session.state, chat.id)
    assert kept.exchanges[0].text == "Half"
    assert kept.exchanges[0].saved.endswith(".cut.md")
    world.say(kept, "go on")
    assert world.sent[1]["turns"][0][:2] == ["assistant", "Half"]


def test_taking_back_the_last_question(world: World):
    chat, _ = world.say(new_chat(), "one?")
    write(world.root, {"b.py": "B = 2\n"})
    chat, _ = world.say(chat, "two?")
    assert undone(chat).title == "one?"
    # What the question told is forgotten with it, so the next tells it again.
    world.say(undone(chat), "three?")
    assert "B = 2" in world.sent[2]["turns"][-1][1]
    assert "two?" not in bytes_of(world.sent[2]).decode()
    assert undone(undone(chat)).exchanges == ()


def test_another_model_gets_the_words_and_the_files_as_they_are(world: World):
    world.script({"text": "An answer.", "raw": [1]})
    chat, _ = world.say(new_chat(), "one?")
    write(world.root, {"b.py": "B = 2\n"})
    chat, _ = world.say(chat, "two?", model="scripted/other")
    row = world.sent[1]
    assert row["question"].endswith("one?\n")
    assert row["turns"][0] == ["assistant", "An answer.", None]
    assert row["turns"][-1][1].endswith("two?\n")
    assert "B = 2" in row["prefix"]
    chat, asked = world.say(chat, "three?", model="scripted/other")
    assert asked.answer.usage.cached >= len(bytes_of(row))


def test_a_base_that_is_gone_is_made_anew(world: World):
    chat, _ = world.say(new_chat(), "one?")
    (kept,) = (world.root / ".git/repoctx/base").glob("*.json")
    kept.unlink()
    commit(world.root, "nothing")
    (world.root / ".git/repoctx/index.db").unlink()
    chat, _ = world.say(chat, "two?")
    one, two = map(bytes_of, world.sent)
    assert two.startswith(one)


def test_much_that_changed_gets_a_new_prefix(world: World):
    chat, _ = world.say(new_chat(), "one?")
    write(world.root, {f"n{n}.py": LINES.replace("7", f"7{n}") for n in range(4)})
    world.say(chat, "two?")
    assert "n1.py" in world.sent[1]["prefix"]
    assert "n1.py" not in world.sent[1]["turns"][-1][1]
    assert any("shown anew" in note for note in world.notes)


def test_a_conversation_that_no_longer_fits(world: World):
    chat, _ = world.say(new_chat(), "one?")
    with pytest.raises(BudgetExceeded, match="begin a new one"):
        world.say(chat, "long " * 5000, budget=9000)


def test_only_so_many_are_kept_and_damage_is_passed_over(world: World):
    chat, _ = world.say(new_chat(), "one?")
    with open_session(world.root, {}) as session:
        folder = session.state.folder / "chats"
        (folder / "0000000a.json").write_text("{")
        (folder / "0000000b.json").write_text('{"version": 1, "id": "../../x"}')
        (folder / "0000000c.json").write_text("[" * 100_000)
        assert [c.id for c in chats(session.state)] == [chat.id]
        for _ in range(KEPT + 5):
            save_chat(session.state, new_chat())
        assert len(list(folder.iterdir())) == KEPT


def test_an_empty_question(world: World):
    with pytest.raises(UsageError, match="empty"):
        world.say(new_chat(), " \n")


def test_offline_answers_each_question(world: World):
    chat, asked = world.say(new_chat(), "function_7", model="offline")
    assert "function_7" in asked.answer.text
    chat, asked = world.say(chat, "function_9", model="offline")
    assert "function_9" in asked.answer.text
    assert len(chat.exchanges) == 2
