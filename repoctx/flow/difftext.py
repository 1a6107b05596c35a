"""A patch as git writes one, for people, and its figures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from repoctx.pack.patch import patch as body
from repoctx.values import FileChange


class Change(NamedTuple):
    """One file's part of a patch. ``what`` is A, D, M or R; ``text`` its unified diff;
    ``added`` and ``removed`` count lines."""

    path: str
    what: str
    source: str
    text: str
    added: int
    removed: int


def changes_of(
    changes: Iterable[tuple[FileChange, int]],
) -> tuple[Change, ...]:
    """The parts of a patch, from each change and the mode that the path has now."""
    given = list(changes)
    left = {c.source: c for c, _ in given if c.source}
    deleted = {c.path: c.old for c, _ in given if c.new is None}
    found = []
    for change, mode in given:
        if change.new is None and change.path in left:
            continue
        old = deleted.get(change.source) if change.source else change.old
        found.append(_part(change, old, mode))
    return tuple(found)


def _part(change: FileChange, old: bytes | None, mode: int) -> Change:
    source = change.source or change.path
    names = f"{_quoted('a/', source)} {_quoted('b/', change.path)}"
    head = [f"diff --git {names}\n"]
    if change.source:
        what = "R"
        head += [f"rename from {source}\n", f"rename to {change.path}\n"]
    elif old is None:
        what = "A"
        head.append(f"new file mode {change.mode:o}\n")
    elif change.new is None:
        what = "D"
        head.append(f"deleted file mode {mode or change.mode:o}\n")
    else:
        what = "M"
        if mode and mode != change.mode:
            head += [f"old mode {mode:o}\n", f"new mode {change.mode:o}\n"]
    text = body(_text(old), _text(change.new))
    if text:
        head.append(
            f"--- {_quoted('a/', source) if old is not None else '/dev/null'}\n"
        )
        there = change.new is not None
        head.append(f"+++ {_quoted('b/', change.path) if there else '/dev/null'}\n")
    lines = text.split("\n")
    added = sum(line.startswith("+") for line in lines)
    removed = sum(line.startswith("-") for line in lines)
    whole = "".join(head) + text
    return Change(change.path, what, change.source, whole, added, removed)


def _text(data: bytes | None) -> str:
    return (data or b"").decode("utf-8", "surrogateescape")


def _quoted(prefix: str, path: str) -> str:
    """A path as git writes it in a diff's header."""
    name = prefix + path
    if name.isprintable() and not {'"', "\\"} & set(name):
        return name
    spelled = []
    for byte in name.encode("utf-8", "surrogateescape"):
        char = chr(byte)
        if char in '"\\':
            spelled.append("\\" + char)
        else:
            spelled.append(char if " " <= char <= "~" else f"\\{byte:03o}")
    return '"' + "".join(spelled) + '"'
