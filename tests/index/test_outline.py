"""Outlines: golden cases, limits, and what holds for any text."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.outlines import CASES, FOLDERS, VERSIONS, actual, digests, expected, source
from repoctx.index.grammars import grammar, unavailable
from repoctx.index.languages import LANGUAGES
from repoctx.index.outline import (
    MAX_BYTES,
    MAX_DOCUMENTS,
    MAX_LINE,
    outline,
)
from repoctx.index.skeleton import MAX_COLUMNS, skeleton
from repoctx.index.versions import INDEX_VERSION
from repoctx.values import Kind, Outline

PARSED = sorted(name for name, language in LANGUAGES.items() if language.module)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_golden(folder):
    assert actual(folder) == expected(folder)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_golden_skeleton(folder):
    wanted = (folder / "skeleton.txt").read_text(encoding="utf-8")
    assert skeleton(*source(folder)) == wanted


def test_changed_results_raise_the_version():
    recorded = json.loads(VERSIONS.read_text(encoding="utf-8"))
    assert recorded == {"version": INDEX_VERSION, "digests": digests()}, (
        "raise INDEX_VERSION, then run python tests/index/outlines.py"
    )


def test_every_grammar_loads_and_has_a_case():
    assert [name for name in PARSED if grammar(name) is None] == []
    assert unavailable() == ()
    seen = {source(folder)[1] for folder in FOLDERS}
    assert set(PARSED) - seen <= {"starlark", "svelte"}


def test_starlark_and_svelte_share_their_neighbours_queries():
    assert outline("def macro(name):\n    rule(name)\n", "starlark").definitions
    made = outline('<h1>\n<script lang="ts">\nlet a = f()\n</script>\n', "svelte")
    assert [(s.name, s.start) for s in made.definitions] == [("a", 3)]
    assert [(r.name, r.line) for r in made.references] == [("f", 3)]


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("x = 1\n", ""),
        ("x = 1\n", "no such language"),
        ("select 1;\n", "sql"),
        ("x = 1\n" * (MAX_BYTES // 6 + 1), "python"),
        ("x = 1\n" + "y" * (MAX_LINE + 1), "python"),
        ("é\n" * (MAX_BYTES // 3 + 1), "python"),
        ("a: 1\n---\n" * (MAX_DOCUMENTS + 1), "yaml"),
        ("(" * 40_000 + "\n", "python"),
    ],
    ids=["none", "unknown", "text", "large", "line", "bytes", "documents", "shattered"],
)
def test_what_is_not_parsed_is_empty(text, lang):
    assert outline(text, lang) == Outline(errors=-1)


def test_four_megabytes_on_one_line():
    assert outline("function a(b){return b};" * 175_000, "javascript").errors == -1


@pytest.mark.parametrize("lang", PARSED)
@pytest.mark.parametrize("unit", ["(", "{", "[", "a(", "a{", "if ", "- ", "<a>"])
def test_deep_nesting_ends(lang, unit):
    text = "\n".join([unit * 40] * 400)
    assert outline(text, lang).errors >= -1


def test_deep_but_sound_code_keeps_its_surface():
    text = "def first(): pass\nx = " + "[" * 3000 + "]" * 3000 + "\ndef last(): pass\n"
    names = [s.name for s in outline(text, "python").definitions]
    assert names == ["first", "x", "last"]


def test_nothing_that_others_fill_in_is_filled():
    made = outline("def f(): pass\n", "python")
    assert (made.skeleton, made.body, made.defs, made.errors) == ("", "", "", 0)


def test_a_header_with_cpp_in_it_is_cpp():
    made = outline("namespace a {\nclass B { int c(); };\n}\n", "c")
    assert [(s.name, s.kind, s.parent) for s in made.definitions] == [
        ("a", Kind.MODULE, ""),
        ("B", Kind.CLASS, "a"),
        ("c", Kind.METHOD, "a.B"),
    ]


WORDS = st.sampled_from(
    [
        "class ",
        "def ",
        "fn ",
        "func ",
        "function ",
        "struct ",
        "impl ",
        "end\n",
        "do\n",
        "const ",
        "let ",
        "export ",
        "import ",
        "from ",
        "if ",
        "case ",
        "@doc ",
        "$a",
        "a",
        "Bé",
        "名",
        "🙂",
        "A.b",
        "operator==",
        "~A",
        "x! {\n",
        "<script>",
        "---\n",
        "- a: b\n",
        "# h\n",
        "```\n",
        "[t]\n",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        "<",
        ">",
        '"',
        "'",
        "`",
        "//",
        "/*",
        "*/",
        "#",
        '"""',
        "::",
        ".",
        ":",
        ";",
        ",",
        "=",
        "=>",
        "->",
        "@",
        "!",
        "\n",
        "\n    ",
        "\t",
        "\r",
        "\x00",
        "\ufeff",
        "\x85",
        "\u2028",
    ]
)
TEXTS = st.one_of(st.text(max_size=200), st.lists(WORDS, max_size=60).map("".join))


@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(TEXTS, st.sampled_from(PARSED))
def test_any_text_in_any_language(text, lang):
    made = outline(text, lang)
    lines = text.count("\n") + 1
    for symbol in made.definitions:
        assert 1 <= symbol.start <= symbol.end <= lines
        assert "\n" not in symbol.signature + symbol.name + symbol.doc
        assert symbol.name
        assert all(part in text for part in symbol.name.split())
    for use in made.references:
        assert 1 <= use.line <= lines
        assert all(part in text for part in use.name.split())
    assert outline(text, lang) == made
    short = skeleton(text, lang)
    assert skeleton(text, lang) == short
    own = {"", *(line.rstrip() for line in text.split("\n"))}
    for line in short.split("\n"):
        bare = line.removesuffix(" ... }").removesuffix(" ...").removesuffix("...")
        assert line in own or bare.rstrip() in own or len(line) > MAX_COLUMNS


def test_surrogates_do_not_stop_it():
    made = outline("def f():\n    '\udcff'\ndef g(): pass\n", "python")
    assert [s.name for s in made.definitions] == ["f", "g"]


def run(code: str, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def test_results_do_not_depend_on_the_hash_seed():
    code = (
        "import sys, pathlib; from repoctx.index.outline import outline\n"
        "from repoctx.index.languages import detect\n"
        "for p in sorted(pathlib.Path(sys.argv[1]).glob('*/input*')):\n"
        "    print(outline(p.read_text('utf-8'), detect(p.name)))\n"
    ).replace("sys.argv[1]", repr(str(CASES)))
    assert run(code, PYTHONHASHSEED="1") == run(code, PYTHONHASHSEED="2")


def test_a_missing_wheel_costs_its_language_only():
    code = (
        "import sys; sys.modules['tree_sitter_lua'] = None\n"
        "from repoctx.index.outline import outline\n"
        "from repoctx.index.grammars import unavailable\n"
        "assert outline('local a = 1', 'lua').errors == -1\n"
        "assert outline('local a = 1', 'lua').errors == -1\n"
        "assert outline('a = 1', 'python').definitions\n"
        "print(unavailable())\n"
    )
    printed = run(code)
    assert printed.count("lua (tree_sitter_lua:") == 1


def test_without_tree_sitter_itself_everything_is_text():
    code = (
        "import sys; sys.modules['tree_sitter'] = None\n"
        "from repoctx.index.outline import outline\n"
        "from repoctx.index.skeleton import skeleton\n"
        "assert outline('a = 1', 'python').errors == -1\n"
        "print(skeleton('a = 1', 'python'))\n"
    )
    assert run(code) == "a = 1\n"
