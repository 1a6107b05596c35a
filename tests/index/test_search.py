from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from index.rows_of import indexed, row, snapshot
from repoctx.index import Store, find_definitions, passages, rank
from repoctx.values import SourceFile

RETRY = '''"""Trying again."""

import time


class RetryPolicy:
    """How often and how long."""

    def delay(self, attempt):
        """Seconds before the next attempt."""
        return min(self.cap, self.base * 2**attempt)

    def run(self, job):
        return job()
'''
FILES = {
    "lib/retry.py": RETRY,
    "lib/server.py": "def serve(port):\n    listen(port)\n",
    "lib/copy of server.py": "def serve(port):\n    listen(port)\n",
    "tests/test_retry.py": "from lib.retry import RetryPolicy\n\n\n"
    "def test_delay():\n    assert RetryPolicy().delay(1)\n",
    "docs/retry.md": "# Retry\n\nThe retry policy computes a delay.\n",
}
# Rarity means something only among other files.
FILES |= {f"other/part_{n}.py": f"def part_{n}():\n    pass\n" for n in range(40)}

Read = Callable[[SourceFile], str]


def reader(files: dict[str, str]) -> Read:
    return lambda file: files[file.path]


def paths(store: Store, files: dict[str, str], query: str) -> list[str]:
    return [r.path for r in rank(store, snapshot(files), query)]


def test_source_before_tests_before_documents(tmp_path: Path) -> None:
    store, _ = indexed(tmp_path, FILES)
    found = paths(store, FILES, "where is the retry delay computed?")
    assert found[:3] == ["lib/retry.py", "tests/test_retry.py", "docs/retry.md"]


def test_equal_files_come_in_path_order(tmp_path: Path) -> None:
    files = {f"{name}.py": "value = marker()\n" for name in "cab"}
    store, _ = indexed(tmp_path, files)
    assert paths(store, files, "marker") == ["a.py", "b.py", "c.py"]


def test_only_the_snapshot_is_searched(tmp_path: Path) -> None:
    store, _ = indexed(tmp_path, FILES)
    left = {"lib/server.py": FILES["lib/server.py"]}
    assert paths(store, left, "retry delay") == []
    assert paths(store, left, "listen on a port") == ["lib/server.py"]
    assert find_definitions(store, snapshot(left), "RetryPolicy") == []
    assert passages(store, snapshot(left), "retry delay", reader(left)) == []


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("what does server.py do?", "lib/server.py"),
        ("fix lib/retry.py", "lib/retry.py"),
        ("docs: say more", "docs/retry.md"),
    ],
)
def test_a_path_that_is_spelt_out_wins(tmp_path: Path, query: str, first: str) -> None:
    store, _ = indexed(tmp_path, FILES)
    assert paths(store, FILES, query)[0] == first


def test_words_meet_identifiers_of_either_style(tmp_path: Path) -> None:
    files = {
        "a.js": "function tableOfContents() {}\n",
        "b.py": "def table_of_contents():\n    pass\n",
        "c.py": "def table():\n    pass\n",
    }
    store, _ = indexed(tmp_path, files)
    found = paths(store, files, "the table of contents")
    assert set(found[:2]) == {"a.js", "b.py"}


@pytest.mark.parametrize(
    "query",
    [
        *("", " ", "?", "\udc80", '"', "NEAR(", "x\0y", "日本語", "a" * 10**6),
        *(piece * 10**5 for piece in ("retry ", "a/", "a.", "a-", "a::")),
    ],
    ids=lambda query: ascii(query[:8]),
)
def test_any_query_is_answered(tmp_path: Path, query: str) -> None:
    store, now = indexed(tmp_path, FILES)
    rank(store, now, query)
    find_definitions(store, now, query)
    passages(store, now, query, reader(FILES))
    assert store.recovered == ""


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("RetryPolicy", ["RetryPolicy"]),
        ("retrypolicy", ["RetryPolicy"]),
        ("delay", ["delay"]),
        ("RetryPolicy.delay", ["delay"]),
        ("RetryPolicy.delay()", ["delay"]),
        ("retry.RetryPolicy", ["RetryPolicy"]),
        ("RetryPolicy delay", ["delay"]),
        ("where is the retry delay computed?", ["delay"]),
    ],
)
def test_definitions_by_name_and_by_question(
    tmp_path: Path, query: str, found: list[str]
) -> None:
    store, now = indexed(tmp_path, FILES)
    definitions = find_definitions(store, now, query)
    assert [d.symbol.name for d in definitions][: len(found)] == found
    assert definitions[0].path == "lib/retry.py"


def test_a_definition_in_two_copies_is_shown_with_both_paths(tmp_path: Path) -> None:
    store, now = indexed(tmp_path, FILES)
    found = find_definitions(store, now, "serve")
    assert [d.path for d in found] == ["lib/copy of server.py", "lib/server.py"]


def test_a_short_definition_is_quoted_whole(tmp_path: Path) -> None:
    store, now = indexed(tmp_path, FILES)
    first = passages(store, now, "where is the retry delay computed?", reader(FILES))[0]
    assert first.path == "lib/retry.py"
    lines = RETRY.split("\n")
    assert first.text == "\n".join(lines[first.start - 1 : first.end])
    assert "def delay(self, attempt):" in first.text
    assert first.why.startswith("RetryPolicy")


def long_file(marker: int) -> str:
    lines = [f"    step_{n} = {n}" for n in range(300)]
    lines[marker] = "    wait = retry_delay * backoff"
    return "def job():\n" + "\n".join(lines) + "\n"


@pytest.mark.parametrize("marker", [0, 29, 30, 150, 299])
def test_of_a_long_definition_the_matching_window_is_quoted(
    tmp_path: Path, marker: int
) -> None:
    files = {"job.py": long_file(marker)}
    store, now = indexed(tmp_path, files)
    first = passages(store, now, "retry delay backoff", reader(files), 1)[0]
    assert "wait = retry_delay" in first.text
    assert first.start <= marker + 2 <= first.end
    assert first.end - first.start < 45
    assert first.why == "job"


def test_passages_never_overlap_and_keep_the_limit(tmp_path: Path) -> None:
    files = {f"f{n}.py": long_file(n) for n in range(0, 300, 20)}
    store, now = indexed(tmp_path, files)
    found = passages(store, now, "retry delay step_7", reader(files), 20)
    assert 0 < len(found) <= 20
    seen: set[tuple[str, int]] = set()
    for p in found:
        lines = {(p.path, line) for line in range(p.start, p.end + 1)}
        assert not lines & seen
        seen |= lines


def test_a_file_that_vanished_is_passed_over(tmp_path: Path) -> None:
    store, now = indexed(tmp_path, FILES)
    left = {p: t for p, t in FILES.items() if p != "lib/retry.py"}
    found = passages(store, now, "retry delay", reader(left))
    assert found
    assert all(p.path != "lib/retry.py" for p in found)


def test_a_text_that_shrank_since_it_was_indexed_is_no_error(tmp_path: Path) -> None:
    files = {"job.py": long_file(290)}
    store, now = indexed(tmp_path, files)
    short = passages(store, now, "retry delay", lambda _: "one line")
    assert [(p.start, p.end, p.text) for p in short] == [(1, 1, "one line")]


def test_the_same_rank_whatever_else_was_asked(tmp_path: Path) -> None:
    store, now = indexed(tmp_path, FILES)
    first = rank(store, now, "retry delay")
    rank(store, now, "listen port")
    assert rank(store, now, "retry delay") == first
    store.add([row("new.py", "retry_delay = 1\n")])
    more = snapshot(FILES | {"new.py": "retry_delay = 1\n"})
    assert "new.py" in [r.path for r in rank(store, more, "retry delay")]
