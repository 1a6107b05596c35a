"""``repoctx map``: the tree, the page, the data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cli.program import Machine
from pack.chromium import BINARY, Browser
from repos import make_repo, write

HOSTILE = "evil/</script><img src=x onerror=alert(1)>\x1b[2J\u202e.py"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "src/app/main.py": "value = 1\n" * 500,
        "src/app/page.html": "<p>Text</p>\n" * 100,
        "docs/read.md": "# Title\n",
        HOSTILE: "x = 1\n" * 50,
        "\udcff.txt": "text\n",
        "logo.bin": b"\0\1" * 99,
    }
    return make_repo(tmp_path / "demo", files)


def test_the_tree_in_a_pipe(machine: Machine, root: Path):
    done = machine.run("map", cwd=root)
    assert (done.code, done.err) == (0, "")
    assert done.text.isascii()
    assert "\x1b" not in done.text
    lines = done.text.splitlines()
    assert lines[0].startswith("demo/")
    assert lines[1].startswith("|- src/app/")
    assert lines[-1].startswith("page       repoctx map -o ")
    assert max(map(len, lines)) <= 100  # COLUMNS
    assert any(line.startswith("left out   binary 1") for line in lines)
    assert not list(root.glob("*.html"))


@pytest.mark.parametrize("columns", [80, 120])
def test_the_tree_on_a_terminal(machine: Machine, root: Path, columns: int):
    with machine.terminal("map", "--no-color", cwd=root, columns=columns) as seen:
        assert seen.end() == 0
    text = seen.seen.decode()
    assert "├─ src/app/" in text
    assert "\x1b" not in text
    assert max(len(line) for line in text.splitlines()) <= columns


def test_depth_and_lines_of_the_tree(machine: Machine, root: Path):
    flat = machine.run("map", "--depth", "1", cwd=root).text
    assert "main.py" not in flat
    assert "main.py" in machine.run("map", cwd=root).text
    short = machine.run("map", "--most", "1", cwd=root).text
    assert "more" in short.splitlines()[2]
    assert machine.run("map", "--depth", "0", cwd=root).code == 2


def test_the_page_is_written_whole(machine: Machine, root: Path, tmp_path: Path):
    target = tmp_path / "map.html"
    done = machine.run("map", "-o", str(target), cwd=root)
    assert done.code == 0
    assert done.text.splitlines()[-1] == f"page       {target}"
    text = target.read_text()
    assert text.startswith("<!doctype html>")
    assert "<img src=x" not in text
    assert "://" not in text.replace("http://www.w3.org/2000/svg", "")
    on_stdout = machine.run("map", "-o", "-", cwd=root)
    assert on_stdout.text == text
    bad = machine.run("map", "-o", str(tmp_path / "no" / "map.html"), cwd=root)
    assert bad.code == 2
    assert "no folder" in bad.err


def test_open_puts_the_page_outside_the_work_tree(machine: Machine, root: Path):
    # A browser as the user's BROWSER names it: it only takes a note of its argument.
    note = root.parent / "opened"
    viewer = root.parent / "viewer"
    viewer.write_text(f'#!/bin/sh\nprintf %s "$1" > "{note}"\n')
    viewer.chmod(0o755)
    done = machine.run("map", "--open", cwd=root, env={"BROWSER": f"{viewer} %s"})
    assert done.code == 0
    page = root / ".git" / "repoctx" / "repoctx-map.html"
    assert page.read_text().startswith("<!doctype html>")
    assert note.read_text() == page.as_uri()


def test_the_data(machine: Machine, root: Path):
    write(root, {"docs/read.md": "# Another\n"})
    result = machine.run("map", "--output-format", "json", cwd=root).result
    found = result["map"]
    assert (found["name"], found["schema_version"]) == ("demo", 1)
    rows = {(f["path"], f["state"]): f for f in found["files"]}
    assert ("docs/read.md", "overlay") in rows
    assert rows["src/app/main.py", "base"]["lang"] == "python"
    assert found["left_out"] == [{"path": "logo.bin", "reason": "binary", "size": 198}]
    assert result["context"]["tokens"] == sum(s["tokens"] for s in found["segments"])


def test_an_empty_folder_says_so(machine: Machine, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    done = machine.run("map", cwd=tmp_path / "empty")
    assert done.code == 2
    assert done.err.count("\n") == 1


@pytest.mark.skipif(BINARY is None or os.name != "posix", reason="no Chromium on PATH")
def test_the_page_in_a_browser(machine: Machine, root: Path, tmp_path: Path):
    target = tmp_path / "map.html"
    assert machine.run("map", "-o", str(target), cwd=root).code == 0
    browser = Browser(tmp_path / "profile")
    try:
        browser.load(target, "")
        assert browser.js("document.title").startswith("demo")
        text = browser.js("document.body.innerText")
        assert "main.py" in text
        assert "binary" in text
        kinds = {"Runtime.exceptionThrown", "Log.entryAdded"}
        assert [e for e in browser.events if e.get("method") in kinds] == []
        asked = [
            e["params"]["request"]["url"]
            for e in browser.events
            if e.get("method") == "Network.requestWillBeSent"
        ]
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    finally:
        browser.close()
