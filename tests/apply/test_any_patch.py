"""Any patch on any small tree: what is written, and that undo brings all back."""

from __future__ import annotations

import shutil
import stat
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from apply.trees import change, place
from repoctx.errors import NotApplied

NAMES = ["a", "b", "b/c", "b/d", "b/e/f", "b/e/g", "h/i", "h/j/k/l", "é", "x y"]
texts = st.binary(max_size=40)
sides = st.none() | st.tuples(texts, st.sampled_from([0o100644, 0o100755]))
trees = st.dictionaries(st.sampled_from(NAMES), st.tuples(texts, st.booleans()))


@settings(max_examples=150, deadline=None)
@given(files=trees, wanted=st.dictionaries(st.sampled_from(NAMES), sides, min_size=1))
def test_all_or_nothing_and_back(files, wanted) -> None:
    files = {name: file for name, file in files.items() if name != "b"}
    where = Path(tempfile.mkdtemp())
    try:
        here = place(where, {name: data for name, (data, _) in files.items()})
        for name, (_, executable) in files.items():
            (here.root / name).chmod(0o755 if executable else 0o644)
        before = here.shape
        changes = [
            change(
                name,
                files[name][0] if name in files else None,
                side[0] if side else None,
                *([side[1]] if side else []),
            )
            for name, side in wanted.items()
        ]
        try:
            record = here.commit(*changes)
        except NotApplied:
            # A file cannot stand where a folder is, or becomes one.
            assert "b" in wanted and here.shape == before and not here.phases
            return
        expected = {n: (d, 0o755 if x else 0o644) for n, (d, x) in files.items()}
        for name, side in wanted.items():
            expected.pop(name, None)
            if side:
                expected[name] = (side[0], side[1] & 0o777)
        found = {
            name: (data, stat.S_IMODE(mode))
            for name, (mode, data) in here.shape.items()
            if stat.S_ISREG(mode)
        }
        assert found == expected
        after = here.shape
        if record is not None:
            here.undo()
            assert here.shape == before
            here.redo()
        assert here.shape == after
    finally:
        shutil.rmtree(where)
