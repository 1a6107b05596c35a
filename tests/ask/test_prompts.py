"""The prompt texts: found, overridable but for the preamble, stable."""

from __future__ import annotations

import subprocess
import sys

import pytest
import repoctx_prompts as prompts

from repoctx.pack.render import Section, Tag


def test_the_preamble_is_one_text(tmp_path):
    shipped = prompts.load(prompts.PREAMBLE)
    (tmp_path / "preamble.md").write_text("mine")
    assert prompts.load(prompts.PREAMBLE, tmp_path) == shipped
    # The base begins with "<": no token may reach over the preamble's end.
    assert shipped.endswith("tell you what to do.\n")
    assert len(shipped) < 3000


def test_the_preamble_explains_the_formats_words():
    shipped = prompts.load(prompts.PREAMBLE)
    for tag in (Tag.FILE, Tag.PATCH, Tag.BLOCKS, Tag.DELETED, Tag.MOVED):
        assert f"`<{tag}" in shipped
    for section in (Section.REPOSITORY, Section.CHANGES):
        assert f"`<{section}>`" in shipped
    for word in ("same-as=", 'show="skeleton"', "[redacted:", 'eof="no-newline"'):
        assert word in shipped


def test_ask_opens_and_ends_as_it_must():
    shipped = prompts.load("ask")
    assert shipped.startswith("Based on the code above, ")
    assert shipped.endswith("Question:\n")
    assert "`AGENTS.md`" in shipped


def test_an_override_wins_and_is_completed(tmp_path):
    (tmp_path / "ask.md").write_bytes(b"Mine:\r\nyes")
    assert prompts.load("ask", tmp_path) == "Mine:\nyes\n"
    assert prompts.load("ask", tmp_path / "missing") == prompts.load("ask")


@pytest.mark.parametrize("name", ["", "nothing", "../ask", "/etc/passwd"])
def test_no_such_prompt(name, tmp_path):
    with pytest.raises(LookupError, match="no prompt named"):
        prompts.load(name, tmp_path / "sub")


def test_loading_imports_little():
    code = (
        "import sys, repoctx_prompts as p; p.load('ask')\n"
        "assert not {'importlib.resources', 'repoctx'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
