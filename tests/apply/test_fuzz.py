"""Any answer at all: no crash, no hang, nothing outside, nothing by halves."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from apply.cases import CASES, answer, applied, folder
from repoctx.apply.names import unsafe
from repoctx.parse.edits import blocks
from repoctx.parse.stitch import stitch

FILES = {
    "src/a.py": b"import os\n\n\ndef f(x):\n    return x\n",
    "b.txt": b"\xef\xbb\xbfone\r\ntwo\nthree",
    "c.bin": b"\0\1",
}
PIECES = st.sampled_from(
    [
        "<<<<<<< SEARCH\n",
        "=======\n",
        ">>>>>>> REPLACE\n",
        "------- SEARCH\n",
        "+++++++ REPLACE\n",
        ":start_line:3\n-------\n",
        "```\n",
        "```diff\n",
        "````\n",
        "~~~\n",
        "--- a/src/a.py\n",
        "+++ b/src/a.py\n",
        "--- /dev/null\n",
        "+++ /dev/null\n",
        "@@ -1,3 +1,4 @@\n",
        "@@\n",
        "@@ def f(x):\n",
        "diff --git a/b.txt b/b.txt\n",
        "rename from b.txt\n",
        "rename to ../x\n",
        "new file mode 100755\n",
        "*** Begin Patch\n",
        "*** Update File: src/a.py\n",
        "*** Add File: ../../x\n",
        "*** Delete File: b.txt\n",
        "*** Move to: /etc/x\n",
        "*** End of File\n",
        "*** End Patch\n",
        "@@@@ 1 edit src/a.py\n",
        "@@@@ 2 create .git/x\n",
        "@@@@ 3 move b.txt -> src/a.py\n",
        "@@@@ end 1\n",
        "@@@@ end 2\n",
        "@@@@ end 3\n",
        "src/a.py\n",
        "../x.py\n",
        "`b.txt`:\n",
        "def f(x):\n",
        "    return x\n",
        " def f(x):\n",
        "-    return x\n",
        "+    return y\n",
        "\n",
        " \n",
        "...\n",
        "# ... existing code ...\n",
        "one\r\n",
        "two\n",
        "&lt;\n",
        "<think>\n",
        "</think>\n",
        "cat > b.txt <<'EOF'\n",
        "EOF\n",
        "\\ No newline at end of file\n",
    ]
)
ANSWERS = st.lists(st.one_of(PIECES, st.text(max_size=20)), max_size=30).map("".join)


def check(text: str) -> None:
    after, report = applied(FILES, text)
    if not report.ok:
        assert after == FILES
    assert not any(unsafe(path) for path in after)
    assert report.text().endswith("\n")
    assert isinstance(report.data()["blocks"], list)


@given(text=ANSWERS)
@settings(max_examples=250, deadline=None)
@example(text="*** Begin Patch\n*** Update File: \n")
def test_pieces_of_formats(text: str) -> None:
    check(text)


@given(parts=st.lists(ANSWERS, max_size=4))
@settings(max_examples=80, deadline=None)
def test_joined_pieces(parts: list[str]) -> None:
    check(stitch(parts))


@given(
    name=st.sampled_from(sorted(p.name for p in CASES.iterdir())),
    cut=st.floats(0, 1),
    hole=st.floats(0, 0.2),
)
@settings(max_examples=150, deadline=None)
def test_mutilated_cases(name: str, cut: float, hole: float) -> None:
    before, text = folder(CASES / name / "before"), answer(CASES / name)
    at = int(cut * len(text))
    torn = text[:at] + text[at + int(hole * len(text)) :]
    after, report = applied(before, torn)
    if not report.ok:
        assert after == before
    assert not any(unsafe(path) for path in after)


LONG = 10_000


@pytest.mark.parametrize(
    "text",
    [
        "src/a.py\n```\n<<<<<<< SEARCH\n"
        + "x\n" * LONG
        + "=======\n>>>>>>> REPLACE\n```",
        "=======\n" * LONG,
        "a.py\n<<<<<<< SEARCH\na\n" + "=======\n" * 3000 + ">>>>>>> REPLACE\n",
        "```\n" * LONG,
        "```a\n" * LONG,
        "<think>\n" * LONG,
        "@@@@ 1 edit a\n" * LONG,
        "--- a\n+++ b\n" * LONG,
        "@@ -1 +1 @@\n" * LONG,
        "*** Begin Patch\n" * LONG,
        "`" * 200_000,
        "... " * 50_000,
        "# " + "existing " * 20_000 + "...\n",
        " " * 200_000 + "\n",
    ],
    ids=range(14),
)
def test_cost_is_bounded(text: str) -> None:
    start = time.process_time()
    blocks(text)
    applied({**FILES, "big.txt": b"x\n" * LONG}, text)
    # A bound on work, not a measurement: quadratic cost takes minutes here.
    assert time.process_time() - start < 20
