"""The map's page in a real headless Chromium: what it shows and how one moves in it."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pack.chromium import BINARY, Browser
from repoctx.pack.treemap import LISTED, MapData, MapFile, MapLeftOut, page

pytestmark = pytest.mark.skipif(
    BINARY is None or os.name != "posix",
    reason="no Chromium on PATH (or no POSIX pipes): the page is not tried here",
)


HOSTILE = (
    "evil/<img src=x onerror=alert(1)>.py",
    "evil/</script><script>alert(1)</script>.py",
    "evil/\u202egnp.exe\x1b[2J\udcff.py",
    "__proto__/constructor",
)


def small() -> MapData:
    rows = (
        ("README.md", "markdown", 1234, "cached"),
        ("src/app/main.py", "python", 30_000, "cached"),
        ("src/app/page.html", "html", 15_000, "overlay"),
        ("src/app/deep/er/one.py", "python", 9_000, "base"),
        ("src/app/deep/er/two.py", "python", 1_000, "skeleton"),
        ("src/lib.py", "python", 21_000, "base"),
        ("tests/copy.py", "python", 5, "duplicate"),
        ("tests/test_main.py", "python", 20_000, "cached"),
        *((path, "", 4000 - n, "base") for n, path in enumerate(HOSTILE)),
    )
    left = [MapLeftOut(f"img/{n}.png", "binary", n) for n in range(LISTED + 7)]
    return MapData(
        "<b>demo</b>",
        tuple(MapFile(p, lang, t, 3 * t, state) for p, lang, t, state in rows),
        (*left, MapLeftOut("a.lock", "lock file", 70)),
        False,
        200_000,
        (("preamble", 1000), ("base", 90_000), ("overlay", 15_000), ("tail", 2000)),
    )


def large() -> MapData:
    """12,000 files, down to 60 levels; every level holds files of its own."""
    rows = []
    for n in range(12_000):
        spine = "/".join(f"level{d}" for d in range(n % 60))
        path = f"{spine}/" if spine else ""
        path += f"side{n // 60 % 20}/f{n}.py"
        rows.append(MapFile(path, f"lang{n % 23}", 50 + n % 997, 200, "cached"))
    return MapData("large", tuple(rows), (), True, 10**7, (("base", 6_000_000),))


def sums(data: MapData) -> dict[str, int]:
    """Tokens by folder path, counted here and not by the page."""
    found = {"": sum(f.tokens for f in data.files)}
    for file in data.files:
        parts = file.path.split("/")
        for end in range(1, len(parts)):
            folder = "/".join(parts[:end])
            found[folder] = found.get(folder, 0) + file.tokens
    return found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    for data in (small(), large()):
        name = "large" if data.name == "large" else "small"
        folder.joinpath(f"{name}.html").write_text(page(data), "utf-8", newline="\n")
    return folder


@pytest.fixture
def tab(browser: Browser, pages: Path) -> Iterator[Browser]:
    """The small map, freshly loaded; afterwards nothing may have been complained of."""
    look(browser)
    browser.load(pages / "small.html")
    yield browser
    assert complaints(browser) == []


def look(
    browser: Browser, width: int = 1280, scheme: str = "light", motion: str = "reduce"
) -> None:
    browser.send(
        "Emulation.setDeviceMetricsOverride",
        width=width,
        height=860,
        deviceScaleFactor=1,
        mobile=False,
    )
    browser.send(
        "Emulation.setEmulatedMedia",
        features=[
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": motion},
        ],
    )


def complaints(browser: Browser) -> list[object]:
    """Errors, console lines, dialogs, and requests for anything but a page on disk."""
    browser.settle()
    bad: list[object] = []
    for event in browser.events:
        kind, what = event.get("method"), event.get("params", {})
        if kind in {
            "Runtime.exceptionThrown",
            "Runtime.consoleAPICalled",
            "Log.entryAdded",
            "Page.javascriptDialogOpening",
        }:
            bad.append(what)
        if kind == "Network.requestWillBeSent" and not (
            what["type"] == "Document" and what["request"]["url"].endswith(".html")
        ):
            bad.append(what["request"]["url"])
    return bad


def cells(browser: Browser) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = browser.js("repoctxMap.cells()")
    return found


def cell(browser: Browser, path: str) -> dict[str, Any]:
    (found,) = (c for c in cells(browser) if c["path"] == path)
    return found


def press(browser: Browser, path: str) -> None:
    """Click the strip of a folder's box, or the middle of any other box."""
    box, stage = cell(browser, path), "document.getElementById('stage')"
    left, top = browser.js(f"(r => [r.left, r.top])({stage}.getBoundingClientRect())")
    down = box["head"] / 2 if box["head"] else box["h"] / 2
    browser.click(left + box["x"] + box["w"] / 2, top + box["y"] + down)


def crumbs(browser: Browser) -> list[str]:
    found: list[str] = browser.js(
        "[...document.querySelectorAll('#crumbs li')].map(e => e.textContent)"
    )
    return found


def rows(browser: Browser, part: str) -> list[list[str]]:
    found: list[list[str]] = browser.js(
        f"[...document.querySelectorAll('#{part} tbody tr')]"
        ".map(r => [...r.cells].map(c => c.innerText))"
    )
    return found


def here(browser: Browser) -> str:
    return str(browser.js("repoctxMap.here()"))


def test_the_watch_over_console_and_network_sees_something(
    browser: Browser, pages: Path
) -> None:
    browser.load(pages / "small.html")
    assert complaints(browser) == []
    browser.js("fetch('http://127.0.0.1:9/').catch(() => 1)")
    assert complaints(browser), "the policy should have refused and said so"


def test_numbers_shown_are_the_numbers_given(tab: Browser) -> None:
    data, expected = small(), sums(small())
    total = expected[""]
    for path, tokens, _ in tab.js("repoctxMap.folders()"):
        assert tokens == expected[path]
    assert tab.text("#totals").startswith(f"~{total:,} tokens in {len(data.files)} ")
    heaviest = sorted(data.files, key=lambda f: -f.tokens)
    assert [row[1] for row in rows(tab, "heaviest")] == [
        f"~{f.tokens:,}" for f in heaviest
    ]
    assert rows(tab, "segments") == [
        ["preamble", "~1,000", "0.5%"],
        ["base", "~90,000", "45.0%"],
        ["overlay", "~15,000", "7.5%"],
        ["tail", "~2,000", "1.0%"],
        ["together", "~108,000", "54.0%"],
        ["room left", "~92,000", ""],
        ["window", "200,000", ""],
    ]
    python = sum(f.tokens for f in data.files if f.lang == "python")
    assert rows(tab, "languages")[0][:3] == ["python", "6", f"~{python:,}"]
    states = {row[0]: row[2] for row in rows(tab, "states")}
    assert states["overlay"] == "~15,000" and states["duplicate"] == "~5"


def test_boxes_are_as_large_as_their_tokens(tab: Browser) -> None:
    total = sums(small())[""]
    tops = [c for c in cells(tab) if c["top"]]
    area = sum(c["w"] * c["h"] for c in tops)
    assert {c["path"] for c in tops} == {
        "README.md", "src", "tests", "evil", "__proto__",
    }  # fmt: skip
    for box in tops:
        share = box["w"] * box["h"] / area
        assert share == pytest.approx(box["tokens"] / total, rel=1e-6)


def test_left_out_is_grouped_counted_and_capped(tab: Browser) -> None:
    groups = tab.js(
        "[...document.querySelectorAll('#left details')].map(d => "
        "[d.open, d.querySelector('summary').textContent, "
        "d.querySelectorAll('tbody tr').length, d.querySelector('.more')?.textContent])"
    )
    assert groups == [
        [False, "binary 107 paths, 5.5 KiB", LISTED, "7 more paths"],
        [False, "lock file 1 path, 70 B", 1, None],
    ]


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_a_click_opens_a_folder_and_the_trail_leads_back(
    tab: Browser, motion: str
) -> None:
    look(tab, motion=motion)
    press(tab, "src")
    assert (here(tab), crumbs(tab)) == ("src", ["<b>demo</b>", "src"])
    press(tab, "src/app")
    press(tab, "src/app/deep/er")
    assert crumbs(tab) == ["<b>demo</b>", "src", "app", "deep/er"]
    assert [row[1] for row in rows(tab, "kids")] == ["~9,000", "~1,000"]
    tab.js("document.querySelectorAll('#crumbs button')[1].click()")
    assert here(tab) == "src"
    tab.js(
        "new Promise(done => { addEventListener('popstate', done); history.back() })"
    )
    tab.settle()
    assert here(tab) == "src/app/deep/er"
    tab.key("Escape")
    tab.key("Escape")
    assert here(tab) == "src"
    tab.js("document.querySelector('#crumbs button').click()")
    assert here(tab) == ""


def test_a_file_deep_inside_opens_one_level(tab: Browser) -> None:
    press(tab, "src/app/main.py")
    assert here(tab) == "src"


def test_the_keyboard_alone_goes_everywhere(tab: Browser) -> None:
    tab.js("document.getElementById('map').focus()")
    tab.key("ArrowRight")
    assert tab.js("repoctxMap.focus()") == "src"
    assert "Tokens ~76,000" in tab.text("#says")
    tab.key("Enter")
    assert here(tab) == "src"
    first = tab.js("repoctxMap.focus()")
    assert first == "src/app"
    seen = {first}
    for name in ("ArrowRight", "ArrowDown"):
        tab.key(name)
        seen.add(tab.js("repoctxMap.focus()"))
    assert seen == {"src/app", "src/lib.py"}
    assert "State base: in the stable base, not sent yet" in tab.text("#says")
    tab.key("Escape")
    assert (here(tab), tab.js("repoctxMap.focus()")) == ("", "src")


def test_search_lights_what_it_finds(tab: Browser) -> None:
    tab.js("document.getElementById('search').focus()")
    tab.send("Input.insertText", text="App/")
    files = [c for c in cells(tab) if not c["folder"]]
    assert {c["path"] for c in files if c["lit"]} == {
        "src/app/main.py",
        "src/app/page.html",
        "src/app/deep/er/one.py",
        "src/app/deep/er/two.py",
    }
    assert tab.text("#found") == "4 files, ~55,000 tokens"
    tab.key("Escape")
    assert all(c["lit"] for c in cells(tab)) and tab.text("#found") == ""


@pytest.mark.parametrize(
    ("mode", "names"),
    [
        ("language", ["python", "html", "markdown", "other or none"]),
        ("state", ["cached", "base", "overlay", "duplicate", "skeleton"]),
        ("folder", ["src/", "tests/", "evil/", "__proto__/", "README.md"]),
    ],
)
def test_legends_name_their_colours_and_pick_out(
    tab: Browser, mode: str, names: list[str]
) -> None:
    tab.js(f"document.querySelector('[value={mode}]').click()")
    assert names == tab.js(
        "[...document.querySelectorAll('#legend button span')].map(e => e.textContent)"
    )
    tab.js("document.querySelector('#legend button').click()")
    lit = {c["path"] for c in cells(tab) if c["lit"] and not c["folder"]}
    data = small()
    wanted = {
        "language": {f.path for f in data.files if f.lang == "python"},
        "state": {f.path for f in data.files if f.state == "cached"},
        "folder": {f.path for f in data.files if f.path.startswith("src/")},
    }
    assert lit == wanted[mode]
    pressed = "document.querySelectorAll('#legend [aria-pressed=true]').length"
    assert tab.js(pressed) == 1


def test_hostile_paths_are_shown_as_text(tab: Browser) -> None:
    assert tab.text("h1") == "<b>demo</b>"
    assert tab.js("document.title") == "<b>demo</b> · repoctx map"
    assert tab.js("document.querySelectorAll('img, b').length") == 0
    press(tab, "evil")
    names = [row[0] for row in rows(tab, "kids")]
    assert names == [
        "<img src=x onerror=alert(1)>.py",
        "</script><script>alert(1)</",
        "\\u202egnp.exe\\x1b[2J\\xff.py",
    ]
    press(tab, "evil/<img src=x onerror=alert(1)>.py")
    assert tab.text("#tip strong") == "evil/<img src=x onerror=alert(1)>.py"
    assert tab.js("document.querySelectorAll('img').length") == 0
    assert "\\u202egnp.exe\\x1b[2J\\xff.py" in tab.text("#heaviest")


def test_twelve_thousand_files_and_sixty_levels(browser: Browser, pages: Path) -> None:
    look(browser)
    browser.load(pages / "large.html")
    expected = sums(large())
    folders = browser.js("repoctxMap.folders()")
    assert len(folders) > 1000
    assert all(tokens == expected[path] for path, tokens, _ in folders)
    assert sum(not c["folder"] for c in cells(browser)) > 3000
    browser.js("document.getElementById('map').focus()")
    for _ in range(59):
        path = here(browser)
        names = [row[0] for row in rows(browser, "kids")]
        (inner,) = (n for n, name in enumerate(names) if name.startswith("level"))
        browser.js(f"document.querySelectorAll('#kids button')[{inner}].click()")
        assert here(browser).startswith(path) and here(browser) != path
    assert browser.js("document.querySelectorAll('#crumbs li').length") == 60
    browser.key("Home")
    assert complaints(browser) == []


def test_dark_narrow_and_printed(tab: Browser) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    map_only = {"x": 20, "y": 120, "width": 600, "height": 400, "scale": 1}

    def seen() -> tuple[str, str]:
        tab.settle()
        shot = tab.send("Page.captureScreenshot", format="png", clip=map_only)
        return tab.js(ground), shot["data"]

    light = seen()
    assert light == seen()
    look(tab, scheme="dark")
    dark = seen()
    assert light[0] != dark[0] and light[1] != dark[1]
    look(tab, width=360)
    tab.settle()
    assert tab.js("document.documentElement.scrollWidth") <= 360
    assert len(base64.b64decode(tab.send("Page.printToPDF")["data"])) > 10_000
    assert not tab.js("document.documentElement.classList.contains('printing')")
