"""git itself is the oracle: every pattern must mean here what it means there."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repoctx.scan.attributes import Attributes
from repoctx.scan.globs import BadPattern, Ignores, rule, rules, to_regex
from repos import ENV, make_repo, write

NAMES = st.sampled_from(["a", "b", "ab", "ba", "abc", "a.c", "foo", "[a]", "a b", "*"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
_CHARACTERS = "ab.c/*?\\[] !"
_TOKENS = "** *** [ab] [!a] [a-c] [^b] [[:alpha:]] \\* foo **/ /** a* *b"
PIECES = st.sampled_from([*_CHARACTERS, *_TOKENS.split()])
PATTERNS = (
    st.lists(PIECES, min_size=1, max_size=7)
    .map("".join)
    # An escaped slash is a slash here; for git it is one that ** cannot skip.
    .filter(lambda pattern: "\\/" not in pattern)
)
SLOW = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


def ours(content: str, path: str) -> bool:
    decided = Ignores({"": rules(content)}).verdict(path)
    return decided is not None and not decided.negated


@SLOW
@given(
    lines=st.lists(PATTERNS, min_size=1, max_size=4),
    paths=st.lists(PATHS, min_size=5, max_size=20),
)
def test_rules_mean_what_git_says(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], paths: list[str]
) -> None:
    root = oracle(tmp_path_factory)
    content = "\n".join(lines) + "\n"
    write(root, {".gitignore": content})
    asked = "".join(f"./{p}\0" for p in paths).encode()
    args = ("check-ignore", "-z", "-v", "-n", "--no-index", "--stdin")
    fields = ask(root, *args, data=asked)
    for at, path in enumerate(paths):
        pattern = fields[4 * at + 2]
        theirs = bool(pattern) and not pattern.startswith("!")
        assert ours(content, path) == theirs, (content, path)


@SLOW
@given(
    patterns=st.lists(PATTERNS, min_size=1, max_size=4),
    paths=st.lists(PATHS, min_size=5, max_size=20),
)
def test_attributes_mean_what_git_says(
    tmp_path_factory: pytest.TempPathFactory, patterns: list[str], paths: list[str]
) -> None:
    root = oracle(tmp_path_factory)
    kinds = ("linguist-vendored", "-linguist-vendored", "!linguist-vendored")
    lines = [f"{p} {kinds[i % 3]}\n" for i, p in enumerate(patterns)]
    content = "".join(lines)
    write(root, {".gitattributes": content})
    asked = "".join(f"{p}\0" for p in paths).encode()
    args = ("check-attr", "-z", "--stdin", "linguist-vendored")
    values = ask(root, *args, data=asked)[2::3]
    meaning = {"set": True, "unset": False, "unspecified": None}
    mine = Attributes({"": content})
    for path, value in zip(paths, values, strict=True):
        assert mine.value(path, "linguist-vendored") is meaning[value], (content, path)


def ask(root: Path, *args: str, data: bytes) -> list[str]:
    done = subprocess.run(
        ["git", *args],
        cwd=root,
        env=os.environ | ENV,
        input=data,
        stdout=subprocess.PIPE,
        timeout=60,
    )
    assert done.returncode in (0, 1)
    return done.stdout.decode().split("\0")


def oracle(factory: pytest.TempPathFactory) -> Path:
    root = factory.getbasetemp() / "oracle"
    if not root.exists():
        make_repo(root, {})
    for name in (".gitignore", ".gitattributes"):
        (root / name).unlink(missing_ok=True)
    return root


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("*.py", ["a.py", "d/a.py", ".py"], ["a.pyc", "a.py/x"]),
        ("/a", ["a"], ["d/a"]),
        ("d/a", ["d/a"], ["x/d/a"]),
        ("**/a", ["a", "x/y/a"], ["ba"]),
        ("a/**", ["a/b", "a/b/c"], ["a", "x/a/b"]),
        ("a/**/b", ["a/b", "a/x/y/b"], ["ab", "a/xb"]),
        ("a/*/b", ["a/x/b"], ["a/b", "a/x/y/b"]),
        ("[!a-c]x", ["dx"], ["ax", "/x"]),
        ("a?c", ["abc"], ["ac", "a/c"]),
        (r"\*", ["*"], ["a"]),
        ("a*b*c", ["abc", "axbxc", "aXbYbZc"], ["ab", "acb"]),
    ],
)
def test_patterns(pattern: str, matching: list[str], other: list[str]) -> None:
    one = rule(pattern)
    assert one is not None
    assert [p for p in matching if not one.matches(p, folder=False)] == []
    assert [p for p in other if one.matches(p, folder=False)] == []


@pytest.mark.parametrize("pattern", ["[a", "a\\", "[[:nope:]]", "x" * 2000])
def test_what_cannot_be_parsed(pattern: str) -> None:
    with pytest.raises(BadPattern):
        to_regex(pattern)
    assert rules(f"{pattern}\nok\n")[-1].text == "ok"
    assert len(rules(f"{pattern}\nok\n")) == 1


@pytest.mark.parametrize(
    "pattern",
    [
        "*a" * 40 + "b",
        "**/" + "*a*/" * 30 + "b",
        "**/a/" * 60 + "b",
        "/".join(["**", "*a*a*a*a"] * 20) + "b",
        "*?" * 60 + "b",
    ],
)
def test_hostile_patterns_end(pattern: str) -> None:
    # pathspec and a plain translation to an expression never come back from these.
    one = rule(pattern)
    assert one is not None
    for path in ("a" * 200, "/".join("a" * 60), "/".join(["aaaaaa"] * 40)):
        assert not one.matches(path, folder=False)


@pytest.mark.parametrize(
    ("content", "path", "expected"),
    [
        ("*.log\n!keep.log\n", "keep.log", False),
        ("d/\n!d/keep\n", "d/keep", True),
        ("d/*\n!d/keep\n", "d/keep", False),
        ("# a\n\\#b\n", "#b", True),
        ("\\!b\n", "!b", True),
        ("a \n", "a", True),
        ("a\\ \n", "a ", True),
        ("a\r\n", "a", True),
        ("\ufeffa\n", "a", True),
        ("d/\n", "d", False),
        ("/\n", "d", False),
    ],
)
def test_lines(content: str, path: str, expected: bool) -> None:
    assert ours(content, path) is expected


def test_deeper_files_come_first_and_a_negation_is_inherited() -> None:
    ignores = Ignores({"": rules("*.txt\n!vendor/\n"), "d": rules("!a.txt\n")})
    assert ignores.verdict("a.txt") is not None
    for path in ("d/a.txt", "vendor/x/y.py"):
        found = ignores.verdict(path)
        assert found is not None and found.negated, path
    assert ignores.verdict("plain.py") is None


def test_a_very_deep_path() -> None:
    deep = "/".join("d" * 5000)
    assert Ignores({"": rules("d/nope\n")}).verdict(deep) is None


def test_attribute_values_macros_and_quoting() -> None:
    files = {
        "": '[attr]gen linguist-generated\n*.pb gen\n"a b.c" linguist-vendored\n'
        "x linguist-generated=true\ny linguist-generated=false\n"
        "z linguist-generated\nlib/** linguist-vendored=TRUE\n",
        "sub": "z -linguist-generated\n[attr]bad linguist-vendored\nq bad\n",
    }
    mine = Attributes(files)
    generated = {p: mine.value(p, "linguist-generated") for p in ("k.pb", *"xyzw")}
    assert generated == {"k.pb": True, "x": True, "y": False, "z": True, "w": None}
    assert mine.value("sub/z", "linguist-generated") is False
    assert mine.value("other/z", "linguist-generated") is True
    assert mine.value("a b.c", "linguist-vendored") is True
    assert mine.value("lib/a/b.py", "linguist-vendored") is True
    assert mine.value("sub/q", "linguist-vendored") is None
    assert not Attributes({"": "*.py text eol=lf\n"})
