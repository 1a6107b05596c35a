from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repoctx.scan import Binary, decode, encode

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\0\ufeff"))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", ("", "utf-8", "none")),
        (b"a", ("a", "utf-8", "none")),
        (b"a\nb\n", ("a\nb\n", "utf-8", "lf")),
        (b"a\r\nb\r\n", ("a\nb\n", "utf-8", "crlf")),
        (b"a\rb\r", ("a\nb\n", "utf-8", "cr")),
        (b"a\r\nb\n", ("a\nb\n", "utf-8", "mixed")),
        (b"a\r\rb\r\n", ("a\n\nb\n", "utf-8", "mixed")),
        (b"\xef\xbb\xbfa\n", ("a\n", "utf-8-sig", "lf")),
        ("\ufeffä\r\n".encode("utf-16-le"), ("ä\n", "utf-16-le", "crlf")),
        ("\ufeffä\n".encode("utf-16-be"), ("ä\n", "utf-16-be", "lf")),
        ("\ufeff漢字\n".encode("utf-16-le"), ("漢字\n", "utf-16-le", "lf")),
        ("\ufeff".encode("utf-16-le"), ("", "utf-16-le", "none")),
        ("int main();\n".encode("utf-16-le"), ("int main();\n", "utf-16le", "lf")),
        ("int main();\n".encode("utf-16-be"), ("int main();\n", "utf-16be", "lf")),
        ("größe\n".encode("latin-1"), ("größe\n", "latin-1", "lf")),
        (b"\xff\xfe\xfd", ("ÿþý", "latin-1", "none")),
        (b"\xed\xa0\x80", ("í\xa0\x80", "latin-1", "none")),
        ("é\u2028\x0b\x0c\x85".encode(), ("é\u2028\x0b\x0c\x85", "utf-8", "none")),
    ],
)
def test_encodings_and_newlines(data: bytes, expected: tuple[str, str, str]) -> None:
    assert decode(data) == expected
    if expected[2] != "mixed":
        assert encode(*expected) == data


@pytest.mark.parametrize(
    "data",
    [
        b"a\0b",
        b"\0",
        b"text " * 5000 + b"\0",
        b"\x7fELF\x02\x01\x01\0\0\0",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        "\ufeffabc".encode("utf-32-le"),
        "\ufeffabc".encode("utf-32-be"),
        b"\xff\xfea\0b",
        b"\xff\xfe\0\0\1\0",
        b"a\0b\0",
        bytes(range(256)) * 4,
    ],
)
def test_what_is_no_text(data: bytes) -> None:
    with pytest.raises(Binary):
        decode(data)


@given(
    TEXT,
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be", "latin-1"]),
    st.sampled_from(["lf", "crlf", "cr"]),
)
def test_an_unmixed_file_comes_back(text: str, encoding: str, newline: str) -> None:
    if encoding == "latin-1":
        text = text.encode("latin-1", "replace").decode("latin-1") + "\xe9\xe9\n"
    try:
        data = encode(text, encoding, newline)
        assert encode(*decode(data)) == data
    except Binary:
        # Characters that no text has, in UTF-16.
        assert encoding.startswith("utf-16")


@given(st.binary(max_size=300))
def test_any_bytes_come_back_or_are_refused(data: bytes) -> None:
    try:
        text, encoding, newline = decode(data)
    except Binary:
        return
    assert "\r" not in text
    if newline != "mixed":
        assert encode(text, encoding, newline) == data


def test_what_an_encoding_lacks_is_an_error() -> None:
    with pytest.raises(UnicodeEncodeError):
        encode("漢", "latin-1", "lf")
