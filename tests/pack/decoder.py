"""A reader of the prefix, written from FORMAT.md alone; it imports nothing of ours."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

TAGS = ("file", "patch", "blocks", "deleted", "moved", "extra", "tree")
SECTIONS = ("repository", "changes", "current")


@dataclass(frozen=True)
class Unit:
    section: str
    tag: str
    attributes: dict[str, str]
    body: str | None


def decode(text: str, style: str) -> list[Unit]:
    return {"xml": _xml, "plain": _plain, "markdown": _markdown, "json": _json}[style](
        text
    )


def _unquote(value: str) -> str:
    return re.sub(r"&#x([0-9A-F]+);", lambda m: chr(int(m.group(1), 16)), value)


def _attributes(text: str) -> dict[str, str]:
    found = re.findall(r' ([a-z-]+)="([^"]*)"', text)
    return {name: _unquote(value) for name, value in found}


def _lines(text: str) -> list[str]:
    assert text.endswith("\n"), "a prompt part ends with a newline"
    return text[:-1].split("\n")


def _unit(section: str, tag: str, attributes: dict[str, str], body: list[str]) -> Unit:
    text = "".join(line + "\n" for line in body)
    if attributes.pop("eof", "") == "no-newline":
        text = text[:-1]
    return Unit(section, tag, attributes, text)


def _unescape(line: str, pattern: re.Pattern[str]) -> str:
    return line[1:] if pattern.match(line) else line


def _xml(text: str) -> list[Unit]:
    escaped = re.compile(r"\\+</?(?:%s)(?:[ />]|$)" % "|".join(TAGS + SECTIONS))
    units, section = [], ""
    lines = iter(_lines(text))
    for line in lines:
        if m := re.fullmatch(r"<(/?)(%s)>" % "|".join(SECTIONS), line):
            section = "" if m.group(1) else m.group(2)
            continue
        m = re.fullmatch(r'<(%s)((?: [a-z-]+="[^"]*")*)(/?)>' % "|".join(TAGS), line)
        assert m, f"not a document: {line!r}"
        if m.group(3):
            units.append(Unit(section, m.group(1), _attributes(m.group(2)), None))
            continue
        body: list[str] = []
        for inner in lines:
            if inner == f"</{m.group(1)}>":
                break
            body.append(_unescape(inner, escaped))
        else:
            raise AssertionError("unclosed document")
        units.append(_unit(section, m.group(1), _attributes(m.group(2)), body))
    return units


def _plain(text: str) -> list[Unit]:
    words = "|".join((*TAGS, *SECTIONS, "end"))
    escaped = re.compile(r"\\+=== (?:%s)(?: |$)" % words)
    units, section = [], ""
    lines = _lines(text)
    at = 0
    while at < len(lines):
        head, at = lines[at], at + 1
        if m := re.fullmatch(r"=== (%s)" % "|".join(SECTIONS), head):
            section = m.group(1)
            continue
        m = re.fullmatch(r'=== (%s)((?: [a-z-]+="[^"]*")*)' % "|".join(TAGS), head)
        assert m, f"not a document: {head!r}"
        attributes = _attributes(m.group(2))
        if at == len(lines) or re.match(
            r"=== (?!end$)(?:%s)(?: |$)" % words, lines[at]
        ):
            units.append(Unit(section, m.group(1), attributes, None))
            continue
        end = lines.index("=== end", at)
        body = [_unescape(line, escaped) for line in lines[at:end]]
        units.append(_unit(section, m.group(1), attributes, body))
        at = end + 1
    return units


def _markdown(text: str) -> list[Unit]:
    units, section = [], ""
    lines = _lines(text)
    at = 0
    while at < len(lines):
        head, at = lines[at], at + 1
        if m := re.fullmatch(r"# (%s)" % "|".join(SECTIONS), head):
            section = m.group(1)
            continue
        m = re.fullmatch(r'## (%s)((?: [a-z-]+="[^"]*")*)' % "|".join(TAGS), head)
        assert m, f"not a document: {head!r}"
        attributes = _attributes(m.group(2))
        if at == len(lines) or not re.fullmatch("`{3,}", lines[at]):
            units.append(Unit(section, m.group(1), attributes, None))
            continue
        end = lines.index(lines[at], at + 1)
        units.append(_unit(section, m.group(1), attributes, lines[at + 1 : end]))
        at = end + 1
    return units


def _json(text: str) -> list[Unit]:
    units, section = [], ""
    for line in _lines(text):
        fields = json.loads(line)
        if "section" in fields:
            section = fields["section"]
            continue
        body = fields.pop("text", None)
        units.append(Unit(section, fields.pop("tag"), fields, body))
    return units
