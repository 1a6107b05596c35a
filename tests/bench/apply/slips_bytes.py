"""Slips around bytes: line ends, byte order marks, encodings, the end of a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from render import BLOCKS, NO_NEWLINE, UDIFF, WHOLE, Hunk, split
from work import EITHER, EXACT, Case, Work, is_comment, slip


def _crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


@slip("CRLF file, LF answer", "line ends")
def crlf_file(work: Work) -> Case | None:
    for path in work.modified():
        work.disk[path] = _crlf
    edits = work.edits()
    return work.case(EXACT, work.text(edits)) if edits and work.disk else None


@slip("LF file, CRLF answer", "line ends")
def crlf_answer(work: Work) -> Case | None:
    edits = work.edits()
    return edits and work.case(EXACT, _crlf(work.text(edits)))


@slip("mixed line ends", "line ends", *BLOCKS)
def mixed(work: Work) -> Case | None:
    """CRLF above a line that is far from every hunk, LF below, or the other way."""
    edits = work.edits()
    if not edits:
        return None
    for edit in edits:
        if edit.kind != "modify" or edit.old is None:
            continue
        lines = split(edit.old)
        near = {
            at
            for hunk in edit.hunks
            for at in range(hunk.start - 4, hunk.start + len(hunk.old) + 4)
        }
        free = [at for at in range(1, len(lines)) if at not in near]
        above = [at for at in free if at < edit.hunks[0].start]
        below = [at for at in free if at > edit.hunks[-1].start]
        if not above and not below:
            continue
        first = work.rng.random() < 0.5
        at = work.rng.choice(above or below)
        count = at if above else len(lines) - at
        work.disk[edit.path] = _split_ends(count, bool(above), first)
    return work.case(EXACT, work.text(edits)) if work.disk else None


def _split_ends(count: int, from_top: bool, crlf_first: bool) -> Callable[[str], bytes]:
    def encode(text: str) -> bytes:
        lines = split(text)
        at = count if from_top else len(lines) - count
        first, rest = ("\r\n", "\n") if crlf_first else ("\n", "\r\n")
        ends = [first] * at + [rest] * (len(lines) - at)
        return "".join(map(str.__add__, lines, ends)).encode()

    return encode


@slip("byte order mark", "encoding")
def bom(work: Work) -> Case | None:
    for path in work.modified():
        work.disk[path] = lambda text: b"\xef\xbb\xbf" + text.encode()
    edits = work.edits()
    return work.case(EXACT, work.text(edits)) if edits and work.disk else None


def _commented(work: Work, near: bool, tail: str) -> list[str]:
    """Append ``tail`` to one comment line of each modified ASCII file; their paths.

    ``near``: to a line that the hunks show; else to one that they do not.
    """
    edits = work.edits()
    done: list[str] = []
    for edit in edits or []:
        if edit.kind != "modify" or edit.old is None or not edit.old.isascii():
            continue
        if not (edit.new or "").isascii():
            continue
        touched = {t for h in edit.hunks for op, t in h.lines if op != " "}
        shown = {t for h in edit.hunks for op, t in h.lines if op == " "}
        lines = split(edit.old)
        rows = [
            line
            for line in lines
            if is_comment(edit.path, line)
            and line not in touched
            and (line in shown) == near
            and lines.count(line) == 1
        ]
        if not rows:
            continue
        row = work.rng.choice(rows)

        def fresh(text: str, row: str = row) -> str:
            return text.replace(f"{row}\n", f"{row}{tail}\n", 1)

        work.rewrite(edit.path, fresh)
        done.append(edit.path)
    return done


def _latin(work: Work, near: bool, tail: str) -> list[str]:
    """Such files, written in Latin-1."""
    paths = _commented(work, near, tail)
    work.disk |= dict.fromkeys(paths, lambda text: text.encode("latin-1"))
    return paths


@slip("latin-1 byte outside the blocks", "encoding", *BLOCKS)
def latin_far(work: Work) -> Case | None:
    if not _latin(work, False, " caf\u00e9 \u00fcber"):
        return None
    edits = work.edits()
    return edits and work.case(EXACT, work.text(edits))


@slip("latin-1 byte in context", "encoding", *BLOCKS)
def latin_near(work: Work) -> Case | None:
    if not _latin(work, True, " caf\u00e9 \u00fcber"):
        return None
    edits = work.edits()
    return edits and work.case(EXACT, work.text(edits))


@slip("latin-1 file, letter added", "encoding", *BLOCKS, WHOLE)
def latin_added(work: Work) -> Case | None:
    """An added comment line gets a letter that the file writes as one byte."""
    done = False
    for path in _latin(work, False, " caf\u00e9"):
        old, new = work.before[path], work.after[path]
        known = set(split(old.text))
        for line in split(new.text):
            if line not in known and is_comment(path, line):
                text = new.text.replace(f"{line}\n", f"{line} na\u00efve\n", 1)
                work.after[path] = replace(new, text=text)
                done = True
                break
    edits = work.edits() if done else None
    return edits and work.case(EXACT, work.text(edits))


@slip("form feed", "encoding", *BLOCKS)
def form_feed(work: Work) -> Case | None:
    """A line of a single form feed stands in the file, in context or far away."""
    paths = work.modified()
    edits = work.edits()
    if not edits or not paths:
        return None
    done = False
    for edit in edits:
        if edit.kind != "modify":
            continue
        counts = split(edit.old or "")
        rows = [
            text
            for hunk in edit.hunks
            for op, text in hunk.lines[:1]
            if op == " " and text[:1].isalnum() and counts.count(text) == 1
        ]
        if rows:
            row = work.rng.choice(rows)
            if edit.new is not None and split(edit.new).count(row) == 1:
                work.rewrite(edit.path, lambda t, row=row: _before_line(t, row, "\f"))
                done = True
    edits = work.edits()
    return work.case(EXACT, work.text(edits)) if done and edits else None


def _before_line(text: str, row: str, fresh: str) -> str:
    lines = split(text)
    lines.insert(lines.index(row), fresh)
    return "".join(f"{line}\n" for line in lines)


@slip("odd separators inside lines", "encoding", *BLOCKS)
def separators(work: Work) -> Case | None:
    """Characters that ``str.splitlines`` takes for line ends, in a comment."""
    tail = work.rng.choice([" a\u2028b", " a\x85b", " a\x0bb", " a\x1cb"])
    if not _commented(work, work.rng.random() < 0.7, tail):
        return None
    edits = work.edits()
    return edits and work.case(EXACT, work.text(edits))


def _unended(work: Work) -> bool:
    """Take the last newline off modified files, before and after alike."""
    done = False
    for path in work.modified():
        if all(not t[path].text.endswith("\n\n") for t in (work.before, work.after)):
            work.rewrite(path, lambda text: text.removesuffix("\n"))
            done = True
    return done


@slip("no newline at the end of the file", "line ends", *BLOCKS)
def no_newline(work: Work) -> Case | None:
    if not _unended(work):
        return None
    edits = work.edits()
    return edits and work.case(EXACT, work.text(edits))


@slip("no newline at the end, whole file", "line ends", WHOLE)
def no_newline_whole(work: Work) -> Case | None:
    """A whole-file rewrite ends with a newline, whatever the old one did."""
    paths = work.modified()
    if not _unended(work):
        return None
    edits = work.edits()
    for path in paths:
        text = work.after[path].text.removesuffix("\n") + "\n"
        work.after[path] = replace(work.after[path], text=text)
    return edits and work.case(EXACT, work.text(edits))


@slip("note of the missing newline left out", "line ends", UDIFF)
def note_left_out(work: Work) -> Case | None:
    if not _unended(work):
        return None
    edits = work.edits()
    touched = False
    for edit in edits or []:
        for hunk in edit.hunks:
            last = hunk.start + len(hunk.old) - 1 == len(split(edit.old or ""))
            touched |= edit.kind == "modify" and last
    if not edits or not touched:
        return None
    work.style = replace(work.style, no_newline=False)
    return work.case(EXACT, work.text(edits))


@slip("newline at the end gained or lost", "line ends", UDIFF)
def newline_changes(work: Work) -> Case | None:
    """Only ``\\ No newline`` says so, on one side of the last line."""
    edits = work.edits()
    if not edits:
        return None
    gain = work.rng.random() < 0.5
    out = []
    done = False
    for edit in edits:
        old, new = edit.old or "", edit.new or ""
        lines = split(old)
        usable = edit.kind == "modify" and not done and len(lines) > 8
        last = edit.hunks[-1] if edit.hunks else None
        if not usable or last is None or last.start + len(last.old) > len(lines) - 6:
            out.append(edit)
            continue
        if not lines[-1].strip() or split(new)[-1] != lines[-1]:
            out.append(edit)
            continue
        side = work.before if gain else work.after
        side[edit.path] = replace(
            side[edit.path], text=side[edit.path].text.removesuffix("\n")
        )
        rows = [(" ", text) for text in lines[-4:-1]]
        note = ("", NO_NEWLINE)
        rows += [("-", lines[-1]), *([note] if gain else [])]
        rows += [("+", lines[-1]), *([] if gain else [note])]
        extra = Hunk(len(lines) - 3, len(split(new)) - 3, tuple(rows))
        out.append(replace(edit, hunks=(*edit.hunks, extra)))
        done = True

    def ranged(hunk: Hunk) -> str:
        old = sum(op in (" ", "-") for op, _ in hunk.lines)
        new = sum(op in (" ", "+") for op, _ in hunk.lines)
        start = hunk.start if old else 0
        return f"@@ -{start},{old} +{hunk.new_start},{new} @@"

    work.style = replace(work.style, ranged=ranged)
    return work.case(EXACT, work.text(out)) if done else None


@slip("file of another encoding rewritten", "encoding", WHOLE)
def utf16(work: Work) -> Case | None:
    """UTF-16 is text to a person, binary to many tools: exact, or refused."""
    for path in work.modified():
        work.disk[path] = lambda text: b"\xff\xfe" + text.encode("utf-16-le")
    edits = work.edits()
    return work.case(EITHER, work.text(edits)) if edits and work.disk else None
