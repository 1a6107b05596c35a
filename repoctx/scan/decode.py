"""Bytes to text and back: encodings and line endings.

A text holds ``\\n`` only. What stood in the file instead is recorded, so that an
unmixed file comes back byte for byte.
"""

from __future__ import annotations

import codecs
import contextlib

UTF8, UTF8_BOM, LATIN_1 = "utf-8", "utf-8-sig", "latin-1"
UTF16_LE, UTF16_BE = "utf-16-le", "utf-16-be"
# The same codecs by their other spelling, for files without a byte order mark.
BARE_UTF16_LE, BARE_UTF16_BE = "utf-16le", "utf-16be"

_BOMS = {
    UTF8_BOM: codecs.BOM_UTF8,
    UTF16_LE: codecs.BOM_UTF16_LE,
    UTF16_BE: codecs.BOM_UTF16_BE,
}
_NEWLINES = {"crlf": "\r\n", "cr": "\r"}
_SAMPLE = 8192


class Binary(ValueError):
    """The bytes are no text."""


def decode(data: bytes) -> tuple[str, str, str]:
    """The text, its encoding and its newline (as in values.Text). Raises Binary.

    Bytes that are neither UTF-8 nor UTF-16 are taken for Latin-1, which never fails.
    ``utf-16le`` and ``utf-16be`` are UTF-16 without a byte order mark.
    """
    text, encoding = _decoded(data)
    if "\r" not in text:
        return text, encoding, "lf" if "\n" in text else "none"
    crlf = text.count("\r\n")
    cr = text.count("\r") - crlf
    lf = text.count("\n") - crlf
    kinds = [name for name, n in (("crlf", crlf), ("cr", cr), ("lf", lf)) if n]
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text, encoding, kinds[0] if len(kinds) == 1 else "mixed"


def encode(text: str, encoding: str, newline: str) -> bytes:
    """The bytes of a file with ``text`` in it; ``mixed`` is written as ``\\n``.

    Raises UnicodeEncodeError when ``text`` has characters that ``encoding`` lacks.
    """
    if newline in _NEWLINES:
        text = text.replace("\n", _NEWLINES[newline])
    codec = UTF8 if encoding == UTF8_BOM else encoding
    return _BOMS.get(encoding, b"") + text.encode(codec)


def _decoded(data: bytes) -> tuple[str, str]:
    if b"\0" in data:
        return _utf16(data)
    try:
        if data.startswith(codecs.BOM_UTF8):
            return data[3:].decode("utf-8"), UTF8_BOM
        return data.decode("utf-8"), UTF8
    except UnicodeDecodeError:
        pass
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        with contextlib.suppress(Binary):
            return _utf16(data)
    return data.decode("latin-1"), LATIN_1


def _utf16(data: bytes) -> tuple[str, str]:
    """UTF-16, with its mark or by the pattern of NUL bytes. Raises Binary."""
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise Binary("utf-32")
    for encoding in (UTF16_LE, UTF16_BE):
        if data.startswith(_BOMS[encoding]):
            text = _plausible(data[2:], encoding)
            if text is not None:
                return text, encoding
            raise Binary("not text")
    sample = data[:_SAMPLE]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    # Latin text has a NUL in nearly every high byte and none in a low one.
    if odd > 0.7 * half and not even:
        text, encoding = _plausible(data, BARE_UTF16_LE), BARE_UTF16_LE
    elif even > 0.7 * half and not odd:
        text, encoding = _plausible(data, BARE_UTF16_BE), BARE_UTF16_BE
    else:
        raise Binary("NUL byte")
    if text is None or half < 4:
        raise Binary("NUL byte")
    return text, encoding


def _plausible(data: bytes, encoding: str) -> str | None:
    """The text, unless it holds characters that no text has."""
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    control = sum(text.count(chr(c)) for c in (0, 1, 2, 3, 4, 5, 6, 0xFFFE, 0xFFFF))
    return None if control else text
