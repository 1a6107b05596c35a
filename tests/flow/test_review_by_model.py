"""Reviews by a model: what is asked, what is believed, what is never asked twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from repoctx.flow.review import Options, Reviewed, review
from repoctx.flow.session import open_session
from repoctx.flow.sides import Subject
from repos import git, make_repo, write

LIB = "def retry_delay(attempt):\n    return 2**attempt\n"
NEW = "def retry_delay(attempt):\n    return 2 * attempt\n"


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

    def review(self, model: bool = True) -> Reviewed:
        flags = {"model": "scripted", "base_url": f"file:{self.script}"}
        with open_session(self.repo, flags) as session:
            return review(session, Subject(), Options(model=model))

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


@pytest.mark.parametrize(
    "text",
    ["I think it is fine.", "```json\n{", '{"findings": 3}', "[1, 2]", "{" * 3000],
)
def test_an_answer_that_is_no_list_of_findings(place: Place, text: str) -> None:
    place.says(text=text)
    assert place.review().findings == ()


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
