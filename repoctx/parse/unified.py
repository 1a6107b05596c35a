"""Unified diffs: with or without headers, counts, prefixes and ``diff --git``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from repoctx.parse.naming import fence, git_pair, header, readings, unquoted
from repoctx.values import Block, BlockKind, Hunk

FORM = "diff"

_AT = re.compile(
    r"^\s{0,3}@@+\s*(?:-\s*(?P<old>\d+)(?:\s*,\s*(?P<size>\d+))?\s+\+\s*(?P<new>\d+)(?:\s*,\s*(?P<grown>\d+))?\s*@@+)"
    r"[ \t]?(?P<scope>.*)$"
)
_LOOSE_AT = re.compile(
    r"^@@(?:\s*(?:\.{3}|…)?\s*@@)?(?:\s+(?P<scope>\S.*?)(?:\s*@@)?)?\s*$"
)
_EXTENDED = re.compile(
    r"^(?:index [0-9a-f]+\.\.[0-9a-f]+.*|(?:old|new) mode \d+|"
    r"(?:new|deleted) file mode \d+|"
    r"(?:dis)?similarity index \d+%|"
    r"(?:rename|copy) (?:from|to) .+|Index: .+|={20,}|"
    r"Binary files .* differ|GIT binary patch|Only in .*)$"
)
_END_MARK = re.compile(r"^\s*\*\*\* End Patch\s*$")


@dataclass(slots=True)
class _Header:
    """What stands above the first hunk of a file."""

    old: str = ""
    new: str = ""
    git: tuple[str, str] = ("", "")
    mode: int = 0
    created: bool = False
    deleted: bool = False
    moved_from: str = ""
    moved_to: str = ""
    copied: bool = False
    binary: bool = False
    seen: bool = False
    hunks: list[Hunk] = field(default_factory=list)


def opens(lines: list[str], at: int) -> bool:
    """Whether a file's diff, or a hunk without one, starts at this line."""
    line = lines[at]
    if line.startswith("diff --git ") or _AT.match(line):
        return True
    return is_header(lines, at) or (
        line.startswith("Index: ")
        and at + 1 < len(lines)
        and lines[at + 1][:4] in ("====", "--- ")
    )


def is_header(lines: list[str], at: int) -> bool:
    """Whether a ``---`` and a ``+++`` line stand here in a row."""
    if at + 1 >= len(lines):
        return False
    old, new = lines[at], lines[at + 1]
    return (
        old.startswith("--- ")
        and new.startswith("+++ ")
        and not re.fullmatch(r"--- +-*", old)
        and bool(header(old[4:]))
        and bool(header(new[4:]))
    )


def parse(
    lines: list[str], at: int, hint: str, fenced: bool
) -> tuple[list[Block], int]:
    """The diff of one file from line ``at``, and the line after it."""
    start = at
    head = _Header()
    at = _headers(lines, at, head)
    cut = False
    while at < len(lines):
        match = _AT.match(lines[at]) or (
            _LOOSE_AT.match(lines[at]) if lines[at].startswith("@@") else None
        )
        if match is None:
            break
        hunk, at, cut = _hunk(lines, at, match, fenced)
        if hunk is not None:
            head.hunks.append(hunk)
        while at < len(lines) and not lines[at].strip() and _more(lines, at):
            at += 1
    return [_block(head, hint, start, cut)], at


def _more(lines: list[str], at: int) -> bool:
    while at < len(lines) and not lines[at].strip():
        at += 1
    return at < len(lines) and lines[at].startswith("@@")


def _headers(lines: list[str], at: int, head: _Header) -> int:
    while at < len(lines):
        line = lines[at].rstrip()
        if line.startswith("diff --git ") and not head.seen:
            head.git = git_pair(line[11:])
        elif is_header(lines, at):
            head.old, head.new = header(line[4:]), header(lines[at + 1].rstrip()[4:])
            return at + 2
        elif _EXTENDED.match(line) and (head.seen or line.startswith("Index: ")):
            _extended(line, head)
        elif line.startswith("+++ ") and head.seen:
            head.new = header(line[4:])
            return at + 1
        elif (
            not line and head.seen and at + 1 < len(lines) and is_header(lines, at + 1)
        ):
            pass
        else:
            return at
        head.seen = True
        at += 1
    return at


def _extended(line: str, head: _Header) -> None:
    word, _, rest = line.partition(" ")
    if line.startswith(("new mode ", "new file mode ")):
        head.mode = (
            int(line.rpartition(" ")[2], 8) if re.search(r"[0-7]+$", line) else -1
        )
        head.created = head.created or (word == "new" and rest.startswith("file"))
    elif line.startswith("deleted file mode"):
        head.deleted = True
    elif line.startswith(("rename from ", "copy from ")):
        head.moved_from = unquoted(line.split(" ", 2)[2])
        head.copied = word == "copy"
    elif line.startswith(("rename to ", "copy to ")):
        head.moved_to = unquoted(line.split(" ", 2)[2])
    elif line.startswith("Index: "):
        head.git = (rest.strip(), rest.strip())
    elif line.startswith(("Binary files", "GIT binary")):
        head.binary = True


def _hunk(
    lines: list[str], at: int, match: re.Match[str], fenced: bool
) -> tuple[Hunk | None, int, bool]:
    """One hunk from its ``@@`` line; whether the input ends far inside it."""
    told = match.groupdict()
    old_left = int(told["size"] or 1) if told.get("old") else -1
    new_left = int(told["grown"] or 1) if told.get("old") else -1
    body: list[str] = []
    old_open = new_open = False
    at += 1
    while at < len(lines):
        line = lines[at]
        if _ends(lines, at, (old_left, new_left), fenced):
            break
        at += 1
        if line.startswith("\\"):
            last = body[-1][:1] if body else ""
            old_open |= last in (" ", "-")
            new_open |= last in (" ", "+")
            continue
        mark = line[:1]
        if mark not in (" ", "-", "+") or not mark:
            blank = not line.strip()
            if blank and old_left > 0 and new_left > 0:
                body.append(" ")
            else:
                body.append("?" + line)
                if not blank:
                    continue
            mark = " "
        else:
            body.append(line)
        if mark in " -" and old_left > 0:
            old_left -= 1
        if mark in " +" and new_left > 0:
            new_left -= 1
    while body and body[-1].strip() == "?":
        body.pop()
    short = max(old_left, 0) + max(new_left, 0)
    cut = at >= len(lines) and (short >= 4 or (short > 0 and _unfinished(body)))
    if not body:
        return None, at, cut
    start = int(told["old"]) if told.get("old") else 0
    scope = (told.get("scope") or "").strip()
    hunk = Hunk(
        tuple(body), start, (scope,) if scope else (), False, old_open, new_open
    )
    return hunk, at, cut


def _unfinished(body: list[str]) -> bool:
    """Whether the last line is no context, as where an answer was cut."""
    return bool(body) and body[-1][:1] in "+-"


def _ends(lines: list[str], at: int, left: tuple[int, int], fenced: bool) -> bool:
    """Whether the hunk's body ends before this line."""
    line = lines[at]
    if line[:1] in ("+", " "):
        return "*** End" in line and bool(_END_MARK.match(line))
    full = left == (0, 0)
    if line.startswith("@@") and (_AT.match(line) or _LOOSE_AT.match(line)):
        return True
    if line.startswith("diff --git "):
        return True
    if _AT.match(line) and not line.startswith(" "):
        return True
    if _END_MARK.match(line) or line.startswith("*** "):
        return True
    if fence(line) and not line.startswith(" "):
        return True
    if is_header(lines, at) and (
        full or left[0] < 0 or _AT.match(lines[at + 2] if at + 2 < len(lines) else "")
    ):
        return True
    if full and not line and not fenced:
        # The counts are met: a blank line ends the hunk unless more of it follows.
        rest = [text for text in lines[at : at + 3] if text.strip()]
        return not rest or rest[0][:1] not in "+- " or rest[0][:2] in ("- ", "+ ")
    return bool(re.match(r"^(?:Index: |<{7} |>{7} |-- $)", line)) and full


def _block(head: _Header, hint: str, line: int, cut: bool) -> Block:
    old, new = head.old or head.git[0], head.new or head.git[1]
    told = readings(old, new)
    kind, target, problem, detail = BlockKind.EDIT, "", "", ""
    created = head.created or old == "/dev/null" or _is_new(head, old)
    deleted = head.deleted or new == "/dev/null"
    hunks = tuple(head.hunks)
    text = ""
    if head.moved_to:
        told, target = [head.moved_from or readings(old, old)[0]], head.moved_to
        if head.copied:
            problem, detail = "malformed", "a copy is no edit"
    elif created and not deleted:
        kind = BlockKind.CREATE
        told = readings("/dev/null", new) or told
        text, hunks, problem = _created(hunks)
    elif deleted:
        kind = BlockKind.DELETE
        told = readings(old, "/dev/null")
    elif not hunks and not head.mode:
        problem = "truncated" if cut else "empty"
    else:
        told, target = _renamed(old, new, told)
    if not told and hint:
        told = [hint]
    if head.binary:
        problem = "binary"
    if cut:
        problem = "truncated"
    return Block(
        "",
        told[0] if told else "",
        kind,
        FORM,
        hunks,
        text,
        tuple(told[1:]),
        target,
        head.mode,
        line,
        problem or ("" if told else "no-path"),
        detail,
    )


def _is_new(head: _Header, old: str) -> bool:
    return (
        bool(head.hunks)
        and not old
        and head.hunks[0].start == 0
        and all(line[:1] == "+" for h in head.hunks for line in h.lines)
        and head.new != ""
    )


def _renamed(old: str, new: str, told: list[str]) -> tuple[list[str], str]:
    """Two headers that name different files, without git's own words for a move."""
    first, second = readings(old, old), readings(new, new)
    if not old or not new or set(first) & set(second) or "/dev/null" in (old, new):
        return told, ""
    return [*second, *first], ""


def _created(hunks: tuple[Hunk, ...]) -> tuple[str, tuple[Hunk, ...], str]:
    """The text of a new file."""
    lines = [line for hunk in hunks for line in hunk.lines]
    out = []
    for n, line in enumerate(lines):
        if line[:1] == "-" and line.strip() != "-":
            return "", hunks, "malformed"
        if line[:1] == "?" and line.strip() != "?" and n >= _last_plus(lines):
            break
        out.append(line[1:] if line[:1] != "-" else "")
    open_ = bool(hunks) and hunks[-1].new_open
    text = "\n".join(out) + ("" if open_ or not out else "\n")
    return text, (), ""


def _last_plus(lines: list[str]) -> int:
    return max((n for n, line in enumerate(lines) if line[:1] == "+"), default=0)


def bare(lines: list[str], at: int, end: int, hint: str) -> Block | None:
    """A fence marked as a diff that has neither headers nor ``@@`` lines."""
    body = [
        line if line[:1] in ("+", "-", " ") else "?" + line for line in lines[at:end]
    ]
    while body and body[-1].strip() == "?":
        body.pop()
    if not any(line[:1] in "+-" for line in body):
        return None
    problem = "" if hint else "no-path"
    return Block(
        "", hint, BlockKind.EDIT, FORM, (Hunk(tuple(body)),), line=at, problem=problem
    )
