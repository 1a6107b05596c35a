"""Documents to bytes, in four styles. FORMAT.md beside this file is the contract.

A document is one self-contained unit of the prompt: a file, a patch, a pointer. Every
style renders the same documents, ends each on a newline that follows a character which
is not white space, and begins each with a character which is neither white space nor
``/``. No token of the common byte-pair vocabularies crosses such a boundary, so the
token counts of documents add up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

FORMAT_VERSION = 1


class Style(StrEnum):
    """How documents are written."""

    XML = "xml"
    MARKDOWN = "markdown"
    JSON = "json"
    PLAIN = "plain"


class Tag(StrEnum):
    """What a document is."""

    FILE = "file"
    PATCH = "patch"
    BLOCKS = "blocks"
    DELETED = "deleted"
    MOVED = "moved"
    EXTRA = "extra"
    TREE = "tree"


class Section(StrEnum):
    """What a run of documents is."""

    REPOSITORY = "repository"
    CHANGES = "changes"
    CURRENT = "current"


class Doc(NamedTuple):
    """One unit: a tag, attributes in the order in which they are written, a body.

    ``body`` is None for a document that is only a line (a pointer, a tombstone).
    """

    tag: Tag
    attributes: tuple[tuple[str, str], ...]
    body: str | None = None


NO_EOL = ("eof", "no-newline")
"""Says that the body's last newline is the format's, not the file's."""

_WORDS = "|".join(sorted({*Tag, *Section}))
_XML_LINE = re.compile(rf"^(?=\\*</?(?:{_WORDS})(?:[ />]|$))", re.MULTILINE)
_PLAIN_LINE = re.compile(rf"^(?=\\*=== (?:{_WORDS}|end)(?: |$))", re.MULTILINE)
_XML_ESCAPED = re.compile(rf"^\\(?=\\*</?(?:{_WORDS})(?:[ />]|$))", re.MULTILINE)
_PLAIN_ESCAPED = re.compile(rf"^\\(?=\\*=== (?:{_WORDS}|end)(?: |$))", re.MULTILINE)
_FENCE_RUN = re.compile(r"^`{3,}", re.MULTILINE)
_UNSAFE = re.compile(r'[&"<>\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]')


def quote(value: str) -> str:
    """``value`` for an attribute: on one line, encodable, reversible.

    ``& " < >`` control characters, line separators and bytes that are not UTF-8
    (surrogate escapes) become ``&#xHEX;``.
    """
    return _UNSAFE.sub(lambda m: f"&#x{ord(m.group()):X};", value)


def render(doc: Doc, style: Style) -> str:
    """The document's text. No body can contain what would end or begin a document."""
    return _RENDERERS[style](doc)


def body_of(text: str, style: Style) -> str:
    """The body of a rendered document: the inverse of `render`; "" when it has none."""
    head, _, rest = text.partition("\n")
    if not rest or style is Style.JSON:
        return str(json.loads(head).get("text", "")) if style is Style.JSON else ""
    if style is Style.MARKDOWN:
        fence, _, rest = rest.partition("\n")
        body = rest[: len(rest) - len(fence) - 1]
    else:
        body = (
            rest[: rest.rindex("\n", 0, len(rest) - 1) + 1] if "\n" in rest[:-1] else ""
        )
        if style is Style.XML and "<" in body:
            body = _XML_ESCAPED.sub("", body)
        elif style is Style.PLAIN and "=== " in body:
            body = _PLAIN_ESCAPED.sub("", body)
    name, value = NO_EOL
    return body[:-1] if f' {name}="{value}"' in head else body


def opening(section: Section, style: Style) -> str:
    """The line that begins a section."""
    return {
        Style.XML: f"<{section}>\n",
        Style.MARKDOWN: f"# {section}\n",
        Style.JSON: json.dumps({"section": section}) + "\n",
        Style.PLAIN: f"=== {section}\n",
    }[style]


def closing(section: Section, style: Style) -> str:
    """The line that ends a section; empty where the next one's opening ends it."""
    return f"</{section}>\n" if style is Style.XML else ""


def _attributes(doc: Doc, lines: str | None) -> str:
    pairs = doc.attributes
    if lines and not lines.endswith("\n"):
        pairs = (*pairs, NO_EOL)
    return "".join(f' {name}="{quote(value)}"' for name, value in pairs)


def _lines(body: str) -> str:
    return body if not body or body.endswith("\n") else body + "\n"


def _xml(doc: Doc) -> str:
    attributes = _attributes(doc, doc.body)
    if doc.body is None:
        return f"<{doc.tag}{attributes}/>\n"
    body = doc.body
    if "<" in body:
        body = _XML_LINE.sub(r"\\", body)
    return f"<{doc.tag}{attributes}>\n{_lines(body)}</{doc.tag}>\n"


def _markdown(doc: Doc) -> str:
    head = f"## {doc.tag}{_attributes(doc, doc.body)}\n"
    if doc.body is None:
        return head
    runs = _FENCE_RUN.findall(doc.body) if "```" in doc.body else []
    fence = "`" * max([3, *(len(run) + 1 for run in runs)])
    return f"{head}{fence}\n{_lines(doc.body)}{fence}\n"


def _json(doc: Doc) -> str:
    fields: dict[str, str] = {"tag": doc.tag, **dict(doc.attributes)}
    if doc.body is not None:
        fields["text"] = doc.body
    text = json.dumps(fields, ensure_ascii=False)
    return re.sub("[\ud800-\udfff]", lambda m: f"\\u{ord(m.group()):04x}", text) + "\n"


def _plain(doc: Doc) -> str:
    head = f"=== {doc.tag}{_attributes(doc, doc.body)}\n"
    if doc.body is None:
        return head
    body = doc.body
    if "=== " in body:
        body = _PLAIN_LINE.sub(r"\\", body)
    return f"{head}{_lines(body)}=== end\n"


_RENDERERS: dict[Style, Callable[[Doc], str]] = {
    Style.XML: _xml,
    Style.MARKDOWN: _markdown,
    Style.JSON: _json,
    Style.PLAIN: _plain,
}
