"""Files that an editor holds open: its text counts before what the disk has.

What the editor has not saved is what edits are placed on. Before they are written it
saves that text, so that the disk, the journal and the editor agree on what was there;
afterwards it is told what the file is now.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Protocol, TypeGuard

from repoctx.errors import Drifted, ProviderError, RepoctxError
from repoctx.scan import read_file
from repoctx.values import FileChange

MOST = 4_000_000
"""Bytes of a file whose text an editor is asked for."""


class Editor(Protocol):
    """What holds files open. Both methods raise ProviderError."""

    def text(self, path: str) -> str | None:
        """Its text of ``path``, saved or not; None when it tells none."""
        ...

    def write(self, path: str, text: str) -> bool:
        """Have ``text`` in its buffer of ``path``, and saved; False when it writes
        nothing."""
        ...


def held(editor: Editor | None, path: str, saved: bytes) -> bytes:
    """The bytes of ``path`` as the editor would save them: ``saved``, which the disk
    has, unless it holds another text. Line ends, the last newline and the BOM stay the
    file's own."""
    if editor is None or len(saved) > MOST or b"\0" in saved:
        return saved
    bom = codecs.BOM_UTF8 if saved.startswith(codecs.BOM_UTF8) else b""
    try:
        before = saved[len(bom) :].decode()
    except UnicodeDecodeError:
        return saved
    with suppress(ProviderError):
        text = editor.text(path)
        if text is not None:
            text = text.removeprefix("\ufeff").replace("\r\n", "\n")
            if before.endswith("\n") and not text.endswith("\n"):
                text += "\n"  # Many tell the lines, and none of their ends.
            if text != before.replace("\r\n", "\n"):
                crlf = before.count("\r\n") * 2 > before.count("\n")
                text = text.replace("\n", "\r\n") if crlf else text
                return bom + text.encode("utf-8", "replace")
    return saved


def save_first(
    root: Path,
    editor: Editor | None,
    changes: Iterable[tuple[FileChange, bytes | None]],
) -> None:
    """Have saved what the changes were computed from, where the disk (beside each
    change) has something else. Raises Drifted when the editor has another text by now,
    and ProviderError."""
    for change, saved in changes:
        if editor is None or saved is None or change.old in (None, saved):
            continue
        text = editor.text(change.path)
        if text is None or held(editor, change.path, saved) != change.old:
            raise Drifted(f"{change.path} was changed in the editor", (change.path,))
        if _plain(change.old):
            _save(root, editor, change.path, change.old)
        else:
            editor.write(change.path, text)


def tell(root: Path, editor: Editor | None, changes: Iterable[FileChange]) -> list[str]:
    """Give the editor the new text of each file that it still holds as it was; lines on
    those of which it then saved another, or holds another.

    One that has the new text has read the disk: maybe for a buffer that it tells
    nothing of, and that a write would replace.
    """
    lines = []
    for change in changes:
        if editor is None or not _plain(change.new) or not _plain(change.old):
            continue
        try:
            has = held(editor, change.path, change.new)
            if has == change.old and not _save(root, editor, change.path, change.new):
                lines.append(f"{change.path}: the editor changed it on saving")
            elif has not in (change.old, change.new):
                lines.append(f"{change.path}: the editor holds another text of it")
        except RepoctxError as exc:  # Also Interrupted: what is written stays so.
            lines.append(f"{change.path} is written, but the editor says: {exc}")
    return lines


def _plain(data: bytes | None) -> TypeGuard[bytes]:
    """Whether an editor cannot but save these bytes as they are: UTF-8, each line with
    its newline."""
    if data is None or b"\r" in data or data.startswith(codecs.BOM_UTF8):
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _save(root: Path, editor: Editor, path: str, data: bytes) -> bool:
    """Have the editor save ``data``; False when the disk has something else then."""
    text = data.decode()
    if not editor.write(path, text) or _there(root, path, data):
        return True
    if _there(root, path, data + b"\n"):
        # It takes the end of the last line for the beginning of one more.
        editor.write(path, text.removesuffix("\n"))
    return _there(root, path, data)


def _there(root: Path, path: str, data: bytes) -> bool:
    with suppress(OSError):
        return read_file(root, path) == data
    return False
