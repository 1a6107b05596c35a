"""Reviews of real repositories: what is compared, ignored, and known."""

from __future__ import annotations

from pathlib import Path

import pytest

from repoctx.errors import SettingsError, UnknownRevision, UsageError
from repoctx.flow.review import Options, Reviewed, review, rules_named
from repoctx.flow.session import open_session
from repoctx.flow.sides import Scope, Subject
from repoctx.review.rules import STRUCTURAL
from repoctx.review.suppress import BASELINE, write_baseline
from repos import commit, git, make_repo, write

LIB = "def retry_delay(attempt):\n    return 2**attempt\n"
USE = "from lib import retry_delay\n\nretry_delay(1)\n"


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REPOCTX_CONFIG", str(tmp_path / "none.toml"))
    return make_repo(tmp_path / "repo", {"lib.py": LIB, "use.py": USE})


STAGED = Subject()


def run(repo: Path, subject: Subject = STAGED, **options: object) -> Reviewed:
    with open_session(repo, {}) as session:
        return review(session, subject, Options(**options))  # type: ignore[arg-type]


def rules(done: Reviewed) -> list[str]:
    return [f.rule for f in done.findings]


def test_the_index_counts_and_not_the_work_tree(repo: Path) -> None:
    write(repo, {"lib.py": LIB.replace("retry_delay", "wait")})
    assert rules(run(repo)) == []
    git(repo, "add", "-A")
    write(repo, {"lib.py": LIB})
    assert rules(run(repo)) == ["removed-but-used"]
    assert rules(run(repo, Subject(Scope.UNCOMMITTED))) == []


def test_another_index_file(repo: Path, tmp_path: Path) -> None:
    write(repo, {"lib.py": "x = 1\n"})
    git(repo, "add", "-A")
    other = tmp_path / "other-index"
    (repo / ".git" / "index").rename(other)
    git(repo, "reset", "-q", "HEAD")
    assert rules(run(repo)) == []
    assert rules(run(repo, Subject(index_file=other))) == ["removed-but-used"]


def test_what_is_only_announced_is_not_committed(repo: Path) -> None:
    write(repo, {"new.py": "def f(:\n"})
    git(repo, "add", "-N", "new.py")
    assert run(repo).files == 0


def test_a_commit_against_its_parent_and_a_root_commit(repo: Path) -> None:
    write(repo, {"lib.py": "x = 1\n"})
    bad = commit(repo, "bad")
    assert rules(run(repo, Subject(Scope.COMMIT, bad))) == ["removed-but-used"]
    first = run(repo, Subject(Scope.COMMIT, f"{bad}~1"))
    assert (rules(first), first.files) == ([], 2)
    assert rules(run(repo, Subject(Scope.RANGE, f"{bad}~1", bad))) == rules(
        run(repo, Subject(Scope.RANGE, "HEAD~1"))
    )


def test_a_branch_against_where_it_left(repo: Path) -> None:
    git(repo, "checkout", "-qb", "topic")
    write(repo, {"lib.py": "x = 1\n"})
    git(repo, "checkout", "-qB", "main", "main")
    write(repo, {"use.py": "y = 1\n"})
    commit(repo, "main goes on")
    git(repo, "checkout", "-q", "topic")
    write(repo, {"lib.py": "x = 1\n"})
    assert rules(run(repo, Subject(Scope.BRANCH, "main"))) == ["removed-but-used"]


def test_an_unborn_branch(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "r", {})
    write(repo, {"a.py": "def f(:\n"})
    git(repo, "add", "-A")
    assert rules(run(repo)) == ["syntax-error"]


def test_a_rename_follows_its_text(repo: Path) -> None:
    git(repo, "mv", "lib.py", "delays.py")
    done = run(repo)
    assert rules(done) == ["removed-but-used"] or rules(done) == ["missing-import"]
    write(repo, {"use.py": USE.replace("from lib", "from delays")})
    git(repo, "add", "-A")
    assert rules(run(repo)) == []


def test_a_comment_in_the_index_silences(repo: Path) -> None:
    text = USE.replace("(1)", "(1)  # repoctx: ignore[removed-but-used] -- planned")
    write(repo, {"lib.py": "x = 1\n", "use.py": text})
    git(repo, "add", "lib.py")
    assert run(repo).ignored == 0
    git(repo, "add", "-A")
    done = run(repo)
    assert (rules(done), done.ignored) == ([], 1)
    other = text.replace("removed-but-used", "syntax-error")
    write(repo, {"use.py": other})
    git(repo, "add", "-A")
    assert rules(run(repo)) == ["removed-but-used"]


def test_the_baseline_is_read_from_the_index(repo: Path) -> None:
    write(repo, {"lib.py": "x = 1\n"})
    git(repo, "add", "-A")
    found = run(repo).findings
    write(repo, {BASELINE: write_baseline(found)})
    assert rules(run(repo)) == ["removed-but-used"]
    git(repo, "add", "-A")
    done = run(repo)
    assert (rules(done), done.known) == ([], 1)
    assert rules(run(repo, baseline=False)) == ["removed-but-used"]
    write(repo, {BASELINE: "{"})
    git(repo, "add", "-A")
    with pytest.raises(SettingsError, match="--write-baseline"):
        run(repo)


def test_lines_above_keep_the_fingerprint(repo: Path) -> None:
    write(repo, {"lib.py": "x = 1\n"})
    git(repo, "add", "-A")
    [before] = run(repo).findings
    write(repo, {"lib.py": "# one\n" * 10 + "x = 1\n", "use.py": "\n" * 9 + USE})
    git(repo, "add", "-A")
    [after] = run(repo).findings
    assert before.fingerprint == after.fingerprint


def test_a_secret_is_found_and_never_shown(repo: Path) -> None:
    key = "AKIA" + "Q3EGRIZ5SJ7DKXWP"
    write(repo, {"lib.py": LIB + f'key = "{key}"\n'})
    git(repo, "add", "-A")
    [found] = run(repo).findings
    assert found.rule == "secret-added"
    assert key not in repr(found)


def test_a_file_that_git_ignores(repo: Path) -> None:
    write(repo, {".gitignore": "*.log\n", "a.log": "x\n"})
    git(repo, "add", "-f", "-A", ".")
    git(repo, "add", "-f", "a.log")
    assert rules(run(repo)) == ["ignored-file"]


GENERATED = "# Generated by a tool, do not edit.\nx = 1\n"


def test_a_generated_file_is_new_only_once(repo: Path) -> None:
    write(repo, {"made.py": GENERATED, "lib_pb2.min.js": "x\n"})
    write(repo, {"tests/data/made.py": GENERATED + "z = 1\n"})
    git(repo, "add", "-A")
    found = run(repo).findings
    assert [(f.at.path, f.rule) for f in found] == [
        ("lib_pb2.min.js", "ignored-file"),
        ("made.py", "ignored-file"),
    ]
    assert "generated" in found[1].message
    commit(repo, "made")
    write(repo, {"made.py": GENERATED + "y = 2\n", "as_usual.py": GENERATED + "z = 3"})
    git(repo, "add", "-A")
    assert rules(run(repo)) == []


def test_a_binary_file_that_git_ignores(repo: Path) -> None:
    write(repo, {".gitignore": "*.o\n", "a.o": b"\0\1", "b.bin": b"\0\2"})
    git(repo, "add", "-f", "-A")
    done = run(repo)
    assert [(f.at.path, f.rule) for f in done.findings] == [("a.o", "ignored-file")]
    assert done.files == 3


def test_a_binary_file_that_is_gone_and_imported(repo: Path) -> None:
    write(repo, {"logo.png": b"\0\1", "a.js": "import logo from './logo.png'\n"})
    write(repo, {"conf/site.json": '{"icon": "../logo.png"}\n'})
    commit(repo, "logo")
    git(repo, "rm", "-q", "logo.png")
    assert sorted(rules(run(repo))) == ["dangling-path", "missing-import"]


def test_what_leaves_the_context_is_not_gone(repo: Path) -> None:
    write(repo, {"lib.py": GENERATED + LIB})
    git(repo, "add", "-A")
    assert rules(run(repo)) == []
    commit(repo, "generated")
    write(repo, {"lib.py": LIB})
    git(repo, "add", "-A")
    assert rules(run(repo)) == []


def test_a_file_that_becomes_the_copy_of_another_is_not_gone(repo: Path) -> None:
    text = LIB + "\n\ndef other():\n    return retry_delay(2)\n"
    write(repo, {"a.py": text, "lib.py": text})
    git(repo, "add", "-A")
    done = run(repo)
    assert (rules(done), done.files) == ([], 2)


def test_files_of_rules_that_did_not_change_are_no_change(repo: Path) -> None:
    write(repo, {".gitattributes": "*.md text\n", ".repoctxignore": "*.tmp\n"})
    commit(repo, "rules")
    assert run(repo).files == 0
    git(repo, "rm", "-q", ".gitattributes")
    assert run(repo).files == 1


def test_bad_questions(repo: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownRevision):
        run(repo, Subject(Scope.COMMIT, "nowhere"))
    plain = tmp_path / "plain"
    plain.mkdir()
    with pytest.raises(UsageError, match="no git repository"):
        run(plain)
    with pytest.raises(UsageError, match="unknown rule"):
        rules_named(["nonsense"])
    assert rules_named(["all"]) == STRUCTURAL


PATCH = """diff --git a/lib.py b/lib.py
--- a/lib.py
+++ b/lib.py
@@ -1,2 +1,2 @@
-def retry_delay(attempt):
+def wait(attempt):
     return 2**attempt
"""


def test_a_patch_on_head_writes_nothing(repo: Path) -> None:
    done = run(repo, Subject(Scope.PATCH, patch=PATCH))
    assert (rules(done), done.files) == (["removed-but-used"], 1)
    assert git(repo, "status", "--porcelain") == ""
    new = "--- /dev/null\n+++ b/a.py\n@@ -0,0 +1 @@\n+def f(:\n"
    assert rules(run(repo, Subject(Scope.PATCH, patch=new))) == ["syntax-error"]


@pytest.mark.parametrize("text", ["", "hello", PATCH.replace("2**", "3**")])
def test_a_patch_that_does_not_fit(repo: Path, text: str) -> None:
    with pytest.raises(UsageError, match="does not fit HEAD"):
        run(repo, Subject(Scope.PATCH, patch=text))
