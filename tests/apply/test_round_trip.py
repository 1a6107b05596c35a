"""Any two texts: rendered in each format, parsed and applied, byte for byte."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from apply.cases import applied
from repoctx.apply.hunks import opcodes

PATH = "src/x.txt"

# No typographic quotes: where they delimit a string they are taken for typed ones.
WORDS = st.text(
    alphabet=st.sampled_from("ab {}()=\t-+<>#@*\f\x1d\u2028é.\xa0&;"), max_size=12
)
LINES = st.lists(st.one_of(WORDS, st.sampled_from(["", "    x = 1", "}"])), max_size=14)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A text and another made of it, with the same ends, mark and encoding."""
    old = draw(LINES)
    new = list(old)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(new)))
        new[at : at + draw(st.integers(0, 2))] = draw(LINES)[:3]
    end = draw(st.sampled_from(["\n", "\r\n"]))
    last = draw(st.booleans())
    bom = draw(st.sampled_from(["", "\ufeff"]))
    code = draw(st.sampled_from(["utf-8", "latin-1"]))

    def data(lines: list[str]) -> bytes:
        text = end.join(lines) + (end if last and lines else "")
        if code == "latin-1":
            return "".join(c for c in text if ord(c) < 256).encode("latin-1")
        return (bom + text).encode()

    before, after = data(old), data(new)
    # What no format but a diff can say: that the end of the last line changes.
    for text in (before, after):
        assume(not text.endswith((b"\n", b"\r\n")) or last)
        assume(text.strip(b"\xef\xbb\xbf\r\n"))
        assume(b"\r" not in text.replace(b"\r\n", b""))
    assume(before != after and before.endswith(b"\n") == after.endswith(b"\n"))
    return before, after


def text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")


def split(data: bytes) -> tuple[list[str], bool]:
    lines = text(data).split("\n")
    open_ = bool(lines[-1])
    return (lines if open_ else lines[:-1]), open_


def diff(before: bytes, after: bytes) -> str:
    """A unified diff of everything, so that no context is missing."""
    old, new = (text(data).split("\n") for data in (before, after))
    sides = [
        [f"{x}\n" for x in side[:-1]] + [x for x in side[-1:] if x]
        for side in (old, new)
    ]
    out: list[str] = []
    for tag, i, i_end, j, j_end in opcodes(*sides):
        out += [(" " if tag == "equal" else "-") + line for line in sides[0][i:i_end]]
        out += ["+" + line for line in sides[1][j:j_end]] if tag != "equal" else []
    body = "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
        for line in out
    )
    head = f"@@ -1,{len(sides[0])} +1,{len(sides[1])} @@"
    return f"```diff\n--- a/{PATH}\n+++ b/{PATH}\n{head}\n{body}```\n"


def patch(before: bytes, after: bytes) -> str:
    out: list[str] = []
    old, new = split(before)[0], split(after)[0]
    for tag, i, i_end, j, j_end in opcodes(old, new):
        mark = " " if tag == "equal" else "-"
        out += [mark + line for line in old[i:i_end]]
        out += ["+" + line for line in new[j:j_end]] if tag != "equal" else []
    body = "".join(line + "\n" for line in out)
    return (
        f"*** Begin Patch\n*** Update File: {PATH}\n@@\n{body}"
        "*** End of File\n*** End Patch\n"
    )


def plain(data: bytes) -> str:
    lines = [line.removesuffix("\r") for line in split(data)[0]]
    return "".join(line + "\n" for line in lines)


def pair(before: bytes, after: bytes) -> str:
    return f"<<<<<<< SEARCH\n{plain(before)}=======\n{plain(after)}>>>>>>> REPLACE\n"


def search(before: bytes, after: bytes) -> str:
    return f"{PATH}\n```\n{pair(before, after)}```\n"


def own(before: bytes, after: bytes) -> str:
    return f"@@@@ 1 edit {PATH}\n{pair(before, after)}@@@@ end 1\n"


def whole(before: bytes, after: bytes) -> str:
    return f"{PATH}\n````\n{plain(after)}````\n"


Render = Callable[[bytes, bytes], str]


@pytest.mark.parametrize("render", [diff, patch, search, own, whole])
@given(both=pairs())
@example(both=(b"\n=====\n\n    x = 1", b"=====\n\n    x = 1"))
@settings(max_examples=80, deadline=None)
def test_a_clean_edit_comes_out_as_it_was_meant(
    render: Render, both: tuple[bytes, bytes]
) -> None:
    before, after = both
    if render is whole:
        assume(after.endswith(b"\n"))
    if render is not diff:
        # Only lines that differ in more than their end can be told apart.
        assume(plain(before).strip() and plain(before) != plain(after))
        assume(b"\r\n" in before or b"\r\n" not in after)
    got, report = applied({PATH: before}, render(before, after))
    assert report.ok, report.text()
    assert got == {PATH: after}
