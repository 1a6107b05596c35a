"""The answer without a model."""

from __future__ import annotations

import pytest
from repoctx_plugins.offline import DEFINITIONS, LINES, PASSAGES, provider

from repoctx.errors import UsageError
from repoctx.protocols import Provider
from repoctx.values import Definition, Endpoint, Kind, Passage, Stop, Symbol, Usage
from servers.prompts import request

RUN = Definition("lib/run.py", Symbol("run", Kind.FUNCTION, 3, 5, "def run(self):"))
AROUND = Passage(
    "lib/run.py", 1, 6, "import a\n\ndef run():\n    x\n    y\nz\n", 9.0, "run"
)


def said(**fields) -> str:
    deltas = list(provider(Endpoint()).stream(request(**fields)))
    assert deltas[-1].stop is Stop.END
    assert deltas[-1].usage == Usage(cost=0.0)
    return "".join(d.text for d in deltas)


def test_is_a_provider():
    made = provider(Endpoint())
    assert isinstance(made, Provider)
    assert not made.capabilities("offline").reads_context
    assert not made.capabilities("offline").edits


def test_definition_is_quoted_by_its_own_lines_once():
    text = said(ask="run", definitions=(RUN,), evidence=(AROUND,))
    assert text.startswith("*No model was asked")
    expected = (
        "## Definitions\n\n`lib/run.py:3-5` — function `run`\n"
        "```\ndef run():\n    x\n    y\n```\n"
    )
    assert expected in text
    assert "## Passages" not in text
    assert text.count("def run") == 1


def test_prose_gets_the_best_passage_before_definitions_that_sound_like_it():
    why = Passage("lib/why.py", 7, 8, "because\nof this\n", 5.0, "Why.because")
    text = said(ask="why does it run at all?", definitions=(RUN,), evidence=(why,))
    assert text.index("`lib/why.py:7-8`") < text.index("`lib/run.py:3-5`")
    assert text.count("of this") == 1
    named = said(ask="what does run do", definitions=(RUN,), evidence=(why,))
    assert named.index("## Best passages") < named.index("## Definitions")
    spelt = said(ask="run()", definitions=(RUN,), evidence=(why,))
    assert spelt.index("## Definitions") < spelt.index("## Passages")


def test_definition_without_a_passage_shows_its_signature():
    text = said(definitions=(RUN,))
    assert "```\ndef run(self):\n```" in text


def test_passages_in_their_order_and_bounded():
    many = tuple(
        Passage(f"f{n}.py", 1, 1, f"line {n}\n", float(-n)) for n in range(PASSAGES + 3)
    )
    text = said(evidence=many)
    assert "## Definitions" not in text
    assert text.index("`f0.py:1-1`") < text.index("`f1.py:1-1`")
    assert f"f{PASSAGES}.py" not in text
    assert "3 more: `repoctx search`" in text


def test_bounds_of_one_quotation():
    tall = Passage("t.py", 1, 100, "\n".join(f"l{n}" for n in range(100)), 1.0)
    wide = Passage("w.js", 1, 1, "x" * 4_000_000, 1.0)
    text = said(evidence=(tall, wide))
    assert f"l{LINES - 1}\n```\n\n*60 more lines.*" in text
    assert len(text) < 4_000


def test_no_content_ends_its_fence_and_no_name_breaks_its_line():
    odd = Passage("a`\n## b\x1b.md", 1, 3, "```\n````x\n```", 1.0, "two\nlines")
    text = said(evidence=(odd,))
    assert "\n`````\n```\n````x\n```\n`````\n" in text
    assert "`a??## b?.md:1-3` — two?lines\n" in text


def test_many_definitions_are_bounded():
    many = tuple(
        Definition(f"d{n}.py", Symbol("d", Kind.FUNCTION, 1, 1, "def d():"))
        for n in range(DEFINITIONS + 5)
    )
    assert said(definitions=many).count("def d():") == DEFINITIONS


def test_nothing_found_says_so():
    assert "Nothing in the index matches" in said()


def test_same_answer_every_time():
    assert said(definitions=(RUN,), evidence=(AROUND,)) == said(
        definitions=(RUN,), evidence=(AROUND,)
    )


def test_edit_names_three_ways_on():
    with pytest.raises(UsageError) as caught:
        said(mode="edit")
    for way in ("compatible/MODEL", "-m auto", "-m clipboard"):
        assert way in str(caught.value)
    assert "\n" not in str(caught.value)
