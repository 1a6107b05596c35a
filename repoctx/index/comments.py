"""The comment that stands above a definition and documents it."""

from __future__ import annotations

import re
from collections.abc import Sequence

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
    "rust": ("#[",),
    "elixir": ("@doc false", "@spec", "@impl", "@deprecated", "@since"),
    "cpp": ("[[",),
    "c": ("[[",),
}

# Line that ends a block above a definition -> what its first line starts with.
_BLOCKS = {"elixir": ('"""', "@doc")}


def leading(lines: Sequence[str], row: int, lang: str) -> tuple[int, list[str]]:
    """What stands directly above ``row`` (from 0): the row on which the definition's
    attributes start (``row`` when it has none), and the comment's lines.
    """
    attributes = _ATTRIBUTES.get(lang, ())
    leaders = LANGUAGES[lang].comments
    closing, opening = _BLOCKS.get(lang, ("*/", "/*"))
    comment: list[str] = []
    start = row
    above = row - 1
    stop = max(-1, above - MAX_LINES)
    inside = False
    while above > stop:
        line = lines[above].strip()
        if inside:
            inside = not line.startswith(opening)
        elif line.endswith(closing) and closing in ("*/", line):
            inside = opening not in line
        elif attributes and line.startswith(attributes):
            start = above if not comment else start
            above -= 1
            continue
        elif not line.startswith(leaders or ("\0",)) or line.startswith("#["):
            break
        comment.append(line)
        above -= 1
    comment.reverse()
    return start, [] if inside else comment


def first_line(comment: Sequence[str]) -> str:
    """The first line of ``comment`` that says something, without its decoration."""
    for line in comment:
        if line.startswith("#!"):
            continue
        line = line.removeprefix("@doc").strip()
        line = line.removesuffix("*/").strip('"').strip(_DECORATION)
        line = _TAGS.sub("", line).strip()
        if any(c.isalnum() for c in line):
            return line[:MAX_DOC]
    return ""


def docstring(body: str) -> str:
    """The first line of a Python docstring that opens ``body``, or ``""``."""
    match = _STRING.match(body)
    return _first(body[match.end() :].partition(match[1])[0]) if match else ""


def module_doc(body: str) -> str:
    """The first line of Elixir's ``@moduledoc`` near the start of ``body``."""
    match = _MODULE_DOC.search(body)
    return _first(body[match.end() :].partition(match[1])[0]) if match else ""


def _first(text: str) -> str:
    lines = (line.strip() for line in text.split("\n"))
    return next((line[:MAX_DOC] for line in lines if line), "")
