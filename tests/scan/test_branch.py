"""HEAD in words."""

from __future__ import annotations

from pathlib import Path

from repoctx.scan import discover
from repoctx.scan.branch import head_of
from repos import commit, git, make_repo, write


def test_a_branch_and_a_detached_head(tmp_path: Path):
    root = make_repo(tmp_path / "r", {"a": "a\n"})
    write(root, {"a": "b\n"})
    new = commit(root, "Second: ä\n\nbody")
    head = head_of(discover(root))
    assert head is not None
    assert (head.branch, head.commit, head.subject) == ("main", new, "Second: ä")
    git(root, "checkout", "-q", "--detach", "HEAD~1")
    head = head_of(discover(root))
    assert head is not None and head.branch == "" and head.subject == "first"


def test_packed_objects_linked_worktrees_and_what_has_no_head(tmp_path: Path):
    root = make_repo(tmp_path / "r", {"a": "a\n"})
    git(root, "gc", "-q")
    git(root, "worktree", "add", "-q", "-b", "side", str(tmp_path / "w"))
    head = head_of(discover(tmp_path / "w"))
    assert head is not None and head.branch == "side"
    assert head_of(discover(make_repo(tmp_path / "new", {}))) is None
    assert head_of(discover(tmp_path)) is None


def test_sha256_is_told_or_left_out_but_never_fatal(tmp_path: Path):
    root = make_repo(tmp_path / "r", {"a": "a\n"}, object_format="sha256")
    head = head_of(discover(root))
    assert head is None or head.branch == "main"
