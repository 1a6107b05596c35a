"""The map as page, JSON and text tree: sums, order, and paths that mean harm."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
import unicodedata
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from repoctx.pack.treemap import (
    LISTED,
    NARROWEST,
    STATES,
    MapData,
    MapFile,
    MapLeftOut,
    as_json,
    page,
    tree,
)

HOSTILE = (
    "</script>",
    "</SCRIPT ",
    "<!--",
    "<!--<script>",
    "]]>",
    "&lt;",
    '"',
    "'",
    "\\",
    "$data",
    "${script}",
    "\u2028",
    "\u202e",
    "\x00",
    "\x1b[31m",
    "\r\n",
    "\udcff",
    "\ud800",
    "日本",
    "e\u0301",
    "__proto__",
    "",
    " ",
)
NAMES = st.sampled_from(HOSTILE) | st.text(
    st.characters(exclude_characters="/", exclude_categories=()), max_size=8
)
PATHS = st.lists(NAMES, min_size=1, max_size=6).map("/".join)
FILES = st.builds(
    MapFile,
    PATHS,
    st.sampled_from(["", "python", "c++"]) | NAMES,
    st.integers(0, 10**7),
    st.integers(0, 10**8),
    st.sampled_from(list(STATES)),
)
MAPS = st.builds(
    MapData,
    NAMES,
    st.lists(FILES, max_size=12).map(tuple),
    st.lists(
        st.builds(MapLeftOut, PATHS, NAMES, st.integers(0, 10**8)), max_size=6
    ).map(tuple),
    st.booleans(),
    st.sampled_from([0, 128_000, 10**6]),
    st.lists(st.tuples(NAMES, st.integers(0, 10**6)), max_size=4).map(tuple),
)


def some_map() -> MapData:
    rows = (
        ("README.md", "markdown", 400, "cached"),
        ("src/app/main.py", "python", 3000, "cached"),
        ("src/app/page.html", "html", 1500, "overlay"),
        ("src/app/deep/er/one.py", "python", 900, "base"),
        ("src/app/deep/er/two.py", "python", 100, "skeleton"),
        ("src/lib.py", "python", 2100, "base"),
        ("tests/copy.py", "python", 0, "duplicate"),
        ("tests/test_main.py", "python", 2000, "cached"),
    )
    return MapData(
        "demo",
        tuple(MapFile(p, lang, t, 4 * t, state) for p, lang, t, state in rows),
        (MapLeftOut("logo.png", "binary", 9000), MapLeftOut("a.lock", "lock file", 70)),
        True,
        20_000,
        (("preamble", 100), ("base", 8500), ("overlay", 1500), ("tail", 0)),
    )


class Scripts(HTMLParser):
    """The elements of a page and the text inside ``script`` and ``style``."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[tuple[str, str]] = []
        self.csp = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        given = dict(attrs)
        if given.get("http-equiv") == "Content-Security-Policy":
            self.csp = given["content"] or ""
        if tag in {"script", "style"}:
            self.texts.append((tag, ""))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem:
            tag, text = self.texts[-1]
            self.texts[-1] = (tag, text + data)


def embedded(html: str) -> dict[str, Any]:
    found = re.findall(r'<script type="application/json" id="data">(.*)</script>', html)
    assert len(found) == 1
    data: dict[str, Any] = json.loads(found[0])
    return data


# --- the page ---------------------------------------------------------------------


@given(MAPS)
@example(replace(some_map(), name="</script><script>alert(1)</script>"))
def test_hostile_text_stays_inside_the_data_and_comes_back_whole(data: MapData) -> None:
    html = page(data)
    html.encode("utf-8")
    assert Scripts(html).tags == Scripts(page(some_map())).tags
    inside = embedded(html)
    raw = html.split('id="data">')[1].split("</script>")[0]
    assert raw.isascii() and not re.search("[<>&\x00-\x1f\x7f]", raw)
    assert inside["name"] == data.name
    langs, states = inside["languages"], [name for name, _ in inside["states"]]
    back = [
        MapFile(path, langs[lang], tokens, size, states[state])
        for path, lang, tokens, size, state in inside["files"]
    ]
    assert sorted(map(repr, back)) == sorted(map(repr, data.files))
    assert sum(row[1] for row in inside["left_out"]) == len(data.left_out)


def test_page_refers_to_nothing_outside_itself() -> None:
    html = page(some_map())
    parsed = Scripts(html)
    assert not {"link", "img", "iframe", "object", "base"} & set(parsed.tags)
    assert not {"src", "href", "srcset", "action"} & {n for n, _ in parsed.attributes}
    for word in ("http:", "https:", "@import", "url(", "fetch(", "XMLHttp", "import("):
        assert word not in html
    for unsafe in (
        "innerHTML",
        "outerHTML",
        "insertAdjacent",
        "document.write",
        "eval(",
    ):
        assert unsafe not in html


def test_policy_names_exactly_the_inline_style_and_script() -> None:
    parsed = Scripts(page(some_map()))
    kinds = [kind for kind, _ in parsed.texts]
    assert kinds == ["style", "script", "script"]
    style, _, script = (
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for _, text in parsed.texts
    )
    assert parsed.csp == (
        f"default-src 'none'; style-src 'sha256-{style}'; "
        f"script-src 'sha256-{script}'; base-uri 'none'; form-action 'none'"
    )


@given(MAPS, st.randoms(use_true_random=False))
def test_order_of_the_input_moves_no_byte(data: MapData, rng: random.Random) -> None:
    files, left = list(data.files), list(data.left_out)
    rng.shuffle(files)
    rng.shuffle(left)
    other = replace(data, files=tuple(files), left_out=tuple(left))
    assert page(other) == page(data)
    assert json.dumps(as_json(other)) == json.dumps(as_json(data))
    assert tree(other, 90, depth=9) == tree(data, 90, depth=9)


def test_page_lists_few_of_many_left_out_and_counts_all() -> None:
    left = tuple(MapLeftOut(f"n/{n}.bin", "binary", n) for n in range(LISTED + 40))
    rows = embedded(page(replace(some_map(), left_out=left)))["left_out"]
    ((reason, many, size, paths),) = rows
    assert (reason, many, size) == ("binary", LISTED + 40, sum(range(LISTED + 40)))
    assert len(paths) == LISTED and paths[0] == ["n/139.bin", 139]


# --- JSON -------------------------------------------------------------------------


@given(MAPS)
def test_json_holds_everything_and_its_sums(data: MapData) -> None:
    found: Any = json.loads(json.dumps(as_json(data)))
    assert found["schema_version"] == 1
    assert found["tokens"] == sum(f.tokens for f in data.files)
    for group, key in (("languages", "lang"), ("states", "state")):
        for row in found[group]:
            members = [f for f in data.files if getattr(f, key) == row[key]]
            assert row["files"] == len(members) > 0
            assert row["tokens"] == sum(f.tokens for f in members)
        assert sum(row["files"] for row in found[group]) == len(data.files)
    paths = [row["path"] for row in found["files"]]
    assert paths == sorted(f.path for f in data.files)
    assert len(found["left_out"]) == len(data.left_out)


@pytest.mark.parametrize(
    ("tokens", "size", "state"), [(1, 1, "warm"), (-1, 1, "base"), (1, -1, "base")]
)
def test_impossible_files_are_refused(tokens: int, size: int, state: str) -> None:
    with pytest.raises(ValueError):
        MapFile("a", "python", tokens, size, state)


# --- the text tree ------------------------------------------------------------------


def test_tree_reads_like_this() -> None:
    assert tree(some_map(), 72, depth=3, most=7).splitlines() == [
        "demo/               10,000 100.0%  ██████████████",
        "├─ src/              7,600  76.0%  ██████████▋",
        "│  ├─ app/           5,500  55.0%  ███████▊",
        "│  │  ├─ main.py     3,000  30.0%  ████▎",
        "│  │  ├─ page.html   1,500  15.0%  ██▏",
        "│  │  └─ … 1 more    1,000  10.0%  █▍",
        "│  └─ lib.py         2,100  21.0%  ███",
        "├─ tests/            2,000  20.0%  ██▊",
        "│  ├─ test_main.py   2,000  20.0%  ██▊",
        "│  └─ … 1 more           0   0.0%",
        "└─ … 1 more            400   4.0%  ▌",
        "prompt     preamble 100 · base 8,500 · overlay 1,500 · tail 0",
        "           50.5% of a window of 20,000",
        "state      cached 54.0% · base 30.0% · overlay 15.0% · skeleton 1.0%",
        "           duplicate 0.0%",
        "languages  python 81.0% · html 15.0% · markdown 4.0%",
        "left out   binary 1 · lock file 1",
    ]


def test_chain_of_lone_folders_is_one_line() -> None:
    text = tree(some_map(), 80, depth=4)
    assert "deep/er/  " in text


def columns(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.category(c) in "MnMe" for c in text)


@given(MAPS, st.integers(0, 130), st.integers(0, 9), st.integers(0, 20), st.booleans())
def test_tree_fits_and_drives_no_terminal(
    data: MapData, width: int, depth: int, most: int, ascii_only: bool
) -> None:
    text = tree(data, width, depth=depth, most=most, ascii_only=ascii_only)
    for line in text.split("\n"):
        assert columns(line) <= max(width, NARROWEST)
        assert not [c for c in line if unicodedata.category(c) in {"Cc", "Cf", "Cs"}]
    assert not ascii_only or text.isascii()


@given(st.lists(FILES, min_size=1, max_size=12), st.integers(1, 12))
def test_every_folder_is_the_sum_of_its_lines(files: list[MapFile], most: int) -> None:
    # Names of letters only: here the figures are read back from the text.
    tame = tuple(
        replace(f, path=re.sub(r"[^a-z/]", "x", f.path) + f"_{n}")
        for n, f in enumerate(files)
    )
    data = MapData("demo", tame, (), True, 0, ())
    text = tree(data, 400, depth=99, most=most, ascii_only=True)
    open_folders: list[list[int]] = []
    checked = 0
    for line in text.splitlines():
        found = re.match(r"((?:\|  |   |\|- |`- )*)(.*?)  +([\d,]+) +[\d.]+%", line)
        if not found:
            break
        level, tokens = len(found[1]) // 3, int(found[3].replace(",", ""))
        while len(open_folders) > level:
            checked += settled(open_folders.pop())
        if open_folders:
            open_folders[-1].append(tokens)
        open_folders.append([tokens])
    while open_folders:
        checked += settled(open_folders.pop())
    assert checked >= 1


def settled(folder: list[int]) -> int:
    """1 for a folder whose lines add up to its own figure, 0 when it has none."""
    own, *inside = folder
    assert not inside or own == sum(inside)
    return int(bool(inside))


def test_paths_deeper_than_any_recursion_limit() -> None:
    deep = "/".join(f"d{n}" for n in range(3000))
    files = tuple(MapFile(f"{deep}/{n}.py", "python", 5, 9, "base") for n in range(3))
    forks = tuple(
        MapFile("a/" * n + "f.py", "python", 5, 9, "base") for n in range(1100)
    )
    data = replace(some_map(), files=files + forks)
    assert len(embedded(page(data))["files"]) == 1103
    assert tree(data, 80, depth=5000, most=5000).count("\n") > 1100


def test_nothing_at_all_is_a_map_too() -> None:
    data = MapData("empty", (), (), True, 0, ())
    assert tree(data, 80) == "empty/  0   0.0%"
    assert embedded(page(data))["files"] == []
