"""Slips of length: elided middles, placeholders, cut answers, continued or not."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

from render import NUMBERED, SEARCH, UDIFF, V4A, WHOLE, FileEdit, Hunk, split
from slips_places import doubled, one, only, sayable, whole_by_itself
from work import EITHER, EXACT, REFUSE, SLASH, Case, Work, ending, places, slip

_BLOCK_START = {
    UDIFF: r"^@@.*$",
    SEARCH: r"^<<<<<<< SEARCH$",
    V4A: r"^(@@.*|\*\*\* Add File: .*)$",
    WHOLE: r"^```+\S.*$",
    NUMBERED: r"^(<<<<<<< SEARCH|@@@@ \d+ create .*)$",
}


def _sign(path: str) -> str:
    return "//" if ending(path) in SLASH else "#"


def _dots(work: Work, path: str) -> str:
    sign = _sign(path)
    return work.rng.choice(
        ["...", "...", f"{sign} ...", f"{sign} ... existing code ...", "    ..."]
    )


def _has_dots(*hunks: Hunk) -> bool:
    """Whether lines of the file itself read like something left out."""
    texts = [text.strip() for hunk in hunks for _, text in hunk.lines]
    return any(text.startswith(("...", "\u2026")) for text in texts)


def _head_above(work: Work, path: str, hunk: Hunk) -> list[str] | None:
    """Two lines that stand once in the file, 4 to 60 lines above the hunk."""
    lines = split(work.before[path].text)
    rows = list(range(max(0, hunk.start - 60), hunk.start - 6))
    work.rng.shuffle(rows)
    for at in rows:
        head = lines[at : at + 2]
        if all(len(t.strip()) > 4 for t in head) and places(head, lines) == 1:
            return head
    return None


def _elided(work: Work, path: str, hunk: Hunk, head: list[str]) -> list[FileEdit]:
    rows = tuple((" ", text) for text in head)
    dots = (" ", _dots(work, path))
    return one(work, path, replace(hunk, lines=(*rows, dots, *hunk.lines)))


@slip("elided middle, change below", "elision", SEARCH, NUMBERED)
def elided_below(work: Work) -> Case | None:
    for edit in work.edits() or []:
        if edit.kind != "modify":
            continue
        for hunk in edit.hunks:
            head = _head_above(work, edit.path, hunk)
            if head is None or not hunk.old[0].strip() or _has_dots(hunk):
                continue
            if not whole_by_itself(hunk):
                continue
            lines = split(edit.old or "")
            after = [*lines[: hunk.start - 1], *hunk.new]
            after += lines[hunk.start - 1 + len(hunk.old) :]
            only(work, edit.path, lines, after)
            return work.case(EXACT, work.text(_elided(work, edit.path, hunk, head)))
    return None


@slip("elided middle, changes on both sides", "elision", SEARCH, NUMBERED)
def elided_both(work: Work) -> Case | None:
    for edit in work.edits() or []:
        if edit.kind != "modify":
            continue
        for upper, lower in pairwise(edit.hunks):
            if not upper.old[-1].strip() or not lower.old[0].strip():
                continue
            if _has_dots(upper, lower) or not whole_by_itself(upper, lower):
                continue
            if lower.start - upper.start - len(upper.old) > 80:
                continue
            lines = split(edit.old or "")
            middle = lines[upper.start - 1 + len(upper.old) : lower.start - 1]
            if not middle:
                continue
            after = [*lines[: upper.start - 1], *upper.new, *middle, *lower.new]
            after += lines[lower.start - 1 + len(lower.old) :]
            only(work, edit.path, lines, after)
            dots = (" ", _dots(work, edit.path))
            both = replace(upper, lines=(*upper.lines, dots, *lower.lines))
            return work.case(EXACT, work.text(one(work, edit.path, both)))
    return None


@slip("elided middle, head in two places", "elision", SEARCH, NUMBERED)
def elided_ambiguous(work: Work) -> Case | None:
    """The change is in the head, both of whose places lie above the tail."""
    found = doubled(work)
    if found is None or not sayable(work, found[1]):
        return None
    path, hunk, copy, _ = found
    lines = split(work.before[path].text)
    below = max(hunk.start, copy) + len(hunk.old) + 3
    for at in range(below, min(below + 40, len(lines) - 1)):
        tail = lines[at : at + 2]
        if all(len(t.strip()) > 4 for t in tail) and places(tail, lines) == 1:
            rows = tuple((" ", text) for text in tail)
            dots = (" ", _dots(work, path))
            both = replace(hunk, lines=(*hunk.lines, dots, *rows))
            return work.case(REFUSE, work.text(one(work, path, both)), meant=True)
    return None


@slip("elided middle in a diff", "elision", UDIFF, V4A)
def elided_diff(work: Work) -> Case | None:
    for edit in work.edits() or []:
        if edit.kind != "modify":
            continue
        for hunk in edit.hunks:
            head = _head_above(work, edit.path, hunk)
            if head is None or not hunk.old[0].strip() or _has_dots(hunk):
                continue
            if not whole_by_itself(hunk):
                continue
            lines = split(edit.old or "")
            after = [*lines[: hunk.start - 1], *hunk.new]
            after += lines[hunk.start - 1 + len(hunk.old) :]
            only(work, edit.path, lines, after)
            bare = replace(hunk, section="", header="")
            work.style = replace(work.style, ranged=lambda hunk: "@@ @@")
            return work.case(EITHER, work.text(_elided(work, edit.path, bare, head)))
    return None


@slip("placeholder only in REPLACE", "elision", SEARCH, NUMBERED)
def placeholder_replace(work: Work) -> Case | None:
    edits = work.edits()
    for at, edit in enumerate(edits or []):
        if edit.kind != "modify" or ending(edit.path) in ("md", "txt", "rst"):
            continue
        for index, hunk in enumerate(edit.hunks):
            tail = hunk.lines[-3:]
            if len(tail) < 3 or any(op != " " for op, _ in tail):
                continue
            lead = tail[0][1][: len(tail[0][1]) - len(tail[0][1].lstrip())]
            note = work.rng.choice(
                ["... existing code ...", "... rest of the code unchanged ..."]
            )
            gone = tuple(("-", text) for _, text in tail)
            mark = ("+", f"{lead}{_sign(edit.path)} {note}")
            fresh = replace(hunk, lines=(*hunk.lines[:-3], *gone, mark))
            assert edits is not None
            hunks = (*edit.hunks[:index], fresh, *edit.hunks[index + 1 :])
            edits[at] = replace(edit, hunks=hunks)
            return work.case(REFUSE, work.text(edits))
    return None


@slip("placeholder in a whole file", "elision", WHOLE)
def placeholder_whole(work: Work) -> Case | None:
    edits = work.edits()
    for at, edit in enumerate(edits or []):
        lines = split(edit.new or "")
        if edit.kind != "modify" or len(lines) < 30:
            continue
        if ending(edit.path) in ("md", "txt", "rst", "json"):
            continue
        start = work.rng.randrange(5, len(lines) - 15)
        count = work.rng.randrange(5, 10)
        note = work.rng.choice(
            ["... existing code ...", "... (rest of the file unchanged)", "..."]
        )
        mark = f"{_sign(edit.path)} {note}"
        text = "\n".join([*lines[:start], mark, *lines[start + count :]]) + "\n"
        assert edits is not None
        edits[at] = replace(edit, new=text)
        return work.case(REFUSE, work.text(edits))
    return None


def _body(work: Work, text: str, last: bool) -> tuple[int, int] | None:
    """Where a block's content begins and where the last one ends, in characters."""
    starts = [m.end() + 1 for m in re.finditer(_BLOCK_START[work.form], text, re.M)]
    end = len(text) - len(work.style.outro)
    end = text.rfind("\n", 0, end - 1)
    if work.form in (SEARCH, V4A, NUMBERED):
        end = text.rfind("\n", 0, end - 1)
    starts = [at for at in starts if at < end]
    if not starts:
        return None
    return (starts[-1] if last else starts[0]), end


def _lines_at(text: str, start: int, end: int) -> list[int]:
    """Positions at which lines begin, between two positions."""
    return [m.end() for m in re.finditer("\n", text[:end]) if m.end() > start]


@slip("cut in a block, not continued", "truncated")
def truncated(work: Work) -> Case | None:
    edits = work.edits()
    if not edits:
        return None
    text = work.text(edits)
    span = _body(work, text, True)
    rows = _lines_at(text, *span) if span else []
    if len(rows) < 6:
        return None
    at = work.rng.choice(rows[1:-4])
    if work.rng.random() < 0.5:
        at += work.rng.randrange(0, max(1, text.index("\n", at) - at))
    return work.case(REFUSE, text[:at])


def _cut(work: Work) -> tuple[str, list[int]] | None:
    edits = work.edits()
    if not edits:
        return None
    text = work.text(edits)
    span = _body(work, text, False)
    rows = _lines_at(text, *span) if span else []
    return (text, rows) if len(rows) >= 8 else None


def _inside(work: Work, text: str, rows: list[int]) -> int | None:
    """A position in the middle of a line of some length."""
    for _ in range(20):
        at = work.rng.choice(rows[3:-2])
        size = text.index("\n", at) - at
        if size >= 12:
            return at + work.rng.randrange(5, size - 4)
    return None


@slip("cut in a line, line begun again", "continued")
def begun_again(work: Work) -> Case | None:
    found = _cut(work)
    at = _inside(work, *found) if found else None
    if found is None or at is None:
        return None
    text = found[0]
    return work.case(EXACT, text[:at], text[text.rindex("\n", 0, at) + 1 :])


@slip("cut, continued without a seam", "continued")
def seamless(work: Work) -> Case | None:
    found = _cut(work)
    at = _inside(work, *found) if found else None
    if found is None or at is None:
        return None
    text = found[0]
    first, second = text[:at], text[at:]
    partial = first.rpartition("\n")[2]
    if second.startswith(partial) or not second[:1].strip() or not first[-1:].strip():
        return None
    return work.case(EXACT, first, second)


@slip("cut, last lines repeated", "continued")
def overlapped(work: Work) -> Case | None:
    found = _cut(work)
    if found is None:
        return None
    text, rows = found
    index = work.rng.randrange(4, len(rows) - 1)
    back = work.rng.randrange(2, 5)
    first, second = text[: rows[index]], text[rows[index - back] :]
    repeated = text[rows[index - back] : rows[index]]
    if second[len(repeated) :].startswith(repeated) or not repeated.strip():
        return None
    return work.case(EXACT, first, second)


@slip("cut, fence opened again", "continued")
def fence_again(work: Work) -> Case | None:
    """Prose, a new fence, the last lines repeated, then the rest."""
    found = _cut(work)
    if found is None:
        return None
    text, rows = found
    index = work.rng.randrange(4, len(rows) - 1)
    back = work.rng.randrange(2, 5)
    repeated = text[rows[index - back] : rows[index]]
    if text.count(repeated) != 1 or not repeated.strip() or "```" in repeated:
        return None
    fences = re.findall(r"^```+", text[: rows[index]], re.M)
    second = "Continuing where I stopped:\n\n"
    if work.form != NUMBERED:
        if len(fences) % 2 == 0:
            return None
        second += fences[-1] + {UDIFF: "diff"}.get(work.form, "") + "\n"
    return work.case(EXACT, text[: rows[index]], second + text[rows[index - back] :])


@slip("cut twice", "continued")
def cut_twice(work: Work) -> Case | None:
    found = _cut(work)
    if found is None or len(found[1]) < 16:
        return None
    text, rows = found
    middle = len(rows) // 2
    one = _inside(work, text, rows[: middle - 1])
    two = work.rng.randrange(middle + 4, len(rows) - 1)
    if one is None or rows[two - 3] <= one:
        return None
    repeated = text[rows[two - 3] : rows[two]]
    if text.count(repeated) != 1:
        return None
    restart = text.rindex("\n", 0, one) + 1
    parts = text[:one], text[restart : rows[two]], text[rows[two - 3] :]
    return work.case(EXACT, *parts)
