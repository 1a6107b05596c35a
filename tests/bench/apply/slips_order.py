"""Slips of order: sent again, chained, overlapping; and targets that are taken."""

from __future__ import annotations

import ast
import warnings
from dataclasses import replace
from itertools import pairwise

from commits import Entry
from render import BLOCKS, NUMBERED, SEARCH, UDIFF, V4A, file_edit, split
from slips_places import one, only, sayable, whole_by_itself
from work import EITHER, EXACT, REFUSE, Case, Work, places, slip


@slip("sent again after it was applied", "sent again")
def applied(work: Work) -> Case | None:
    """The tree has it already: it stays as it is, and that is no failure."""
    if work.moved or any(path not in work.after for path in work.before):
        return None
    edits = work.edits(unique=True)
    if not edits or any(edit.kind == "create" for edit in edits):
        return None
    if any(len(hunk.new) < 3 for edit in edits for hunk in edit.hunks):
        return None
    for edit in edits:
        lines = split(edit.new or "")
        if any(places(hunk.new, lines) != 1 for hunk in edit.hunks):
            return None
    # What only deletes leaves no trace of its own: unsure is right as well.
    traced = all(hunk.added for edit in edits for hunk in edit.hunks)
    case = work.case(EXACT if traced else EITHER, work.text(edits))
    return replace(case, before=case.after)


@slip("partly applied before", "sent again", *BLOCKS)
def partly_applied(work: Work) -> Case | None:
    """One hunk stands in the tree already, the others do not."""
    edits = work.edits(unique=True)
    if not edits or sum(len(edit.hunks) for edit in edits) < 2:
        return None
    for edit in edits:
        if edit.kind != "modify" or len(edit.hunks[0].new) < 4:
            continue
        hunk = edit.hunks[0]
        old_lines, new_lines = split(edit.old or ""), split(edit.new or "")
        if places(hunk.new, new_lines) != 1:
            continue
        at = hunk.start - 1
        done = [*old_lines[:at], *hunk.new, *old_lines[at + len(hunk.old) :]]
        if places(hunk.old, done) or places(hunk.new, done) != 1:
            continue
        rest = edit.hunks[1:]
        if any(places(other.old, done) != 1 for other in rest):
            continue
        entry = work.before[edit.path]
        text = work.text(edits)
        work.before[edit.path] = replace(
            entry, text="".join(f"{line}\n" for line in done)
        )
        return work.case(EXACT if hunk.added else EITHER, text)
    return None


@slip("whole answer given twice", "sent again")
def given_twice(work: Work) -> Case | None:
    edits = work.edits()
    if not edits or any(e.kind == "move" for e in edits):
        return None
    text = work.text(edits)
    return work.case(EXACT, f"{text}\nOnce more, complete:\n\n{text}")


@slip("blocks out of order", "order", *BLOCKS)
def out_of_order(work: Work) -> Case | None:
    edits = work.edits()
    if not edits or all(len(edit.hunks) < 2 for edit in edits):
        return None
    turned = [replace(edit, hunks=edit.hunks[::-1]) for edit in edits[::-1]]
    work.style = replace(work.style, headers=False)
    return work.case(EXACT, work.text(turned))


@slip("block on an earlier block's output", "order", SEARCH, V4A, NUMBERED)
def chained(work: Work) -> Case | None:
    """The first block adds a line, the second changes that line to the right one."""
    edits = work.edits()
    for at, edit in enumerate(edits or []):
        if edit.kind != "modify":
            continue
        for index, hunk in enumerate(edit.hunks):
            rows = [i for i, (op, text) in enumerate(hunk.lines) if op == "+"]
            rows = [i for i in rows if len(hunk.lines[i][1].strip()) > 12]
            if not rows or not edits:
                continue
            row = work.rng.choice(rows)
            right = hunk.lines[row][1]
            interim = f"{right}  interim_form_of_it"
            first = replace(
                hunk,
                lines=(*hunk.lines[:row], ("+", interim), *hunk.lines[row + 1 :]),
            )
            second = replace(hunk, lines=(("-", interim), ("+", right)))
            hunks = (*edit.hunks[:index], first, second, *edit.hunks[index + 1 :])
            if not sayable(work, first):
                continue
            work.style = replace(work.style, headers=False)
            chain = [*edits[:at], replace(edit, hunks=hunks), *edits[at + 1 :]]
            return work.case(EXACT, work.text(chain))
    return None


@slip("two blocks change one line", "must refuse", *BLOCKS)
def overlapping(work: Work) -> Case | None:
    edits = work.edits()
    for at, edit in enumerate(edits or []):
        for index, hunk in enumerate(edit.hunks):
            ops = {op for op, _ in hunk.lines}
            if edits is None or edit.kind != "modify" or not {"-", "+"} <= ops:
                continue
            other = replace(
                hunk,
                lines=tuple(
                    (op, f"{text} or_otherwise" if op == "+" else text)
                    for op, text in hunk.lines
                ),
            )
            hunks = (*edit.hunks[: index + 1], other, *edit.hunks[index + 1 :])
            edits[at] = replace(edit, hunks=hunks)
            return work.case(REFUSE, work.text(edits))
    return None


@slip("blocks share context", "order", SEARCH, NUMBERED)
def share_context(work: Work) -> Case | None:
    """Neighbouring blocks both show the unchanged lines between them."""
    for path in work.modified():
        old, new = work.before[path], work.after[path]
        lines = split(old.text)
        hunks = file_edit(path, old, new, None, 0).hunks
        if len(hunks) != 2:  # a part of a commit may break the syntax, rightly refused
            continue
        for first, second in pairwise(hunks):
            gap = lines[first.start - 1 + len(first.old) : second.start - 1]
            if not 1 <= len(gap) <= 6 or not first.old or not second.old:
                continue
            rows = tuple((" ", text) for text in gap)
            top = tuple(
                (" ", text) for text in lines[max(0, first.start - 4) : first.start - 1]
            )
            end = second.start - 1 + len(second.old)
            bottom = tuple((" ", text) for text in lines[end : end + 3])
            upper = replace(first, lines=(*top, *first.lines, *rows))
            lower = replace(second, lines=(*rows, *second.lines, *bottom))
            if places(upper.old, lines) != 1 or places(lower.old, lines) != 1:
                continue
            if not sayable(work, upper) or not sayable(work, lower):
                continue
            if not whole_by_itself(upper, lower):
                continue
            at, stop = first.start - 1, end
            after = [*lines[:at], *first.new, *gap, *second.new, *lines[stop:]]
            only(work, path, lines, after)
            edit = replace(one(work, path, upper)[0], hunks=(upper, lower))
            return work.case(EXACT, work.text([edit]))
    return None


@slip("creation over an existing file", "must refuse", *BLOCKS)
def create_over(work: Work) -> Case | None:
    edits = work.edits()
    rest = [path for path in sorted(work.before) if path not in work.changed()]
    if not edits or not rest:
        return None
    path = rest[0]
    text = "a new beginning\nof another file\n"
    extra = file_edit(path, None, Entry(text), None, 3)
    return work.case(REFUSE, work.text([*edits, extra]))


@slip("move onto an existing file", "must refuse", UDIFF, V4A, NUMBERED)
def move_over(work: Work) -> Case | None:
    rest = [path for path in sorted(work.before) if path not in work.changed()]
    paths = work.modified()
    edits = work.edits()
    if not edits or not rest or not paths:
        return None
    at = next(i for i, edit in enumerate(edits) if edit.path == paths[0])
    edits[at] = replace(edits[at], target=rest[0])
    return work.case(REFUSE, work.text(edits))


@slip("deletion of a file that differs", "must refuse", UDIFF)
def delete_other(work: Work) -> Case | None:
    edits = work.edits()
    rest = [path for path in sorted(work.before) if path not in work.changed()]
    rest = [path for path in rest if len(split(work.before[path].text)) > 6]
    if not edits or not rest:
        return None
    path = rest[0]
    lines = split(work.before[path].text)
    wrong = [f"imagined {text}" if at % 2 else text for at, text in enumerate(lines)]
    text = "".join(f"{line}\n" for line in wrong)
    extra = file_edit(path, Entry(text), None, None, 3)
    return work.case(REFUSE, work.text([*edits, extra]))


def _parses(text: str) -> bool:
    """Whether it is Python of today."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(text)
        except (SyntaxError, ValueError):
            return False
    return True


@slip("added lines break the syntax", "must refuse")
def broken_syntax(work: Work) -> Case | None:
    """A closing bracket is missing from an added line of code."""
    for path in work.modified():
        if path.rpartition(".")[2] not in ("py", "go", "rs", "js", "java"):
            continue
        new = work.after[path]
        known = set(split(work.before[path].text))
        for line in split(new.text):
            body = line.strip()
            simple = body.endswith(")") and body.count("(") == body.count(")") == 1
            if line in known or not simple or body.startswith(("#", "//", "*", '"')):
                continue
            if any(mark in body for mark in "\"'`") or split(new.text).count(line) != 1:
                continue
            if body.startswith((">>>", "...")):
                continue
            broken = line[: line.rindex(")")] + " (("
            text = new.text.replace(f"{line}\n", f"{broken}\n", 1)
            if path.endswith(".py") and (_parses(text) or not _parses(new.text)):
                continue
            work.after[path] = replace(new, text=text)
            edits = work.edits()
            return edits and work.case(REFUSE, work.text(edits))
    return None
