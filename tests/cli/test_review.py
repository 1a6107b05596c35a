"""`repoctx review` as a program: what it prints in each format, and how it ends."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cli.program import Machine
from cli.test_output import is_result
from repos import git, make_repo, write

FOUND = "removed-but-used"
LIB = "def retry_delay(attempt):\n    return 2**attempt\n"
FILES = {"lib.py": LIB, "use.py": "from lib import retry_delay\n\nretry_delay(1)\n"}
BAD = LIB.replace("retry_delay", "wait")
FIX = """\
@@@@ 1 edit lib.py
<<<<<<< SEARCH
    return 2 * attempt
=======
    return 2**attempt
>>>>>>> REPLACE
@@@@ end 1
"""


@pytest.fixture
def staged(tmp_path: Path) -> Path:
    """A repository in which a function that is used was renamed and staged."""
    repo = make_repo(tmp_path / "repo", FILES)
    write(repo, {"lib.py": BAD})
    git(repo, "add", "-A")
    return repo


def test_text(machine: Machine, staged: Path) -> None:
    done = machine.run("review", cwd=staged)
    assert done.code == 1
    assert re.match(r"lib\.py:1:1: error: .* \[removed-but-used\]\n", done.text)
    assert done.err == "repoctx: 1 finding in a change of 1 file\n"


def test_findings_are_a_result_in_both_formats(machine: Machine, staged: Path) -> None:
    for form in ("json", "stream-json"):
        done = machine.run("review", "--output-format", form, cwd=staged)
        assert done.code == 1
        is_result(done.result)
        assert [f["rule"] for f in done.result["findings"]] == [FOUND]
        assert [o["type"] for o in done.objects].count("result") == 1


@pytest.mark.parametrize("form", ["sarif", "rdjson", "gitlab", "github"])
def test_the_formats_of_other_tools(machine: Machine, staged: Path, form: str) -> None:
    done = machine.run("review", "--output-format", form, cwd=staged)
    assert done.code == 1
    assert FOUND in done.text
    if form != "github":
        json.loads(done.text)
    into = staged / "report"
    options = ("--output-format", form, "-o", str(into), "--fail-on", "critical")
    again = machine.run("review", *options, cwd=staged)
    assert (again.code, again.text) == (0, "")
    assert into.read_bytes() == done.out


def test_nothing_to_review(machine: Machine, tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", FILES)
    done = machine.run("review", cwd=repo)
    assert (done.code, done.text) == (0, "")
    assert "nothing is staged" in done.err
    write(repo, {"lib.py": BAD})
    assert "nothing is staged" in machine.run("review", cwd=repo).err
    assert machine.run("review", "--uncommitted", cwd=repo).code == 1


def by_model(machine: Machine, folder: Path, **finding: Any) -> tuple[str, ...]:
    """The options for a model that reports one finding."""
    one = {
        "rule": "bug",
        "severity": "error",
        "path": "lib.py",
        "line": 2,
        "quote": "return 2 * attempt",
        "message": "it grows linearly",
    } | finding
    script = folder / "script.json"
    text = json.dumps({"findings": [one]})
    script.write_text(json.dumps({"replies": [{"text": text}]}))
    machine.env["REPOCTX_SCRIPT"] = str(script)
    return ("-m", "scripted")


def test_a_fix_goes_through_a_pipe_into_apply(machine: Machine, tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", FILES)
    write(repo, {"lib.py": LIB.replace("2**", "2 * ")})
    git(repo, "add", "-A")
    options = by_model(machine, tmp_path, fix=FIX)
    found = machine.run("review", *options, cwd=repo)
    assert FIX in found.text
    done = machine.run("apply", "-", "--yes", cwd=repo, data=found.out)
    assert done.code == 0, done
    assert (repo / "lib.py").read_text() == LIB


def test_a_model_that_fails_takes_no_finding_away(
    machine: Machine, staged: Path, tmp_path: Path
) -> None:
    options = by_model(machine, tmp_path)
    error = {"kind": "auth", "message": "no key"}
    replies = {"replies": [{"text": "", "error": error}]}
    (tmp_path / "script.json").write_text(json.dumps(replies))
    done = machine.run("review", *options, "--output-format", "json", cwd=staged)
    assert done.code == 4
    is_result(done.result, "error")
    assert done.result["error"]["type"] == "AuthError"
    assert [f["rule"] for f in done.result["findings"]] == [FOUND]
    text = machine.run("review", *options, cwd=staged)
    assert (text.code, FOUND in text.text) == (4, True)
    assert machine.run("review", *options, "--no-model", cwd=staged).code == 1


def test_words_of_a_model_move_no_cursor(machine: Machine, tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", FILES)
    write(repo, {"lib.py": LIB.replace("2**", "2 * ")})
    git(repo, "add", "-A")
    options = by_model(machine, tmp_path, message="fine\x1b[2K\x1b]0;x\x07")
    found = machine.run("review", *options, cwd=repo)
    assert b"\x1b" not in found.out and b"\x07" not in found.out
    assert r"fine\x1b[2K" in found.text
