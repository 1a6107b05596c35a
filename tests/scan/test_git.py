from __future__ import annotations

import os
import random
import stat
from pathlib import Path

import pytest

from repoctx.errors import GitError, NotARepository, UnknownRevision
from repoctx.scan import (
    Blobs,
    StatCache,
    blob_id,
    discover,
    ignored_by,
    list_commit,
    list_worktree,
    resolve,
    run,
    sizes,
)
from repoctx.scan.git import environment
from repos import commit, git, make_repo, write

FILES = {"a.py": "print(1)\n", "sub/b.txt": "b\n"}


# --- where ----------------------------------------------------------------------------


def test_a_subdirectory_belongs_to_its_repository(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", FILES)
    place = discover(root / "sub")
    assert (place.root, place.git, place.object_format) == (root, True, "sha1")
    assert place.state == root / ".git" / "repoctx"
    assert place.head == git(root, "rev-parse", "HEAD")
    assert not place.state.exists()


def test_a_linked_worktree_shares_the_state(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", FILES)
    git(root, "worktree", "add", "-q", str(tmp_path / "w"))
    place = discover(tmp_path / "w" / "sub")
    assert place.root == tmp_path / "w"
    assert place.state == root / ".git" / "repoctx"
    assert list_worktree(place, StatCache()).entries


def test_a_submodule_is_a_place_of_its_own(tmp_path: Path) -> None:
    inner = make_repo(tmp_path / "inner", FILES)
    outer = make_repo(tmp_path / "outer", {"x": "x"})
    allow = ("-c", "protocol.file.allow=always")
    git(outer, *allow, "submodule", "add", "-q", str(inner), "dep")
    commit(outer, "module")
    place = discover(outer / "dep" / "sub")
    assert place.root == outer / "dep"
    assert place.state == outer / ".git" / "modules" / "dep" / "repoctx"
    assert [e.path for e in list_worktree(place, StatCache()).entries] == [*FILES]
    left = list_worktree(discover(outer), StatCache()).left_out
    assert [(o.path, o.reason.name) for o in left] == [("dep", "SUBMODULE")]


def test_unborn_shallow_and_sha256(tmp_path: Path) -> None:
    unborn = discover(make_repo(tmp_path / "u", {}))
    assert unborn.unborn and unborn.head == ""
    with pytest.raises(UnknownRevision):
        resolve(unborn, "HEAD")
    root = make_repo(tmp_path / "r", FILES)
    commit(root, "second")
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{root}", "s")
    assert discover(tmp_path / "s").shallow
    new = make_repo(tmp_path / "n", FILES, object_format="sha256")
    place = discover(new)
    assert place.object_format == "sha256" and len(place.head) == 64
    entry = list_worktree(place, StatCache()).entries[0]
    assert entry.oid == blob_id(b"print(1)\n", "sha256")
    with Blobs(place) as blobs:
        assert blobs.read(entry.oid) == b"print(1)\n"


def test_a_plain_folder_is_a_place_outside_git(tmp_path: Path) -> None:
    place = discover(tmp_path)
    assert (place.root, place.git, place.unborn) == (tmp_path, False, False)
    assert tmp_path not in place.state.parents
    assert not place.state.exists()


def test_what_is_no_place(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", FILES)
    git(tmp_path, "clone", "-q", "--bare", str(root), "bare.git")
    for path in (
        tmp_path / "none",
        root / "a.py",
        tmp_path / "bare.git",
        root / ".git",
    ):
        with pytest.raises(NotARepository) as caught:
            discover(path)
        assert "\n" not in str(caught.value)


def test_a_broken_repository_says_so_in_one_line(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", FILES)
    (root / ".git" / "config").write_text("[core\n")
    with pytest.raises(GitError) as caught:
        discover(root)
    assert "config" in str(caught.value) and "\n" not in str(caught.value)


def test_a_planted_worktree_setting_cannot_show_another_folder(tmp_path: Path) -> None:
    write(tmp_path, {"home/secret.txt": "mine\n"})
    root = make_repo(tmp_path / "home" / "r", FILES)
    git(root, "config", "core.worktree", str(tmp_path / "home"))
    with pytest.raises(NotARepository):
        discover(root)


@pytest.mark.skipif(os.name != "posix" or os.getuid() != 0, reason="needs chown")
def test_another_owner_gets_one_line_with_the_way_out(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", FILES)
    os.chown(root, 65534, 65534)
    os.chown(root / ".git", 65534, 65534)
    with pytest.raises(GitError, match=r"safe\.directory"):
        discover(root)


def test_the_environment_cannot_point_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_repo(tmp_path / "r", FILES)
    other = make_repo(tmp_path / "o", {"other.py": ""})
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "false")
    place = discover(root)
    assert place.root == root
    assert [e.path for e in list_worktree(place, StatCache()).entries] == [*FILES]
    kept = environment({"GIT_CONFIG_GLOBAL": "g", "GIT_TRACE": "1", "PATH": "p"})
    assert "GIT_TRACE" not in kept and kept["GIT_CONFIG_GLOBAL"] == "g"


def test_an_index_file_is_used_when_it_is_asked_for(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", FILES)
    (root / ".git" / "index").rename(tmp_path / "index")
    place = discover(root)
    assert run(place, "ls-files") == b""
    names = run(place, "ls-files", index_file=tmp_path / "index")
    assert names.decode().split() == [*FILES]


# --- what git must not do -------------------------------------------------------------

TRAPS = {
    "core.fsmonitor": "{trap}",
    "core.pager": "{trap}",
    "core.editor": "{trap}",
    "core.sshCommand": "{trap}",
    "core.gitProxy": "{trap}",
    "core.askPass": "{trap}",
    "core.alternateRefsCommand": "{trap}",
    "credential.helper": "!{trap}",
    "diff.external": "{trap}",
    "diff.trap.command": "{trap}",
    "diff.trap.textconv": "{trap}",
    "filter.trap.clean": "{trap}",
    "filter.trap.smudge": "{trap}",
    "filter.trap.process": "{trap}",
    "filter.trap.required": "true",
    "gpg.program": "{trap}",
    "gpg.openpgp.program": "{trap}",
    "log.showSignature": "true",
    "pager.log": "{trap}",
    "interactive.diffFilter": "{trap}",
    "alias.ls-files": "!{trap}",
    "alias.rev-parse": "!{trap}",
    "merge.trap.driver": "{trap}",
    "submodule.dep.update": "!{trap}",
    "submodule.recurse": "true",
    "uploadpack.packObjectsHook": "{trap}",
    "remote.origin.url": "ext::{trap}",
    "remote.origin.uploadpack": "{trap}",
    "remote.origin.promisor": "true",
    "remote.origin.vcs": "trap",
    "protocol.ext.allow": "always",
    "protocol.allow": "always",
    "core.untrackedCache": "true",
}
HOOKS = ("post-index-change", "pre-auto-gc", "reference-transaction", "fsmonitor")


def trapped(tmp_path: Path) -> tuple[Path, Path]:
    """A repository in which everything that can be planted is, and the file that a
    sprung trap writes."""
    root = make_repo(
        tmp_path / "r",
        {
            "a.py": "1\n",
            "b.py": "2\n",
            ".gitattributes": "*.py filter=trap diff=trap\n",
        },
    )
    sprung = tmp_path / "sprung"
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\necho $0 $@ >> {sprung}\nexit 1\n")
    trap.chmod(0o755)
    write(root, {"a.py": "3\n", "c.py": "untracked\n"})
    os.utime(root / "b.py", (1, 1))
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for hook in HOOKS:
        for folder in (hooks, root / ".git" / "hooks"):
            (folder / hook).symlink_to(trap)
    git(root, "config", "core.hooksPath", str(hooks))
    for name, value in TRAPS.items():
        git(root, "config", name, value.format(trap=trap))
    return root, sprung


def test_nothing_planted_in_a_repository_runs(tmp_path: Path) -> None:
    root, sprung = trapped(tmp_path)
    place = discover(root)
    stats = StatCache()
    listing = list_worktree(place, stats)
    assert {e.path: e.state.name for e in listing.entries} == {
        ".gitattributes": "CLEAN",
        "a.py": "CHANGED",
        "b.py": "CLEAN",
        "c.py": "UNTRACKED",
    }
    list_worktree(place, stats)
    list_commit(place, "HEAD")
    resolve(place, "HEAD~0")
    ignored_by(place, "a.py")
    run(place, "log", "-p", "--stat", "--format=%H %s")
    run(place, "diff-tree", "-r", "-p", "--root", "HEAD")
    run(place, "rev-list", "--all")
    with Blobs(place) as blobs:
        assert blobs.read(listing.entries[0].oid).startswith(b"*.py")
        with pytest.raises(KeyError):
            blobs.read("1" * 40)
    assert sizes(place, ["1" * 40]) == {}
    assert not sprung.exists(), sprung.read_text()


def test_the_traps_are_live(tmp_path: Path) -> None:
    root, sprung = trapped(tmp_path)
    with pytest.raises(AssertionError):
        git(root, "status")
    assert sprung.exists()


@pytest.mark.parametrize(
    "args",
    [
        ("status",),
        ("diff-files",),
        ("hash-object", "a.py"),
        ("fetch",),
        ("log", "--ext-diff"),
        ("diff-tree", "--textconv", "HEAD"),
        ("cat-file", "--filters", "HEAD:a.py"),
        ("log", "--output=/tmp/x"),
    ],
)
def test_only_reads_are_run(tmp_path: Path, args: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="git"):
        run(tmp_path, *args)


def test_reading_writes_nothing(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", FILES)
    os.utime(root / "a.py", (1, 1))
    before = (root / ".git" / "index").read_bytes()
    place = discover(root)
    list_worktree(place, StatCache())
    list_commit(place, "HEAD")
    assert (root / ".git" / "index").read_bytes() == before
    assert not (root / ".git" / "index.lock").exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
def test_git_that_hangs_is_ended(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", FILES)
    os.mkfifo(root / "excludes")
    git(root, "config", "core.excludesFile", str(root / "excludes"))
    with pytest.raises(GitError, match="longer than"):
        run(root, "ls-files", "-o", "--exclude-standard", timeout=0.5)


def test_no_git_on_path_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitError, match="not installed"):
        discover(tmp_path)


# --- revisions and blobs --------------------------------------------------------------


@pytest.mark.parametrize(
    "rev", ["nope", "", "--git-dir", "-h", "a\0b", "HEAD:a.py", "HEAD\nHEAD", "0" * 40]
)
def test_unknown_revisions(tmp_path: Path, rev: str) -> None:
    place = discover(make_repo(tmp_path / "r", FILES))
    with pytest.raises(UnknownRevision):
        resolve(place, rev)


def test_tags_and_branches_are_commits(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", FILES)
    git(root, "tag", "-a", "-m", "t", "v1")
    place = discover(root)
    assert {resolve(place, r) for r in ("main", "v1", "HEAD")} == {place.head}


def test_blobs_come_in_order_and_missing_ones_are_none(tmp_path: Path) -> None:
    files = {f"f{n:03}": f"{n}\n" * n for n in range(100)}
    place = discover(make_repo(tmp_path / "r", files))
    oids = [e.oid for e in list_commit(place, "HEAD").entries]
    tree = git(place.root, "rev-parse", "HEAD^{tree}")
    asked = ["0" * 40, *oids, tree, "HEAD", "x\ny"]
    with Blobs(place) as blobs:
        got = dict(blobs.read_many(asked))
        assert [got[oid] for oid in oids] == [c.encode() for c in files.values()]
        assert all(got[o] is None for o in ("0" * 40, tree, "HEAD", "x\ny"))
        for oid, _ in blobs.read_many(oids):
            assert blobs.read(oid) == got[oid]
            break
        assert blobs.read(oids[5]) == got[oids[5]]
    known = sizes(place, asked[1:])
    assert [known[oid] for oid in oids] == [len(c) for c in files.values()]


def test_a_partial_clone_fetches_nothing(tmp_path: Path) -> None:
    origin = make_repo(tmp_path / "o", FILES)
    git(origin, "config", "uploadpack.allowFilter", "true")
    options = ("--filter=blob:none", "--no-checkout", f"file://{origin}", "p")
    git(tmp_path, "clone", "-q", *options)
    place = discover(tmp_path / "p")
    entries = list_commit(place, "HEAD").entries
    assert [e.path for e in entries] == [*FILES]
    with Blobs(place) as blobs:
        got = list(blobs.read_many([e.oid for e in entries]))
    assert got == [(e.oid, None) for e in entries]
    objects = list((tmp_path / "p" / ".git" / "objects" / "pack").glob("*.pack"))
    assert len(objects) == 1
    assert stat.S_ISREG(objects[0].stat().st_mode)


def test_replaced_objects_are_read_as_they_were(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", FILES)
    old = git(root, "rev-parse", "HEAD:a.py")
    new = git(root, "hash-object", "-w", "--stdin", data=b"other\n")
    git(root, "replace", old, new)
    with Blobs(discover(root)) as blobs:
        assert blobs.read(old) == b"print(1)\n"


def test_the_rule_that_ignores_a_path(tmp_path: Path) -> None:
    root = make_repo(tmp_path / "r", {".gitignore": "*.log\nbuild/\n", "a": "1"})
    place = discover(root)
    assert ignored_by(place, "x/y.log") == ".gitignore:1:*.log"
    assert ignored_by(place, "a") == ""
    assert ignored_by(place, "../outside") == ""


@pytest.mark.parametrize("seed", range(8))
def test_what_was_announced_reads_the_same(tmp_path: Path, seed: int):
    dice = random.Random(seed)
    texts = {f"f{n}": b"%d\n" % n * dice.randrange(40_000) for n in range(99)}
    root = make_repo(tmp_path / "r", texts)
    rows = [line.split() for line in git(root, "ls-tree", "HEAD").splitlines()]
    wanted = [(oid, texts[name]) for _, _, oid, name in rows]
    missing = "f" * 40
    plan = [(oid, len(data)) for oid, data in wanted if dice.random() < 0.9]
    plan.insert(dice.randrange(len(plan)), (missing, 5))
    if seed % 2:
        dice.shuffle(wanted)
    with Blobs(discover(root)) as blobs:
        blobs.expect(plan + plan[:3])
        for oid, data in wanted + wanted[:5]:
            assert blobs.read(oid) == data
        with pytest.raises(KeyError):
            blobs.read(missing)
