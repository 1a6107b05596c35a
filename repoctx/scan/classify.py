"""What the bytes of one blob say: text or not, hand-written or not, secrets taken out.

Precise rather than greedy: a file that is wrongly left out is lost to the reader, one
that is wrongly kept costs some tokens. A generator that merely prints "DO NOT EDIT"
stays; the mark counts in the comments at a file's top only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from repoctx.scan.decode import Binary, decode
from repoctx.scan.secrets import redact
from repoctx.values import BlobFacts, Reason, Text

_LFS = b"version https://git-lfs.github.com/spec/v"
_LONG = 1000
_SAMPLE = 65_536
_HEAD_CHARS, _HEAD_LINES = 4096, 40

OWN_PROMPT = "What follows is a software repository, then what has changed in it"
"""How the preamble begins: a prompt that was written into the work tree would double
everything in the next one."""

_COMMENT = re.compile(
    r"\s*(//[/!]?|#+!?|/\*|\*|--+|;+|<!--|%+|\.\.(?=\s)|\(\*|\{-|\"\"\"|'''|REM\s)"
)
_CLOSING = {"/*": "*/", "<!--": "-->", "(*": "*)", "{-": "-}"}
_PREAMBLE = re.compile(r"(?i)\s*(?:<\?(?:php|xml)|<!doctype|@charset|['\"]use strict)")
_THE_FILE = (
    r"(?:this|the)\s(?:\w+\s)?(?:file|code|module|source|document|class|header|script)"
)
_GENERATED = re.compile(
    r"(?i)"
    # Go's and protoc's convention, and whatever says both halves of it.
    r"\b(?:auto(?:matically)?[\s-]?)?generated\b[^.]{0,120}.{0,40}\b(?:do\snot|don't)\s"
    r"(?:\w+\s)?(?:edit|modify|change|touch)"
    r"|\b(?:do\snot|don't)\s(?:\w+\s)?(?:edit|modify|change|touch)\b.{0,160}"
    rf"\b(?:auto[\s-]?|automatically\s)?generated\s(?:by|from|using|with|file|code)"
    rf"|{_THE_FILE}\s(?:is|was|has\sbeen|will\sbe)\s(?:auto(?:matically)?[\s-]?)"
    r"generated\b"
    rf"|{_THE_FILE}\s(?:is|was|has\sbeen)\s(?:machine[\s-]?)?generated\s(?:by|from|with)"
    r"|\bautomatically\s@generated\b"
    r"|\bgenerated\s(?:by|from\s\S+\sby|with)\s(?:the\s)?(?:protocol\sbuffer|protoc\b"
    r"|antlr|cython|swig|(?:gnu\s)?autoconf|automake|thrift|ragel|re2c|flex\b|bison\b"
    r"|peg\.?js|peggy|jison|nearley|bindgen|cbindgen|sqlc|openapi|swagger|mockgen"
    r"|stringer|wayland-scanner|gdbus-codegen|autorest|quicktype|graphql-codegen)"
    r"|\bA\sBison\sparser,\smade\sby\b|\blexical\sscanner\sgenerated\sby\sflex\b"
)
_AT_GENERATED = re.compile(r"\s*(?://|#|/\*+|\*|--|;|<!--)\s*@generated\b")
_MAP = re.compile(r'\s*\{\s*"version"\s*:\s*3\s*,')


def examine(data: bytes, *, keep: bool = False) -> tuple[BlobFacts, Text | None]:
    """The facts of a blob, and its text; None when its content leaves it out.

    With ``keep`` the text comes also for minified and generated content (brought back
    by hand); the facts are the same either way. Never raises.
    """
    if data.startswith(_LFS) and len(data) < 1024:
        return BlobFacts(len(data), Reason.LFS), None
    try:
        text, encoding, newline = decode(data)
    except Binary as exc:
        return BlobFacts(len(data), Reason.BINARY, str(exc)), None
    reason, detail = _by_content(text)
    clean, redactions = redact(text)
    facts = BlobFacts(
        size=len(data),
        reason=reason,
        detail=detail,
        encoding=encoding,
        newline=newline,
        lines=clean.count("\n") + (not clean.endswith("\n") and clean != ""),
        chars=len(clean),
        redactions=redactions,
    )
    if reason and not keep:
        return facts, None
    return facts, Text(clean, encoding, newline, redactions)


def _by_content(text: str) -> tuple[Reason | None, str]:
    if _MAP.match(text) and '"mappings"' in text:
        return Reason.GENERATED, "source map"
    if mark := generated_mark(text):
        return Reason.GENERATED, mark
    if share := minified_share(text):
        return Reason.MINIFIED, f"{share:.0%} in lines over {_LONG} characters"
    return None, ""


def generated_mark(text: str) -> str:
    """The words in the comments at the top that say a tool wrote this, or ''."""
    head = text[:_HEAD_CHARS]
    if head.startswith(OWN_PROMPT):
        return "a prompt of repoctx"
    lower = head.lower()
    if "generated" not in lower and "bison parser" not in lower:
        return ""
    comments: list[str] = []
    closing = ""
    for line in islice(head.split("\n"), _HEAD_LINES):
        opening = _COMMENT.match(line)
        if not (opening or closing or not line.strip() or _PREAMBLE.match(line)):
            # Code: what follows describes a part, not the file.
            break
        if _AT_GENERATED.match(line):
            return "@generated"
        if opening and not closing:
            closing = _CLOSING.get(opening[1], "")
        if closing and closing in line:
            closing = ""
        comments.append(_COMMENT.sub("", line, count=1).strip())
    found = _GENERATED.search(" ".join(comments))
    return " ".join(found.group().split())[:80] if found else ""


def minified_share(text: str) -> float:
    """The share of ``text`` in very long lines, if these are no prose; else 0."""
    if len(text) < 2 * _LONG:
        return 0.0
    size = blanks = sampled = 0
    for start, end in _long_lines(text):
        size += end - start
        if sampled < _SAMPLE:
            piece = text[start : min(end, start + _SAMPLE)]
            sampled += len(piece)
            blanks += piece.count(" ") + piece.count("\t")
            if not piece.isascii():
                # Scripts without blanks between words, weighed as prose.
                blanks += (len(piece.encode("utf-8", "replace")) - len(piece)) // 4
    if size < 0.5 * len(text) or blanks > 0.1 * sampled:
        return 0.0
    return size / len(text)


def _long_lines(text: str) -> Iterator[tuple[int, int]]:
    """Where lines over _LONG characters begin and end. Hops, so that it is fast."""
    at = 0
    while len(text) - at > _LONG:
        newline = text.rfind("\n", at, at + _LONG + 1)
        if newline >= 0:
            at = newline + 1
            continue
        end = text.find("\n", at + _LONG)
        end = len(text) if end < 0 else end
        yield at, end
        at = end + 1
