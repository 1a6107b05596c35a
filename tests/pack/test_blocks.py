"""Whole changed definitions: exact, and as large as the definition, no larger."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repoctx.pack.blocks import LONGEST, apply, blocks
from repoctx.pack.diff import split

from .test_diff import TEXTS

SPANS = st.lists(
    st.tuples(st.integers(-2, 45), st.integers(-2, 45), st.sampled_from(["f", "g\nh"])),
    max_size=8,
)


@given(TEXTS, TEXTS, SPANS)
def test_apply_is_the_inverse(
    old: str, new: str, spans: list[tuple[int, int, str]]
) -> None:
    assert apply(old, blocks(old, new, spans)) == new


@given(TEXTS, TEXTS, SPANS)
def test_every_line_begins_with_a_mark(
    old: str, new: str, spans: list[tuple[int, int, str]]
) -> None:
    body = blocks(old, new, spans)
    assert body == "" or body.endswith("\n")
    assert all(line[0] in "@ \\" for line in split(body))


@given(TEXTS, TEXTS, SPANS)
def test_the_order_of_spans_does_not_matter(
    old: str, new: str, spans: list[tuple[int, int, str]]
) -> None:
    assert blocks(old, new, spans) == blocks(old, new, spans[::-1])


@given(TEXTS, TEXTS, TEXTS)
def test_another_text_gives_a_text_or_an_error(old: str, new: str, other: str) -> None:
    try:
        result = apply(other, blocks(old, new, []))
    except ValueError:
        return
    assert isinstance(result, str)


OLD = """\
class A:
    def f(self):
        one
        two

    def g(self):
        x
"""
DEFINITIONS = [(1, 7, "A"), (2, 4, "A.f"), (6, 7, "A.g")]


def test_a_change_shows_its_smallest_definition() -> None:
    body = blocks(OLD, OLD.replace("two", "TWO"), DEFINITIONS)
    assert body == (
        "@@ -2,3 +2,3 @@ A.f\n     def f(self):\n         one\n         TWO\n"
    )


def test_changes_in_two_definitions_are_two_blocks() -> None:
    new = OLD.replace("two", "TWO").replace("        x", "        X")
    body = blocks(OLD, new, DEFINITIONS)
    assert [x for x in body.split("\n") if x.startswith("@@")] == [
        "@@ -2,3 +2,3 @@ A.f",
        "@@ -6,2 +6,2 @@ A.g",
    ]


def test_a_deleted_line_shows_the_definition_it_was_in() -> None:
    new = OLD.replace("        one\n", "")
    body = blocks(OLD, new, [(1, 6, "A"), (2, 3, "A.f"), (5, 6, "A.g")])
    assert body == "@@ -2,3 +2,2 @@ A.f\n     def f(self):\n         two\n"


def test_a_long_definition_shows_only_the_change() -> None:
    old = "def f():\n" + "".join(f"    {n}\n" for n in range(LONGEST + 50))
    new = old.replace("    100\n", "    hundred\n")
    body = blocks(old, new, [(1, LONGEST + 51, "f")])
    assert body.startswith("@@ -99,7 +99,7 @@\n")


def test_a_deleted_text_and_a_new_one() -> None:
    assert blocks("a\n", "", []) == "@@ -1,1 +0,0 @@\n"
    assert blocks("", "a", []) == "@@ -0,0 +1,1 @@\n a\n\\ No newline at end of file\n"


@pytest.mark.parametrize(
    "body",
    [
        "nonsense\n",
        "@@ -1,1 +1,1 @@\n",
        "@@ -1,1 +1,1 @@\n+a\n",
        "@@ -1,1 +1,1 @@\n a",
        "@@ -9,1 +9,1 @@\n a\n",
        "@@ -1,1 +2,1 @@\n a\n",
        "@@ -2,1 +2,1 @@\n a\n@@ -1,1 +1,1 @@\n b\n",
        "@@ -1,1 +1,1 @@\n a\n\\ No newline at end of file\n",
    ],
)
def test_a_replacement_that_does_not_fit_is_refused(body: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        apply("a\nb\n", body)
