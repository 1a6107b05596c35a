"""The comment that stands above a definition and documents it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from repoctx.index.languages import LANGUAGES

# A doc comment longer than this is a text; its first lines are what is wanted.
MAX_LINES = 200
MAX_DOC = 200
"""Characters."""

_TAGS = re.compile(r"</?[a-zA-Z][^<>]*>")
_STRING = re.compile(r"[rRuU]?(\"\"\"|'''|\"|')")
_MODULE_DOC = re.compile(r"@moduledoc\s+(?:~[sS])?(\"\"\"|\")")
_DECORATION = "/*!#-;= \t"

# How a line starts that belongs to the definition below it without being a comment.
_ATTRIBUTES = {
    "javascript": ("@",),
    "typescript": ("@",),
    "tsx": ("@",),
    "svelte": ("@",),
    "vue": ("@",),
    "rust": ("#[",),
    "elixir": ("@doc false", "@spec", "@impl", "@deprecated", "@since"),
    "cpp": ("[[",),
    "c": ("[[",),
}

# Line that ends a block above a definition -> what its first line starts with.
_BLOCKS = {"elixir": ('"""', "@doc")}


@dataclass(frozen=True, slots=True)
class Above:
    """What stands directly above a definition. ``first`` is the row (from 0) on which
    its attributes start, its own row when it has none; ``row`` and ``doc`` the first
    line of its comment that says something, -1 and empty without."""

    first: int
    row: int = -1
    doc: str = ""


def above(lines: Sequence[str], row: int, lang: str) -> Above:
    """Read upwards from the definition that starts on ``row``."""
    attributes = _ATTRIBUTES.get(lang, ("\0",))
    leaders = LANGUAGES[lang].comments or ("\0",)
    closing, opening = _BLOCKS.get(lang, ("*/", "/*"))
    comment: list[int] = []
    first = row
    inside = False
    for at in range(row - 1, max(-1, row - 1 - MAX_LINES), -1):
        line = lines[at].strip()
        if inside:
            inside = not line.startswith(opening)
        elif line.startswith(attributes):
            first = first if comment else at
            continue
        elif line.endswith(closing) and (closing == "*/" or line == closing):
            inside = opening not in line
        elif not line.startswith(leaders) or line.startswith("#["):
            break
        comment.append(at)
    for at in () if inside else reversed(comment):
        if doc := _said(lines[at]):
            return Above(first, at, doc)
    return Above(first)


def _said(line: str) -> str:
    """A comment's line without its decoration."""
    line = line.strip()
    if line.startswith("#!"):
        return ""
    line = line.removeprefix("@doc").strip().removesuffix("*/")
    line = _TAGS.sub("", line.strip('"').strip(_DECORATION)).strip()
    return line[:MAX_DOC] if any(c.isalnum() for c in line) else ""


def docstring(body: str) -> str:
    """The first line of a Python docstring that opens ``body``, or ``""``."""
    match = _STRING.match(body)
    return _first(body[match.end() :].partition(match[1])[0]) if match else ""


def module_doc(body: str) -> str:
    """The first line of Elixir's ``@moduledoc`` near the start of ``body``."""
    match = _MODULE_DOC.search(body)
    return _first(body[match.end() :].partition(match[1])[0]) if match else ""


def without_trailing_comments(header: str) -> str:
    """A Python ``def f():  # why`` without the comment, nor those on lines of their
    own between it and the body."""
    lines = header.rstrip().split("\n")
    while len(lines) > 1 and lines[-1].lstrip()[:1] in ("", "#"):
        lines.pop()
    code, mark, _ = lines[-1].partition("#")
    if mark and code.rstrip().endswith(":"):
        lines[-1] = code
    return "\n".join(lines)


def _first(text: str) -> str:
    lines = (line.strip() for line in text.split("\n"))
    return next((line[:MAX_DOC] for line in lines if line), "")
