"""An answer's text made ready for the parsers: what transport added is taken off."""

from __future__ import annotations

import html
import re

_THINK = re.compile(
    r"^[ \t]*<(think|thinking|thought|reasoning)>.*?(?:</\1>[ \t]*\n?|\Z)",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)
_ORPHAN = re.compile(
    r"\A(?:(?!^[ \t]*<think).)*?^.*</think>[ \t]*\n?", re.DOTALL | re.MULTILINE
)
_ESCAPED_MARKS = re.compile(
    r"^(?:(?:&lt;){5,9} SEARCH|(?:&gt;){5,9} REPLACE|&lt;(?:/?edit|create)\b)",
    re.MULTILINE,
)


def lines_of(text: str) -> list[str]:
    """The answer's lines, without drafts and without a carriage return each.

    A carriage return stays where only some lines have one: it is content then.
    """
    if _ESCAPED_MARKS.search(text):
        text = html.unescape(text)
    text = undrafted(text.removeprefix("\ufeff"))
    lines = text.split("\n")
    body = lines[:-1] if not lines[-1] else lines
    if body and all(line.endswith("\r") for line in body[:-1]) and len(body) > 1:
        lines = [line.removesuffix("\r") for line in lines]
    return lines


def undrafted(text: str) -> str:
    """The answer without its sections of thought."""
    if "<t" not in text and "</think" not in text and "<r" not in text:
        return text
    if "</think>" in text:
        head, _, tail = text.partition("</think>")
        if "<think>" not in head and not _looks_edited(head):
            text = tail
    return _THINK.sub("", text)


def _looks_edited(head: str) -> bool:
    """Whether text before a closing tag ends inside an edit, so the tag is content."""
    last = head.rpartition("\n")[2]
    return last[:1] in "+- " and last[:1] != ""
