"""What an editor holds, as bytes that could stand on the disk."""

from __future__ import annotations

import codecs

import pytest

from repoctx.errors import ProviderError
from repoctx.flow.unsaved import held

BOM = codecs.BOM_UTF8

CASES = {
    "the same": (b"a\nb\n", "a\nb\n", b"a\nb\n"),
    "another line": (b"a\nb\n", "a\nb\nc\n", b"a\nb\nc\n"),
    "its lines, told without the last end": (b"a\nb\n", "a\nb", b"a\nb\n"),
    "another line, told so": (b"a\nb\n", "a\nc", b"a\nc\n"),
    "no newline at the end": (b"a\nb", "a\nc", b"a\nc"),
    "a newline that was added": (b"a\nb", "a\nb\n", b"a\nb\n"),
    "CRLF as it is": (b"a\r\nb\r\n", "a\nb\n", b"a\r\nb\r\n"),
    "CRLF that was told": (b"a\r\nb\r\n", "a\r\nb\r\n", b"a\r\nb\r\n"),
    "CRLF and another line": (b"a\r\nb\r\n", "a\nc\n", b"a\r\nc\r\n"),
    "a BOM": (BOM + b"a\n", "a\n", BOM + b"a\n"),
    "a BOM that was told": (BOM + b"a\n", "\ufeffc\n", BOM + b"c\n"),
    "no UTF-8": (b"caf\xe9\n", "caf\ufffd\n", b"caf\xe9\n"),
    "binary": (b"a\0b\n", "ab\n", b"a\0b\n"),
    "nothing to tell": (b"a\n", None, b"a\n"),
    "all of it deleted": (b"a\n", "", b"\n"),
}


class Holds:
    def __init__(self, told: str | Exception | None) -> None:
        self.told = told

    def text(self, path: str) -> str | None:
        if isinstance(self.told, Exception):
            raise self.told
        return self.told

    def write(self, path: str, text: str) -> bool:
        raise AssertionError("nothing is written")


@pytest.mark.parametrize("case", CASES)
def test_the_files_own_bytes_are_kept(case: str) -> None:
    saved, told, wanted = CASES[case]
    assert held(Holds(told), "a.py", saved) == wanted


def test_an_editor_that_fails_holds_nothing() -> None:
    assert held(Holds(ProviderError("no such file")), "a.py", b"a\n") == b"a\n"
    assert held(None, "a.py", b"a\n") == b"a\n"
