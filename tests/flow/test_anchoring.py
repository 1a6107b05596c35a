"""Which commit the base shows: everywhere the same, and always some honest answer."""

from __future__ import annotations

from pathlib import Path

import pytest
import repoctx_prompts as prompts

from pack.tree import tree_of
from repoctx.errors import UnknownRevision, UsageError
from repoctx.flow.pack import Memory, Packed
from repoctx.flow.prefix import chunks
from repos import commit, git, make_repo, write

PREAMBLE = prompts.load(prompts.PREAMBLE)
FILES = {f"f{n:02}.py": f"x = {n}\n" * 60 for n in range(20)}


def shown(prompt: bytes) -> dict[str, str]:
    return tree_of(prompt.decode(), "xml", PREAMBLE)


def on_disk(root: Path) -> dict[str, str]:
    names = git(root, "ls-files", "-co", "--exclude-standard", "-z").split("\0")
    return {n: (root / n).read_text() for n in names if n and (root / n).is_file()}


def base_of(packed: Packed) -> bytes:
    found = [s for s in packed.prefix.segments if s.kind == "base"]
    return b"".join(b for s in found for b in chunks(s))


def repo(tmp_path: Path, commits: int = 12, object_format: str = "sha1") -> Path:
    """Some commits on main, each to another file."""
    root = make_repo(tmp_path / "origin", FILES, object_format)
    for number in range(commits):
        write(root, {f"f{number:02}.py": f"y = {number}\n" * 60})
        commit(root, f"change {number}")
    return root


def test_clones_worktrees_and_branches_share_the_base(tmp_path: Path, packs):
    root = repo(tmp_path)
    git(tmp_path, "clone", "-q", str(root), str(tmp_path / "mate"))
    git(root, "worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    expected = base_of(packs(root)[1])
    for number, folder in enumerate([tmp_path / "mate", tmp_path / "linked", root]):
        git(folder, "checkout", "-q", "-b", f"topic{number}")
        write(folder, {"f03.py": f"mine = {number}\n"})
        commit(folder, "mine")
        write(folder, {"f04.py": f"not yet = {number}\n"})
        prompt, packed = packs(folder)
        assert base_of(packed) == expected
        assert packed.why == "the default branch's base"
        assert shown(prompt) == on_disk(folder)


def test_a_branch_keeps_its_base_while_main_goes_on(tmp_path: Path, packs):
    root = repo(tmp_path)
    git(root, "checkout", "-q", "-b", "topic")
    before = packs(root)[0]
    git(root, "checkout", "-q", "main")
    for number in range(5):
        write(root, {f"f{number:02}.py": f"late = {number}\n" * 60})
        commit(root, "late")
    git(root, "checkout", "-q", "topic")
    assert packs(root)[0] == before


def test_a_detached_head_packs_like_its_branch(tmp_path: Path, packs):
    root = repo(tmp_path)
    before = packs(root)[0]
    git(root, "checkout", "-q", "--detach")
    assert packs(root)[0] == before
    git(root, "checkout", "-q", "HEAD~5")
    prompt, packed = packs(root)
    assert shown(prompt) == on_disk(root)
    behind = git(root, "merge-base", packed.commit, "HEAD")
    assert behind == packed.commit, "the base is an ancestor"


@pytest.mark.parametrize("depth", [1, 5])
def test_a_shallow_clone(tmp_path: Path, packs, depth: int):
    root = repo(tmp_path)
    clone = tmp_path / "clone"
    url = root.as_uri()
    git(tmp_path, "clone", "-q", f"--depth={depth}", url, str(clone))
    write(clone, {"f01.py": "mine\n"})
    prompt, packed = packs(clone)
    assert packed.commit == git(clone, "rev-parse", "HEAD")
    assert packed.why == "HEAD: a shallow clone"
    assert shown(prompt) == on_disk(clone)
    missing = git(root, "rev-parse", "HEAD~6")
    with pytest.raises(UnknownRevision):
        packs(clone, base=missing)


def test_no_default_branch(tmp_path: Path, packs):
    root = repo(tmp_path)
    git(root, "branch", "-m", "something")
    prompt, packed = packs(root)
    assert packed.commit == git(root, "rev-parse", "HEAD")
    assert packed.why == "HEAD: no default branch here"
    assert shown(prompt) == on_disk(root)


def test_an_orphan_branch(tmp_path: Path, packs):
    root = repo(tmp_path)
    git(root, "checkout", "-q", "--orphan", "pages")
    prompt, packed = packs(root)  # Unborn still, everything staged.
    assert packed.commit == "" and shown(prompt) == on_disk(root)
    main = git(root, "rev-parse", "main")
    prompt, packed = packs(root, Memory(warm=(main,)))
    assert packed.commit == main, "the cache holds all of it"
    assert shown(prompt) == on_disk(root)
    git(root, "rm", "-rfq", ".")
    write(root, {"index.html": "<p>\n"})
    head = commit(root, "page")
    prompt, packed = packs(root)
    assert packed.commit == head and shown(prompt) == {"index.html": "<p>\n"}


@pytest.mark.parametrize("rev", ["nothing", "-x", "--all", "HEAD~999", "0" * 40, "a b"])
def test_an_unknown_revision(tmp_path: Path, packs, rev: str):
    root = make_repo(tmp_path / "r", FILES)
    with pytest.raises(UsageError) as failed:
        packs(root, base=rev)
    assert "\n" not in str(failed.value)


def test_a_base_that_is_no_ancestor(tmp_path: Path, packs):
    root = repo(tmp_path)
    git(root, "checkout", "-q", "-b", "side", "HEAD~6")
    write(root, {"side.py": "s = 1\n"})
    side = commit(root, "side")
    git(root, "checkout", "-q", "main")
    write(root, {"f01.py": "now\n"})
    prompt, packed = packs(root, base=side)
    assert packed.commit == side and shown(prompt) == on_disk(root)


def test_names_of_bases(tmp_path: Path, packs):
    root = repo(tmp_path)
    git(root, "tag", "light", "HEAD~3")
    git(root, "tag", "-a", "-m", "full", "heavy", "HEAD~3")
    git(root, "branch", "b/ranch", "HEAD~3")
    expected, packed = packs(root, base=git(root, "rev-parse", "HEAD~3"))
    for name in ("light", "heavy", "b/ranch", "HEAD~3", "main~3", packed.commit[:9]):
        prompt, again = packs(root, base=name)
        assert prompt == expected and again.commit == packed.commit
    git(root, "branch", "-f", "b/ranch", "HEAD~1")
    moved, again = packs(root, base="b/ranch")
    assert again.commit == git(root, "rev-parse", "HEAD~1")
    assert shown(moved) == on_disk(root)


def test_a_tree_is_no_commit(tmp_path: Path, packs):
    root = make_repo(tmp_path / "r", FILES)
    with pytest.raises(UnknownRevision):
        packs(root, base=git(root, "rev-parse", "HEAD^{tree}"))


def test_sha256_repositories(tmp_path: Path, packs):
    root = repo(tmp_path, object_format="sha256")
    git(tmp_path, "clone", "-q", str(root), str(tmp_path / "mate"))
    write(root, {"f01.py": "mine\n"})
    prompt, packed = packs(root)
    assert len(packed.commit) == 64 and shown(prompt) == on_disk(root)
    assert base_of(packs(tmp_path / "mate")[1]) == base_of(packed)
    old = git(root, "rev-parse", "HEAD~4")
    prompt, packed = packs(root, base=old)
    assert packed.commit == old and shown(prompt) == on_disk(root)


@pytest.mark.parametrize("how", ["merge", "rebase", "cherry-pick", "revert"])
def test_conflicts_in_progress(tmp_path: Path, packs, how: str):
    root = repo(tmp_path)
    git(root, "checkout", "-q", "-b", "topic", "HEAD~4")
    write(root, {"f10.py": "ours = 1\n" * 60, "only.py": "o = 1\n"})
    commit(root, "ours")
    target = {"merge": "main", "rebase": "main", "revert": "main~1"}.get(how, "main~1")
    if how == "revert":
        git(root, "checkout", "-q", "main")
        write(root, {"f10.py": "again = 1\n" * 60})
        commit(root, "again")
        target = "HEAD~2"
    before = git(root, "rev-parse", "HEAD")
    with pytest.raises(AssertionError):
        git(root, how, target)
    text = (root / "f10.py").read_text()
    assert "<<<<<<<" in text and ">>>>>>>" in text
    prompt, _ = packs(root)
    assert shown(prompt) == on_disk(root)
    prompt, packed = packs(root, Memory(warm=(before,)))
    assert packed.commit == before and shown(prompt) == on_disk(root)


def test_submodules_from_outside_and_inside(tmp_path: Path, packs):
    part = make_repo(tmp_path / "part", {"p.py": "p = 1\n" * 50})
    root = make_repo(tmp_path / "r", {"a.py": "a = 1\n"})
    allowed = ("-c", "protocol.file.allow=always")
    git(root, *allowed, "submodule", "add", "-q", str(part), "lib/part")
    commit(root, "with a part")
    prompt, packed = packs(root)
    assert set(shown(prompt)) == {"a.py", ".gitmodules"}
    assert [d.path for d in packed.now.left_out] == ["lib/part"]
    inside = root / "lib" / "part"
    write(inside, {"p.py": "p = 2\n" + "p = 1\n" * 49, "q.py": "q\n"})
    prompt, packed = packs(inside)
    assert shown(prompt) == on_disk(inside)
    assert packed.commit == git(inside, "rev-parse", "HEAD")
    assert git(inside, "status", "--porcelain").split() == ["M", "p.py", "??", "q.py"]
    assert base_of(packed) == base_of(packs(part)[1]), "shared with other clones"
