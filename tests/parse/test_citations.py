"""Quotes are verified by the files, never by the model's word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repoctx.parse.citations import QUOTES, find_citations
from repoctx.parse.quotes import GRAMMAR_VERSION, Quote, quotes

RETRY = """\
import time


class Retry:
    def wait(self, attempt):
        delay = self.base * 2 ** attempt
        if delay > self.cap:
            delay = self.cap
        time.sleep(delay)
        return delay

    def again(self, attempt):
        delay = self.base * 2 ** attempt
        return delay
"""
OTHER = "def wait(seconds):\n    time.sleep(seconds)\n    return None\n"
FILES = {"lib/retry.py": RETRY, "lib/other.py": OTHER, "docs/my notes.md": "# Waits\n"}


def lookup(quote: Quote):
    """As a caller's: the paths that are named, then every file."""
    named = [p for hint in quote.paths for p in FILES if p.endswith(hint)]
    for path in dict.fromkeys([*named, *FILES]):
        yield path, FILES[path]


def cited(answer: str) -> list[tuple[str, int, int]]:
    return [(c.path, c.start, c.end) for c in find_citations(answer, lookup)]


def block(text: str, head: str = "`lib/retry.py`", info: str = "python") -> str:
    return f"{head}\n\n```{info}\n{text}\n```\n"


def test_a_block_is_found_and_gets_our_lines():
    text = "        if delay > self.cap:\n            delay = self.cap"
    assert cited(block(text, "`lib/retry.py:90-91`")) == [("lib/retry.py", 7, 8)]
    [citation] = find_citations(block(text), lookup)
    assert citation.verified
    assert citation.quote == text


@pytest.mark.parametrize(
    "head",
    [
        "`lib/retry.py`",
        "**lib/retry.py**",
        "From lib/retry.py:",
        "### `retry.py`",
        "`lib/retry.py` lines 5-9:",
        "lib/retry.py#L5-L9",
        "1. In `lib/retry.py` (line 5)",
        "nothing about files",
        "`lib/wrong.py`",
    ],
)
def test_headings(head):
    text = "        time.sleep(delay)\n        return delay"
    assert cited(block(text, head)) == [("lib/retry.py", 9, 10)]


@pytest.mark.parametrize(
    "answer",
    [
        "```python lib/retry.py\n        time.sleep(delay)\n```",
        "```lib/retry.py:9\n        time.sleep(delay)\n```",
        "```python\n# lib/retry.py\n        time.sleep(delay)\n```",
        "~~~~\n        time.sleep(delay)   \n~~~~",
        "````\n\n        time.sleep(delay)\n\n````",
        "- `lib/retry.py`\n\n  ```python\n          time.sleep(delay)\n  ```",
        "> `lib/retry.py`\n> ```\n>         time.sleep(delay)\n> ```",
        "```\ntime.sleep(delay)\n```",
        "```\n        time.sleep(delay)",
        "`lib/retry.py`: it calls `time.sleep(delay)`.",
    ],
)
def test_shapes_of_one_quote(answer):
    assert cited(answer) == [("lib/retry.py", 9, 9)]


def test_a_claimed_line_decides_between_equal_places():
    text = "        delay = self.base * 2 ** attempt"
    assert cited(block(text)) == [("lib/retry.py", 6, 6)]
    assert cited(block(text, "`lib/retry.py:12`")) == [("lib/retry.py", 13, 13)]


def test_a_uniform_indent_is_the_same_and_a_changed_one_is_not():
    assert cited(block("if delay > self.cap:\n    delay = self.cap")) == [
        ("lib/retry.py", 7, 8)
    ]
    got = cited(block("if delay > self.cap:\ndelay = self.cap"))
    assert got == [("lib/retry.py", 7, 7), ("lib/retry.py", 8, 8)]


def test_line_numbers_before_the_lines_are_taken_off():
    assert cited(block("7: if delay > self.cap:\n8:     delay = self.cap")) == [
        ("lib/retry.py", 7, 8)
    ]


def test_an_invented_line_is_unverified():
    text = "        if delay > self.cap:\n            raise TooLong(delay)\n"
    got = find_citations(block(text), lookup)
    assert [(c.verified, c.start) for c in got] == [(True, 7), (False, 0)]
    assert "raise TooLong(delay)" in got[1].quote
    assert cited(block("    sleep_forever(delay, delay)")) == [("", 0, 0)]


def test_a_changed_word_is_unverified():
    assert cited(block("        time.sleep(delays)")) == [("", 0, 0)]


def test_elisions_part_a_quote():
    text = "class Retry:\n    # ...\n    def again(self, attempt):\n    ...\n"
    assert cited(block(text)) == [("lib/retry.py", 4, 4), ("lib/retry.py", 12, 12)]


@pytest.mark.parametrize("text", ["}", "else:", "return", "", "    )\n}\n", "# ..."])
def test_what_says_nothing_is_no_quote(text):
    assert cited(block(text)) == []


@pytest.mark.parametrize(
    "answer",
    [
        block("+ x = compute_it()", info="diff"),
        block("compute_it(with_care)", "`lib/retry.py`\n\nProposed:"),
        block("pip install some-package", "Then run:", "bash"),
        "Use `some_new_function(argument)` here, and `pip install thing`.",
        "Open http://example.com/a.py:80 or localhost:8080 at 12:30, e.g. 3.11:5.",
    ],
)
def test_no_quotes(answer):
    assert cited(answer) == []


def test_shell_that_stands_somewhere_is_cited():
    assert cited(block("time.sleep(seconds)", "Run", "sh")) == [("lib/other.py", 2, 2)]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("see lib/retry.py:5", ("lib/retry.py", 5, 5)),
        ("see lib/retry.py:5-9.", ("lib/retry.py", 5, 9)),
        ("(lib/retry.py:5:12)", ("lib/retry.py", 5, 5)),
        ("`retry.py:5`, say", ("lib/retry.py", 5, 5)),
        ("`lib/retry.py` line 5", ("lib/retry.py", 5, 5)),
        ("lib/retry.py#L5-L9", ("lib/retry.py", 5, 9)),
        ("`docs/my notes.md:1`", ("docs/my notes.md", 1, 1)),
        ("`lib/retry.py:14`", ("lib/retry.py", 14, 14)),
        ("`lib/retry.py:15`", ("", 0, 0)),
        ("`lib/retry.py:0`", None),
        ("src/gone.py:3", ("", 0, 0)),
        ("./lib/retry.py:3", ("lib/retry.py", 3, 3)),
        ("b/retry.py:3", ("", 0, 0)),
        ("lib/retry.py alone", None),
    ],
)
def test_places(text, place):
    assert cited(f"It is {text}\n") == ([place] if place else [])


def test_equal_citations_are_one_and_order_is_the_answers():
    one = block("        time.sleep(delay)")
    answer = f"{one}\nlib/other.py:1\n\n{one}"
    assert cited(answer) == [("lib/retry.py", 9, 9), ("lib/other.py", 1, 1)]


def test_named_paths_are_asked_for_first_and_reading_is_lazy():
    asked: list[Quote] = []
    read: list[str] = []

    def watching(quote: Quote):
        asked.append(quote)
        for path, text in lookup(quote):
            read.append(path)
            yield path, text

    find_citations("lib/other.py:1 says so", watching)
    assert asked[0].paths == ("lib/other.py",)
    assert read == ["lib/other.py"]


def test_many_quotes_are_bounded():
    answer = "".join(f"lib/retry.py:{n}\n\n" for n in range(1, 2 * QUOTES))
    assert len(find_citations(answer, lookup)) == QUOTES


LINES = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=30),
    min_size=1,
    max_size=12,
)


@settings(max_examples=200, deadline=None)
@given(LINES, st.data())
def test_every_true_quote_is_verified_where_it_stands(lines, data):
    first = data.draw(st.integers(0, len(lines) - 1))
    last = data.draw(st.integers(first + 1, len(lines)))
    told = [f"value_{n} = {line}" for n, line in enumerate(lines)]
    text = "\n".join(told) + "\n"
    quoted = "\n".join(told[first:last])
    fence = "`" * (3 + max((len(r) for r in re.findall("`+", text)), default=0))
    answer = f"`a/b.py`\n{fence}python\n{quoted}\n{fence}\n"
    got = find_citations(answer, lambda _: [("a/b.py", text)])
    assert [(c.path, c.start, c.end) for c in got] == [("a/b.py", first + 1, last)]


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("`~>-# \n:/.a1(L)=…|\t"), max_size=200))
def test_no_text_breaks_the_parser_and_none_is_verified_falsely(answer):
    for quote in quotes(answer):
        assert quote.lines or (quote.paths and quote.start)
    for citation in find_citations(answer, lookup):
        if citation.verified:
            length = FILES[citation.path].count("\n")
            assert 1 <= citation.start <= citation.end <= length


@pytest.mark.parametrize(
    "line",
    [
        "`" * 100_000,
        "``a`" * 50_000,
        "+" * 200_000 + "x/",
        "a/" * 100_000,
        "> " * 50_000,
    ],
)
def test_long_lines_end(line):
    list(quotes(line + "\n" + line))


def test_grammar_has_the_codes_version():
    page = Path(__file__).parents[2] / "repoctx" / "parse" / "GRAMMAR.md"
    head = page.read_text(encoding="utf-8").splitlines()[0]
    assert f"(grammar {GRAMMAR_VERSION})" in head
