"""Between our lines and an editor's positions, between a patch and a workspace edit.

An editor counts columns in the units that it was agreed on (UTF-16, mostly); we count
lines. A line ends at ``\\n``, ``\\r\\n`` or a lone ``\\r``, as the protocol has it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from lsprotocol import types
from pygls.uris import to_fs_path

from repoctx.errors import NotApplied
from repoctx.pack.diff import edits
from repoctx.scan import Binary, decode
from repoctx.values import FileChange, Patch

Units = Callable[[str], int]
"""Columns that a text takes."""

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")


def path_of(uri: str) -> Path | None:
    """The file that a URI names; None for one that is no file's."""
    parts = urlsplit(uri)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        return None
    if "\0" in unquote(parts.path):
        return None
    path = to_fs_path(uri)
    return Path(path) if path and Path(path).is_absolute() else None


def lines_of(text: str) -> list[str]:
    """The lines of ``text`` as an editor counts them, with their ends."""
    return _LINE.findall(text)


def span(lines: Sequence[str], start: int, end: int, units: Units) -> types.Range:
    """The range of lines ``start`` to ``end`` (from 1, both ends): from the first that
    is no blank to the end. Lines that are not there are the last one."""
    if not lines:
        return types.Range(types.Position(0, 0), types.Position(0, 0))
    first = min(max(start, 1), len(lines)) - 1
    last = min(max(end, start, 1), len(lines)) - 1
    text, tail = lines[first].rstrip("\r\n"), lines[last].rstrip("\r\n")
    indent = len(text) - len(text.lstrip())
    column = units(text[:indent]) if text.strip() else 0
    return types.Range(types.Position(first, column), types.Position(last, units(tail)))


def covered(range_: types.Range) -> tuple[int, int]:
    """The first and the last line (from 1) of a selection; a last line of which nothing
    is selected does not count."""
    start, end = range_.start, range_.end
    last = end.line + 1
    if end.character == 0 and end.line > start.line:
        last -= 1
    return start.line + 1, last


def text_edits(old: str, new: str, units: Units) -> list[types.TextEdit]:
    """The edits that make ``new`` out of ``old``, line by line, last first never: all
    are about ``old``."""
    before, after = lines_of(old), lines_of(new)

    def at(line: int) -> types.Position:
        if line < len(before) or not before or before[-1].endswith(("\n", "\r")):
            return types.Position(line, 0)
        return types.Position(line - 1, units(before[-1]))

    return [
        types.TextEdit(
            types.Range(at(one.old_start), at(one.old_end)),
            "".join(after[one.new_start : one.new_end]),
        )
        for one in edits(before, after)
    ]


class Editor:
    """What an editor can do and holds: its positions, its open texts by path, and which
    parts of a workspace edit it knows."""

    def __init__(
        self,
        units: Units,
        opened: Callable[[Path], tuple[int | None, str] | None],
        capabilities: types.ClientCapabilities,
    ) -> None:
        self.units = units
        self.opened = opened
        edit = capabilities.workspace and capabilities.workspace.workspace_edit
        self.versions = bool(edit and edit.document_changes)
        self.kinds = set(edit.resource_operations or ()) if edit else set()


def workspace_edit(root: Path, patch: Patch, editor: Editor) -> types.WorkspaceEdit:
    """``patch`` as the editor makes it.

    Raises NotApplied where an open text is not the file's, and where the editor cannot
    make, move or delete files.
    """
    changes: list[Any] = []
    left = {c.source for c in patch.changes if c.source}
    old = {c.path: c.old for c in patch.changes}
    for change in patch.changes:
        if change.new is None and change.path in left:
            continue
        before = old.get(change.source) if change.source else change.old
        changes += _one(root, change, before, editor)
    if editor.versions:
        return types.WorkspaceEdit(document_changes=changes)
    plain: dict[str, list[Any]] = {c.text_document.uri: c.edits for c in changes}
    return types.WorkspaceEdit(changes=plain)


def _one(
    root: Path, change: FileChange, before: bytes | None, editor: Editor
) -> list[Any]:
    path = root / change.path
    uri = path.as_uri()
    steps: list[Any] = []
    if change.source:
        _needs(editor, types.ResourceOperationKind.Rename, change.path)
        steps.append(types.RenameFile((root / change.source).as_uri(), uri))
    elif before is None:
        _needs(editor, types.ResourceOperationKind.Create, change.path)
        steps.append(types.CreateFile(uri))
    elif change.new is None:
        _needs(editor, types.ResourceOperationKind.Delete, change.path)
        return [types.DeleteFile(uri)]
    held = editor.opened(root / (change.source or change.path))
    old = _text(before, change.path) if before is not None else ""
    new = _text(change.new, change.path)
    if held is not None and held[1] != old:
        # Some editors show a file's CRLF as LF, and write it back by themselves.
        old, new = old.replace("\r\n", "\n"), new.replace("\r\n", "\n")
        if held[1] != old:
            raise NotApplied(f"{change.path} has unsaved changes: save it first")
    made = text_edits(old, new, editor.units)
    if made:
        version = held[0] if held and not change.source else None
        document = types.OptionalVersionedTextDocumentIdentifier(uri, version)
        steps.append(types.TextDocumentEdit(document, made))
    return steps


def _needs(editor: Editor, kind: types.ResourceOperationKind, path: str) -> None:
    if not editor.versions or kind not in editor.kinds:
        raise NotApplied(f"this editor cannot {kind.value} {path}: use repoctx edit")


def _text(data: bytes | None, path: str) -> str:
    """The text as an editor shows it, with the file's own line ends."""
    try:
        encoding = decode(data or b"")[1]
    except Binary:
        raise NotApplied(f"{path} is binary") from None
    return (data or b"").decode(encoding).removeprefix("\ufeff")
