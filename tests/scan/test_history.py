"""Questions to git about the past, on real repositories of every odd shape."""

import os
import subprocess
from functools import partial
from pathlib import Path

import pytest

from repoctx.errors import GitError
from repoctx.scan.git import discover, run
from repoctx.scan.history import (
    Run,
    Touch,
    committed,
    default_branch,
    first_parents,
    fork_point,
    is_ancestor,
    merge_base,
    touched,
)


class Repo:
    """A real repository whose commits have fixed ids."""

    def __init__(self, root: Path, *options: str) -> None:
        self.root = root
        self.time = 1_700_000_000
        root.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main", *options)

    def git(self, *args: str) -> str:
        done = subprocess.run(
            ["git", *args],
            cwd=self.root,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.root),
                "GIT_CONFIG_GLOBAL": os.devnull,
                "GIT_AUTHOR_NAME": "a",
                "GIT_AUTHOR_EMAIL": "a@example.org",
                "GIT_COMMITTER_NAME": "a",
                "GIT_COMMITTER_EMAIL": "a@example.org",
                "GIT_AUTHOR_DATE": f"{self.time} +0000",
                "GIT_COMMITTER_DATE": f"{self.time} +0000",
                "GIT_ALLOW_PROTOCOL": "file",
            },
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return done.stdout.strip()

    def commit(self, **files: str | None) -> str:
        """Write or delete files (``a__b`` is ``a/b``), commit all, give the id."""
        self.time += 60
        for name, text in files.items():
            path = self.root / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                path.unlink()
            else:
                path.write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "x")
        return self.head

    def merge(self, branch: str) -> str:
        self.time += 60
        self.git("merge", "-q", "--no-ff", "-m", "merge", branch)
        return self.head

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    @property
    def run(self) -> Run:
        return partial(run, discover(self.root))


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path / "repo")


def never(_: str) -> bool:
    return False


def clone(repo: Repo, to: Path, *options: str) -> Repo:
    repo.git("clone", "-q", *options, f"file://{repo.root}", str(to))
    copy = object.__new__(Repo)
    copy.root, copy.time = to, repo.time
    return copy


# --- the default branch -------------------------------------------------------------


def test_an_unborn_repository_has_no_default_branch(repo: Repo) -> None:
    assert default_branch(repo.run) is None


def test_a_usual_local_name_serves_without_a_remote(repo: Repo) -> None:
    tip = repo.commit(a="1")
    repo.git("checkout", "-q", "-b", "topic")
    repo.commit(a="2")
    found = default_branch(repo.run)
    assert found is not None
    assert (found.ref, found.commit) == ("refs/heads/main", tip)


def test_an_unusual_name_needs_the_configuration(repo: Repo) -> None:
    repo.git("checkout", "-q", "-b", "production")
    tip = repo.commit(a="1")
    assert default_branch(repo.run) is None
    repo.git("config", "init.defaultBranch", "production")
    found = default_branch(repo.run)
    assert found is not None
    assert found.commit == tip


def test_the_remote_head_comes_before_local_names(repo: Repo, tmp_path: Path) -> None:
    repo.git("checkout", "-q", "-b", "production")
    tip = repo.commit(a="1")
    copy = clone(repo, tmp_path / "copy")
    copy.git("checkout", "-q", "-b", "main")
    copy.commit(a="2")
    found = default_branch(copy.run)
    assert found is not None
    assert (found.ref, found.commit) == ("refs/remotes/origin/HEAD", tip)


@pytest.mark.parametrize("name", ["--output=x", "*", "a b", "", "x\\ny", "é"])
def test_a_planted_configuration_is_harmless(repo: Repo, name: str) -> None:
    tip = repo.commit(a="1")
    repo.git("config", "init.defaultBranch", name)
    found = default_branch(repo.run)
    assert found is not None
    assert found.commit == tip
    assert sorted(p.name for p in repo.root.iterdir()) == [".git", "a"]


def test_a_broken_remote_head_is_passed_over(repo: Repo) -> None:
    tip = repo.commit(a="1")
    repo.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/gone")
    found = default_branch(repo.run)
    assert found is not None
    assert found.commit == tip


# --- where a branch left it ---------------------------------------------------------


def test_the_fork_point_of_every_kind_of_head(repo: Repo) -> None:
    commits = [repo.commit(a=str(n)) for n in range(4)]
    repo.git("checkout", "-q", "-b", "topic", commits[1])
    topic = repo.commit(b="1")
    merged = repo.git("commit-tree", "HEAD^{tree}", "-p", topic, "-p", commits[2])
    for head, fork in [
        (commits[3], commits[3]),
        (commits[0], commits[0]),
        (topic, commits[1]),
        (merged, commits[2]),
    ]:
        assert fork_point(repo.run, commits[3], head) == fork


def test_a_side_branch_counts_from_the_first_parent_chain(repo: Repo) -> None:
    """HEAD was forked from a branch that main merged later: not from main itself."""
    root = repo.commit(a="1")
    repo.git("checkout", "-q", "-b", "side")
    side = repo.commit(b="1")
    repo.git("checkout", "-q", "main")
    repo.commit(a="2")
    tip = repo.merge("side")
    assert fork_point(repo.run, tip, side) == root


def test_unrelated_histories_have_no_fork_point(repo: Repo) -> None:
    main = repo.commit(a="1")
    repo.git("checkout", "-q", "--orphan", "other")
    other = repo.commit(a="2")
    assert fork_point(repo.run, main, other) == ""
    assert merge_base(repo.run, main, other) == ""


def test_ancestry(repo: Repo) -> None:
    old, new = repo.commit(a="1"), repo.commit(a="2")
    assert is_ancestor(repo.run, old, new)
    assert is_ancestor(repo.run, new, new)
    assert not is_ancestor(repo.run, new, old)
    assert merge_base(repo.run, old, new) == old


@pytest.mark.parametrize("rev", ["HEAD", "--all", "", "-h", "main\n", "A" * 40])
def test_only_full_ids_reach_git(repo: Repo, rev: str) -> None:
    tip = repo.commit(a="1")
    for question in (
        lambda: fork_point(repo.run, rev, tip),
        lambda: fork_point(repo.run, tip, rev),
        lambda: first_parents(repo.run, rev, never),
        lambda: is_ancestor(repo.run, rev, tip),
        lambda: merge_base(repo.run, tip, rev),
        lambda: touched(repo.run, rev, tip),
    ):
        with pytest.raises(ValueError, match="full commit id"):
            question()


# --- the chain ----------------------------------------------------------------------


def test_rows_count_files_newest_first(repo: Repo) -> None:
    first = repo.commit(a="1", b="1")
    second = repo.commit(a="2", b=None, c="1", d="1")
    empty = repo.commit()
    rows = first_parents(repo.run, empty, never)
    assert [r.commit for r in rows] == [empty, second, first]
    assert [(r.added, r.modified, r.deleted) for r in rows] == [
        (0, 0, 0),
        (2, 1, 1),
        (2, 0, 0),
    ]


def test_a_merge_counts_with_all_it_brought(repo: Repo) -> None:
    repo.commit(a="1")
    repo.git("checkout", "-q", "-b", "side")
    repo.commit(b="1")
    repo.commit(c="1")
    repo.git("checkout", "-q", "main")
    repo.commit(a="2")
    rows = first_parents(repo.run, repo.merge("side"), never)
    assert [(r.added, r.modified) for r in rows] == [(2, 0), (0, 1), (1, 0)]


def test_the_chain_ends_where_it_is_told_to(repo: Repo) -> None:
    commits = [repo.commit(a=str(n)) for n in range(5)]
    rows = first_parents(repo.run, commits[4], lambda c: c == commits[2])
    assert [r.commit for r in rows] == commits[4:1:-1]
    assert len(first_parents(repo.run, commits[4], never, count=2)) == 2


def test_odd_names_links_and_modes(repo: Repo) -> None:
    odd = "new\nline\t:100644 \x01é"
    (repo.root / odd).write_text("1")
    (repo.root / "link").symlink_to("nowhere")
    first = repo.commit(a="1")
    (repo.root / "a").chmod(0o755)
    (repo.root / odd).unlink()
    (repo.root / odd).symlink_to("a")
    second = repo.commit()
    rows = first_parents(repo.run, second, never)
    assert [(r.added, r.modified, r.deleted) for r in rows] == [(0, 1, 1), (2, 0, 0)]
    assert touched(repo.run, first, second)[odd] == Touch(1, "")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("log.diffMerges", "off"),
        ("log.showRoot", "false"),
        ("log.follow", "true"),
        ("log.decorate", "full"),
        ("diff.renames", "copies"),
        ("diff.relative", "true"),
        ("diff.orderFile", "missing"),
        ("diff.noprefix", "true"),
        ("core.abbrev", "4"),
        ("format.pretty", "raw"),
        ("color.ui", "always"),
        ("diff.ignoreSubmodules", "all"),
        ("core.quotePath", "true"),
    ],
)
def test_no_configuration_changes_the_answer(repo: Repo, key: str, value: str) -> None:
    base = repo.commit(a="1\n2\n3\n", b="1")
    repo.git("checkout", "-q", "-b", "side")
    repo.commit(a=None, d__é="1\n2\n3\n")
    repo.git("checkout", "-q", "main")
    repo.commit(b="2")
    tip = repo.merge("side")

    def answers() -> object:
        rows = first_parents(repo.run, tip, never)
        return rows, touched(repo.run, base, tip), fork_point(repo.run, tip, base)

    plain = answers()
    repo.git("config", key, value)
    assert answers() == plain


# --- who touched what last ----------------------------------------------------------


def test_the_last_commit_gives_the_order(repo: Repo) -> None:
    base = repo.commit(a="1", b="1", c="1", d="1")
    repo.commit(c="2", a="2")
    repo.commit(b="2", d=None)
    head = repo.commit(a="3", n="1")
    found = touched(repo.run, base, head)
    assert {path: touch.order for path, touch in found.items()} == {
        "a": 3,
        "b": 2,
        "c": 1,
        "d": 2,
        "n": 3,
    }
    assert found["d"].oid == ""
    assert found["a"].oid == repo.git("rev-parse", "HEAD:a")


def test_what_was_changed_back_is_not_touched(repo: Repo) -> None:
    base = repo.commit(a="1")
    repo.commit(a="2")
    assert touched(repo.run, base, repo.commit(a="1")) == {}
    assert touched(repo.run, base, base) == {}


def test_a_merge_touches_when_it_lands(repo: Repo) -> None:
    """Side work is older than main's, but it came here last: it stands last."""
    base = repo.commit(a="1", b="1")
    repo.git("checkout", "-q", "-b", "side")
    repo.commit(b="2")
    repo.git("checkout", "-q", "main")
    repo.commit(a="2")
    head = repo.merge("side")
    found = touched(repo.run, base, head)
    assert found["a"].order < found["b"].order


def test_a_base_that_is_no_ancestor_comes_first(repo: Repo) -> None:
    root = repo.commit(a="1", b="1")
    base = repo.commit(a="2")
    repo.git("checkout", "-q", "-b", "topic", root)
    head = repo.commit(b="2")
    found = touched(repo.run, base, head)
    assert [found["a"].order, found["b"].order] == [0, 1]


def test_a_new_commit_moves_nothing_else(repo: Repo) -> None:
    base = repo.commit(a="1", b="1", c="1")
    before = touched(repo.run, base, repo.commit(a="2", b="2"))
    after = touched(repo.run, base, repo.commit(c="2", b="3"))
    assert after["a"] == before["a"]
    assert after["b"].order == after["c"].order > before["a"].order


def test_what_changed_after_its_commit_is_uncommitted(repo: Repo) -> None:
    base = repo.commit(a="1", b="1", c="1", d="1")
    repo.commit(b="2")
    repo.commit(d="2")
    touches = touched(repo.run, base, repo.commit(a="2", b="3", c=None))
    same = {path: touches[path].oid for path in "acd"}
    now = {**same, "b": "f" * 40, "new": "e" * 40}
    assert committed(touches, now) == {"d": 0, "a": 1, "c": 1}


# --- repositories of other shapes ---------------------------------------------------


def test_sha256(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo", "--object-format=sha256")
    base, head = repo.commit(a="1"), repo.commit(a="2")
    assert len(base) == 64
    assert fork_point(repo.run, head, base) == base
    assert len(first_parents(repo.run, head, never)) == 2
    assert touched(repo.run, base, head)["a"].order == 1


def test_a_shallow_clone_ends_early_and_says_nothing_wrong(
    repo: Repo, tmp_path: Path
) -> None:
    commits = [repo.commit(a=str(n)) for n in range(6)]
    repo.git("checkout", "-q", "-b", "topic", commits[1])
    repo.commit(b="1")
    copy = clone(repo, tmp_path / "copy", "--depth=2", "--no-single-branch")
    rows = first_parents(copy.run, commits[5], never)
    assert [r.commit for r in rows] == [commits[5], commits[4]]
    assert discover(copy.root).shallow


def test_a_clone_without_blobs_needs_none(repo: Repo, tmp_path: Path) -> None:
    base = repo.commit(a="1", b="1")
    repo.commit(a="2")
    head = repo.commit(a="3", b=None)
    repo.git("config", "uploadpack.allowFilter", "true")
    copy = clone(repo, tmp_path / "copy", "--filter=blob:none", "--no-checkout")
    assert len(first_parents(copy.run, head, never)) == 3
    assert touched(copy.run, base, head) == touched(repo.run, base, head)


def test_a_clone_without_trees_is_a_clear_error(repo: Repo, tmp_path: Path) -> None:
    repo.commit(a="1")
    head = repo.commit(a="2")
    repo.git("config", "uploadpack.allowFilter", "true")
    copy = clone(repo, tmp_path / "copy", "--filter=tree:0", "--no-checkout")
    with pytest.raises(GitError):
        first_parents(copy.run, head, never)


def test_a_linked_worktree_sees_the_same_past(repo: Repo, tmp_path: Path) -> None:
    base, head = repo.commit(a="1"), repo.commit(a="2")
    repo.git("worktree", "add", "-q", "--detach", str(tmp_path / "linked"), base)
    linked = partial(run, discover(tmp_path / "linked"))
    assert default_branch(linked) == default_branch(repo.run)
    assert fork_point(linked, head, base) == base


def test_a_missing_commit_is_a_git_error(repo: Repo) -> None:
    tip = repo.commit(a="1")
    with pytest.raises(GitError):
        fork_point(repo.run, tip, "1" * 40)
