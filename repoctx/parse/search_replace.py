"""SEARCH/REPLACE blocks in the dialects in use."""

from __future__ import annotations

import re

from repoctx.parse.naming import fence, guessed, info_path, looks_like_path, named
from repoctx.values import Block, BlockKind, Hunk

FORM = "search-replace"

OPEN = re.compile(
    r"^\s{0,12}(?:<{5,9}|-{5,9})\s*(?:SEARCH|ORIGINAL)\s*>?\s*(?P<path>[^<>\s]\S*)?\s*$"
)
DIVIDE = re.compile(r"^={5,9}\s*$")
CLOSE = re.compile(r"^(?:>{5,9}|\+{5,9})\s*(?:REPLACE|UPDATED)\s*<?\s*$")
_MARKS = frozenset({"<<<<<", "-----", ">>>>>", "+++++"})
"""What a line begins with that may open or close a block."""
DIVIDERS = 20
"""Lines that may divide a block, of which each is tried."""

_LINE = re.compile(r"^\s*:(?P<what>start_line|end_line):\s*(?P<line>\d+)\s*$")
_RULE = re.compile(r"^\s*-{5,9}\s*$")
_ESCAPED = re.compile(
    r"^(\s*)\\(?=(?:<{7}|={7}|>{7}|-{7}|\+{7}|:start_line:|:end_line:))"
)


def opens(line: str) -> bool:
    """Whether a block starts at this line."""
    return line.lstrip()[:5] in ("<<<<<", "-----") and bool(OPEN.match(line))


def parse(lines: list[str], at: int, paths: tuple[str, ...]) -> tuple[Block, int]:
    """The block from its opening line, and the line after it.

    ``paths`` are the names it may go by, likeliest first.
    """
    start = at
    opened = OPEN.match(lines[at])
    if opened and opened["path"] and looks_like_path(opened["path"]):
        paths = (opened["path"], *paths)
    end, problem = _end(lines, at)
    body = _outdented(lines[at:end], lines[end] if end < len(lines) else "")
    stated, first = _stated(body, 1)
    if problem:
        return _block(paths, (), start, problem), end
    dividers = _dividers(body, first, lines[start])
    if not dividers or len(dividers) > DIVIDERS:
        return _block(paths, (), start, "malformed"), end + 1
    hunks: list[Hunk] = []
    for n in dividers:
        hunks += _hunks(body[first:n], body[n + 1 :], stated)
    whole = hunks[0]
    if len(hunks) > 1:
        whole = Hunk(whole.lines, stated, others=tuple(hunks[1:]))
    return _block(paths, (whole,), start, ""), end + 1


def _end(lines: list[str], at: int) -> tuple[int, str]:
    """The line that closes a block, and what is wrong where none does."""
    for n in range(at + 1, len(lines)):
        line = lines[n].lstrip()
        if line[:5] not in _MARKS:
            continue
        if CLOSE.match(line):
            return n, ""
        if opens(lines[n]):
            return n, "malformed"
    return len(lines), "truncated"


def _outdented(body: list[str], last: str) -> list[str]:
    """The lines without the indentation of a whole block, as in a list."""
    size = len(body[0]) - len(body[0].lstrip(" "))
    indent = " " * size
    if not size or not last.startswith(indent):
        return body
    if all(line.startswith(indent) or not line.strip() for line in body):
        return [line[size:] for line in body]
    return body


def _dividers(body: list[str], first: int, opening: str) -> list[int]:
    """The lines that may divide a block: underlines of headings look alike.

    Those as long as the opening's own mark; all of them where none is.
    """
    found = [
        n
        for n in range(first, len(body))
        if body[n][:5] == "=====" and DIVIDE.match(body[n])
    ]
    mark = opening.lstrip()
    size = len(mark) - len(mark.lstrip(mark[0]))
    return [n for n in found if len(body[n].rstrip()) == size] or found


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


def _hunks(old: list[str], new: list[str], stated: int) -> list[Hunk]:
    """The block as it stands and, where both sides are fenced, without the fences."""
    sides = [(_plain(old), _plain(new))]
    bare = _bare(sides[0][0]), _bare(sides[0][1])
    # With one fence left open, those at the ends are no pair.
    odd = any(sum(map(bool, map(fence, side))) % 2 for side in bare if side)
    if bare[0] is not None and bare[1] is not None and bare != sides[0] and not odd:
        # A fence around nothing is no text to be found.
        none = any(x.strip() for x in old) and not any(x.strip() for x in bare[0])
        sides = [] if none else sides
        sides.append((bare[0], bare[1]))
    return [
        Hunk((*("-" + x for x in old), *("+" + x for x in new)), stated)
        for old, new in sides
    ]


def _bare(side: list[str]) -> list[str] | None:
    """A side without the fence around it; None when it has none."""
    if not any(line.strip() for line in side):
        return side
    if len(side) < 2:
        return None
    first, last = fence(side[0]), fence(side[-1])
    fenced = first and last and first[1] == last[1] and not last[2]
    return side[1:-1] if fenced else None


def _plain(side: list[str]) -> list[str]:
    """The lines without the backslash that keeps one from being a marker."""
    if "\\" not in "".join(side):
        return side
    return [_ESCAPED.sub(r"\1", x) if "\\" in x else x for x in side]


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
    return any(line[0] == "-" and line[1:] for line in hunk.lines)


def guess(lines: list[str], at: int) -> str:
    """The name with spaces that the line above a block or its fence may be."""
    for n in range(at - 1, max(-1, at - 4), -1):
        if lines[n].strip() and not fence(lines[n]):
            return guessed(lines[n])
    return ""


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
        if CLOSE.match(line.lstrip()) or seen >= 2:
            break
        seen += 1
        told = [p for p in (named(line), line.strip()) if p and looks_like_path(p)]
        if not told and not seen - 1 and re.fullmatch(r"[\w.@+-]+", line.strip()):
            told = [line.strip()]
        if told or named(line):
            found += told or [named(line)]
            break
    return tuple(dict.fromkeys(found))
