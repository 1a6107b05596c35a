"""Every format's prompt shows a block that its own parser reads."""

from __future__ import annotations

import pytest
import repoctx_prompts as prompts

from repoctx.parse.edits import FORMS, blocks


@pytest.mark.parametrize("form", FORMS)
def test_the_example_of_a_prompt_is_read(form: str) -> None:
    text = prompts.load(f"formats/{form}")
    for asked in (form, "auto"):
        found = blocks(text, asked)
        assert found[0].path == "src/a.py"
        assert {block.form for block in found} == {form}
        assert not any(block.problem for block in found)


@pytest.mark.parametrize("form", FORMS)
def test_a_forced_format_reads_no_other(form: str) -> None:
    others = [prompts.load(f"formats/{other}") for other in FORMS if other != form]
    assert {block.form for block in blocks("\n".join(others), form)} <= {form}


def test_an_unknown_format_is_an_error() -> None:
    with pytest.raises(ValueError, match="no edit format named 'nothing'"):
        blocks("", "nothing")
