"""Reviews by a model: what is asked, what is believed, what is never asked twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from repoctx.flow.review import Options, Reviewed, review
from repoctx.flow.session import open_session
from repoctx.flow.sides import Scope, Subject
from repos import git, make_repo, write

LIB = "def retry_delay(attempt):\n    return 2**attempt\n"
NEW = "def retry_delay(attempt):\n    return 2 * attempt\n"

STAGED = Subject()


def finding(**changed: Any) -> dict[str, Any]:
    return {
        "rule": "bug",
        "severity": "error",
        "confidence": 0.9,
        "path": "lib.py",
        "line": 2,
        "quote": "return 2 * attempt",
        "message": "the delay grows linearly",
        "related": [{"path": "use.py", "quote": "retry_delay(1)"}],
        "fix": "",
    } | changed


class Place:
    """A repository with a staged change, and a model that answers as told."""

    def __init__(self, folder: Path) -> None:
        use = "from lib import retry_delay\n\nretry_delay(1)\n"
        self.repo = make_repo(folder / "repo", {"lib.py": LIB, "use.py": use})
        write(self.repo, {"lib.py": NEW})
        git(self.repo, "add", "-A")
        self.script = folder / "script.json"
        self.record = folder / "requests.jsonl"

    def says(self, *found: dict[str, Any], text: str = "") -> None:
        answer = text or f"```json\n{json.dumps({'findings': found})}\n```\n"
        replies = [{"text": answer}]
        script = {"replies": replies, "record": "requests.jsonl"}
        self.script.write_text(json.dumps(script))

    def review(self, model: bool = True, subject: Subject = STAGED) -> Reviewed:
        flags = {"model": "scripted", "base_url": f"file:{self.script}"}
        with open_session(self.repo, flags) as session:
            return review(session, subject, Options(model=model))

    @property
    def requests(self) -> list[dict[str, Any]]:
        if not self.record.exists():
            return []
        return [json.loads(line) for line in self.record.read_text().splitlines()]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("REPOCTX_CONFIG", str(tmp_path / "none.toml"))
    return Place(tmp_path)


def test_a_finding_that_stands_in_the_change(place: Place) -> None:
    place.says(finding())
    done = place.review()
    [found] = done.findings
    assert (found.rule, found.at.path, found.at.start) == ("bug", "lib.py", 2)
    assert [(s.path, s.start) for s in found.related] == [("use.py", 3)]
    assert found.fingerprint
    assert done.model == "scripted"
    [request] = place.requests
    assert request["mode"] == "review"
    assert "+    return 2 * attempt" in request["tail"]
    assert "Based on the code above" in request["question"]


DROPPED = {
    "a quote that is nowhere": finding(quote="return attempt ** 2"),
    "a quote that was there before": finding(quote="def retry_delay(attempt):", line=1),
    "a file that did not change": finding(
        path="use.py", quote="retry_delay(1)", line=3
    ),
    "a path outside": finding(path="../../etc/passwd"),
    "a rule of its own": finding(rule="style"),
    "a structural rule": finding(rule="syntax-error"),
    "a severity of its own": finding(severity="catastrophic"),
    "no quote": finding(quote=""),
}


@pytest.mark.parametrize("case", DROPPED)
def test_what_does_not_hold_is_dropped_and_counted(place: Place, case: str) -> None:
    place.says(DROPPED[case])
    done = place.review()
    assert (done.findings, done.dropped) == ((), 1)


def test_the_line_only_decides_between_places(place: Place) -> None:
    write(
        place.repo,
        {"lib.py": NEW + "\n\ndef other(attempt):\n    return 2 * attempt\n"},
    )
    git(place.repo, "add", "-A")
    place.says(finding(line=900))
    assert [f.at.start for f in place.review().findings] == [6]


def test_the_same_change_twice_is_asked_once(place: Place) -> None:
    place.says(finding())
    first = place.review()
    again = place.review()
    assert len(place.requests) == 1
    assert again.findings == first.findings
    write(place.repo, {"lib.py": NEW + "x = 1\n"})
    git(place.repo, "add", "-A")
    place.review()
    assert len(place.requests) == 2


def test_the_prefix_is_that_of_a_question(place: Place) -> None:
    from repoctx.flow.ask import Question, ask

    place.says(finding())
    place.review()
    flags = {"model": "scripted", "base_url": f"file:{place.script}"}
    with open_session(place.repo, flags) as session:
        ask(session, Question("what is this?"), lambda _: None)
    one, other = place.requests
    assert one["prefix"] == other["prefix"]


def test_what_a_rule_says_already_is_not_repeated(place: Place) -> None:
    write(place.repo, {"lib.py": "def wait(attempt):\n    return 2**attempt\n"})
    git(place.repo, "add", "-A")
    place.says(finding(line=1, quote="def wait(attempt):", message="callers break"))
    done = place.review()
    assert [f.rule for f in done.findings] == ["removed-but-used"]
    assert done.dropped == 1


NO_LISTS = [
    *("I think it is fine.", "```json\n{", '{"findings": 3}', "[1, 2]", "{" * 3000),
    '{"answer": "none"}',
]


@pytest.mark.parametrize("text", NO_LISTS)
def test_an_answer_that_is_no_list_of_findings(place: Place, text: str) -> None:
    place.says(text=text)
    done = place.review()
    assert (done.findings, done.model) == ((), "")
    assert "no list of findings" in str(done.failed)
    place.says(finding())
    assert len(place.review().findings) == 1  # It was not kept for an answer.


def test_an_answer_that_finds_nothing(place: Place) -> None:
    place.says(text="All is well: `{" + '"findings": []}`')
    done = place.review()
    assert (done.findings, done.failed, done.model) == ((), None, "scripted")


def edit(old: str, new: str, path: str = "lib.py") -> str:
    pair = f"<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n"
    return f"@@@@ 1 edit {path}\n{pair}@@@@ end 1\n"


def create(path: str) -> str:
    return f"@@@@ 1 create {path}\nx = 1\n@@@@ end 1\n"


RIGHT = edit("    return 2 * attempt", "    return 2**attempt")
FITTING = {
    "the changed line": RIGHT,
    "another file": edit("retry_delay(1)", "retry_delay(2)", "use.py"),
    "a new file": create("docs.py"),
    "a diff": "--- a/lib.py\n+++ b/lib.py\n@@ -1,2 +1,2 @@\n def retry_delay(attempt):"
    "\n-    return 2 * attempt\n+    return 2**attempt\n",
}
UNFITTING = {
    "prose": "use a power of two",
    "lines that only HEAD has": edit("    return 2**attempt", "    return 3**attempt"),
    "lines that only the work tree has": edit("    return 7", "    return 2**attempt"),
    "a file that is not there": edit("x", "y", "gone.py"),
    "nothing new": edit("    return 2 * attempt", "    return 2 * attempt"),
    "broken syntax": edit("    return 2 * attempt", "    return (2 * attempt"),
    "outside": create("../docs.py"),
    "git's own": create(".git/hooks/pre-commit"),
    "what git ignores": create("build/a.py"),
    "over a file that is there": create("use.py"),
    "over a binary file": create("logo.png"),
    "one that fits and one that does not": RIGHT + edit("gone", "x").replace("1", "2"),
}


@pytest.mark.parametrize("case", [*FITTING, *UNFITTING])
def test_a_fix_is_shown_where_it_can_be_applied(place: Place, case: str) -> None:
    """It is tried on the index, which is neither HEAD nor the work tree."""
    write(place.repo, {".gitignore": "build/\n", "logo.png": b"\0\1"})
    git(place.repo, "add", "-A")
    write(place.repo, {"lib.py": NEW.replace("2 * attempt", "7")})
    fix = (FITTING | UNFITTING)[case]
    place.says(finding(fix=fix))
    done = place.review()
    shown = fix if case in FITTING else ""
    assert [f.fix for f in done.findings] == [shown]
    assert (done.unfit, done.dropped) == (int(not shown), 0)


def test_a_fix_of_a_patch_that_is_in_no_tree(place: Place) -> None:
    git(place.repo, "reset", "-q", "--hard")
    patch = "--- a/lib.py\n+++ b/lib.py\n@@ -2 +2 @@\n-    return 2**attempt\n+"
    subject = Subject(Scope.PATCH, patch=patch + "    return 2 * attempt\n")
    place.says(finding(fix=RIGHT))
    assert [f.fix for f in place.review(subject=subject).findings] == [RIGHT]


def test_a_cut_answer_gives_what_is_whole(place: Place) -> None:
    whole = json.dumps(finding())
    place.says(text='```json\n{"findings": [' + whole + ', {"rule": "bug", "sev')
    assert len(place.review().findings) == 1


def test_at_most_five(place: Place) -> None:
    lines = [f"value_{n} = compute({n})" for n in range(60)]
    write(place.repo, {"lib.py": NEW + "\n".join(lines) + "\n"})
    git(place.repo, "add", "-A")
    place.says(*[finding(quote=lines[n], line=n + 3) for n in range(0, 60, 5)])
    assert len(place.review().findings) == 5


def test_without_a_model_nothing_is_sent(place: Place) -> None:
    place.says(finding())
    assert place.review(model=False).model == ""
    assert place.requests == []


def test_a_model_that_fails_takes_nothing_away(place: Place) -> None:
    write(place.repo, {"lib.py": "def wait(attempt):\n    return 2**attempt\n"})
    git(place.repo, "add", "-A")
    place.script.write_text(
        '{"replies": [{"text": "", "error": {"kind": "auth", "message": "no key"}}]}'
    )
    done = place.review()
    assert [f.rule for f in done.findings] == ["removed-but-used"]
    assert done.failed is not None
    assert done.failed.code == 4
