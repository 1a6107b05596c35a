"""SEARCH/REPLACE blocks in the dialects in use."""

from __future__ import annotations

import re

from repoctx.parse.naming import fence, info_path, looks_like_path, named
from repoctx.values import Block, BlockKind, Hunk

FORM = "search-replace"

OPEN = re.compile(
    r"^\s{0,12}(?:<{5,9}|-{5,9})\s*(?:SEARCH|ORIGINAL)\s*>?\s*(?P<path>[^<>\s]\S*)?\s*$"
)
DIVIDE = re.compile(r"^\s{0,12}={5,9}\s*$")
CLOSE = re.compile(r"^\s{0,12}(?:>{5,9}|\+{5,9})\s*(?:REPLACE|UPDATED)\s*<?\s*$")
_LINE = re.compile(r"^\s*:(?P<what>start_line|end_line):\s*(?P<line>\d+)\s*$")
_RULE = re.compile(r"^\s*-{5,9}\s*$")
_ESCAPED = re.compile(
    r"^(\s*)\\(?=(?:<{7}|={7}|>{7}|-{7}|\+{7}|:start_line:|:end_line:))"
)


def opens(line: str) -> bool:
    """Whether a block starts at this line."""
    return bool(OPEN.match(line))


def parse(lines: list[str], at: int, paths: tuple[str, ...]) -> tuple[Block, int]:
    """The block from its opening line, and the line after it.

    ``paths`` are the names it may go by, likeliest first.
    """
    start = at
    opened = OPEN.match(lines[at])
    if opened and opened["path"] and looks_like_path(opened["path"]):
        paths = (opened["path"], *paths)
    stated, at = _stated(lines, at + 1)
    first = at
    dividers: list[int] = []
    problem = "truncated"
    while at < len(lines):
        line = lines[at]
        if CLOSE.match(line):
            problem = "" if dividers else "malformed"
            break
        if OPEN.match(line):
            problem = "malformed"
            break
        if DIVIDE.match(line):
            dividers.append(at)
        at += 1
    else:
        problem = "truncated"
    if problem:
        end = at if problem == "truncated" or OPEN.match(lines[at]) else at + 1
        return _block(paths, (), start, problem), end
    # Only unescaped lines of the same sort divide; underlines of headings look alike.
    hunks = [
        _hunk(lines[first:divider], lines[divider + 1 : at], stated)
        for divider in dividers
    ]
    whole = hunks[0]
    if len(hunks) > 1:
        whole = Hunk(whole.lines, stated, others=tuple(hunks[1:]))
    return _block(paths, (whole,), start, ""), at + 1


def _stated(lines: list[str], at: int) -> tuple[int, int]:
    """The line number that a block states, and where its text begins."""
    stated, seen = 0, False
    while at < len(lines):
        match = _LINE.match(lines[at])
        if match is None:
            break
        seen = True
        if match["what"] == "start_line":
            stated = int(match["line"])
        at += 1
    if seen and at < len(lines) and _RULE.match(lines[at]):
        at += 1
    return stated, at


def _hunk(old: list[str], new: list[str], stated: int) -> Hunk:
    old, new = [_plain(x) for x in old], [_plain(x) for x in new]
    lines = [*("-" + line for line in old), *("+" + line for line in new)]
    return Hunk(tuple(lines), stated)


def _plain(line: str) -> str:
    """The line without the backslash that keeps it from being a marker."""
    return _ESCAPED.sub(r"\1", line)


def _block(
    paths: tuple[str, ...], hunks: tuple[Hunk, ...], line: int, problem: str
) -> Block:
    kind, text = BlockKind.EDIT, ""
    if hunks and not hunks[0].others and not _old(hunks[0]):
        kind = BlockKind.CREATE
        text = "".join(x[1:] + "\n" for x in hunks[0].lines if x[0] == "+")
        hunks = ()
    path = paths[0] if paths else ""
    return Block(
        "", path, kind, FORM, hunks, text, paths[1:], line=line,
        problem=problem or ("" if path else "no-path"),
    )  # fmt: skip


def _old(hunk: Hunk) -> bool:
    return any(line[0] == "-" and line[1:].strip() for line in hunk.lines)


def names(lines: list[str], at: int) -> tuple[str, ...]:
    """The names above a block's opening line: on the lines before it or its fence."""
    found: list[str] = []
    seen = 0
    for n in range(at - 1, max(-1, at - 8), -1):
        line = lines[n]
        if not line.strip():
            continue
        marks = fence(line)
        if marks is not None:
            path = info_path(marks[2])
            if path:
                found.append(path)
            continue
        if CLOSE.match(line) or seen >= 2:
            break
        seen += 1
        path = named(line)
        if path:
            found.append(path)
            break
        if looks_like_path(line.strip()):
            found.append(line.strip())
            break
    return tuple(dict.fromkeys(found))
