"""What a prompt's blocks say: words, the files they point at, the texts beside them.

A file of the repository is in the context already, so a link to it is only named; its
text is put beside the question where the editor has another than the disk. Nothing
outside the repository is read, and no address is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from acp.schema import (
    EmbeddedResourceContentBlock,
    ResourceContentBlock,
    TextContentBlock,
    TextResourceContents,
)

from repoctx.errors import OutsideRoot
from repoctx.flow.session import Session
from repoctx.flow.tail import Material
from repoctx.flow.unsaved import held
from repoctx.scan import HARD_LIMIT, Binary, decode, inside, read_file

_LINES = re.compile(r"L?(\d+)(?:[:,-]L?(\d+))?$")


@dataclass(slots=True)
class Said:
    """A prompt as repoctx asks it; ``unsaved`` are the bytes of files of which the
    editor's text stands in ``texts``, ``notes`` what was not taken."""

    text: str = ""
    texts: list[tuple[str, str]] = field(default_factory=list)
    unsaved: dict[str, bytes] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def material(self) -> Material:
        """What stands beside the question."""
        return Material(tuple(self.texts))


_NOW = re.compile(r"<previous_user_message>(.*)</previous_user_message>", re.S)
_BEFORE = re.compile(
    r"<system_context>Continuing from previous session with \d+ recent user messages"
    "</system_context>"
)


def new_in(blocks: Sequence[Any]) -> list[Any]:
    """``blocks`` without what Avante repeats: in a session that goes on it sends what
    the user said last, then up to four messages before it, each between tags, and a
    note. The conversation is kept here: only the first of them is new."""
    texts = [b.text if isinstance(b, TextContentBlock) else "" for b in blocks]
    if not texts or not _BEFORE.fullmatch(texts[-1]):
        return list(blocks)
    found: list[Any] = []
    told = False
    for block, text in zip(blocks[:-1], texts, strict=False):
        match = _NOW.fullmatch(text)
        if match and not told:
            found.append(block.model_copy(update={"text": match[1]}))
        elif not match:
            found.append(block)
        told = told or match is not None
    return found


def words(blocks: Sequence[Any]) -> str:
    """The text alone, in which commands are looked for."""
    said = "".join(b.text for b in blocks if isinstance(b, TextContentBlock))
    return _sound(said).strip()


def said(session: Session, blocks: Sequence[Any], command: str = "") -> Said:
    """What ``blocks`` say, without the ``command`` that they begin with."""
    found, parts = Said(), []
    for block in blocks:
        if isinstance(block, TextContentBlock):
            parts.append(_sound(block.text))
        elif isinstance(block, ResourceContentBlock):
            parts.append(_linked(session, found, block))
        elif isinstance(block, EmbeddedResourceContentBlock) and isinstance(
            block.resource, TextResourceContents
        ):
            parts.append(_embedded(session, found, block.resource))
        else:
            found.notes.append("pictures, sound and binary files are not read")
    text = "".join(parts).strip()
    found.text = text.removeprefix(command).strip() if command else text
    return found


def _linked(session: Session, found: Said, link: ResourceContentBlock) -> str:
    uri = _sound(link.uri)
    path, lines = place(session.place.root, uri)
    if not path:
        found.notes.append(f"{uri[:200]} lies outside the repository: it is not read")
        return f"`{_sound(link.name)}` ({uri})"
    saved = _saved(session, path)
    if saved is not None and path not in found.unsaved:
        text = held(session.editor, path, saved)
        if text != saved:
            found.unsaved[path] = text
            found.texts.append((f"{path} (not saved yet)", decode(text)[0]))
    return f"`{path}{lines}`"


def _embedded(session: Session, found: Said, given: TextResourceContents) -> str:
    uri, text = _sound(given.uri), _sound(given.text)
    path, lines = place(session.place.root, uri)
    name = f"{path}{lines}" if path else uri
    saved = _saved(session, path) if path else None
    if saved is None or lines:
        found.texts.append((name, text))
    elif _plain(text) != _plain(_text(saved)):
        found.unsaved[path] = held(_Given(text), path, saved)
        found.texts.append((f"{name} (not saved yet)", text))
    return f"`{name}`"


class _Given:
    """An editor that has told its text already."""

    def __init__(self, text: str) -> None:
        self._text = text

    def text(self, path: str) -> str | None:
        """What was told."""
        return self._text

    def write(self, path: str, text: str) -> bool:
        """Nothing is written here."""
        return False


def place(root: Path, uri: str) -> tuple[str, str]:
    """The path below ``root`` that a URI names and its lines as ``:10-20``; two empty
    texts for one that is not there."""
    try:
        parts = urlsplit(uri)
        if parts.scheme not in ("", "file") or parts.netloc not in ("", "localhost"):
            return "", ""
        path = inside(root, unquote(parts.path), root)
    except (ValueError, OutsideRoot):
        return "", ""
    match = _LINES.match(parts.fragment)
    if not path or match is None:
        return path, ""
    return path, f":{match[1]}" + (f"-{match[2]}" if match[2] else "")


def _saved(session: Session, path: str) -> bytes | None:
    """The bytes on the disk, through no link; None where there is no such text."""
    try:
        data = read_file(session.place.root, path, HARD_LIMIT)
        decode(data)
    except (OSError, ValueError, Binary):
        return None
    return data


def _text(data: bytes) -> str:
    return decode(data)[0]


def _plain(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n").removesuffix("\n")


def _sound(text: str) -> str:
    """``text`` as UTF-8 can say it."""
    return text.encode("utf-8", "replace").decode()
