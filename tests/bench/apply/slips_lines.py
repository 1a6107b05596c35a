"""Slips in the lines of a block: numbers, white space, punctuation."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace

from render import (
    BLOCKS,
    UDIFF,
    V4A,
    FileEdit,
    Hunk,
    split,
    with_lines,
)
from work import (
    EITHER,
    EXACT,
    Case,
    Work,
    indent_of,
    is_comment,
    map_hunks,
    mapped,
    rows_between,
    slip,
)


@slip("clean", "clean")
def clean(work: Work) -> Case | None:
    edits = work.edits(unique=work.form != UDIFF)
    return edits and work.case(EXACT, work.text(edits))


def _renumbered(work: Work, ranged: Callable[[Hunk], str]) -> Case | None:
    edits = work.edits()
    if not edits or not any(edit.hunks for edit in edits if edit.old):
        return None
    work.style = replace(work.style, ranged=ranged)
    return work.case(EXACT, work.text(edits))


@slip("wrong line numbers", "line numbers", UDIFF)
def wrong_numbers(work: Work) -> Case | None:
    off = work.rng.choice([-30, -7, -3, -1, 1, 2, 5, 12, 60])

    def ranged(hunk: Hunk) -> str:
        old, new = len(hunk.old), len(hunk.new)
        start = max(1, hunk.start + off) if old else 0
        return f"@@ -{start},{old} +{max(1, hunk.new_start + off)},{new} @@"

    return _renumbered(work, ranged)


@slip("no line numbers", "line numbers", UDIFF)
def no_numbers(work: Work) -> Case | None:
    form = work.rng.choice(["@@ @@", "@@ ... @@", "@@"])
    return _renumbered(work, lambda hunk: form)


@slip("zero line numbers", "line numbers", UDIFF)
def zero_numbers(work: Work) -> Case | None:
    form = work.rng.choice(["@@ -0,0 +0,0 @@", "@@ -1 +1 @@", "@@ -XX,XX +XX,XX @@"])
    return _renumbered(work, lambda hunk: form)


@slip("miscounted lines", "line numbers", UDIFF)
def miscounted(work: Work) -> Case | None:
    def ranged(hunk: Hunk) -> str:
        old = max(1, len(hunk.old) + work.rng.choice([-2, -1, 1, 2]))
        new = max(1, len(hunk.new) + work.rng.choice([-2, -1, 0, 1, 2]))
        start = hunk.start if hunk.old else 0
        return f"@@ -{start},{old} +{hunk.new_start},{new} @@ {hunk.section}".rstrip()

    return _renumbered(work, ranged)


@slip("new start not moved along", "line numbers", UDIFF)
def unmoved_start(work: Work) -> Case | None:
    def ranged(hunk: Hunk) -> str:
        old, new = len(hunk.old), len(hunk.new)
        start = hunk.start if old else 0
        return f"@@ -{start},{old} +{hunk.start},{new} @@"

    return _renumbered(work, ranged)


@slip("blank context lines lost", "white space", *BLOCKS)
def blank_lost(work: Work) -> Case | None:
    def change(edit: FileEdit, hunk: Hunk) -> Hunk | None:
        gone = {at for at in rows_between(hunk) if not hunk.lines[at][1].strip()}
        if not gone:
            return None
        lines = [row for at, row in enumerate(hunk.lines) if at not in gone]
        return replace(hunk, lines=tuple(lines))

    return mapped(work, change)


@slip("blank context lines added", "white space", *BLOCKS)
def blank_added(work: Work) -> Case | None:
    def change(edit: FileEdit, hunk: Hunk) -> Hunk | None:
        rows = [at for at in rows_between(hunk) if hunk.lines[at][1].strip()]
        if not rows:
            return None
        at = work.rng.choice(rows)
        lines = (*hunk.lines[:at], (" ", ""), *hunk.lines[at:])
        return replace(hunk, lines=lines)

    return mapped(work, change)


@slip("blank context lines without prefix", "white space", UDIFF, V4A)
def blank_bare(work: Work) -> Case | None:
    def change(edit: FileEdit, hunk: Hunk) -> Hunk | None:
        if (" ", "") not in hunk.lines:
            return None
        return with_lines(
            hunk, lambda op, text: [("" if op + text == " " else op, text)]
        )

    return mapped(work, change)


def _on_old(
    work: Work, alter: Callable[[str], str], expect: str = EXACT, ops: str = " -"
) -> Case | None:
    """Alter context and deleted lines wherever that changes them."""

    def change(edit: FileEdit, hunk: Hunk) -> Hunk | None:
        fresh = with_lines(
            hunk, lambda op, text: [(op, alter(text) if op in ops else text)]
        )
        return fresh if fresh.lines != hunk.lines else None

    return mapped(work, change, expect)


@slip("trailing spaces in old lines", "white space", *BLOCKS)
def trailing_added(work: Work) -> Case | None:
    def alter(text: str) -> str:
        return text + work.rng.choice(["", " ", "  ", "\t"])

    return _on_old(work, alter)


@slip("trailing spaces only in the file", "white space", *BLOCKS)
def trailing_in_file(work: Work) -> Case | None:
    """The file's context lines end in spaces that the answer lacks."""
    edits = work.edits()
    if not edits:
        return None
    context = {
        t for e in edits for h in e.hunks for op, t in h.lines if op == " " and t
    }
    altered = {t for e in edits for h in e.hunks for op, t in h.lines if op != " "}
    spaced = {t for t in context - altered if t.strip() and work.rng.random() < 0.5}
    if not spaced:
        return None

    def trail(text: str) -> str:
        lines = [line + "  " if line in spaced else line for line in split(text)]
        return "".join(f"{line}\n" for line in lines)

    answer = work.text(edits)
    for edit in edits:
        if edit.kind in ("modify", "move"):
            path = edit.path
            work.before[path] = replace(
                work.before[path], text=trail(work.before[path].text)
            )
            new = edit.target or path
            work.after[new] = replace(work.after[new], text=trail(work.after[new].text))
    return work.case(EXACT, answer)


def _indented(
    work: Work, alter: Callable[[str], str], fits: Callable[[str], bool]
) -> Case | None:
    """Alter the indentation of all lines of the hunks whose every line fits.

    An added line whose indentation stands on no old line of its hunk cannot be mapped
    with certainty: then exact and refused are both right.
    """
    sure = True

    def change(edit: FileEdit, hunk: Hunk) -> Hunk | None:
        nonlocal sure
        texts = [text for _, text in hunk.lines if text.strip()]
        if not all(map(fits, texts)):
            return None
        fresh = with_lines(
            hunk, lambda op, text: [(op, alter(text) if text.strip() else text)]
        )
        if fresh.old == hunk.old:  # nothing shows that the added lines were altered
            return None
        known = {indent_of(text) for text in hunk.old if text.strip()}
        sure &= {indent_of(text) for text in hunk.added if text.strip()} <= known
        return fresh

    case = mapped(work, change)
    return case and replace(case, expect=EXACT if sure else EITHER)


@slip("indented further", "white space", *BLOCKS)
def indent_more(work: Work) -> Case | None:
    width = work.rng.choice([2, 4, 8])
    return _indented(work, lambda t: " " * width + t, lambda t: not t.startswith("\t"))


@slip("indented less", "white space", *BLOCKS)
def indent_less(work: Work) -> Case | None:
    return _indented(work, lambda t: t[4:], lambda t: t.startswith("    "))


@slip("spaces for tabs", "white space", *BLOCKS)
def spaces_for_tabs(work: Work) -> Case | None:
    width = work.rng.choice([2, 4, 8])

    def alter(text: str) -> str:
        lead = indent_of(text)
        return lead.replace("\t", " " * width) + text[len(lead) :]

    return _indented(work, alter, lambda t: " " not in indent_of(t))


@slip("tabs for spaces", "white space", *BLOCKS)
def tabs_for_spaces(work: Work) -> Case | None:
    def alter(text: str) -> str:
        lead = indent_of(text)
        return "\t" * (len(lead) // 4) + text[len(lead) :]

    return _indented(
        work, alter, lambda t: "\t" not in indent_of(t) and len(indent_of(t)) % 4 == 0
    )


@slip("indentation lost", "white space", *BLOCKS)
def indent_lost(work: Work) -> Case | None:
    def change(edit: FileEdit, hunk: Hunk) -> Hunk | None:
        fresh = with_lines(hunk, lambda op, text: [(op, text.lstrip(" \t"))])
        return fresh if fresh.lines != hunk.lines else None

    return mapped(work, change, EITHER)


@slip("spacing inside old lines", "white space", *BLOCKS)
def inner_spacing(work: Work) -> Case | None:
    def alter(text: str) -> str:
        lead = indent_of(text)
        body = text[len(lead) :]
        if "'" in body or '"' in body or "`" in body:
            return text
        return lead + re.sub(r" ?(=|\(|,) ?", r" \1 ", body).strip()

    return _on_old(work, alter)


_SMART = str.maketrans({"'": "\u2019", '"': "\u201d", "-": "\u2013"})
_SMART_ALL = {"'": "\u2019", '"': "\u201c", "...": "\u2026", " - ": " \u2014 "}


@slip("smart punctuation in old lines", "punctuation", *BLOCKS)
def smart(work: Work) -> Case | None:
    def alter(text: str) -> str:
        for plain, typographic in _SMART_ALL.items():
            text = text.replace(plain, typographic)
        return text

    return _on_old(work, alter)


@slip("smart punctuation in the file", "punctuation", *BLOCKS)
def smart_in_file(work: Work) -> Case | None:
    """Comments of the file hold typographic marks; the answer types ASCII."""

    def alter(path: str, line: str) -> str:
        if not is_comment(path, line):
            return line
        return line.translate(_SMART) if line.lstrip()[:1] not in "-*" else line

    return _file_differs(work, alter)


@slip("decomposed letters in the file", "punctuation", *BLOCKS)
def decomposed(work: Work) -> Case | None:
    def alter(path: str, line: str) -> str:
        return line + " caf\u00e9" if is_comment(path, line) else line

    def decompose(path: str, line: str) -> str:
        return unicodedata.normalize("NFD", alter(path, line))

    return _file_differs(work, decompose, alter)


def _file_differs(
    work: Work,
    on_disk: Callable[[str, str], str],
    in_answer: Callable[[str, str], str] | None = None,
) -> Case | None:
    """Unchanged comment lines are one thing on disk, another in the answer."""
    edits = work.edits()
    if not edits:
        return None
    altered = {t for e in edits for h in e.hunks for op, t in h.lines if op != " "}
    shown = 0
    for edit in edits:
        if edit.kind != "modify":
            continue
        rows = {t for h in edit.hunks for op, t in h.lines if op == " "} - altered
        shown += sum(on_disk(edit.path, row) != row for row in rows)

        def fresh(text: str, path: str = edit.path, rows: set[str] = rows) -> str:
            lines = [on_disk(path, t) if t in rows else t for t in split(text)]
            return "".join(f"{line}\n" for line in lines)

        work.rewrite(edit.path, fresh)
    if not shown:
        return None
    if in_answer:

        def change(edit: FileEdit, hunk: Hunk) -> Hunk | None:
            return with_lines(
                hunk,
                lambda op, text: [
                    (op, in_answer(edit.path, text))
                    if op == " " and text not in altered
                    else (op, text)
                ],
            )

        edits, _ = map_hunks(edits, change)
    return work.case(EXACT, work.text(edits))
