"""Old lines that say something else than the file: paraphrased, altered, made up."""

from __future__ import annotations

import re
from dataclasses import replace

from render import (
    BLOCKS,
    FileEdit,
    Hunk,
    split,
    with_lines,
)
from work import (
    CODE,
    EITHER,
    REFUSE,
    Case,
    Work,
    ending,
    indent_of,
    is_comment,
    is_prose,
    mapped,
    places,
    rows_between,
    slip,
    squeezed,
)

_SWAPS = ("value", "thing", "given", "certain", "proper", "actual")


def _reworded(work: Work, text: str) -> str | None:
    words = list(re.finditer(r"\b[a-z]{4,7}\b", text))
    if len(text.strip()) < 36 or len(words) < 3:
        return None
    word = work.rng.choice(words)
    other = work.rng.choice([swap for swap in _SWAPS if swap != word.group()])
    return text[: word.start()] + other + text[word.end() :]


def _paraphrase(work: Work, op: str) -> Case | None:
    """Reword one comment line of one hunk that has enough exact lines beside it."""
    done = False

    def change(edit: FileEdit, hunk: Hunk) -> Hunk | None:
        nonlocal done
        if done or sum(bool(text.strip()) for text in hunk.old) < 5:
            return None
        for at, (sign, text) in enumerate(hunk.lines):
            if sign != op or not is_comment(edit.path, text) or is_prose(edit.path):
                continue
            fresh = _reworded(work, text)
            if fresh is None:
                continue
            done = True
            lines = (*hunk.lines[:at], (sign, fresh), *hunk.lines[at + 1 :])
            return replace(hunk, lines=lines)
        return None

    return mapped(work, change)


@slip("paraphrased context comment", "context drift", *BLOCKS)
def paraphrased_context(work: Work) -> Case | None:
    return _paraphrase(work, " ")


@slip("paraphrased deleted comment", "context drift", *BLOCKS)
def paraphrased_deleted(work: Work) -> Case | None:
    return _paraphrase(work, "-")


_NAME = re.compile(r"\b[A-Za-z_]\w{4,}\b")
_NUMBER = re.compile(r"\b\d+\b")
_WORDS = frozenset(
    [
        "return",
        "break",
        "class",
        "const",
        "continue",
        "default",
        "false",
        "function",
        "import",
        "package",
        "public",
        "private",
        "static",
        "struct",
        "switch",
        "while",
        "yield",
        "assert",
        "async",
        "await",
    ]
)


def _is_code(path: str, text: str) -> bool:
    body = text.strip()
    return (
        ending(path) in CODE
        and ("(" in body or " = " in body)
        and not re.match(r"(#|//|/?\*|[\"'`])", body)
        and not re.search(r"[\"'`]|//|/\*|#", body)
    )


def _altered_code(
    work: Work, op: str, pattern: re.Pattern[str], expect: str
) -> Case | None:
    """Change one identifier or number on one code line."""
    done = False

    def change(edit: FileEdit, hunk: Hunk) -> Hunk | None:
        nonlocal done
        if done:
            return None
        for at, (sign, text) in enumerate(hunk.lines):
            if sign != op or not _is_code(edit.path, text):
                continue
            found = [m for m in pattern.finditer(text) if m.group() not in _WORDS]
            if not found:
                continue
            token = work.rng.choice(found)
            fresh = (
                str(int(token.group()) + 1)
                if pattern is _NUMBER
                else token.group() + "_v2"
            )
            done = True
            text = text[: token.start()] + fresh + text[token.end() :]
            lines = (*hunk.lines[:at], (sign, text), *hunk.lines[at + 1 :])
            return replace(hunk, lines=lines)
        return None

    return mapped(work, change, expect)


@slip("other identifier in context", "context drift", *BLOCKS)
def context_identifier(work: Work) -> Case | None:
    return _altered_code(work, " ", _NAME, EITHER)


@slip("other identifier in a deleted line", "must refuse", *BLOCKS)
def deleted_identifier(work: Work) -> Case | None:
    return _altered_code(work, "-", _NAME, REFUSE)


@slip("other number in a deleted line", "must refuse", *BLOCKS)
def deleted_number(work: Work) -> Case | None:
    return _altered_code(work, "-", _NUMBER, REFUSE)


@slip("context line left out", "context drift", *BLOCKS)
def context_left_out(work: Work) -> Case | None:
    def change(edit: FileEdit, hunk: Hunk) -> Hunk | None:
        rows = [at for at in rows_between(hunk) if hunk.lines[at][1].strip()]
        if not rows or len(hunk.old) < 7:
            return None
        at = work.rng.choice(rows)
        return replace(hunk, lines=(*hunk.lines[:at], *hunk.lines[at + 1 :]))

    return mapped(work, change, EITHER)


@slip("context line made up", "context drift", *BLOCKS)
def context_made_up(work: Work) -> Case | None:
    def change(edit: FileEdit, hunk: Hunk) -> Hunk | None:
        rows = list(rows_between(hunk))
        if not rows or len(hunk.old) < 7:
            return None
        at = work.rng.choice(rows)
        lead = indent_of(hunk.lines[at][1])
        row = (" ", f"{lead}log_progress(state)")
        return replace(hunk, lines=(*hunk.lines[:at], row, *hunk.lines[at:]))

    return mapped(work, change, EITHER)


@slip("old lines that stand nowhere", "must refuse", *BLOCKS)
def nowhere(work: Work) -> Case | None:
    """One hunk's old side comes from nowhere; the others are good."""
    done = False

    def change(edit: FileEdit, hunk: Hunk) -> Hunk | None:
        nonlocal done
        if done or sum(len(squeezed(text)) > 8 for text in hunk.old) < 2:
            return None
        done = True
        number = work.rng.randrange(100)
        fresh = with_lines(
            hunk,
            lambda op, text: [
                (op, f"{indent_of(text)}imagined_{number}({len(text)})")
                if op in " -" and text.strip()
                else (op, text)
            ],
        )
        lines = split(edit.old or "")
        return fresh if places(fresh.old, lines) == 0 else None

    case = mapped(work, change, REFUSE)
    return case and replace(case, after=None)
