"""Base and overlay together are the work tree's packed bytes: decoded by FORMAT.md."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
import repoctx_prompts as prompts

from bench.mutate import Clone
from flow.histories import MAX_SIZE, Work
from pack.tree import tree_of
from repoctx.pack.overlay import Shape
from repoctx.pack.render import Style
from repos import git, make_repo, write

PREAMBLE = prompts.load(prompts.PREAMBLE)
STEPS = 15
"""Work trees of a real history."""


@pytest.mark.parametrize("seed", range(20))
def test_random_histories(tmp_path: Path, packs, seed: int):
    dice = random.Random(seed)
    work = Work(make_repo(tmp_path / "r", {}), dice)
    work.begin()
    for step in range(5):
        for _ in range(dice.randrange(1, 6)):
            work.change()
        work.save()
        base, expected = dice.choice(work.commits), work.shown()
        for turn, shape in enumerate(Shape):
            style = list(Style)[(seed + step + turn) % 4]
            flags = {"base": base, "style": style, "overlay": shape}
            prompt, packed = packs(work.root, max_size=MAX_SIZE, **flags)
            assert packed.commit == base
            assert tree_of(prompt.decode(), style, PREAMBLE) == expected, flags


def real_source() -> Path:
    """A repository with a history: REAL_REPO, or the one this file lies in."""
    return Path(os.environ.get("REAL_REPO", Path(__file__).parents[2]))


def seen_by_us(root: Path) -> dict[str, str]:
    """The texts of the work tree's files, as far as they are plain UTF-8."""
    found = {}
    for name in git(root, "ls-files", "-co", "--exclude-standard", "-z").split("\0"):
        if name and (root / name).is_file() and not (root / name).is_symlink():
            try:
                text = (root / name).read_bytes().decode("utf-8-sig")
            except UnicodeDecodeError:
                continue
            found[name] = text.replace("\r\n", "\n").replace("\r", "\n")
    return found


@pytest.mark.slow
def test_a_real_history(tmp_path: Path, packs):
    """Run it on any repository: REAL_REPO=path pytest tests/flow/test_overlay.py"""
    source = real_source()
    if not (source / ".git").exists():
        pytest.skip("no repository here; REAL_REPO names one")
    clone = Clone(source, tmp_path / "clone")
    chain = clone.chain(STEPS)
    if len(chain) < 5:
        pytest.skip("no history here; REAL_REPO names a repository that has one")
    shapes, styles = list(Shape), list(Style)
    for turn, _ in enumerate(clone.work(chain, 2)):
        flags = {"style": styles[turn % 4], "overlay": shapes[turn % 3]}
        prompt, packed = packs(clone.folder, base=chain[0], **flags)
        assert packed.commit == chain[0]
        shown = tree_of(prompt.decode(), flags["style"], PREAMBLE)
        alone, _ = packs(clone.folder, overlay="diff", base=chain[0], style="xml")
        assert tree_of(alone.decode(), "xml", PREAMBLE) == shown
        for path, text in seen_by_us(clone.folder).items():
            if path in shown and "[redacted:" not in shown[path]:
                assert shown[path] == text, path
        present = {file.path for file in packed.now.files}
        present |= {d.path for d in packed.now.left_out if d.reason == "duplicate"}
        assert shown.keys() == present


def test_a_wholly_new_tree_is_an_overlay_too(tmp_path: Path, packs):
    root = make_repo(tmp_path / "r", {"a.py": "a = 1\n", "b.py": "b = 1\n"})
    base = git(root, "rev-parse", "HEAD")
    git(root, "checkout", "-q", "--orphan", "other")
    git(root, "rm", "-rfq", ".")
    write(root, {"c.py": "c = 1\n"})
    for shape in Shape:
        prompt, packed = packs(root, base=base, overlay=shape)
        assert packed.commit == base
        assert tree_of(prompt.decode(), "xml", PREAMBLE) == {"c.py": "c = 1\n"}
