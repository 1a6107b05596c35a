"""Our own diff: exact, deterministic, bounded, and readable where it has a choice."""

import random
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repoctx.pack import diff
from repoctx.pack.diff import Edit, edits, hunks, split

# Few distinct lines make many repeated ones, which is where a diff has choices.
LINES = st.lists(st.sampled_from(["a", "b", "c", "", "  x", "}"]), max_size=40)
TEXTS = st.one_of(
    st.text(alphabet="ab \t\r\n\x0b\x0c\x1c\x85\u2028\u2029é\udc80", max_size=60),
    LINES.map("\n".join),
    LINES.map(lambda lines: "".join(f"{line}\n" for line in lines)),
)


def rebuilt(old: list[str], new: list[str], found: list[Edit]) -> list[str]:
    out: list[str] = []
    at = 0
    for edit in found:
        assert edit.old_start > at or (edit.old_start == at == 0)
        out += old[at : edit.old_start]
        assert len(out) == edit.new_start
        out += new[edit.new_start : edit.new_end]
        at = edit.old_end
    return out + old[at:]


@given(TEXTS)
def test_only_a_newline_ends_a_line(text: str) -> None:
    lines = split(text)
    assert "".join(lines) == text
    assert all(line.endswith("\n") for line in lines[:-1])
    assert all(line.rstrip("\n").count("\n") == 0 and line for line in lines)


@given(TEXTS, TEXTS)
def test_edits_rebuild_the_new_text(old: str, new: str) -> None:
    a, b = split(old), split(new)
    assert rebuilt(a, b, edits(a, b)) == b


@given(LINES, LINES)
def test_few_edits_are_the_fewest(old: list[str], new: list[str]) -> None:
    """Against the textbook table, on what one stretch of the walk can settle."""
    found = edits(old, new)
    kept = len(old) - sum(e.old_end - e.old_start for e in found)
    table = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i, left in enumerate(old):
        for j, right in enumerate(new):
            table[i + 1][j + 1] = (
                table[i][j] + 1
                if left == right
                else max(table[i][j + 1], table[i + 1][j])
            )
    assert kept == table[-1][-1]


@pytest.mark.parametrize("kinds", [3, 40, 100_000])
@pytest.mark.parametrize("size", [10, 300, 3_000])
def test_large_differences_stay_exact(kinds: int, size: int) -> None:
    source = random.Random(f"{kinds} {size}")
    a = [f"{source.randrange(kinds)}\n" for _ in range(size)]
    b = [f"{source.randrange(kinds)}\n" for _ in range(size)]
    assert rebuilt(a, b, edits(a, b)) == b


def test_cost_is_bounded_by_counted_steps() -> None:
    """Twenty thousand lines of few kinds: every box is hard and none has an anchor."""
    source = random.Random(7)
    x = [source.randrange(50) for _ in range(20_000)]
    y = [source.randrange(50) for _ in range(20_000)]
    box = diff._Box(x, y)
    box.runs()
    # One stretch may overshoot by what a single walk costs.
    assert box.steps < diff.STEPS + 2 * diff.REACH * len(x)


def test_an_exhausted_budget_still_gives_an_exact_diff(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(diff, "STEPS", 0)
    a, b = split("x\na\nb\nc\ny\n"), split("x\nc\nb\na\ny\n")
    assert edits(a, b) == [Edit(1, 4, 1, 4)]


def test_an_inserted_function_begins_at_its_own_line() -> None:
    old = "def a():\n    x\n\ndef c():\n    x\n\n"
    new = "def a():\n    x\n\ndef b():\n    x\n\ndef c():\n    x\n\n"
    (hunk,) = hunks(old, new, context=0)
    assert hunk.lines == ("+def b():", "+    x", "+")


def test_a_repeated_line_is_added_at_the_lowest_place() -> None:
    (hunk,) = hunks("a\nx\nx\nb\n", "a\nx\nx\nx\nb\n", context=0)
    assert (hunk.old_start, hunk.old_count, hunk.new_start) == (3, 0, 4)


def test_numbers_follow_the_unified_format() -> None:
    assert hunks("", "a\n")[0].lines == ("+a",)
    first = hunks("", "a\n")[0]
    assert (first.old_start, first.old_count, first.new_start) == (0, 0, 1)
    gone = hunks("a\n", "")[0]
    assert (gone.old_start, gone.new_start, gone.new_count) == (1, 0, 0)


def test_far_edits_are_two_hunks_and_near_ones_are_one() -> None:
    old = "".join(f"{n}\n" for n in range(30))
    far = old.replace("5\n", "five\n", 1).replace("20\n", "twenty\n")
    near = old.replace("5\n", "five\n", 1).replace("12\n", "twelve\n")
    assert [h.old_start for h in hunks(old, far)] == [3, 18]
    assert len(hunks(old, near)) == 1


SCRIPT = """
import random
from repoctx.pack.patch import patch
source = random.Random(3)
a = "".join(f"{source.randrange(30)}\\n" for _ in range(400))
b = "".join(f"{source.randrange(30)}\\n" for _ in range(400))
print(patch(a, b))
"""


def test_bytes_do_not_depend_on_the_hash_seed() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("0", "1", "4711")
    }
    assert len(outputs) == 1


@settings(max_examples=50)
@given(TEXTS, TEXTS)
def test_the_same_texts_give_the_same_hunks(old: str, new: str) -> None:
    assert hunks(old, new) == hunks("".join(list(old)), "".join(list(new)))
