"""A file's bytes as lines, and back, so that what no edit touches keeps its bytes.

Lines end at ``\\n`` and nowhere else (at ``\\r`` in a file that has no ``\\n``); a
carriage return before it belongs to the line's end. Bytes that are not UTF-8 travel as
surrogate escapes.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from dataclasses import dataclass, field

_UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_ESCAPED = re.compile("[\udc80-\udcff]")
_WIDE = re.compile("[\x80-\U0010ffff]")


class NoText(ValueError):
    """The bytes are binary."""


class Unencodable(ValueError):
    """A line has a character that the file's encoding lacks."""


@dataclass(slots=True)
class Source:
    """The lines of one file without their ends, and ``ends`` beside them.

    ``legacy`` marks a single-byte file: its letters above ASCII stand in ``lines`` as
    surrogate escapes, and no line of it is UTF-8.
    """

    lines: list[str]
    ends: list[str]
    codec: str = "utf-8"
    bom: bytes = b""
    legacy: bool = False
    escaped: bool = False
    _end: str = field(default="", repr=False)

    @property
    def open(self) -> bool:
        """Whether the last line has no newline."""
        return bool(self.ends) and not self.ends[-1]

    @property
    def end(self) -> str:
        """The end that most lines have, ``\\n`` when there is none."""
        if not self._end:
            counts = Counter(end for end in self.ends if end)
            self._end = counts.most_common(1)[0][0] if counts else "\n"
        return self._end


def decode(data: bytes) -> Source:
    """The file's lines. Raises NoText when ``data`` is binary."""
    for bom, codec in _UTF16.items():
        if data.startswith(bom):
            try:
                text = data[len(bom) :].decode(codec)
            except UnicodeDecodeError as exc:
                raise NoText("broken UTF-16") from exc
            return _split(text, codec, bom)
    if b"\0" in data:
        raise NoText("NUL bytes")
    bom = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    text = data[len(bom) :].decode("utf-8", "surrogateescape")
    source = _split(text, "utf-8", bom)
    source.escaped = bool(_ESCAPED.search(text))
    source.legacy = source.escaped and not _WIDE.search(_ESCAPED.sub("", text))
    return source


def _split(text: str, codec: str, bom: bytes) -> Source:
    mark = "\r" if "\r" in text and "\n" not in text else "\n"
    lines = text.split(mark)
    ends = [mark] * (len(lines) - 1)
    if lines[-1]:
        ends.append("")
    else:
        lines.pop()
    if mark == "\n" and "\r" in text:
        for n, line in enumerate(lines):
            if line.endswith("\r") and ends[n]:
                lines[n], ends[n] = line[:-1], "\r\n"
    return Source(lines, ends, codec, bom)


def encode(source: Source) -> bytes:
    """The file's bytes. Raises Unencodable."""
    text = "".join(
        line + end for line, end in zip(source.lines, source.ends, strict=True)
    )
    try:
        if source.codec == "utf-8":
            return source.bom + text.encode("utf-8", "surrogateescape")
        return source.bom + text.encode(source.codec)
    except UnicodeEncodeError as exc:
        raise Unencodable(f"{source.codec} has no {exc.object[exc.start]!a}") from exc


def fitted(line: str, source: Source, raw: bool) -> str:
    """An added line in the file's encoding.

    ``raw`` says that the answer itself carries the file's undecoded bytes. Raises
    Unencodable for a letter that a single-byte file cannot hold.
    """
    if raw or not source.legacy or line.isascii():
        return line
    try:
        data = _ESCAPED.sub("", line).encode("latin-1")
    except UnicodeEncodeError as exc:
        raise Unencodable(f"the file's encoding has no {line[exc.start]!a}") from exc
    del data
    return "".join(chr(0xDC00 + ord(c)) if 0x80 <= ord(c) <= 0xFF else c for c in line)


def plain(line: str) -> str:
    """The line with undecoded bytes shown as Latin-1, for comparing."""
    return _ESCAPED.sub(lambda m: chr(ord(m[0]) - 0xDC00), line)
