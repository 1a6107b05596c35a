"""What is said of a run, as text, as JSON, as a page, and of two runs."""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pack.chromium import BINARY, Browser
from probe.made import LENGTHS, made
from repoctx.probe.compare import compared, verdict
from repoctx.probe.heat import CIVIDIS, colour, heat, is_dark
from repoctx.probe.page import compare_page, page
from repoctx.probe.report import as_json, report_of
from repoctx.probe.runs import as_json as run_json
from repoctx.probe.runs import from_json

HOSTILE = "<script>alert(1)</script>&\"'\udcff"


def test_the_sentences_and_the_settings_they_speak_for():
    found = report_of(made())
    assert "keep the context under 32,000 tokens" in found.sentences[0]
    assert any(s.startswith("Use --strict") for s in found.sentences)
    assert found.settings == {"budget": 32_000, "strict": True}
    assert found.stale.mean == 1 and found.fall and found.fall.at == 2
    json.dumps(as_json(found))


def test_a_run_survives_its_file():
    run = made()
    assert from_json(json.loads(json.dumps(run_json(run)))) == run
    for bad in (None, [], {}, {"kind": "repoctx-eval"}, run_json(run) | {"lengths": 3}):
        with pytest.raises(ValueError):
            from_json(bad)


def test_failures_are_no_scores():
    run = made()
    lost = tuple(replace(o, verdict="failed", error="E") for o in run.outcomes[:10])
    found = report_of(replace(run, outcomes=lost + run.outcomes[10:]))
    assert found.verdicts["failed"] == 10
    assert len(found.run.scored) == len(run.outcomes) - 10
    assert report_of(replace(run, outcomes=lost)).sentences == (
        "Nothing was answered yet.",
    )


def test_the_map_reads_without_colour():
    found = report_of(made())
    text = heat(found, drawn=False)
    assert text.isascii() and "\x1b" not in text
    top = next(line for line in text.split("\n") if line.startswith("0% (top)"))
    assert re.findall(r"(\S+) +(\d+) /(\d+)|(?<= )(0) /(\d+)", top)
    assert "100 /2" in top and top.rstrip().endswith("0 /2")
    painted = heat(found, paint=lambda cell, score: f"[{score:.0f}{cell}]")
    assert painted.count("[1") > 5 and painted.count("[0") > 4


@pytest.mark.parametrize("columns", [22, 40, 80])
def test_a_narrow_map_comes_in_parts(columns: int):
    found = report_of(made())
    whole = heat(found).split("\n")
    assert len({len(line) for line in whole}) == 1
    text = heat(found, columns=columns)
    assert max(len(line) for line in text.split("\n")) <= columns
    parts = [part.split("\n") for part in text.split("\n\n")]
    assert len(parts) == {22: len(LENGTHS), 40: 2, 80: 1}[columns]
    rows = zip(*parts, strict=True)
    joined = [row[0] + "".join(part[11:] for part in row[1:]) for row in rows]
    assert joined == whole


def test_the_colours_differ_in_brightness_alone():
    """So that nobody needs to tell red from green."""

    def brightness(rgb: tuple[int, int, int]) -> float:
        return 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]

    steps = [brightness(colour(n / 40)) for n in range(41)]
    assert steps == sorted(steps) and steps[-1] - steps[0] > 150
    assert colour(0) == CIVIDIS[0] and colour(1) == CIVIDIS[-1]
    assert is_dark(colour(0)) and not is_dark(colour(1))


def test_two_models_and_two_runs():
    one, other = made("a/x", good=2), made("b/y", good=3)
    lines = {line.name: line for line in compared(one, other)}
    assert verdict(lines["128,000 tokens"], "x", "y") == "y is better"
    assert verdict(lines["8,000 tokens"], "x", "y") == "not told apart"
    assert lines["all"].same and lines["all"].gain.mean > 0
    back = {line.name: line for line in compared(other, one)}
    assert verdict(back["128,000 tokens"], "y", "x") == "y is better"
    # Other probes: no pairs, wider bounds.
    alone = {line.name: line for line in compared(one, replace(other, seed=2))}
    assert not alone["all"].same


# --- the page, in a browser -----------------------------------------------------------

browsers = pytest.mark.skipif(
    BINARY is None or os.name != "posix",
    reason="no Chromium on PATH (or no POSIX pipes): the page is not tried here",
)


def test_names_are_text_in_the_page():
    text = page(report_of(made(HOSTILE, repository=HOSTILE)))
    assert "<script" not in text and "alert(1)" in text
    text.encode("utf-8")
    assert not re.search(r"(src|href)=|url\(|https?:(?!//www\.w3)", text)
    other = compare_page(
        report_of(made(HOSTILE)), report_of(made("b")), compared(made("a"), made("b"))
    )
    assert "<script" not in other


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


def look(browser: Browser, width: int, scheme: str) -> None:
    browser.send(
        "Emulation.setDeviceMetricsOverride",
        width=width,
        height=900,
        deviceScaleFactor=1,
        mobile=False,
    )
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.send("Emulation.setEmulatedMedia", features=[feature])


CONTRAST = """
[...document.querySelectorAll('svg g > rect')].map(box => {
  const text = box.parentNode.querySelector('text');
  const light = css => {
    const [r, g, b] = css.match(/\\d+/g).map(Number).map(v => {
      v /= 255;
      return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const a = light(getComputedStyle(box).fill), b = light(getComputedStyle(text).fill);
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
})
"""
OUTSIDE = """
[...document.querySelectorAll('svg')].flatMap(svg => {
  const frame = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text')].filter(text => {
    const box = text.getBoundingClientRect();
    return box.left < frame.left - 1 || box.right > frame.right + 1
      || box.top < frame.top - 1 || box.bottom > frame.bottom + 1;
  }).map(text => text.textContent);
})
"""


@browsers
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_can_be_read(
    browser: Browser, tmp_path: Path, scheme: str, width: int
):
    file = tmp_path / "eval.html"
    file.write_text(page(report_of(made())), "utf-8")
    look(browser, width, scheme)
    browser.load(file)
    assert browser.js("document.documentElement.scrollWidth") <= width
    # Numbers in cells: at least the contrast that WCAG asks of text.
    assert min(browser.js(CONTRAST)) >= 4.5
    assert browser.js(OUTSIDE) == []
    dark = browser.js("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", dark)[:3])) < 200) == (scheme == "dark")
    cells = browser.js("document.querySelectorAll('svg g > rect').length")
    assert cells == 5 * len(LENGTHS) + 2 * len(LENGTHS)
    said = browser.text("ul.said")
    assert "keep the context under 32,000 tokens" in said
    asked = [e for e in browser.events if e["method"] == "Network.requestWillBeSent"]
    urls = {e["params"]["request"]["url"] for e in asked}
    assert urls <= {file.as_uri(), "about:blank"}
    assert [e for e in browser.events if e["method"] == "Log.entryAdded"] == []


@browsers
def test_a_comparison_can_be_read(browser: Browser, tmp_path: Path):
    one, other = made("a/x"), made("b/y", good=3)
    text = compare_page(report_of(one), report_of(other), compared(one, other))
    file = tmp_path / "both.html"
    file.write_text(text, "utf-8")
    look(browser, 1280, "light")
    browser.load(file)
    assert browser.js(OUTSIDE) == []
    assert "b/y is better" in html.unescape(browser.text("table"))
