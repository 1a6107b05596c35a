"""Marks: on boundaries, once each, the best first, and readable the next time."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from repoctx.pack.marks import MOST, common, marks
from repoctx.values import Count, Segment, SegmentKind, Unit

TEXTS = st.lists(st.text("abé\n", max_size=9), max_size=30)


def segment(kind: SegmentKind, texts: list[str]) -> Segment:
    units, offset = [], 0
    for number, text in enumerate(texts):
        size = len(text.encode())
        path = "" if text in ("<changes>\n", "</changes>\n") else f"f{number}"
        units.append(Unit(path, offset, size, Count(size)))
        offset += size
    data = "".join(texts).encode()
    digest = hashlib.sha256(data).hexdigest()
    return Segment(kind, digest, offset, Count(offset), text=data, units=tuple(units))


def prompt(overlay: list[str]) -> list[Segment]:
    """Preamble (7 bytes), base (11 bytes) and, where there are changes, an overlay."""
    first = segment(SegmentKind.PREAMBLE, ["Hello.\n"])
    base = segment(SegmentKind.BASE, ["<r>\n", "text\n", "</"])
    if not overlay:
        return [first, base]
    texts = ["<changes>\n", *(f"<{text}>\n" for text in overlay), "</changes>\n"]
    return [first, base, segment(SegmentKind.OVERLAY, texts)]


def text_of(segments: list[Segment]) -> str:
    return (segments[2].text or b"").decode() if len(segments) > 2 else ""


START = 18


def same_bytes(one: bytes, other: bytes) -> int:
    """How many bytes both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


@given(TEXTS, TEXTS, st.lists(st.integers(-5, 400), max_size=40))
def test_every_mark_is_a_boundary_once(new, old, last):
    segments = prompt(new)
    size = sum(s.size for s in segments)
    found = marks(segments, text_of(prompt(old)), last)
    boundaries = {START} | {
        START + unit.offset + unit.size for s in segments[2:] for unit in s.units
    }
    assert len(set(found)) == len(found) <= MOST
    assert set(found) <= boundaries
    assert found[0] == START
    assert max(found) == (size - len("</changes>\n") if new else size)
    assert found == marks(segments, text_of(prompt(old)), last)


@given(TEXTS, TEXTS)
def test_what_was_written_and_still_holds_can_be_read(new, old):
    before, after = prompt(old), prompt(new)
    written = marks(before)[:4]
    found = marks(after, text_of(before), written)
    one, other = (b"".join(s.text or b"" for s in p) for p in (before, after))
    same = same_bytes(one, other)
    ends = {START + u.offset + u.size for s in after[2:] for u in s.units} | {START}
    assert {at for at in written if at <= same and at in ends} <= set(found)


@given(TEXTS)
def test_the_same_overlay_keeps_its_marks(texts):
    segments = prompt(texts)
    first = marks(segments)
    again = marks(segments, text_of(segments), first)
    assert set(first) <= set(again)
    assert again == marks(segments, text_of(segments), again)


def test_best_first():
    before = prompt(["a" * 10, "b" * 10, "c" * 10, "d"])
    after = prompt(["a" * 10, "b" * 10, "c" * 10, "e", "f"])
    opened = START + len("<changes>\n")
    third = opened + 3 * 13
    end = sum(s.size for s in after) - len("</changes>\n")
    found = marks(after, text_of(before))
    assert found == (START, end, third, opened + 13)


@given(TEXTS, TEXTS)
def test_up_to_what_is_held_the_blocks_are_those_that_were_sent(new, old):
    before, after = prompt(old), prompt(new)
    written = marks(before)
    found = marks(after, text_of(before), written)
    same = START + same_bytes(*(text_of(p).encode() for p in (before, after)))
    held = max(at for at in {*written} & {*found} if at <= same)
    assert [at for at in sorted(found) if at <= held] == [
        at for at in sorted(written) if at <= held
    ]


def test_a_document_that_is_added_leaves_the_last_place_where_it_was():
    before, after = prompt(["a", "b"]), prompt(["a", "b", "c"])
    assert marks(before)[1] in marks(after, text_of(before), marks(before))


def test_too_many_places_are_given_up():
    texts = [f"{n:03}" for n in range(40)]
    last: tuple[int, ...] = ()
    counts = []
    for end in range(1, 40):
        before, after = prompt(texts[: end - 1]), prompt(texts[:end])
        last = marks(after, text_of(before), last)
        counts.append(len(last))
    assert max(counts) == MOST
    assert min(counts[MOST:]) < 5


def test_without_a_base_there_is_nothing_to_mark():
    assert marks([]) == ()
    assert marks(prompt([])[:1]) == ()
    assert marks(prompt([])) == (START,)


@given(st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=40))
def test_common(start, one, other):
    a, b = start + one, start + other
    assert common(a, b) == same_bytes(a, b)
