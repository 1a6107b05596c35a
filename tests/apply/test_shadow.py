"""Blocks on the shadow tree: what is accepted, what is refused, and the patch."""

from __future__ import annotations

import pytest

from repoctx.apply.shadow import Shadow, Tree
from repoctx.errors import NotApplied
from repoctx.parse.edits import blocks

A = b"import os\n\n\ndef f(x):\n    return x\n\n\ndef g(x):\n    return x\n"
FILES = {"src/a.py": A}

GOOD = """\
@@@@ 1 edit src/a.py
<<<<<<< SEARCH
def g(x):
    return x
=======
def g(x):
    return x * 2
>>>>>>> REPLACE
@@@@ end 1
"""
BAD = """\
@@@@ 2 edit src/a.py
<<<<<<< SEARCH
    return x
=======
    return y
>>>>>>> REPLACE
@@@@ end 2
"""


def shadow() -> Shadow:
    return Shadow(Tree(FILES.get, paths=FILES))


def test_a_block_is_judged_as_soon_as_it_comes() -> None:
    tree = shadow()
    good, bad = blocks(GOOD + BAD)
    assert tree.take(good).ok
    outcome = tree.take(bad)
    assert (outcome.code, [p.start for p in outcome.places]) == ("ambiguous", [5, 9])


def test_all_or_nothing() -> None:
    tree = shadow()
    for block in blocks(GOOD + BAD):
        tree.take(block)
    with pytest.raises(NotApplied):
        tree.patch()
    assert "resend only block 2" in tree.report().text()


def test_the_patch_has_the_bytes_before_and_after() -> None:
    tree = shadow()
    for block in blocks(GOOD):
        tree.take(block)
    [change] = tree.patch().changes
    assert (change.path, change.old) == ("src/a.py", A)
    assert change.new == A[:-1] + b" * 2\n"


def test_no_block_is_no_patch() -> None:
    with pytest.raises(NotApplied):
        shadow().patch()
