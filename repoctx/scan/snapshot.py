"""Join a choice of paths with what their content says: the snapshot."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from repoctx.protocols import Detector
from repoctx.scan.listing import Entry
from repoctx.scan.selection import Chosen
from repoctx.scan.worktree import raw_path
from repoctx.values import (
    BlobFacts,
    LeftOut,
    Reason,
    Snapshot,
    SourceFile,
    State,
)

SMALLEST_DUPLICATE = 256
"""Bytes: below, a copy costs no more than the line that points to it."""

_NEVER_TEXT = frozenset({Reason.BINARY, Reason.LFS})


def settle(
    chosen: Chosen, facts: Mapping[str, BlobFacts], language: Detector
) -> Snapshot:
    """The snapshot of ``chosen``. Files come in bytewise path order.

    ``facts`` has an entry for each blob that could be read. Of exact duplicates the
    first path stays, the others point to it (LeftOut.detail). What the content leaves
    out stays when ``chosen.keep`` says so, unless it is no text at all.
    """
    files: list[SourceFile] = []
    left_out = list(chosen.left_out)
    first: dict[str, str] = {}
    for entry in sorted(chosen.files, key=lambda e: raw_path(e.path)):
        path, oid, mode, _, state = entry
        known = facts.get(oid)
        if known is None or (known.reason and _is_out(known, chosen.keep(path))):
            left_out.append(_left_out(entry, known))
            continue
        if known.size >= SMALLEST_DUPLICATE:
            kept = first.setdefault(oid, path)
            if kept != path:
                duplicate = LeftOut(path, Reason.DUPLICATE, kept, oid, known.size)
                left_out.append(duplicate)
                continue
        files.append(SourceFile(path, oid, mode, known.size, language(path), state))
    left_out.sort(key=lambda out: raw_path(out.path))
    return Snapshot(tuple(files), tuple(left_out), tree_digest(files, left_out))


def tree_digest(files: Iterable[SourceFile], left_out: Iterable[LeftOut]) -> str:
    """SHA-256 (hex) over path, id and mode of the files and the duplicates' paths, ids
    and copies: equal for equal trees on any machine. Both come in path order."""
    rows = [f"{file.mode:o} {file.oid} {file.path}\0" for file in files]
    digest = hashlib.sha256(raw_path("".join(rows)))
    for out in left_out:
        if out.reason is Reason.DUPLICATE:
            digest.update(f"dup {out.oid} ".encode() + raw_path(out.path) + b"\0")
            digest.update(raw_path(out.detail) + b"\0")
    return digest.hexdigest()


def _is_out(known: BlobFacts, wanted: bool) -> bool:
    return known.reason is not None and (not wanted or known.reason in _NEVER_TEXT)


def _left_out(entry: Entry, known: BlobFacts | None) -> LeftOut:
    if known is not None and known.reason is not None:
        reason, detail = known.reason, known.detail
    elif entry.state is State.CLEAN:
        reason, detail = Reason.UNREADABLE, "git does not have its content here"
    else:
        reason, detail = Reason.VANISHED, ""
    return LeftOut(entry.path, reason, detail, entry.oid, entry.size)
