"""Orders carried out by a scripted model: applied whole, repaired, or refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from repoctx.errors import UsageError
from repoctx.flow import pending
from repoctx.flow.apply import Located
from repoctx.flow.edit import Edited, Order, Refused, Watch, edit
from repoctx.flow.session import open_session
from repos import git, make_repo, write

LIB = "def delay(n):\n    return 2**n\n"
USE = "from lib import delay\n\nprint(delay(1))\n"


def block(number: int, path: str, old: str, new: str) -> str:
    return (
        f"@@@@ {number} edit {path}\n<<<<<<< SEARCH\n{old}=======\n{new}"
        f">>>>>>> REPLACE\n@@@@ end {number}\n"
    )


RENAME = block(1, "lib.py", "def delay(n):\n", "def wait(n):\n")
CALLER = block(2, "use.py", USE, USE.replace("delay", "wait"))
WRONG = block(2, "use.py", "print(delay(2))\n", "print(wait(2))\n")


class Place:
    """A repository, a model that answers as told, and what was told meanwhile."""

    def __init__(self, folder: Path) -> None:
        self.repo = make_repo(folder / "repo", {"lib.py": LIB, "use.py": USE})
        self.script = folder / "script.json"
        self.record = folder / "requests.jsonl"
        self.told: list[str] = []

    def says(self, *answers: str | dict[str, Any]) -> None:
        replies = [a if isinstance(a, dict) else {"text": a} for a in answers]
        script = {"replies": replies, "record": "requests.jsonl"}
        self.script.write_text(json.dumps(script))

    def edit(
        self, confirm: Callable[[Located], bool] = lambda _: True, repairs: int = 2
    ) -> Edited:
        flags = {"model": "scripted", "base_url": f"file:{self.script}"}
        watch = Watch(
            lambda _: None,
            lambda o: self.told.append(f"{o.id} {o.status}"),
            lambda _, n: self.told.append(f"repair {n}"),
        )
        with open_session(self.repo, flags) as session:
            order = Order("rename delay to wait", repairs=repairs)
            return edit(session, order, watch, confirm)

    def read(self, path: str) -> str:
        return (self.repo / path).read_text()

    @property
    def requests(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.record.read_text().splitlines()]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("REPOCTX_CONFIG", str(tmp_path / "none.toml"))
    return Place(tmp_path)


def test_an_answer_that_fits_is_applied(place: Place) -> None:
    place.says(f"I rename it.\n\n{RENAME}\n{CALLER}")
    done = place.edit()
    assert done.record is not None
    assert place.read("lib.py") == LIB.replace("delay", "wait")
    assert place.read("use.py") == USE.replace("delay", "wait")
    assert place.told == ["1 ok", "2 ok"]
    [request] = place.requests
    assert request["mode"] == "edit"
    assert "rename delay to wait" in request["question"]
    assert "@@@@ 1 edit" in request["question"]


def test_declined_changes_nothing(place: Place) -> None:
    place.says(RENAME + CALLER)
    assert place.edit(lambda _: False).record is None
    assert (place.read("lib.py"), place.read("use.py")) == (LIB, USE)


def test_what_does_not_fit_is_asked_for_again(place: Place) -> None:
    place.says(RENAME + WRONG, f"Sorry.\n{CALLER}")
    done = place.edit()
    assert done.record is not None
    assert place.read("use.py") == USE.replace("delay", "wait")
    assert place.told == ["1 ok", "2 refused", "repair 1", "2 ok"]
    first, second = place.requests
    assert first["prefix"] == second["prefix"]
    assert first["question"] == second["question"]
    assert len(done.answers) == 2


def test_the_repair_says_what_the_file_has(place: Place) -> None:
    place.says(RENAME + WRONG, CALLER)
    place.edit()
    turns = place.requests[1]["turns"]
    assert [role for role, *_ in turns] == ["assistant", "user"]
    assert "print(delay(1))" in turns[1][1]
    assert "resend only block 2" in turns[1][1]


def test_rounds_are_bounded_and_the_rest_is_pending(place: Place) -> None:
    place.says(RENAME + WRONG, WRONG, WRONG)
    with pytest.raises(Refused) as refused:
        place.edit()
    assert len(place.requests) == 3
    assert (place.read("lib.py"), place.read("use.py")) == (LIB, USE)
    assert [o.id for o in refused.value.located.report.failed] == ["2"]
    with open_session(place.repo, {}) as session:
        [kept], title = pending.pending(session)
    assert kept.accepted == frozenset({"1"})
    assert title == "rename delay to wait"


def test_no_repair_when_none_is_wanted(place: Place) -> None:
    place.says(RENAME + WRONG)
    with pytest.raises(Refused):
        place.edit(repairs=0)
    assert len(place.requests) == 1


def test_a_syntax_error_goes_back_too(place: Place) -> None:
    broken = block(1, "lib.py", "def delay(n):\n", "def delay(n:\n")
    place.says(broken, block(1, "lib.py", "def delay(n):\n", "def delay(n, m=0):\n"))
    done = place.edit()
    assert done.record is not None
    assert place.read("lib.py").startswith("def delay(n, m=0):\n")


def test_prose_alone_changes_nothing(place: Place) -> None:
    place.says("That cannot be decided from the code.")
    done = place.edit()
    assert done.record is None
    assert done.located.report.outcomes == ()


def test_a_file_that_changed_meanwhile_is_merged(place: Place) -> None:
    place.says(RENAME)

    def meanwhile(_: Located) -> bool:
        return True

    write(place.repo, {"lib.py": LIB + "\n\n\n\nX = 1\n"})
    done = place.edit(meanwhile)
    assert done.record is not None
    assert place.read("lib.py") == LIB.replace("delay", "wait") + "\n\n\n\nX = 1\n"


def test_work_of_the_user_between_answer_and_commit_is_kept(place: Place) -> None:
    place.says(RENAME)
    asked = []

    def meanwhile(_: Located) -> bool:
        if not asked:
            write(place.repo, {"lib.py": LIB + "\n\n\n\nX = 1\n"})
        asked.append(1)
        return True

    place.edit(meanwhile)
    assert place.read("lib.py") == LIB.replace("delay", "wait") + "\n\n\n\nX = 1\n"
    assert len(asked) == 2


def test_offline_cannot_edit_and_names_three_ways(place: Place) -> None:
    with (
        open_session(place.repo, {}) as session,
        pytest.raises(UsageError, match="Three ways on"),
    ):
        nobody = Watch(lambda _: None, lambda _: None, lambda _, __: None)
        edit(session, Order("x"), nobody, lambda _: True)


def test_usage_is_summed_and_the_cache_serves_the_repair(place: Place) -> None:
    place.says(RENAME + WRONG, CALLER)
    done = place.edit()
    one, two = done.answers
    assert done.usage.input == one.usage.input + two.usage.input
    assert two.usage.cached >= one.usage.input * 0.99
    assert git(place.repo, "status", "--porcelain").count("\n") == 1
