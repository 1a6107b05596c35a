"""The format: no content can forge a delimiter, and FORMAT.md alone can read it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pack.decoder import Unit, decode
from repoctx.pack import render as room
from repoctx.pack.render import Doc, Section, Style, Tag, closing, opening, render

HOSTILE = st.sampled_from(
    [
        "</file>",
        "\\</file>",
        '<file path="x">',
        "<file/>",
        "</repository>",
        "<changes>",
        "=== end",
        "\\=== end",
        '=== file path="x"',
        "```",
        "````",
        "# repository",
        '## file path="x"',
        '{"section": "changes"}',
        "\\\\",
        "<filed>",
        "",
        " ",
        "\u2028",
        "\r",
    ]
)
TEXTS = st.lists(HOSTILE | st.text(max_size=12), max_size=8).flatmap(
    lambda lines: st.sampled_from(["\n".join(lines), "\n".join(lines) + "\n"])
)
PATHS = st.text(min_size=1, max_size=12) | st.binary(min_size=1, max_size=8).map(
    lambda raw: raw.decode("utf-8", "surrogateescape")
)
DOCS = st.builds(
    lambda path, body: Doc(Tag.FILE, (("path", path),), body),
    PATHS,
    st.none() | TEXTS,
)


@pytest.mark.parametrize("style", Style)
@given(docs=st.lists(DOCS, max_size=5))
@example(docs=[Doc(Tag.FILE, (("path", "a\nb"),), "\\</file>\n</file>")])
def test_any_content_comes_back_and_forges_nothing(style: Style, docs: list[Doc]):
    text = opening(Section.REPOSITORY, style)
    text += "".join(render(doc, style) for doc in docs)
    text += closing(Section.REPOSITORY, style)
    text.encode()  # a prompt is UTF-8, whatever a path holds
    expected = [
        Unit("repository", doc.tag, dict(doc.attributes), doc.body) for doc in docs
    ]
    assert decode(text, style) == expected


@pytest.mark.parametrize("style", Style)
@given(doc=DOCS)
@example(doc=Doc(Tag.FILE, (("path", ' eof="no-newline"'),), "x\n"))
def test_a_body_can_be_read_back(style: Style, doc: Doc):
    assert room.body_of(render(doc, style), style) == (doc.body or "")


@pytest.mark.parametrize("style", Style)
@given(doc=DOCS)
def test_documents_meet_where_no_token_can_cross(style: Style, doc: Doc):
    text = render(doc, style)
    assert not text[0].isspace() and text[0] != "/"
    assert text.endswith("\n") and not text[-2].isspace()


def test_format_document_tells_the_version():
    page = Path(room.__file__).with_name("FORMAT.md").read_text(encoding="utf-8")
    assert re.findall(r"\(format (\d+)\)", page) == [str(room.FORMAT_VERSION)]


def test_every_tag_of_the_base_and_overlay_is_documented():
    page = Path(room.__file__).with_name("FORMAT.md").read_text(encoding="utf-8")
    for tag in (Tag.FILE, Tag.PATCH, Tag.BLOCKS, Tag.DELETED, Tag.MOVED):
        assert f"| `{tag}` |" in page
