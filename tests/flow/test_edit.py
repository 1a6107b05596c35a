"""Orders carried out by a scripted model: applied whole, repaired, or refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from repoctx.errors import NotApplied, RepoctxError, UsageError
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
            self.told.append,
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
    assert place.told == [
        "1 ok",
        "2 refused",
        "1 block(s) do not fit: asking for them again",
        "2 ok",
    ]
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


def test_line_ends_that_changed_since_the_commit_are_kept(place: Place) -> None:
    there = LIB.replace("\n", "\r\n").encode()
    (place.repo / "lib.py").write_bytes(there)
    place.says(RENAME + CALLER)
    assert place.edit().record is not None
    renamed = (place.repo / "lib.py").read_bytes()
    assert renamed == there.replace(b"delay", b"wait")


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
        nobody = Watch(lambda _: None, lambda _: None, lambda _: None)
        edit(session, Order("x"), nobody, lambda _: True)


def test_usage_is_summed_and_the_cache_serves_the_repair(place: Place) -> None:
    place.says(RENAME + WRONG, CALLER)
    done = place.edit()
    one, two = done.answers
    assert done.usage.input == one.usage.input + two.usage.input
    assert two.usage.cached >= one.usage.input * 0.99
    assert git(place.repo, "status", "--porcelain").count("\n") == 1


def test_what_the_tests_say_goes_back_too(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPOCTX_TEST_CMD", "python3 use.py")
    place.says(RENAME, CALLER)
    done = place.edit()
    assert done.record is not None
    assert place.read("use.py") == USE.replace("delay", "wait")
    told = place.requests[1]["turns"][1][1]
    assert "python3 use.py" in told
    assert "ImportError" in told


def test_tests_that_never_pass_change_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPOCTX_TEST_CMD", "echo broken; exit 3")
    place.says(RENAME + CALLER, "It has nothing to do with the change.")
    with pytest.raises(Refused, match="test fails") as refused:
        place.edit(repairs=1)
    assert refused.value.ran is not None
    assert "broken" in refused.value.ran.output
    assert place.read("lib.py") == LIB


class Large(Place):
    """A repository of many files that all need the same change."""

    def __init__(self, folder: Path, count: int) -> None:
        super().__init__(folder)
        self.paths = [f"pkg/m{n:03}.py" for n in range(count)]
        write(
            self.repo,
            {
                path: f"from lib import delay\n\nx = delay({n})\n"
                for n, path in enumerate(self.paths)
            },
        )
        git(self.repo, "add", "-A")
        git(self.repo, "commit", "-qm", "many")

    def carry_out(self, parallel: int = 4, repairs: int = 2) -> Edited:
        flags = {"model": "scripted", "base_url": f"file:{self.script}"}
        watch = Watch(lambda _: None, lambda _: None, self.told.append)
        with open_session(self.repo, flags) as session:
            order = Order("rename delay to wait", repairs=repairs, parts=parallel)
            return edit(session, order, watch, lambda _: True)

    def plan(self) -> dict[str, Any]:
        paths = ["lib.py", "use.py", *self.paths]
        files = [{"path": path, "what": "rename"} for path in paths]
        text = json.dumps({"agreed": "the new name is wait", "files": files})
        return {"match": "plan the change", "text": f"```json\n{text}\n```"}

    def parts(self, broken: str = "") -> list[dict[str, Any]]:
        """An answer for each batch of eight files, found by its first file."""
        all_paths = ["lib.py", "use.py", *self.paths]
        found = []
        for at in range(0, len(all_paths), 8):
            paths = all_paths[at : at + 8]
            text = "".join(
                self.change(number, path, path == broken)
                for number, path in enumerate(paths, 1)
            )
            number = at // 8 + 1
            found.append({"match": f"This is part {number} of", "text": text})
        return found

    def change(self, number: int, path: str, broken: bool = False) -> str:
        text = (self.repo / path).read_text()
        old = text.replace("delay", "delays") if broken else text
        return block(number, path, old, text.replace("delay", "wait"))


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Large:
    monkeypatch.setenv("REPOCTX_CONFIG", str(tmp_path / "none.toml"))
    return Large(tmp_path, 300)


def test_a_change_of_300_files_lands_whole(large: Large) -> None:
    large.says(large.plan(), *large.parts())
    done = large.carry_out()
    assert done.record is not None
    assert len(done.located.patch.changes) == 302
    assert all("wait(" in large.read(path) for path in large.paths)
    prefixes = {r["digest"] for r in large.requests}
    assert (len(large.requests), len(prefixes)) == (39, 1)
    assert all("the new name is wait" in r["question"] for r in large.requests[1:])


def test_a_part_that_does_not_fit_alone_is_repaired(large: Large) -> None:
    broken = large.paths[20]
    number = (20 + 2) % 8 + 1
    fixed = {"match": "could not be applied", "text": large.change(number, broken)}
    large.says(large.plan(), fixed, *large.parts(broken))
    done = large.carry_out()
    assert done.record is not None
    assert len(large.requests) == 40
    assert "wait(" in large.read(broken)


def test_a_part_that_fails_is_asked_for_again_and_no_other(large: Large) -> None:
    parts = large.parts()
    lost = {**parts[5], "text": "", "error": {"kind": "overflow", "message": "no"}}
    large.says(large.plan(), *parts[:5], lost, *parts[6:])
    with pytest.raises(RepoctxError):
        large.carry_out()
    assert large.read("lib.py") == LIB
    before = len(large.requests)
    large.says(large.plan(), *parts)
    done = large.carry_out()
    assert done.record is not None
    # On a machine under load a part may fail for reasons of its own.
    assert 1 <= len(large.requests) - before <= 3


def test_no_plan_no_change(large: Large) -> None:
    large.says("I would rather not.")
    with pytest.raises(NotApplied, match="no plan"):
        large.carry_out()
