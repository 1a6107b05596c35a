"""Applying answers to real trees: git's rules, drift, syntax, pending, worktrees."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from apply import tracer
from apply.cases import CASES, answer, folder
from repoctx.apply.journal import Record
from repoctx.errors import NotApplied, UsageError
from repoctx.flow.apply import (
    Applied,
    Edits,
    Located,
    Rules,
    apply,
    edits_of,
    last_answer,
)
from repoctx.flow.pending import Round, drop, keep, pending
from repoctx.flow.session import Session, open_session
from repoctx.flow.shown import note_shown, shown_by
from repoctx.flow.survey import snapshot_now
from repoctx.flow.undo import history, redo, show, undo
from repoctx.settings import user_file
from repoctx.settings.trusting import trust
from repos import git, make_repo, write

FILES = {
    "a.py": "def f():\n    return 1\n\n\ndef g():\n    return 2\n",
    "b.txt": "one\ntwo\nthree\n",
    ".gitignore": "*.log\n!kept.log\nbuild/\n",
    "kept.log": "kept\n",
}

RULES = Rules()


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return make_repo(tmp_path / "repo", FILES)


@pytest.fixture
def session(repo: Path) -> Iterator[Session]:
    with open_session(repo, {}) as opened:
        yield opened


def replacing(path: str, old: str, new: str) -> str:
    return f"{path}\n<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n\n"


def creating(path: str, text: str) -> str:
    return f"```text {path}\n{text}```\n\n"


def run(
    session: Session, *texts: str, rules: Rules = RULES, **more: object
) -> tuple[Located, Record | None]:
    edits = edits_of([Round(texts)], "test", **more)  # type: ignore[arg-type]
    done = apply(session, edits, lambda _: True, rules)
    return done.located, done.record


def codes(located: Located) -> dict[str, str]:
    return {o.id: o.code for o in located.report.failed}


# --- golden folders on a real disk --------------------------------------------------


@pytest.mark.parametrize("name", sorted(p.name for p in CASES.iterdir()))
def test_case_on_the_disk(name: str, tmp_path: Path) -> None:
    case = CASES / name
    before, shown = folder(case / "before"), folder(case / "shown")
    root = tmp_path / "plain"
    root.mkdir()
    write(root, before)
    edits = edits_of([Round((answer(case),))])
    if shown:
        edits = Edits(edits.blocks, shown=shown.get)
    with open_session(root, {}) as session:
        done = apply(session, edits, lambda _: True)
        located, record = done.located, done.record
        there = folder(root)
        if (case / "error.json").exists():
            assert record is None and not located.report.ok
            assert there == before
        else:
            assert located.report.ok, located.report.text()
            assert there == folder(case / "after")
            if record:
                undo(session)
                assert folder(root) == before


# --- in a repository ----------------------------------------------------------------


def test_all_or_nothing(session: Session, repo: Path) -> None:
    good = replacing("a.py", "    return 1\n", "    return 10\n")
    bad = replacing("b.txt", "four\n", "vier\n")
    located, record = run(session, good + bad)
    assert record is None and codes(located) == {"2": "not-found"}
    assert git(repo, "status", "--porcelain") == ""
    located, record = run(session, good + creating("new/c.txt", "c\n"))
    assert record and record.title == "test"
    assert git(repo, "status", "--porcelain") == "M a.py\n?? new/"
    assert [c.what for c in located.changes] == ["M", "A"]
    assert not list(repo.rglob(".repoctx*")), "state is never in the work tree"


def test_a_dirty_tree_is_no_hindrance(session: Session, repo: Path) -> None:
    (repo / "b.txt").write_bytes(b"zero\none\ntwo\nthree\n")
    (repo / "new.txt").write_bytes(b"mine\n")
    git(repo, "add", "b.txt")
    text = replacing("b.txt", "two\n", "2\n") + replacing("new.txt", "mine\n", "ours\n")
    _, record = run(session, text)
    assert record
    assert (repo / "b.txt").read_bytes() == b"zero\none\n2\nthree\n"
    undo(session)
    assert (repo / "b.txt").read_bytes() == b"zero\none\ntwo\nthree\n"
    assert (repo / "new.txt").read_bytes() == b"mine\n"


def test_ignored_files_need_a_word(session: Session, repo: Path) -> None:
    (repo / "out.log").write_bytes(b"old\n")
    text = replacing("out.log", "old\n", "new\n") + creating("build/x.txt", "x\n")
    located, record = run(session, text + replacing("kept.log", "kept\n", "here\n"))
    assert record is None and codes(located) == {"1": "ignored", "2": "ignored"}
    assert ".gitignore:1:*.log" in located.report.text()
    assert (
        "block" not in (repo / "out.log").read_text() and not (repo / "build").exists()
    )
    _, record = run(session, text, rules=Rules(ignored=True))
    assert record and (repo / "build/x.txt").exists()


def test_a_tracked_file_is_not_ignored(session: Session, repo: Path) -> None:
    (repo / "t.log").write_bytes(b"1\n")
    git(repo, "add", "-f", "t.log")
    _, record = run(session, replacing("t.log", "1\n", "2\n"))
    assert record


def test_submodules_are_left_alone(tmp_path: Path) -> None:
    inner = make_repo(tmp_path / "inner", {"i.txt": "i\n"})
    repo = make_repo(tmp_path / "repo", FILES)
    allow = ("-c", "protocol.file.allow=always")
    git(repo, *allow, "submodule", "add", "-q", str(inner), "lib/sub")
    git(repo, "commit", "-qm", "sub")
    text = replacing("lib/sub/i.txt", "i\n", "j\n") + creating("lib/sub/n.txt", "n\n")
    with open_session(repo, {}) as session:
        assert set(codes(run(session, text)[0]).values()) == {"submodule"}
        git(repo, "submodule", "deinit", "-f", "lib/sub")
        located, record = run(session, creating("lib/sub/n.txt", "n\n"))
        assert record is None and codes(located) == {"1": "submodule"}
    assert not (repo / "lib/sub/n.txt").exists()


def test_what_stands_on_the_disk_is_in_the_report(session: Session, repo: Path) -> None:
    (repo / "link.py").symlink_to("a.py")
    os.link(repo / "b.txt", repo / "hard.txt")
    (repo / "up").symlink_to("..")
    text = (
        replacing("link.py", "    return 1\n", "    return 3\n")
        + replacing("hard.txt", "one\n", "1\n")
        + creating("up/x.txt", "x\n")
        + creating("A.py", "x = 1\n")
        + creating("../evil.txt", "x\n")
        + creating(".git/hooks/pre-commit", "x\n")
    )
    located, record = run(session, text)
    assert record is None
    assert list(codes(located).values()) == [
        *("symlink", "hard-link", "symlink", "case", "unsafe-path", "unsafe-path")
    ]


def test_new_syntax_errors_refuse(session: Session, repo: Path) -> None:
    text = replacing("a.py", "    return 1\n", "    return (1\n")
    located, record = run(session, text)
    assert record is None and codes(located) == {"1": "syntax"}
    located, record = run(session, creating("n.py", "def (:\n"))
    assert record is None and codes(located) == {"1": "syntax"}
    _, record = run(session, text, rules=Rules(force=True))
    assert record
    located, record = run(
        session, replacing("a.py", "    return 2\n", "    return 3\n")
    )
    assert record, "a file that is broken already can be edited"


def test_a_file_that_failed_before_gets_no_open_bracket(
    session: Session, repo: Path
) -> None:
    (repo / "r.rs").write_text("fn f() { m!(; }\nfn g() {\n    1\n}\n")
    text = replacing("r.rs", "    1\n", "    h( ((\n")
    located, record = run(session, text)
    assert record is None and codes(located) == {"1": "syntax"}
    located, record = run(session, replacing("r.rs", "    1\n", "    1 1 (1)\n"))
    assert record and any("r.rs" in told for told in located.warnings)


def test_macros_that_the_rust_grammar_misreads_are_no_errors(session: Session) -> None:
    text = (
        'fn f() {\n    let m = str![[r#"x"#]];\n    let n = try!(g());\n    quote! {\n'
        "        fn g() { #name { #( #fields )* } }\n    }\n}\n"
    )
    located, record = run(session, creating("n.rs", text))
    assert record, located.report.text()


def test_a_word_that_the_kotlin_grammar_reserves_is_a_doubt(session: Session) -> None:
    text = "fun f() {\n    var dynamic = 0\n    val x = 1\n}\n"
    located, record = run(session, creating("k.kt", text))
    assert record and any("k.kt" in told for told in located.warnings)


def test_leftovers_are_told(session: Session) -> None:
    located, _ = run(session, replacing("b.txt", "two\n", "@@ -1,2 +1,3 @@\n"))
    assert any("left from an edit format" in w for w in located.warnings)


def test_candidates_name_their_definition(session: Session, repo: Path) -> None:
    (repo / "c.py").write_text("class A:\n    def f(self):\n        x = 1\n\n\n" * 2)
    located, _ = run(session, replacing("c.py", "        x = 1\n", "        x = 2\n"))
    assert codes(located) == {"1": "ambiguous"}
    assert "(in A.f)" in located.report.text()


def test_a_base_name_is_enough_where_it_is_one(session: Session, repo: Path) -> None:
    write(repo, {"deep/down/only.txt": "only\n"})
    _, record = run(session, replacing("only.txt", "only\n", "lonely\n"))
    assert record and (repo / "deep/down/only.txt").read_bytes() == b"lonely\n"


def test_without_git(tmp_path: Path) -> None:
    root = tmp_path / "plain"
    root.mkdir()
    write(root, {"d/only.txt": "only\n", "x.log": "x\n"})
    with open_session(root, {}) as session:
        text = replacing("only.txt", "only\n", "2\n") + replacing("x.log", "x\n", "y\n")
        _, record = run(session, text)
        assert record and (root / "d/only.txt").read_bytes() == b"2\n"
        undo(session)
        assert (root / "x.log").read_bytes() == b"x\n"
    assert sorted(p.name for p in root.iterdir()) == ["d", "x.log"]


def test_linked_worktrees_have_histories_of_their_own(
    session: Session, repo: Path, tmp_path: Path
) -> None:
    git(repo, "worktree", "add", "-q", "-b", "side", str(tmp_path / "linked"))
    text = replacing("b.txt", "two\n", "2\n")
    run(session, text)
    with open_session(tmp_path / "linked", {}) as linked:
        assert history(linked) == []
        with pytest.raises(UsageError):
            undo(linked)
        run(linked, text)
        assert len(history(linked)) == 1
        undo(linked)
    assert (repo / "b.txt").read_bytes() == b"one\n2\nthree\n"
    undo(session)


def test_a_file_that_changes_while_one_decides(session: Session, repo: Path) -> None:
    asked = []

    def confirm(located: Located) -> bool:
        asked.append(located)
        if len(asked) == 1:
            (repo / "b.txt").write_bytes(b"zero\none\ntwo\nthree\n")
        return True

    edits = edits_of([Round((replacing("b.txt", "two\n", "2\n"),))])
    record = apply(session, edits, confirm).record
    assert record and len(asked) == 2
    assert (repo / "b.txt").read_bytes() == b"zero\none\n2\nthree\n"

    def always(located: Located) -> bool:
        with (repo / "b.txt").open("ab") as file:
            file.write(b"more\n")
        return True

    edits = edits_of([Round((replacing("b.txt", "one\n", "1\n"),))])
    with pytest.raises(NotApplied):
        apply(session, edits, always)
    assert (repo / "b.txt").read_bytes().startswith(b"zero\none\n")


def test_the_history_shows_what_was_done(session: Session) -> None:
    run(session, replacing("a.py", "    return 1\n", "    return 7\n"))
    (record,) = history(session)
    assert (record.phase, record.files) == ("done", (("a.py", "changed"),))
    _, changes = show(session, record.id)
    assert "-    return 1\n+    return 7\n" in changes[0].text
    undo(session)
    redo(session)
    assert [r.phase for r in history(session)] == ["done"]


# --- drift --------------------------------------------------------------------------


def saved(session: Session, text: str) -> Path:
    """An answer that lies in the state folder, with what its prompt showed."""
    session.state.answers.mkdir(parents=True, exist_ok=True)
    path = session.state.answers / "20260101T000000.000Z-abcdef.md"
    path.write_text(text)
    note_shown(session, path, snapshot_now(session), text)
    return path


@pytest.mark.parametrize("dirty", [False, True])
def test_an_old_answer_is_merged_or_refused(
    session: Session, repo: Path, dirty: bool
) -> None:
    if dirty:
        (repo / "b.txt").write_bytes(b"one\ntwo\nthree\nfour\n")
    text = replacing("b.txt", "two\nthree\n", "2\nthree\n")
    path = saved(session, text)
    assert last_answer(session) == path
    shown = shown_by(session, path)
    was = (repo / "b.txt").read_bytes()
    (repo / "b.txt").write_bytes(b"zero\n" + was.replace(b"three", b"THREE"))
    # In the present text the block's second line is nowhere.
    assert codes(run(session, text)[0]) == {"1": "not-found"}
    located, record = run(session, text, shown=shown)
    if record is None:
        assert codes(located) == {"1": "conflict"}
        (repo / "b.txt").write_bytes(b"zero\n" + was + b"end\n")
        _, record = run(session, text, shown=shown)
    assert record
    assert b"zero\none\n2\n" in (repo / "b.txt").read_bytes()
    (repo / "b.txt").write_bytes(b"one\nZWEI\nthree\n")
    located, record = run(session, text, shown=shown)
    assert record is None and codes(located) == {"1": "conflict"}
    assert (repo / "b.txt").read_bytes() == b"one\nZWEI\nthree\n"


def test_a_base_that_is_gone_refuses(session: Session, repo: Path) -> None:
    text = replacing("b.txt", "two\n", "2\n")
    path = saved(session, text)
    note = path.with_name("20260101T000000.000Z-abcdef.shown.json")
    note.write_text('{"b.txt": {"oid": "%s"}}' % ("0" * 40))
    located, _ = run(session, text, shown=shown_by(session, path))
    assert codes(located) == {"1": "conflict"}


# --- pending ------------------------------------------------------------------------


def test_accepted_blocks_wait_for_the_rest(session: Session, repo: Path) -> None:
    rounds: tuple[Round, ...] = (
        Round(
            (
                replacing("a.py", "    return 1\n", "    return 10\n")
                + replacing("b.txt", "vier\n", "4\n")
                + replacing("a.py", "    return 2\n", "    return 20\n"),
            )
        ),
    )
    located = apply(session, edits_of(rounds), lambda _: True).located
    keep(session, rounds, frozenset(o.id for o in located.report.outcomes if o.ok), "t")
    kept, title = pending(session)
    assert (kept[0].accepted, title) == (frozenset({"1", "3"}), "t")
    again = (*kept, Round((replacing("b.txt", "vier\n", "5\n"),)))
    located = apply(session, edits_of(again), lambda _: True).located
    assert list(codes(located).values()) == ["not-found"]
    keep(session, again, frozenset(o.id for o in located.report.outcomes if o.ok), "t")
    last = (*pending(session)[0], Round((replacing("b.txt", "three\n", "3\n"),)))
    assert apply(session, edits_of(last), lambda _: True).record
    assert "return 10" in (repo / "a.py").read_text()
    assert "return 20" in (repo / "a.py").read_text()
    assert (repo / "b.txt").read_bytes() == b"one\ntwo\n3\n"
    drop(session)
    with pytest.raises(UsageError, match="pending"):
        pending(session)


def test_an_unknown_format_is_told() -> None:
    with pytest.raises(UsageError, match="auto, "):
        edits_of([Round(("x",), "nonsense")])


# --- commands -----------------------------------------------------------------------


def with_commands(repo: Path, text: str, **flags: str) -> Applied:
    with open_session(repo, flags) as session:
        return apply(session, edits_of([Round((text,))]), lambda _: True)


def test_commands_see_the_tree_as_it_would_be(repo: Path) -> None:
    write(repo, {"out.log": "ignored\n", "build/dep.txt": "dep\n"})
    write(repo, {"new.txt": "new\n"})
    (repo / "b.txt").unlink()
    text = replacing("a.py", "    return 1\n", "    return 9\n") + creating(
        "n.py", "\n"
    )
    done = with_commands(
        repo,
        text,
        lint_cmd="grep -q 'return 9' a.py && test -f n.py && test ! -e b.txt",
        test_cmd="test -f out.log && cat build/dep.txt new.txt && test ! -e .git",
    )
    assert done.record and [(r.name, r.code) for r in done.ran] == [
        ("lint", 0),
        ("test", 0),
    ]
    assert done.ran[1].output == "dep\nnew\n"
    assert (repo / "n.py").exists()


def test_a_command_that_fails_ends_it(repo: Path) -> None:
    text = replacing("a.py", "    return 1\n", "    return 9\n")
    mess = 'echo x > a.py; rm b.txt; pwd; echo "$PWD/a.py:1: wrong" >&2; exit 3'
    done = with_commands(repo, text, lint_cmd=mess, test_cmd="touch ran")
    assert done.record is None and len(done.ran) == 1
    assert done.ran[0].code == 3 and "\na.py:1: wrong\n" in done.ran[0].output
    assert git(repo, "status", "--porcelain", "--ignored") == ""
    copy = Path(done.ran[0].output.splitlines()[0])
    assert copy.name == "repo" and not copy.exists()


def test_a_repositorys_command_needs_trust(repo: Path) -> None:
    write(repo, {".repoctx.toml": f'test_cmd = "touch {repo.parent}/ran"\n'})
    text = replacing("a.py", "    return 1\n", "    return 9\n")
    assert with_commands(repo, text).record
    assert not (repo.parent / "ran").exists()
    trust(repo, user_file(os.environ))
    text = replacing("a.py", "    return 9\n", "    return 8\n")
    assert with_commands(repo, text).record
    assert (repo.parent / "ran").exists()


def test_edits_of_ignored_files_never_reach_through_the_links(repo: Path) -> None:
    write(repo, {"build/dep.txt": "dep\n", "build/more.txt": "more\n"})
    text = replacing("build/dep.txt", "dep\n", "new\n")
    with open_session(repo, {"test_cmd": "cat build/dep.txt; exit 1"}) as session:
        edits = edits_of([Round((text,))])
        done = apply(session, edits, lambda _: True, Rules(ignored=True))
    assert [r.output for r in done.ran] == ["new\n"] and done.record is None
    assert (repo / "build/dep.txt").read_bytes() == b"dep\n"


# --- after a crash ------------------------------------------------------------------


@pytest.mark.skipif(bool(tracer.possible()), reason=tracer.possible() or "-")
def test_any_next_start_takes_an_interrupted_apply_back(repo: Path) -> None:
    text = replacing("a.py", "    return 1\n", "    return 9\n") + replacing(
        "b.txt", "two\n", "2\n"
    )

    def work() -> None:
        with open_session(repo, {}) as session:
            run(session, text)

    calls = len(tracer.run(work).calls)
    with open_session(repo, {}) as session:
        undo(session)
    told = 0
    for at in range(calls * 2 // 3, calls, max(1, calls // 90)):
        tracer.run(work, kill_at=at)
        with open_session(repo, {}) as session:
            told += any("taken back" in note for note in session.notes)
            if git(repo, "status", "--porcelain"):
                assert (repo / "b.txt").read_bytes() == b"one\n2\nthree\n"
                assert "return 9" in (repo / "a.py").read_text()
                undo(session)
            assert git(repo, "status", "--porcelain", "--ignored") == ""
    assert told


# --- size ---------------------------------------------------------------------------


def test_two_hundred_files_and_twenty_thousand_lines(tmp_path: Path) -> None:
    """The bound is loose: it fails on quadratic work, not on a busy machine."""
    old = "".join(f"line {n} = {n}\n" for n in range(300))
    root = make_repo(
        tmp_path / "repo", {f"d{n % 20}/f{n}.txt": old for n in range(200)}
    )
    hunks = []
    for n in range(200):
        lines = [f"--- a/d{n % 20}/f{n}.txt\n+++ b/d{n % 20}/f{n}.txt\n"]
        for at in range(0, 300, 30):
            lines.append(f"@@ -{at + 1},12 +{at + 1},12 @@\n line {at} = {at}\n")
            lines += [f"-line {k} = {k}\n" for k in range(at + 1, at + 11)]
            lines += [f"+line {k} = new {k}\n" for k in range(at + 1, at + 11)]
            lines.append(f" line {at + 11} = {at + 11}\n")
        hunks += lines
    with open_session(root, {}) as session:
        began = time.process_time()
        located, record = run(session, "".join(hunks))
        took = time.process_time() - began
    assert record and sum(c.added for c in located.changes) == 20_000
    assert took < 20, took
