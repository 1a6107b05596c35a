"""Token counts of documents add up to the count of the whole text, exactly."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from repoctx.pack import tokens
from repoctx.pack.base import base_docs, base_pieces
from repoctx.pack.blocks import blocks
from repoctx.pack.patch import patch
from repoctx.pack.render import Doc, Section, Style, Tag, closing, opening, render
from repoctx.values import Snapshot, SourceFile

ROOT = Path(__file__).parents[2]
NAMES = ["o200k_base", "cl100k_base"]
COUNTERS = {name: tokens.with_splintr(name) for name in NAMES}
UNTIMED = settings(deadline=None)

BITS = st.sampled_from(
    [
        *("\n", "\n\n", " ", "\t", "\x0b", "\x0c", "\x85", "\u2028", "\u3000", "\x1c"),
        *("/", "</", "<", ">", "\\", "`", "```", "=", "===", "#", "'s", "'ll", "'"),
        *("a", "A", "word", "Word", "1", "123", "é", "日本", "😀", "\u0301", "\u200d"),
        *("</file>", "=== end", "<|endoftext|>", "0" * 40, " " * 17, "\n" * 9),
    ]
)
TEXTS = st.lists(BITS, max_size=20).map("".join)
PATHS = st.text(st.sampled_from("ab/.é \n\"'&<\udcff"), min_size=1, max_size=8)
DOCS = st.one_of(
    st.builds(lambda p, t: Doc(Tag.FILE, (("path", p),), t), PATHS, TEXTS),
    st.builds(lambda p, q: Doc(Tag.FILE, (("path", p), ("same-as", q))), PATHS, PATHS),
    st.builds(lambda p: Doc(Tag.DELETED, (("path", p),)), PATHS),
    st.builds(
        lambda p, o, n: Doc(Tag.PATCH, (("path", p),), patch(o, n)),
        *(PATHS, TEXTS, TEXTS),
    ),
    st.builds(
        lambda p, o, n: Doc(Tag.BLOCKS, (("path", p),), blocks(o, n, [])),
        *(PATHS, TEXTS, TEXTS),
    ),
    st.builds(lambda p, t: Doc(Tag.EXTRA, (("name", p),), t), PATHS, TEXTS),
)


def counter(name: str) -> tokens.Exact:
    found = COUNTERS[name]
    assert found is not None
    return found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("style", list(Style))
def test_any_documents(name: str, style: Style):
    count = counter(name).count

    @UNTIMED
    @given(st.lists(DOCS, max_size=5), TEXTS.filter(lambda t: t[:1].isalpha()))
    @example([Doc(Tag.FILE, (("path", "a"),), "x\n\n\n")], "Based on")
    @example([Doc(Tag.FILE, (("path", "a"),), ""), Doc(Tag.DELETED, ())], "Based on")
    def adds_up(docs: list[Doc], question: str) -> None:
        pieces = ["How to read it.\n", opening(Section.REPOSITORY, style)]
        pieces += [render(doc, style) for doc in docs]
        pieces += [closing(Section.REPOSITORY, style), opening(Section.CHANGES, style)]
        pieces += [render(doc, style) for doc in reversed(docs)]
        pieces += [closing(Section.CHANGES, style), question]
        assert sum(map(count, pieces)) == count("".join(pieces))

    adds_up()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("style", list(Style))
def test_a_real_tree(name: str, style: Style):
    """Our own sources, tests and documents as a base."""
    texts = {
        str(path.relative_to(ROOT)): path.read_text("utf-8", "replace")
        for folder in ("repoctx", "tests", "prompts")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in (".py", ".md", ".scm", ".json", ".css", ".js", ".html")
    }
    assert len(texts) > 100
    files = tuple(SourceFile(p, p, 0o100644, len(t), "") for p, t in texts.items())
    docs = base_docs(Snapshot(files, (), ""), lambda file: texts[file.path])
    pieces = [piece for _, piece in base_pieces(docs, style)]
    counts = counter(name).count_many(pieces)
    assert sum(counts) == counter(name).count("".join(pieces))
