"""Scoring takes off what models put around an answer, and rewards nothing else."""

from __future__ import annotations

import pytest

from repoctx.probe import Probe, Scoring, score


def probe(
    *truth: str,
    scoring: Scoring = Scoring.EXACT,
    question: str = "What?",
    wrong: tuple[str, ...] = (),
    old: tuple[str, ...] = (),
) -> Probe:
    return Probe("x", "x", question, truth, scoring, (), (), old, wrong)


NUMBER = probe("4711", wrong=("4712",), old=("1234",))
NAME = probe("parse_header", wrong=("parse_headers",))
LOWER = probe("flush")

EXACT = [
    (NUMBER, "4711", 1),
    (NUMBER, "4711.", 1),
    (NUMBER, "`4711`", 1),
    (NUMBER, "**4711**", 1),
    (NUMBER, "- 4711", 1),
    (NUMBER, "1. 4711", 1),
    (NUMBER, '"4711"', 1),
    (NUMBER, "```\n4711\n```", 1),
    (NUMBER, "```text\n4711\n```\n", 1),
    (NUMBER, "Answer: 4711", 1),
    (NUMBER, "**Answer:** `4711`", 1),
    (NUMBER, "The answer is: 4711", 1),
    (NUMBER, "Final answer:\n\n4711", 1),
    (NUMBER, "The value of `RETRY_LIMIT` is 4711.", 1),
    (NUMBER, "RETRY_LIMIT = 4711", 1),
    (NUMBER, "const RETRY_LIMIT: u32 = 4711;", 1),
    (NUMBER, "<think>4712? no, 1234?</think>\n4711", 1),
    (NUMBER, "It was 1234 before.\nAnswer: 4711", 1),
    (NUMBER, "\n\n  4711  \n", 1),
    (NUMBER, "4711\r\n", 1),
    (NUMBER, "", 0),
    (NUMBER, "4712", 0),
    (NUMBER, "47110", 0),
    (NUMBER, "14711", 0),
    (NUMBER, "4711.5", 0),
    (NUMBER, "4711 or 4712", 0),
    (NUMBER, "4711\n4712", 0),
    (NUMBER, "4711, 1234", 0),
    (NUMBER, "It was 1234, now it is 4711.", 0),
    (NUMBER, "1 2 3 4711 5 6", 0),
    (NUMBER, "I cannot find it.", 0),
    (NUMBER, "Answer: 4711\nAnswer: 1234", 0),
    (NUMBER, "<think>4711", 0),
    (NAME, "parse_header", 1),
    (NAME, "`parse_header()`", 1),
    (NAME, "parse_header()", 1),
    (NAME, "The function is `parse_header`.", 1),
    (NAME, "parse_headers", 0),
    (NAME, "parse_header, parse_headers", 0),
    (NAME, "parse_header\nread_header\nread_body", 0),
    (NAME, "Parse_Header", 0),
    (NAME, "x_parse_header", 0),
    (LOWER, "flush", 1),
    (LOWER, "`flush(self)`", 1),
    (LOWER, "flushed", 0),
    (LOWER, "Buffer.flush", 1),
    (LOWER, "`Buffer::flush()`", 1),
    (LOWER, "The function is `flush`.", 1),
    (LOWER, "The function is flush.", 1),
    (LOWER, "It is `flush` in `src/a.py`.", 1),
    (LOWER, "flush\n\nIt empties the buffer at the end.", 1),
    (LOWER, "flush or drain", 0),
    (LOWER, "flush, drain, close", 0),
    (LOWER, "flush drain close", 0),
    (LOWER, "`flush` or `drain`", 0),
    (LOWER, "flush\ndrain\nclose", 0),
    (LOWER, "drain\nflush", 0),
    (LOWER, "I would flush the buffer", 0),
    (NAME, "parse_header write close", 0),
    (NAME, "parse_header\nNot parse_headers, which reads them all.", 0),
    (NUMBER, "4,711", 1),
    (NUMBER, "4_711", 1),
    (NUMBER, "4711 (line 12)", 0),
    (NUMBER, "I found 3 places; the value is 4711", 0),
]


@pytest.mark.parametrize(("made", "answer", "points"), EXACT)
def test_one_item(made: Probe, answer: str, points: float) -> None:
    assert score(made, answer) == points


PATHS = probe("src/a.py", "lib/b.py", scoring=Scoring.SET)
MEMBERS = probe("src/a.py::load", "src/a.py::save", scoring=Scoring.SET)
PAIRS = probe("ALPHA=11", "BETA=22", scoring=Scoring.SET)
NAMES = probe(
    "load", "save", scoring=Scoring.SET, question="From `main` to `write`, what?"
)

SETS = [
    (PATHS, "src/a.py\nlib/b.py", 1),
    (PATHS, "lib/b.py\nsrc/a.py\n", 1),
    (PATHS, "- `src/a.py`\n- `lib/b.py`", 1),
    (PATHS, "1. src/a.py\n2. lib/b.py", 1),
    (PATHS, "* **src/a.py**\n* **lib/b.py**", 1),
    (PATHS, "src/a.py, lib/b.py", 1),
    (PATHS, "`src/a.py`, `lib/b.py`.", 1),
    (PATHS, "src/a.py:12\nlib/b.py:3-9", 1),
    (PATHS, "./src/a.py\n./lib/b.py", 1),
    (PATHS, "src/a.py (line 12)\nlib/b.py (lines 3-9)", 1),
    (PATHS, "src/a.py - calls it twice\nlib/b.py — once", 1),
    (PATHS, "`src/a.py` calls it\n`lib/b.py` too", 1),
    (PATHS, "The files are:\n\n```\nsrc/a.py\nlib/b.py\n```", 1),
    (PATHS, "src/a.py\nsrc/a.py\nlib/b.py", 1),
    (PATHS, "`src/a.py` and `lib/b.py`", 1),
    (PATHS, "src/a.py lib/b.py", 0),
    (PATHS, "SRC/A.PY\nlib/b.py", 1 / 2),
    (PATHS, "src/a.py", 2 / 3),
    (PATHS, "src/a.py\nlib/c.py", 1 / 2),
    (PATHS, "src/a.py\nlib/b.py\nlib/c.py\nlib/d.py", 2 / 3),
    (PATHS, "none", 0),
    (PATHS, "", 0),
    (MEMBERS, "src/a.py::load\nsrc/a.py::save", 1),
    (MEMBERS, "src/a.py::Store.load\nsrc/a.py::Store.save", 1),
    (MEMBERS, "`src/a.py::load()`\n`src/a.py::save(self, x)`", 1),
    (MEMBERS, "src/a.py:load\nsrc/a.py:save", 1),
    (MEMBERS, "src/a.py:12::load\nsrc/a.py::save:30", 1),
    (MEMBERS, "src/a.py - `load`\nsrc/a.py - `save`", 1),
    (MEMBERS, "`src/a.py`: `load`\n`src/a.py`: `save`", 1),
    (MEMBERS, "| src/a.py | load |\n| src/a.py | save |", 1),
    (MEMBERS, "- src/a.py::Store::load\n- src/a.py::Store::save", 1),
    (MEMBERS, "src/a.py::load\nsrc/b.py::save", 1 / 2),
    (MEMBERS, "src/a.py", 0),
    (PAIRS, "ALPHA=11\nBETA=22", 1),
    (PAIRS, "ALPHA = 11\nBETA = 22", 1),
    (PAIRS, "- `ALPHA`: 11\n- `BETA`: `22`", 1),
    (PAIRS, "ALPHA -> 11, BETA -> 22", 1),
    (PAIRS, "| ALPHA | 11 |\n| BETA | 22 |", 1),
    (PAIRS, "ALPHA is 11.\nBETA is 22.", 1),
    (PAIRS, "ALPHA=22\nBETA=11", 0),
    (PAIRS, "ALPHA=11\nALPHA=12\nBETA=22\nBETA=23", 2 / 3),
    (NAMES, "load\nsave", 1),
    (NAMES, "main\nload\nsave\nwrite", 1),
    (NAMES, "1. `load()`\n2. `save()`", 1),
    (NAMES, "main\nwrite", 0),
]


@pytest.mark.parametrize(("made", "answer", "points"), SETS)
def test_a_set(made: Probe, answer: str, points: float) -> None:
    assert score(made, answer) == pytest.approx(points)


def test_listing_everything_is_worth_little() -> None:
    everything = "\n".join(f"dir/file{n}.py" for n in range(500))
    listed = f"src/a.py\nlib/b.py\n{everything}"
    assert score(PATHS, listed) < 0.01


CODE = "def f(a):\n    b = a\n    c = b\n    return c"
COPY = probe(CODE, scoring=Scoring.TEXT)

COPIES = [
    (CODE, 1),
    (f"```python\n{CODE}\n```", 1),
    (f"Here it is:\n\n```python\n{CODE}\n```\n\nAs asked.", 1),
    ("    " + CODE.replace("\n", "\n    "), 1),
    (CODE.replace("\n", "\n\n"), 1),
    (CODE.replace("    c = b\n", ""), 6 / 7),
    (CODE.replace("c = b", "c = a"), 3 / 4),
    (CODE.replace("    b = a", "  b = a"), 3 / 4),
    ("", 0),
    ("I cannot.", 0),
]


@pytest.mark.parametrize(("answer", "points"), COPIES)
def test_a_copy(answer: str, points: float) -> None:
    assert score(COPY, answer) == pytest.approx(points)


EDIT = probe("a.py\nx = 2\n", "b.py\ny = 2\n", scoring=Scoring.TREE)

TREES: list[tuple[dict[str, str | None], float]] = [
    ({"a.py": "x = 2\n", "b.py": "y = 2\n"}, 1),
    ({"a.py": "x = 2\n"}, 2 / 3),
    ({"a.py": "x = 2\n", "b.py": "y = 3\n"}, 1 / 2),
    ({"a.py": "x = 2\n", "b.py": "y = 2\n", "c.py": "z\n"}, 4 / 5),
    ({"a.py": None, "b.py": "y = 2\n"}, 1 / 2),
    ({}, 0),
]


@pytest.mark.parametrize(("tree", "points"), TREES)
def test_a_tree(tree: dict[str, str | None], points: float) -> None:
    assert score(EDIT, "edits", lambda _: tree) == pytest.approx(points)


def test_an_edit_needs_its_tree() -> None:
    with pytest.raises(ValueError, match="tree"):
        score(EDIT, "edits")
