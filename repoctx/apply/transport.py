"""What copying and pasting did to a hunk, undone."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from repoctx.apply.keys import TRAILING, Keyed
from repoctx.values import Block, Hunk

_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|apos|nbsp|#39|#34|#x27|#x22|#x2F);")
_RAW = re.compile(r"&(?!\w+;|#\w+;)")
_STRINGS = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`")
_GUTTER = re.compile(r"\s{0,7}(\d{1,6})(?:\t| ?[|│:→] ?)")
_MARKUP = re.compile(
    r"\.(?:x?html?|xml|svg|md|mdx|markdown|rst|vue|svelte|astro|jsx|tsx|php|erb|hbs|"
    r"mustache|j2|jinja2?|tmpl|gohtml|resx|xaml|plist|adoc|txt|snap)$",
    re.IGNORECASE,
)


def undone(hunk: Hunk, file: Keyed) -> Iterator[Hunk]:
    """The hunk as it may have been before it was pasted, likeliest first."""
    bare = _ungutted(hunk)
    for other in (_reprefixed(hunk, file), bare, bare and _reprefixed(bare, file)):
        if other is not None and other != hunk:
            yield other


def _reprefixed(hunk: Hunk, file: Keyed) -> Hunk:
    """Context lines whose first space was the line's own, not the mark."""
    out = []
    for line in hunk.lines:
        if line[:1] == " " and line.strip() and not file.has(line[1:], TRAILING):
            out.append(" " + line if file.has(line, TRAILING) else line)
        else:
            out.append(line)
    found = tuple(out)
    return hunk if found == hunk.lines else replace(hunk, lines=found)


def _ungutted(hunk: Hunk) -> Hunk | None:
    """Without the line numbers that stand before all old lines."""
    out = []
    numbers: list[int] = []
    for line in hunk.lines:
        mark, text = (" ", line[1:]) if line[:1] == "?" else (line[:1], line[1:])
        match = _GUTTER.match(text) or re.fullmatch(r"\s{0,7}(\d{1,6})\s?", text)
        if match:
            if mark != "+":
                numbers.append(int(match[1]))
            out.append(mark + text[match.end() :])
        elif mark == "+" or not text.strip():
            out.append(mark + text)
        else:
            return None
    rising = all(b - a == 1 for a, b in pairwise(numbers))
    if not numbers or not rising:
        return None
    added = [line for line in hunk.lines if line[:1] == "+" and line[1:].strip()]
    bare = [line for line in added if not _GUTTER.match(line[1:])]
    if bare and len(bare) < len(added):
        return None
    return replace(hunk, lines=tuple(out), start=hunk.start or numbers[0])


def escaped(lines: Iterable[str]) -> bool:
    """Whether a line has an HTML entity of the sort that escaping makes."""
    return any("&" in line and _ENTITY.search(line) for line in lines)


def has_entities(block: Block) -> bool:
    """Whether a block may have one anywhere."""
    return "&" in block.text or any("&" in "".join(h.lines) for h in block.hunks)


def unescaped(block: Block) -> Block:
    """The block with its HTML entities undone."""
    return replace(
        block,
        text=_plain(block.text),
        path=_plain(block.path),
        hunks=tuple(_unescaped(hunk) for hunk in block.hunks),
    )


def _unescaped(hunk: Hunk) -> Hunk:
    return replace(
        hunk,
        lines=tuple(line[:1] + _plain(line[1:]) for line in hunk.lines),
        scopes=tuple(map(_plain, hunk.scopes)),
        others=tuple(map(_unescaped, hunk.others)),
    )


def _plain(text: str) -> str:
    return _ENTITY.sub(lambda m: html.unescape(m[0]), text) if "&" in text else text


def old_lines(block: Block) -> list[str]:
    """The lines that a block says are in the file."""
    return [x[1:] for h in block.hunks for x in h.lines if x[:1] != "+"]


def new_lines(block: Block) -> list[str]:
    """The lines that a block brings."""
    added = [x[1:] for h in block.hunks for x in h.lines if x[:1] == "+"]
    return added + block.text.split("\n") if block.text else added


def surely_escaped(
    blocks: Sequence[Block], read: Callable[[str], bytes | None]
) -> bool:
    """Whether blocks whose old lines say nothing were escaped all the same.

    Never where a character is left that escaping would have taken. Else they were when
    a whole file's lines stand in it only once they are unescaped, or when there is an
    entity outside of strings in a file that is no markup.
    """
    if any(_raw(line) for b in blocks for line in (*old_lines(b), *new_lines(b))):
        return False
    for block in blocks:
        if block.text and escaped(block.text.split("\n")):
            data = read(block.path)
            if data is not None:
                return _by_file(block.text, data)
    added = (x for b in blocks if not _MARKUP.search(b.path) for x in new_lines(b))
    return escaped(_STRINGS.sub("", line) for line in added if "&" in line)


def _raw(line: str) -> bool:
    return "<" in line or ">" in line or ("&" in line and bool(_RAW.search(line)))


def _by_file(text: str, data: bytes) -> bool:
    """Whether the lines with entities are the file's own only once they are undone."""
    have = set(data.decode("utf-8", "surrogateescape").replace("\r", "").split("\n"))
    lines = [line for line in text.split("\n") if _ENTITY.search(line)]
    raw = sum(line in have for line in lines)
    return raw == 0 and any(_plain(line) in have for line in lines)


def ungutted(lines: list[str]) -> list[str]:
    """A whole file without the line numbers before all its lines, counted from 1."""
    out = []
    for n, line in enumerate(lines, 1):
        match = _GUTTER.match(line) or re.fullmatch(r"\s{0,7}(\d{1,6})", line)
        if match is None or int(match[1]) != n:
            return lines
        out.append(line[match.end() :])
    return out if len(out) > 2 else lines
