"""The map of a context: where its tokens lie, as a page, as JSON, as a text tree.

Pure: data in, strings out; the same data in any order gives the same bytes. The page is
one HTML file, put together from the treemap files beside this module, without a
reference to elsewhere and locked by a content security policy. Paths are untrusted:
quotes, markup, control characters and surrogate escapes are all possible.
"""

from __future__ import annotations

import base64
import hashlib
import heapq
import itertools
import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from importlib import resources
from operator import attrgetter
from string import Template

SCHEMA_VERSION = 1

STATES = {
    "cached": "in the prefix that was last sent",
    "base": "in the stable base, not sent yet",
    "overlay": "changed since the base",
    "duplicate": "one line that points at its copy",
    "skeleton": "definitions without their bodies",
}
"""The cache states of a file, in the order of legends, and what they mean."""

LISTED = 100
"""Paths that the page lists of each reason for leaving out; the JSON has them all."""


@dataclass(frozen=True, slots=True)
class MapFile:
    """One file of the context. ``tokens`` is what it takes in the prompt, ``size`` its
    bytes, ``state`` one of ``STATES``. Raises ValueError for anything else."""

    path: str
    lang: str
    tokens: int
    size: int
    state: str

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise ValueError(f"state {self.state!r} is none of {', '.join(STATES)}")
        if self.tokens < 0 or self.size < 0:
            raise ValueError("tokens and size are never negative")


@dataclass(frozen=True, slots=True)
class MapLeftOut:
    """A path that is not in the context, why in words, and its bytes (0: unknown)."""

    path: str
    reason: str
    size: int


@dataclass(frozen=True, slots=True)
class MapData:
    """All that a map shows. ``name`` is the repository's, never a path of a machine.

    ``window`` is the model's, in tokens (0: unknown); ``segments`` are the prompt's
    parts (name, tokens) in their order. Two files may have one path: a file's text in
    the base and its patch in the overlay. ``exact`` is False for estimated tokens.
    """

    name: str
    files: tuple[MapFile, ...]
    left_out: tuple[MapLeftOut, ...]
    exact: bool
    window: int
    segments: tuple[tuple[str, int], ...]


# By code points: bytewise for UTF-8, and defined for any surrogate.
_BY_PATH = attrgetter("path", "state", "lang", "tokens", "size")
_BY_PATH_OUT = attrgetter("path", "reason", "size")


def as_json(data: MapData) -> dict[str, object]:
    """The map for programs; files and paths left out in order of their path."""
    return {
        "schema_version": SCHEMA_VERSION,
        "name": data.name,
        "exact": data.exact,
        "window": data.window,
        "tokens": sum(f.tokens for f in data.files),
        "size": sum(f.size for f in data.files),
        "segments": [{"name": n, "tokens": t} for n, t in data.segments],
        "languages": _sums("lang", ((f.lang, f.tokens) for f in data.files)),
        "states": _sums("state", ((f.state, f.tokens) for f in data.files)),
        "files": [asdict(f) for f in sorted(data.files, key=_BY_PATH)],
        "left_out": [asdict(o) for o in sorted(data.left_out, key=_BY_PATH_OUT)],
    }


def _sums(what: str, rows: Iterable[tuple[str, int]]) -> list[dict[str, str | int]]:
    return [{what: name, "files": f, "tokens": t} for name, f, t in _tally(rows)]


def _tally(rows: Iterable[tuple[str, int]]) -> list[tuple[str, int, int]]:
    """(name, files, tokens) of rows (name, tokens), heaviest first."""
    files: Counter[str] = Counter()
    tokens: Counter[str] = Counter()
    for name, count in rows:
        files[name] += 1
        tokens[name] += count
    names = sorted(files, key=lambda name: (-tokens[name], name))
    return [(name, files[name], tokens[name]) for name in names]


# --- the page -----------------------------------------------------------------------


SCRIPTS = ("treemap_model.js", "treemap_panel.js", "treemap.js")
"""The page's scripts, in the order in which they share one scope."""


def page(data: MapData) -> str:
    """The map as one HTML file that needs nothing else, encodable as UTF-8."""
    style = _part("treemap.css")
    script = '"use strict";\n(() => {\n' + "".join(map(_part, SCRIPTS)) + "})();\n"
    return Template(_part("treemap.html")).substitute(
        style=style,
        script=script,
        style_hash=_csp_hash(style),
        script_hash=_csp_hash(script),
        data=_embedded(data),
    )


def _part(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def _csp_hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _embedded(data: MapData) -> str:
    """The page's data: ASCII, and no character that HTML's parser could take up."""
    tally = _tally((f.lang, f.tokens) for f in data.files)
    # The heaviest get the colours; "no language" needs none.
    langs = sorted((lang for lang, _, _ in tally), key=lambda lang: not lang)
    lang_number = {lang: n for n, lang in enumerate(langs)}
    state_number = {state: n for n, state in enumerate(STATES)}
    rows = {
        "name": data.name,
        "exact": data.exact,
        "window": data.window,
        "segments": data.segments,
        "languages": langs,
        "states": list(STATES.items()),
        "files": [
            (f.path, lang_number[f.lang], f.tokens, f.size, state_number[f.state])
            for f in sorted(data.files, key=_BY_PATH)
        ],
        "left_out": _by_reason(data.left_out),
    }
    text = json.dumps(rows, ensure_ascii=True, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _by_reason(
    left_out: Iterable[MapLeftOut],
) -> list[tuple[str, int, int, list[tuple[str, int]]]]:
    """(reason, paths, bytes, the largest paths with their bytes), most paths first."""
    groups: dict[str, list[MapLeftOut]] = {}
    for item in left_out:
        groups.setdefault(item.reason, []).append(item)
    rows = []
    for reason in sorted(groups, key=lambda reason: (-len(groups[reason]), reason)):
        items = sorted(groups[reason], key=lambda item: (-item.size, item.path))
        largest = [(item.path, item.size) for item in items[:LISTED]]
        rows.append((reason, len(items), sum(i.size for i in items), largest))
    return rows


# --- the text tree --------------------------------------------------------------------

NARROWEST = 40
"""Columns below which the text tree does not shrink."""


@dataclass(slots=True)
class _Node:
    """A folder or file while a tree is built; a folder's ``name`` ends in ``/``.

    ``shown`` are those of its kids that the drawn tree has lines for, heaviest first.
    """

    name: str
    tokens: int = 0
    folders: dict[str, _Node] = field(default_factory=dict)
    leaves: list[_Node] = field(default_factory=list)
    shown: list[_Node] = field(default_factory=list)

    def kids(self) -> list[_Node]:
        """What lies in it, heaviest first; a chain of lone folders is one step."""
        found = [_joined(f) for f in self.folders.values()] + self.leaves
        return sorted(found, key=lambda kid: (-kid.tokens, kid.name))


def _joined(node: _Node) -> _Node:
    names = [node.name]
    while not node.leaves and len(node.folders) == 1:
        (node,) = node.folders.values()
        names.append(node.name)
    return _Node("".join(names), node.tokens, node.folders, node.leaves)


def _grown(data: MapData) -> _Node:
    top = _Node(data.name + "/")
    for file in sorted(data.files, key=_BY_PATH):
        *parts, name = file.path.split("/")
        at = top
        at.tokens += file.tokens
        for part in parts:
            at = at.folders.setdefault(part, _Node(part + "/"))
            at.tokens += file.tokens
        at.leaves.append(_Node(name, file.tokens))
    return top


@dataclass(frozen=True, slots=True)
class _Pen:
    """What a tree is drawn with: the branch marks, an ellipsis, a bar's fractions."""

    fork: str = "├─ "
    end: str = "└─ "
    pipe: str = "│  "
    dots: str = "…"
    dot: str = " · "
    blocks: str = " ▏▎▍▌▋▊▉█"
    plain: bool = False

    def bar(self, share: float, room: int) -> str:
        """``share`` of ``room`` columns; something for anything above zero."""
        steps = len(self.blocks) - 1
        filled = min(max(round(share * room * steps), 1 if share else 0), room * steps)
        full, rest = divmod(filled, steps)
        return self.blocks[-1] * full + (self.blocks[rest] if rest else "")

    def cut(self, text: str, room: int) -> str:
        """``text`` in at most ``room`` columns, without what drives a terminal."""
        letters = [_visible(c, self.plain) for c in text]
        if sum(map(_columns, letters)) <= room:
            return "".join(letters)
        used, kept = _columns(self.dots), ""
        for letter in letters:
            used += _columns(letter)
            if used > room:
                break
            kept += letter
        return kept + self.dots


_ASCII = _Pen("|- ", "`- ", "|  ", "...", ", ", " #", plain=True)
_HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})


def _visible(character: str, plain: bool) -> str:
    """``character``, or an escape where it could not be seen or could mislead."""
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if unicodedata.category(character) in _HIDDEN or (plain and code > 126):
        return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    return character


def _columns(text: str) -> int:
    """Columns of ``text`` on a terminal: wide letters take two, marks none."""
    return sum(
        0
        if unicodedata.category(c) in {"Mn", "Me"}
        else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )


def tree(
    data: MapData, width: int, depth: int = 2, most: int = 40, ascii_only: bool = False
) -> str:
    """The map as text: folders and files with tokens, share and a bar.

    Shows the ``most`` heaviest entries down to ``depth`` levels, heaviest first in each
    folder; the rest of a folder is one line "... N more". Lines are at most ``width``
    columns (and never forced below ``NARROWEST``), the text ends without a newline.
    """
    pen = _ASCII if ascii_only else _Pen()
    width = max(width, NARROWEST)
    top = _grown(data)
    _choose(top, depth, most)
    lines = _columned(_rows(top, pen), data, width, pen)
    for name, items in _notes(data):
        lines += _wrapped(name, items, width, pen)
    return "\n".join(lines)


def _choose(top: _Node, depth: int, most: int) -> None:
    """Fill ``shown`` below ``top`` with the ``most`` heaviest nodes of its levels."""
    heap: list[tuple[int, int, int, _Node, _Node]] = []
    tickets = itertools.count()  # Ties keep their order, nodes are never compared.

    def offer(parent: _Node, level: int) -> None:
        for kid in parent.kids() if level <= depth else ():
            heapq.heappush(heap, (-kid.tokens, next(tickets), level, kid, parent))

    offer(top, 1)
    for _ in range(most):
        if not heap:
            break
        _, _, level, kid, parent = heapq.heappop(heap)
        parent.shown.append(kid)
        offer(kid, level + 1)


def _rows(top: _Node, pen: _Pen) -> list[tuple[str, int]]:
    """(branch marks and name, tokens) of each line, from the top down."""
    rows = []
    stack = [("", "", top)]
    while stack:
        lead, mark, node = stack.pop()
        rows.append((lead + mark + node.name, node.tokens))
        kids = list(node.shown)
        more = len(node.folders) + len(node.leaves) - len(kids)
        # A folder of which nothing is shown has said it all on its own line.
        if kids and more:
            rest = node.tokens - sum(kid.tokens for kid in kids)
            kids.append(_Node(f"{pen.dots} {more:,} more", rest))
        inner = lead + {"": "", pen.fork: pen.pipe, pen.end: "   "}[mark]
        last = len(kids) - 1
        for n, kid in reversed(list(enumerate(kids))):
            stack.append((inner, pen.end if n == last else pen.fork, kid))
    return rows


def _columned(
    rows: list[tuple[str, int]], data: MapData, width: int, pen: _Pen
) -> list[str]:
    total = rows[0][1]
    figures = [_figure(tokens, data.exact) for _, tokens in rows]
    widest = max(map(len, figures))
    bar_room = min(24, width // 5) if width >= 56 else 0
    names = [pen.cut(name, width - widest - bar_room - 11) for name, _ in rows]
    longest = max(map(_columns, names))
    lines = []
    for name, figure, (_, tokens) in zip(names, figures, rows, strict=True):
        pad = " " * (longest - _columns(name))
        bar = pen.bar(tokens / total if total else 0.0, bar_room)
        line = f"{name}{pad}  {figure:>{widest}} {_percent(tokens, total)}  {bar}"
        lines.append(line.rstrip())
    return lines


def _figure(tokens: int, exact: bool) -> str:
    return f"{'' if exact else '~'}{tokens:,}"


def _percent(part: int, total: int) -> str:
    return f"{100 * part / total if total else 0:5.1f}%"


def _notes(data: MapData) -> Iterator[tuple[str, list[str]]]:
    """What stands under the tree: (a word, its items) a line; empty ones left away."""
    total = sum(f.tokens for f in data.files)
    prompt = sum(tokens for _, tokens in data.segments)
    parts = [f"{n} {_figure(t, data.exact)}" for n, t in data.segments]
    if data.window and parts:
        share = _percent(prompt, data.window).strip()
        parts.append(f"{share} of a window of {data.window:,}")
    yield "prompt", parts
    for word, sums in (
        ("state", _tally((f.state, f.tokens) for f in data.files)),
        ("languages", _tally((f.lang or "no language", f.tokens) for f in data.files)),
    ):
        shown = [f"{name} {_percent(n, total).strip()}" for name, _, n in sums[:8]]
        rest = [f"{len(sums) - 8} more"] if len(sums) > 8 else []
        yield word, shown + rest
    reasons = [f"{reason} {many:,}" for reason, many, _, _ in _by_reason(data.left_out)]
    yield "left out", reasons


def _wrapped(word: str, items: list[str], width: int, pen: _Pen) -> list[str]:
    """``word`` and its items in lines of ``width`` columns; nothing without items."""
    indent = " " * 11
    lines: list[str] = []
    for item in items:
        piece = pen.cut(item, width - len(indent) - 2)
        line = f"{lines[-1]}{pen.dot}{piece}" if lines else f"{word:11}{piece}"
        if _columns(line) <= width or not lines:
            lines[-1:] = [line]
        else:
            lines.append(indent + piece)
    return lines
