"""Slips of place: several places fit, and a hint says which, or none does."""

from __future__ import annotations

from dataclasses import replace

from commits import Entry
from render import (
    BLOCKS,
    NUMBERED,
    SEARCH,
    UDIFF,
    V4A,
    FileEdit,
    Hunk,
    file_edit,
    split,
)
from work import (
    DIVIDER,
    EITHER,
    EXACT,
    REFUSE,
    Case,
    Work,
    exact_places,
    places,
    slip,
)


def doubled(work: Work) -> tuple[str, Hunk, int, int] | None:
    """Make the old side of one hunk stand twice in its file, before and after.

    A copy of it goes in front of a line without indentation, 12 lines or more from any
    hunk. Returns the path, the hunk as it now stands (its lines alone, its place
    right), the copy's line, and how many places there are; the change is reduced to
    this one hunk.
    """
    for path in work.modified():
        old, new = work.before[path].text, work.after[path].text
        edit = file_edit(path, Entry(old), Entry(new), None, work.rng.choice([2, 3, 4]))
        lines = split(old)
        for hunk in edit.hunks:
            size = len(hunk.old)
            if size < 3 or len(exact_places(hunk.old, lines)) != 1:
                continue
            if not whole_by_itself(hunk):
                continue
            if not hunk.old[0].strip() or not hunk.old[-1].strip():
                continue
            free = [
                at
                for at, line in enumerate(lines)
                if line[:1].strip()
                and line[:1] not in "})]#"
                and (at < hunk.start - 13 or at > hunk.start + size + 12)
            ]
            if not free:
                continue
            at = work.rng.choice(free)
            copy = [*hunk.old, ""]
            shift = len(copy) if at < hunk.start else 0
            before = [*lines[:at], *copy, *lines[at:]]
            start = hunk.start + shift
            after = [*before[: start - 1], *hunk.new, *before[start - 1 + size :]]
            found = exact_places(hunk.old, before)
            if (
                sorted(found) != sorted({start, at + 1})
                or places(hunk.old, before) != 2
            ):
                continue
            only(work, path, before, after)
            moved = replace(hunk, start=start, new_start=start, section="", header="")
            return path, moved, at + 1, len(found)
    return None


def only(work: Work, path: str, before: list[str], after: list[str]) -> None:
    """Reduce the change to one file."""
    entry = work.before[path]
    for other in list(work.after):
        if other in work.before:
            work.after[other] = work.before[other]
        else:
            del work.after[other]
    for other in list(work.before):
        work.after.setdefault(other, work.before[other])
    work.moved.clear()
    work.before[path] = replace(entry, text="".join(f"{t}\n" for t in before))
    work.after[path] = replace(entry, text="".join(f"{t}\n" for t in after))


def one(work: Work, path: str, hunk: Hunk) -> list[FileEdit]:
    old, new = work.before[path].text, work.after[path].text
    return [FileEdit(path, old, new, (hunk,))]


def whole_by_itself(*hunks: Hunk) -> bool:
    """Whether one hunk of a commit alone leaves the brackets of a file as they were.

    A part of a commit that breaks the syntax may rightly be refused.
    """
    for pair in ("()", "[]", "{}"):
        change = 0
        for hunk in hunks:
            old, new = "\n".join(hunk.old), "\n".join(hunk.new)
            for sign, mark in ((1, pair[0]), (-1, pair[1])):
                change += sign * (new.count(mark) - old.count(mark))
        if change:
            return False
    return True


def sayable(work: Work, hunk: Hunk) -> bool:
    return work.form != SEARCH or not any(
        DIVIDER.match(text.strip()) for _, text in hunk.lines
    )


@slip("two places, no hint", "ambiguous", *BLOCKS)
def two_places(work: Work) -> Case | None:
    found = doubled(work)
    if found is None or not sayable(work, found[1]):
        return None
    path, hunk, _, _ = found
    work.style = replace(work.style, ranged=lambda hunk: "@@ @@")
    return work.case(REFUSE, work.text(one(work, path, hunk)), meant=True)


@slip("two places, right line", "ambiguous", UDIFF)
def right_line(work: Work) -> Case | None:
    found = doubled(work)
    return found and work.case(EXACT, work.text(one(work, found[0], found[1])))


@slip("two places, near-miss line", "ambiguous", UDIFF)
def near_line(work: Work) -> Case | None:
    found = doubled(work)
    if found is None:
        return None
    path, hunk, copy, _ = found
    start = hunk.start + work.rng.choice([-3, -2, -1, 1, 2, 3])
    if start in (hunk.start, copy) or start < 1:
        return None
    wrong = replace(hunk, start=start, new_start=start)
    return work.case(REFUSE, work.text(one(work, path, wrong)), meant=True)


def _enclosed(work: Work) -> tuple[str, Hunk, str] | None:
    """The doubled hunk, when a header above it (and not above the copy) names it."""
    found = doubled(work)
    if found is None:
        return None
    path, hunk, copy, _ = found
    old, new = work.before[path], work.after[path]
    headed = next(
        (
            h
            for h in file_edit(path, old, new, None, 3).hunks
            if h.start <= hunk.start + len(hunk.old) and h.header
        ),
        None,
    )
    if headed is None:
        return None
    lines = split(old.text)
    rows = [at + 1 for at, line in enumerate(lines) if line.strip() == headed.header]
    if len(rows) != 1 or not rows[0] < hunk.start or hunk.start - rows[0] > 60:
        return None
    indent = len(lines[rows[0] - 1]) - len(lines[rows[0] - 1].lstrip())
    inside = lines[rows[0] : hunk.start - 1 + len(hunk.old)]
    shallow = [t for t in inside if t.strip() and len(t) - len(t.lstrip()) <= indent]
    if shallow or (rows[0] < copy and not _left(lines, rows[0], copy, indent)):
        return None
    return path, hunk, headed.header


def _left(lines: list[str], start: int, end: int, indent: int) -> bool:
    """Whether another definition of the same depth begins between two lines."""
    between = lines[start : end - 1]
    words = ("def ", "class ", "func ", "fn ", "pub ", "impl ", "function ", "export ")
    return any(
        t.strip()
        and len(t) - len(t.lstrip()) <= indent
        and t.lstrip().startswith(words)
        for t in between
    )


@slip("two places, header names one", "ambiguous", UDIFF, V4A)
def header_names(work: Work) -> Case | None:
    found = _enclosed(work)
    if found is None:
        return None
    path, hunk, header = found
    off = f"-{hunk.start + 2},{len(hunk.old)} +{hunk.start + 2},{len(hunk.new)}"
    ranged = work.rng.choice(
        [
            f"@@ ... @@ {header}",
            f"@@ {header}",
            f"@@ {header} @@",
            f"@@ {off} @@ {header}",
        ]
    )
    work.style = replace(work.style, ranged=lambda hunk: ranged)
    return work.case(EXACT, work.text(one(work, path, replace(hunk, header=header))))


@slip("two places, header of neither", "ambiguous", UDIFF, V4A)
def header_of_neither(work: Work) -> Case | None:
    found = doubled(work)
    if found is None:
        return None
    path, hunk, _, _ = found
    header = "def imagined_function(state):"
    work.style = replace(work.style, ranged=lambda hunk: f"@@ ... @@ {header}")
    return work.case(
        REFUSE, work.text(one(work, path, replace(hunk, header=header))), meant=True
    )


@slip("same block twice for two places", "ambiguous", SEARCH, V4A, NUMBERED)
def same_twice(work: Work) -> Case | None:
    """Both places are meant, nothing says so: all of it, or nothing."""
    found = doubled(work)
    if found is None or not sayable(work, found[1]):
        return None
    path, hunk, copy, _ = found
    lines = split(work.after[path].text)
    grown = len(hunk.new) - len(hunk.old) if hunk.start < copy else 0
    at = copy - 1 + grown
    lines[at : at + len(hunk.old)] = hunk.new
    text = "".join(f"{line}\n" for line in lines)
    work.after[path] = replace(work.after[path], text=text)
    edit = one(work, path, hunk)[0]
    return work.case(EITHER, work.text([replace(edit, hunks=(hunk, hunk))]))


@slip("same block twice, right lines", "ambiguous", UDIFF)
def same_twice_lines(work: Work) -> Case | None:
    found = doubled(work)
    if found is None:
        return None
    path, hunk, copy, _ = found
    lines = split(work.after[path].text)
    grown = len(hunk.new) - len(hunk.old)
    at = copy - 1 + (grown if hunk.start < copy else 0)
    lines[at : at + len(hunk.old)] = hunk.new
    text = "".join(f"{line}\n" for line in lines)
    work.after[path] = replace(work.after[path], text=text)
    other = replace(hunk, start=copy, new_start=copy)
    first, second = sorted((hunk, other), key=lambda h: h.start)
    second = replace(second, new_start=second.start + grown)
    edit = one(work, path, first)[0]
    return work.case(EXACT, work.text([replace(edit, hunks=(first, second))]))


def _shrunk(work: Work) -> tuple[str, Hunk] | None:
    """A hunk with so little context that its old side stands twice by nature."""
    for path in work.modified():
        old, new = work.before[path], work.after[path]
        lines = split(old.text)
        for context in (1, 2):
            edit = file_edit(path, old, new, None, context)
            for hunk in edit.hunks:
                found = exact_places(hunk.old, lines)
                if len(found) < 2 or not any(text.strip() for text in hunk.old):
                    continue
                if not whole_by_itself(hunk):
                    continue
                at = hunk.start - 1
                after = [*lines[:at], *hunk.new, *lines[at + len(hunk.old) :]]
                only(work, path, lines, after)
                return path, replace(hunk, new_start=hunk.start, section="", header="")
    return None


@slip("little context, several places", "ambiguous", *BLOCKS)
def little_context(work: Work) -> Case | None:
    found = _shrunk(work)
    if found is None or not sayable(work, found[1]):
        return None
    work.style = replace(work.style, ranged=lambda hunk: "@@ @@")
    return work.case(REFUSE, work.text(one(work, *found)), meant=True)


@slip("little context, right line", "ambiguous", UDIFF)
def little_context_line(work: Work) -> Case | None:
    found = _shrunk(work)
    return found and work.case(EXACT, work.text(one(work, *found)))
