"""Packing: same tree, same bytes; base and overlay together are the work tree."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
import repoctx_prompts as prompts

from pack.tree import tree_of
from repoctx.flow.pack import Memory
from repoctx.pack.render import Style
from repos import commit, git, make_repo, write

PREAMBLE = prompts.load(prompts.PREAMBLE)
WORDS = ["alpha", "beta", "</file>", "\\</file>", '<patch path="a">', "=== end", "```"]


def shown(prompt: bytes, style: str = "xml") -> dict[str, str]:
    return tree_of(prompt.decode(), style, PREAMBLE)


def on_disk(root: Path) -> dict[str, str]:
    listed = git(root, "ls-files", "-co", "--exclude-standard", "-z").split("\0")
    names = {name for name in listed if name and (root / name).is_file()}
    return {name: (root / name).read_bytes().decode() for name in names}


def any_text(dice: random.Random) -> str:
    lines = [
        f"{dice.choice(WORDS)} {dice.randrange(9)}" if dice.random() < 0.8 else ""
        for _ in range(dice.randrange(25))
    ]
    return "\n".join(lines) + dice.choice(["\n", ""])


def any_change(root: Path, dice: random.Random) -> None:
    """One random edit, addition, deletion or move in the work tree."""
    paths = sorted(p for p in on_disk(root))
    kind = dice.choice(["edit", "edit", "add", "delete", "move", "copy"])
    if kind == "add" or len(paths) < 3:
        write(root, {f"d{dice.randrange(3)}/f{dice.randrange(40)}.txt": any_text(dice)})
        return
    path = dice.choice(paths)
    text = (root / path).read_text()
    if kind == "edit":
        lines = text.split("\n")
        lines[dice.randrange(len(lines))] = dice.choice(WORDS)
        write(root, {path: "\n".join(lines)})
    elif kind == "delete":
        (root / path).unlink()
    else:
        write(root, {f"moved/{dice.randrange(40)}.txt": text})
        if kind == "move":
            (root / path).unlink(missing_ok=True)


@pytest.mark.parametrize("seed", range(12))
def test_base_and_overlay_are_the_work_tree(tmp_path: Path, packs, seed: int):
    dice = random.Random(seed)
    first = {f"d{n % 3}/f{n}.txt": any_text(dice) for n in range(8)}
    root = make_repo(tmp_path / "r", {**first, "big.txt": "line\n" * 200})
    style = list(Style)[seed % 4]
    bases = [git(root, "rev-parse", "HEAD")]
    for step in range(6):
        for _ in range(dice.randrange(1, 4)):
            any_change(root, dice)
        if dice.random() < 0.5:
            bases.append(commit(root, f"c{step}"))
        if dice.random() < 0.3:
            git(root, "add", "-A")
        base = dice.choice(bases)
        prompt, packed = packs(root, base=base, style=style)
        assert packed.commit == base
        assert shown(prompt, style) == on_disk(root)
        anew = {"state_dir": tmp_path / f"state{step}", "style": style}
        assert packs(root, base=base, **anew)[0] == prompt, "warm is as cold"


def test_one_change_moves_only_the_end(tmp_path: Path, packs):
    files = {f"f{n:02}.py": f"x = {n}\n" * 30 for n in range(20)}
    root = make_repo(tmp_path / "r", files)
    before, packed = packs(root)
    write(root, {"f00.py": files["f00.py"] + "y = 1\n"})
    after, _ = packs(root)
    assert after.startswith(before)
    assert len(after) - len(before) < 300
    assert packed.why == "the default branch's base"


def test_same_tree_same_bytes_everywhere(tmp_path: Path, packs):
    root = make_repo(
        tmp_path / "r",
        {
            "b/z.py": "z\n",
            "b.py": "b\n",
            "a é.py": "e\n",
            "B.py": "B\n",
            "\udcff": "x\n",
        },
    )
    write(root, {"b.py": "b\nnew\n"})
    git(root, "worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    git(tmp_path, "clone", "-q", str(root), str(tmp_path / "clone"))
    for other in ("linked", "clone"):
        write(tmp_path / other, {"b.py": "b\nnew\n"})
    expected, _ = packs(root)
    (root / "b").mkdir(exist_ok=True)
    for folder, change in [
        (root, {"PYTHONHASHSEED": "1"}),
        (root / "b", {"PYTHONHASHSEED": "2", "LC_ALL": "C"}),
        (tmp_path / "linked", {"LC_ALL": "POSIX", "TZ": "Asia/Tokyo"}),
        (tmp_path / "clone", {"PYTHONUTF8": "1"}),
    ]:
        command = [sys.executable, "-m", "repoctx", "pack", "-q"]
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, **change}, capture_output=True
        )
        assert done.returncode == 0, done.stderr.decode()
        assert done.stdout == expected


def test_a_warm_base_stays_and_a_huge_overlay_ends_it(tmp_path: Path, packs):
    files = {f"f{n}.py": f"x = {n}\n" * 40 for n in range(9)}
    root = make_repo(tmp_path / "r", files)
    old = git(root, "rev-parse", "HEAD")
    write(root, {"f1.py": "changed\n"})
    new = commit(root, "second")
    _, packed = packs(root, Memory(warm=(old,)))
    assert packed.commit == old and packed.why == "still cached"
    _, packed = packs(root, Memory(cold=True))
    assert packed.commit == new
    write(root, {f"big{n}.py": f"{n}\n" * 20_000 for n in range(4)})
    prompt, packed = packs(root)
    assert packed.commit == "" and not packed.changes
    assert shown(prompt) == on_disk(root)
    write(root, {"f1.py": "changed again\n"})
    after, packed = packs(root)
    assert after.startswith(prompt), "the snapshot stays the base"
    assert shown(after) == on_disk(root)


def test_a_snapshot_base_remembers_texts_that_are_gone(tmp_path: Path, packs):
    folder = tmp_path / "plain"
    write(folder, {"a.txt": "one\ntwo\nthree\n" * 20, "b.txt": "b\n"})
    first, packed = packs(folder)
    assert packed.commit == "" and "work tree" in packed.why
    write(folder, {"a.txt": "one\nTWO\nthree\n" * 20})
    (folder / "b.txt").unlink()
    second, _ = packs(folder)
    assert second.startswith(first)
    assert shown(second) == {"a.txt": "one\nTWO\nthree\n" * 20}


def test_a_damaged_store_is_made_anew(tmp_path: Path, packs):
    root = make_repo(tmp_path / "r", {"a.py": "a\n" * 300})
    first, _ = packs(root)
    state = root / ".git" / "repoctx"
    for path in [*state.glob("base/*"), *state.glob("*.db*"), *state.glob("*.json")]:
        path.write_bytes(b"broken")
    assert packs(root)[0] == first
    for path in state.glob("base/*.json"):
        path.write_text("{}")
    assert packs(root)[0] == first


@pytest.mark.parametrize("seed", range(4))
def test_strict_shows_the_work_tree_alone(tmp_path: Path, packs, seed: int):
    dice = random.Random(seed)
    files = {f"f{n}.txt": any_text(dice) + f"{n}" for n in range(12)}
    root = make_repo(tmp_path / "r", files)
    for step in range(5):
        prompt, packed = packs(root, strict=True)
        assert shown(prompt) == on_disk(root)
        assert [s.kind for s in packed.prefix.segments] == ["preamble", "base"]
        assert packs(root, strict=True)[0] == prompt
        any_change(root, dice)
        if step == 2:
            commit(root, "more")


def test_strict_rewrites_only_what_stands_behind_a_change(tmp_path: Path, packs):
    root = make_repo(tmp_path / "r", {f"f{n}.txt": f"{n}\n" * 400 for n in range(9)})
    packs(root, strict=True)
    write(root, {"f0.txt": "hot\n"})
    packs(root, strict=True)
    first, _ = packs(root, strict=True)
    write(root, {"f0.txt": "hotter\n"})
    second, _ = packs(root, strict=True)
    pairs = zip(first, second, strict=False)
    same = next(at for at, (one, other) in enumerate(pairs) if one != other)
    assert same > 0.95 * len(first), "a file that changes often stands last"


def test_what_is_ignored_now_does_not_come_back_from_the_base(tmp_path: Path, packs):
    files = {"a.py": "a = 1\n" * 50, "private/plan.txt": "a private plan\n" * 50}
    root = make_repo(tmp_path / "r", files)
    assert b"a private plan" in packs(root)[0]
    write(root, {".repoctxignore": "private/\n"})
    prompt, packed = packs(root)
    assert b"a private plan" not in prompt
    assert packed.commit, "the base is still a commit"
    assert shown(prompt) == {".repoctxignore": "private/\n", "a.py": files["a.py"]}
    (root / ".repoctxignore").unlink()
    assert b"a private plan" in packs(root)[0]


def test_a_prompt_in_the_work_tree_does_not_enter_the_next(tmp_path: Path, packs):
    root = make_repo(tmp_path / "r", {"a.py": "a = 1\n" * 50})
    prompt, _ = packs(root)
    write(root, {"prompt.txt": prompt})
    again, packed = packs(root)
    assert again == prompt
    assert [d.detail for d in packed.now.left_out] == ["a prompt of repoctx"]
