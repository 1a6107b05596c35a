"""The part of a text that its grammar should see, with every byte in its place.

Of a Vue or Svelte file that is the script. In Rust, items behind a macro
(``cfg_rt! { pub fn ... }``) are tokens to the grammar: without the macro's head and
closing brace they are items again. One pass over the lines, whatever they hold.
"""

from __future__ import annotations

import re

_SCRIPT = re.compile(r"<script\b", re.I)
_SCRIPT_END = re.compile(r"</script", re.I)
_MACRO = re.compile(r"([ \t]*)(?!macro_rules|lazy_static)\w+![ \t]*\{$")
_ITEM = re.compile(
    r"(?:pub(?:\([^)]*\))?[ \t]+)?(?:(?:unsafe|async|const|extern)[ \t]+)*"
    r"(?:fn|struct|enum|trait|impl|mod|type|use|static)\b"
)
# Lines of comments and attributes in front of the first item.
_LOOKAHEAD = 100


def visible(text: str, lang: str) -> str:
    """``text`` with what its grammar should not see turned into spaces."""
    if lang in ("vue", "svelte"):
        return _script_only(text)
    if lang == "rust" and "! {" in text:
        return _items(text)
    return text


def _script_only(text: str) -> str:
    kept: list[str] = []
    end = 0
    for opening in _SCRIPT.finditer(text):
        start = text.find(">", opening.end()) + 1
        closing = _SCRIPT_END.search(text, start) if start else None
        if closing is None:
            break
        if start >= end:
            kept += [_blank(text[end:start]), text[start : closing.start()]]
            end = closing.start()
    kept.append(_blank(text[end:]))
    return "".join(kept)


def _items(text: str) -> str:
    lines = text.split("\n")
    opened: dict[str, int] = {}
    for row, line in enumerate(lines):
        if line.endswith("{"):
            if macro := _MACRO.match(line):
                opened[macro[1]] = row
        elif line.endswith("}"):
            head = opened.pop(line[:-1], None)
            if head is not None and _holds_items(lines, head + 1, row):
                lines[head] = _blank(lines[head])
                lines[row] = _blank(line)
    return "\n".join(lines)


def _holds_items(lines: list[str], start: int, end: int) -> bool:
    """Whether the first line that is no comment or attribute starts an item."""
    for line in lines[start : min(end, start + _LOOKAHEAD)]:
        bare = line.strip()
        if bare and not bare.startswith(("//", "#[", "#!", "/*", "*")):
            return _ITEM.match(bare) is not None
    return False


def _blank(text: str) -> str:
    """Spaces as many as ``text`` has bytes, so that offsets stay; lines stay too."""
    lines = text.split("\n")
    return "\n".join(" " * len(line.encode("utf-8", "replace")) for line in lines)
