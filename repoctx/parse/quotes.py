"""An answer's text to the quotes in it. GRAMMAR.md beside this file is the contract."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

GRAMMAR_VERSION = 2

LONGEST = 4_000
"""Characters of a line of prose that are read."""
NEAR = 3
"""Non-blank lines before a fence in which its path may stand."""

_FENCE = re.compile(r"^([\s>]*(?:(?:[-*+]|\d{1,9}[.)])\s+)?)(`{3,}|~{3,})([^`]*)$")
_LINES = (
    r"(?::(?P<a>\d{1,7})(?:[-–](?P<b>\d{1,7})|:\d{1,5})?"
    r"|#L(?P<c>\d{1,7})(?:-L?(?P<d>\d{1,7}))?)"
)
_PLACE = re.compile(rf"(?P<path>[^\s`:#][^`:#\n]{{0,400}}?){_LINES}?")
_WORD = re.compile(
    rf"(?<![\w./\\:@+$~-])(?P<path>[\w.@+$~-]+(?:/[\w.@+$~()\[\]-]+)*){_LINES}?(?![\w/])"
)
_SPAN = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_AFTER = re.compile(
    r"[\s,(]{0,3}(?:at |on |in )?(?:lines?|L)\s?(?P<a>\d{1,7})"
    r"(?:\s?(?:-|–|to|and)\s?(?P<b>\d{1,7}))?|:(?P<c>\d{1,7})(?:-(?P<d>\d{1,7}))?"
)
_ENDING = re.compile(r"\.[A-Za-z]\w{0,9}$")
_HOST = re.compile(r"^(?:localhost|[\d.]+|[\w.-]+\.(?:com|org|net|io|dev|local))$")
_COMMENT = re.compile(r"^\s*(?:#+|//+|/\*+|--|<!--|;+|%+)\s*(.+?)\s*(?:\*/|-->)?\s*$")
_PROPOSED = re.compile(r"^\W*proposed\b[^.]*:\W*$", re.IGNORECASE)
_NOT_QUOTED = {"diff", "patch", "console", "mermaid", "output"}
_COMMANDS = {"sh", "bash", "shell", "zsh", "fish", "powershell", "shell-session"}
_GUTTER = re.compile(r"\s*(\d{1,7})(?:[:|→\t] ?|\s\|\s?|  |$)")
_SIGNS = re.compile(r"[=(\[{;]")
_CODE = re.compile(r"[=(\[{;:<>]|\w\s\w")


@dataclass(frozen=True, slots=True)
class Quote:
    """What an answer says stands somewhere.

    ``lines`` are without line ends (none for a place that is only named), ``paths`` the
    places named near it, the nearest first; ``start`` and ``end`` the lines it claims
    (0: none). ``whole`` lines are quoted, else a part of one. An ``owed`` quote that
    cannot be found is shown as unverified, another is passed over.
    """

    text: str
    lines: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    start: int = 0
    end: int = 0
    whole: bool = True
    owed: bool = True


@dataclass(frozen=True, slots=True)
class _Place:
    text: str
    path: str
    start: int
    end: int


def quotes(answer: str) -> Iterator[Quote]:
    """Every quote in ``answer``, in order; time and memory linear in its length."""
    before: list[str] = []
    pending: list[Quote] = []
    lines = iter(answer.split("\n"))
    for line in lines:
        opened = _FENCE.match(line)
        if opened:
            quote = _fenced(opened[3].strip(), _body(lines, opened), before)
            yield from (p for p in pending if not quote or not _heads(p, quote))
            if quote is not None:
                yield quote
            pending, before = [], []
        elif line.strip():
            yield from pending
            before = [*before, line[:LONGEST]][-NEAR:]
            pending = list(_in_prose(line[:LONGEST]))
    yield from pending


def _heads(place: Quote, block: Quote) -> bool:
    """Whether the place is the block's heading, and no quote of its own."""
    named = not place.lines and place.paths[0] in block.paths
    return named and place.start == block.start


def _body(lines: Iterator[str], opened: re.Match[str]) -> list[str]:
    """The fence's lines, without the indentation or quote marks of its opening."""
    margin, fence = opened[1], opened[2]
    quoted = margin.count(">")
    width = len(margin.expandtabs(4).rpartition(">")[2]) if margin else 0
    closing = re.compile(rf"^[\s>]*{re.escape(fence[0])}{{{len(fence)},}}\s*$")
    body = []
    for line in lines:
        if closing.match(line):
            break
        for _ in range(quoted):
            line = re.sub(r"^\s{0,3}> ?", "", line)
        lead = len(line) - len(line.lstrip(" "))
        body.append(line[min(lead, width if not quoted else 0) :].rstrip())
    return body


def _fenced(info: str, body: list[str], before: list[str]) -> Quote | None:
    language = info.split(" ")[0].split("{")[0].lower()
    if language in _NOT_QUOTED or (before and _PROPOSED.match(before[-1])):
        return None
    places = [p for p in _places(info) if "/" in p.path or _ENDING.search(p.path)]
    if body and len(body[0]) < 400 and (comment := _COMMENT.match(body[0])):
        named = _place(comment[1].strip("`"))
        if named is not None and ("/" in named.path or named.start):
            places.append(named)
            body = body[1:]
    for line in reversed(before):
        places += _places(line)
    while body and not body[0]:
        body = body[1:]
    while body and not body[-1]:
        body = body[:-1]
    if not body:
        return None
    claimed = next((p for p in places if p.start), _Place("", "", 0, 0))
    return Quote(
        text="\n".join(body),
        lines=tuple(_without_gutter(body)),
        paths=tuple(dict.fromkeys(p.path for p in places)),
        start=claimed.start,
        end=claimed.end,
        owed=bool(places) or language not in _COMMANDS,
    )


def _without_gutter(body: list[str]) -> list[str]:
    """The lines without the line numbers that a quoting tool may have put before."""
    numbered = [
        re.match(r"\s*(\d{1,7})(?:[:|→\t] ?|\s\|\s?|  )", line) for line in body
    ]
    found = [int(m[1]) for m in numbered if m]
    if len(found) < len(body) or len(body) < 2:
        return body
    if any(b - a != 1 for a, b in pairwise(found)):
        return body
    return [
        line[m.end() :].rstrip() for line, m in zip(body, numbered, strict=True) if m
    ]


def _in_prose(line: str) -> Iterator[Quote]:
    """Places named with a line number, and code between backticks."""
    places = _places(line)
    paths = tuple(dict.fromkeys(p.path for p in places))
    for place in places:
        if place.start and not _HOST.match(place.path):
            yield Quote(place.text, (), (place.path,), place.start, place.end)
    for _, span in _SPAN.findall(line):
        code = span.strip()
        if len(code) < 12 or _place(code) is not None or not _CODE.search(code):
            continue
        owed = bool(paths) and _SIGNS.search(code) is not None
        quote = Quote(code, (code,), paths, whole=False, owed=owed)
        if paths or len(code) >= 20:
            at = next((p for p in places if p.start), None)
            yield replace(quote, start=at.start, end=at.end) if at else quote


def _places(line: str) -> list[_Place]:
    """The places that a line names, in order."""
    found: list[tuple[int, _Place]] = []
    rest = line
    for match in _SPAN.finditer(line):
        rest = rest[: match.start()] + " " * len(match[0]) + rest[match.end() :]
        place = _place(match[2].strip())
        if place is not None:
            after = None if place.start else _AFTER.match(line, match.end())
            found.append((match.start(), _lined(place, after) if after else place))
    for match in _WORD.finditer(rest):
        path = match["path"].rstrip(".")
        if "/" not in path and not (_ENDING.search(path) and match["a"]):
            continue
        if _is_path(path) and not line[: match.start()].endswith("://"):
            found.append((match.start(), _lined(_Place(match[0], path, 0, 0), match)))
    return [place for _, place in sorted(found, key=lambda f: f[0])]


def _place(text: str) -> _Place | None:
    match = _PLACE.fullmatch(text)
    if not match or not _is_path(match["path"]):
        return None
    return _lined(_Place(text, match["path"], 0, 0), match)


def _lined(place: _Place, match: re.Match[str]) -> _Place:
    start = int(match["a"] or match["c"] or 0)
    end = int(match["b"] or match["d"] or start)
    return replace(place, start=start, end=max(start, end))


def _is_path(text: str) -> bool:
    """Whether ``text`` can be meant as a path: it has a folder or an ending."""
    if "://" in text or text.startswith("-") or len(text) > 400:
        return False
    if text.strip("./") == "" or ("/" not in text and not _ENDING.search(text)):
        return False
    # Spaces occur in names, but code has them more often.
    if re.search(r"\s", text) and ("/" not in text or re.search(r"\s/|/\s", text)):
        return False
    return not re.search(r"[=\"'<>|;{}]|\w\(", text)
