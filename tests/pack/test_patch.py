"""Patches apply exactly, or say that they do not."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repoctx.pack.diff import hunks, split
from repoctx.pack.patch import apply, heading, patch, ratio

from .test_diff import TEXTS

CONTEXT = st.integers(0, 4)


@given(TEXTS, TEXTS, CONTEXT)
def test_apply_is_the_inverse(old: str, new: str, context: int) -> None:
    assert apply(old, patch(old, new, context)) == new


@given(TEXTS, TEXTS)
def test_every_line_begins_with_a_mark(old: str, new: str) -> None:
    body = patch(old, new)
    assert body == "" or body.endswith("\n")
    assert all(line[0] in "@ -+\\" for line in split(body))


@given(TEXTS, TEXTS, TEXTS)
def test_a_patch_for_another_text_fits_exactly_or_is_refused(
    old: str, new: str, other: str
) -> None:
    """Whatever it accepts has every line that the patch took for granted."""
    body = patch(old, new)
    try:
        result = apply(other, body)
    except ValueError:
        return
    assert apply(result, patch(result, other)) == other
    if body and len(split(other)) == len(split(old)):
        taken = [x[1:] for x in body.split("\n") if x[:1] in ("-", " ") and x]
        assert all(line in other for line in taken)


@pytest.mark.parametrize(
    "body",
    [
        "nonsense\n",
        "@@ -1,1 +1,1 @@\n",
        "@@ -1,1 +1,1 @@\n-a\n",
        "@@ -1,1 +1,1 @@\n-a\n+b\n+c\n",
        "@@ -9,1 +9,1 @@\n-a\n+b\n",
        "@@ -1,1 +2,1 @@\n-a\n+b\n",
        "@@ -2,1 +2,1 @@\n-b\n+x\n@@ -1,1 +1,1 @@\n-a\n+y\n",
        "@@ -1,1 +1,1 @@\n-a\n+b",
        "@@ -1,1 +1,1 @@\n-a\n+b\n\\ No newline at end of file\n",
        "@@ -99999999999999999999,1 +1,1 @@\n-a\n+b\n",
    ],
)
def test_a_patch_that_does_not_fit_is_refused(body: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        apply("a\nb\n", body)


def test_the_heading_names_the_section_above() -> None:
    old = "class A:\n    one\n    two\n    three\n    four\n    five\n    six\n"
    body = patch(old, old.replace("six", "SIX"))
    assert body.startswith("@@ -4,4 +4,4 @@ class A:\n")


def test_the_heading_is_not_a_line_of_the_hunk() -> None:
    old = "class A:\n    one\n    two\n"
    (hunk,) = hunks(old, old.replace("two", "TWO"))
    assert heading(split(old), hunk) == ""


def test_ratio_compares_bytes() -> None:
    assert ratio("", "") == 0
    assert ratio("éé", "é") == 2


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(old=TEXTS, new=TEXTS)
def test_git_applies_it_too(tmp_path: Path, old: str, new: str) -> None:
    """The body is a real unified diff: a foreign tool agrees on the result."""
    if old == new or not old or not new or "\udc80" in old + new:
        return
    check_git(tmp_path, old, new)


def check_git(folder: Path, old: str, new: str) -> None:
    (folder / "f").write_bytes(old.encode())
    body = "--- a/f\n+++ b/f\n" + patch(old, new)
    command = ["git", "-c", "core.autocrlf=false", "apply", "--whitespace=nowarn", "-"]
    subprocess.run(command, cwd=folder, input=body.encode(), check=True, timeout=60)
    assert (folder / "f").read_bytes() == new.encode()
