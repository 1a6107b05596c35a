"""Which bytes an answer's prompt showed, kept beside the answer.

Only the files that the answer names are noted, by blob id; where git does not have the
bytes, they are kept too. So an answer can be applied after its files have changed.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from pathlib import Path

from repoctx.errors import StorageError
from repoctx.flow.session import Session
from repoctx.flow.state import read_json, write_json
from repoctx.parse.edits import blocks
from repoctx.scan import Blobs, blob_id, read_file
from repoctx.values import Snapshot, State

Shown = Callable[[str], bytes | None]
"""The bytes that a prompt showed of a path; None when it showed none."""


def note_shown(session: Session, answer: Path, now: Snapshot, text: str) -> None:
    """Note what the snapshot ``now`` shows of the files that the edits in the saved
    ``answer`` name; ``text`` is what it says. A disk that refuses is a note."""
    found = blocks(text)
    paths = {path for block in found for path in (block.path, *block.also)}
    noted: dict[str, dict[str, str]] = {}
    for file in now.files if paths else ():
        if file.path not in paths:
            continue
        noted[file.path] = {"oid": file.oid}
        if file.state is not State.CLEAN:
            data = _present(session, file.path)
            if data is not None and _id(session, data) == file.oid:
                noted[file.path]["data"] = base64.b64encode(data).decode("ascii")
    if not noted:
        return
    try:
        write_json(_beside(answer), noted)
    except StorageError as exc:
        session.notes.append(str(exc))


def shown_by(session: Session, answer: Path) -> Shown | None:
    """What the prompt of a saved ``answer`` showed; None when that is not known.

    What it gives raises KeyError for a file whose bytes are not to be had any more.
    """
    noted = read_json(_beside(answer))
    if not isinstance(noted, dict):
        return None

    def shown(path: str) -> bytes | None:
        note = noted.get(path)
        return _bytes(session, path, note) if isinstance(note, Mapping) else None

    return shown


def _bytes(session: Session, path: str, note: Mapping[str, str]) -> bytes:
    oid = str(note.get("oid", ""))
    present = _present(session, path)
    if present is not None and _id(session, present) == oid:
        return present
    if "data" in note:
        try:
            return base64.b64decode(note["data"], validate=True)
        except (binascii.Error, ValueError, TypeError):
            raise KeyError(oid) from None
    with Blobs(session.place) as blobs:
        data = blobs.read(oid)
    # A file that differs from its blob in line ends alone was listed as that blob.
    if present is not None and _unix(present) == _unix(data):
        return present
    return data


def _unix(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n")


def _present(session: Session, path: str) -> bytes | None:
    try:
        return read_file(session.place.root, path)
    except OSError:
        return None


def _id(session: Session, data: bytes) -> str:
    return blob_id(data, session.place.object_format)


def _beside(answer: Path) -> Path:
    return answer.with_name(answer.name.partition(".md")[0] + ".shown.json")
