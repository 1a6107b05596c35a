"""The snapshot of last time, brought up to date where only contents changed.

Most runs find the tree of the run before with a few files edited. Then nothing needs
to be listed, chosen or settled anew: the edited files take the place of what they
were. Whatever is not as plain as that is left to `survey`, whose result is the same.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from repoctx import __version__
from repoctx.errors import StorageError
from repoctx.flow.session import Session
from repoctx.flow.state import read_bytes, replacing
from repoctx.flow.tables import columns, snapshot_of
from repoctx.scan.moved import Seen, moved
from repoctx.scan.selection import IGNORE_FILE
from repoctx.scan.snapshot import SMALLEST_DUPLICATE, tree_digest
from repoctx.scan.stats import StatCache
from repoctx.scan.watch import Watch, as_table, from_table
from repoctx.values import BlobFacts, LeftOut, Reason, Snapshot, SourceFile, State

VERSION = 1
_RULE_FILES = (".gitattributes", IGNORE_FILE)


def keep(session: Session, watch: Watch | None, now: Snapshot) -> None:
    """Remember ``now`` and what its listing rests on; None: forget the last one."""
    path = _note(session)
    # What could not be read this time may be readable next time.
    lost = any(
        out.reason in (Reason.VANISHED, Reason.UNREADABLE) for out in now.left_out
    )
    if watch is None or lost:
        with suppress(OSError):
            path.unlink()
        return
    table = {"watch": as_table(watch), "snapshot": columns(now)}
    rest = json.dumps(table, separators=(",", ":")).encode("ascii")
    with suppress(StorageError), replacing(path) as handle:  # It only saves time.
        handle.write(_head(session, rest) + rest)


def snapshot_again(session: Session, stats: StatCache) -> Snapshot | None:
    """The work tree as it is, when only the contents of some files moved since it was
    kept; else None. What is new in it does not enter the index.

    Raises GitError.
    """
    found = _kept(session)
    if found is None:
        return None
    watch, last = found
    seen = moved(session.place, watch, stats)
    if seen is None:
        return None
    fresh = _changed(last, seen)
    if fresh is None:
        return None
    return _with(session, last, fresh) if fresh else last


def _kept(session: Session) -> tuple[Watch, Snapshot] | None:
    data = read_bytes(_note(session))
    head, newline, rest = data.partition(b"\n")
    if head + newline != _head(session, rest):
        return None
    try:
        table: dict[str, Any] = json.loads(rest)
        return from_table(table["watch"]), snapshot_of(table["snapshot"])
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
        return None


def _note(session: Session) -> Path:
    """Linked worktrees share a state folder, and each has a tree of its own."""
    name = hashlib.sha256(os.fsencode(session.place.root)).hexdigest()[:16]
    return session.state.folder / "again" / f"{name}.json"


def _head(session: Session, rest: bytes) -> bytes:
    """What a note must begin with: it is whole, and made by the rules of now."""
    rules = (VERSION, __version__, str(session.place.root), repr(session.selection))
    digest = hashlib.sha256(repr(rules).encode("utf-8", "surrogatepass"))
    digest.update(rest)
    return digest.hexdigest().encode() + b"\n"


Fresh = dict[int, SourceFile]
"""Place among the files -> what stands there now; its size is not known yet."""


def _changed(last: Snapshot, seen: Mapping[str, Seen]) -> Fresh | None:
    """The files with other contents than last time; None when that is not all."""
    if not seen:
        return {}
    places = {file.path: place for place, file in enumerate(last.files)}
    outs = {out.path: out for out in last.left_out}
    fresh: Fresh = {}
    for path, now in seen.items():
        place = places.get(path)
        if place is None:
            if not _still_out(outs.get(path), now):
                return None
            continue
        file = last.files[place]
        ids = (now.stamp.oid, now.stamp.lf_oid)
        if now.executable is not bool(file.mode & 0o100):
            return None
        if file.state is State.CLEAN and file.oid in ids:
            continue
        if now.of_index in ids and now.of_index:
            return None  # It is clean again.
        if file.oid == now.stamp.oid:
            continue
        if path.endswith(_RULE_FILES):
            return None
        state = State.CHANGED if file.state is State.CLEAN else file.state
        fresh[place] = file._replace(oid=now.stamp.oid, state=state)
    return fresh


def _still_out(out: LeftOut | None, now: Seen) -> bool:
    """Whether a path that was left out is left out for the same content."""
    return out is not None and out.oid == now.stamp.oid


def _with(session: Session, last: Snapshot, fresh: Fresh) -> Snapshot | None:
    """``last`` with other files in their places; None when their contents decide more
    than their own place."""
    old = {last.files[place].oid for place in fresh}
    pointed = {o.oid for o in last.left_out if o.reason is Reason.DUPLICATE}
    if old & pointed:
        return None
    files = list(last.files)
    for place, file in fresh.items():
        facts = _facts(session, file)
        if facts is None or facts.reason is not None:
            return None
        if facts.size > session.selection.max_size:
            return None
        files[place] = file._replace(size=facts.size)
    ids = {file.oid for file in fresh.values()}
    same = [f for f in files if f.oid in ids and f.size >= SMALLEST_DUPLICATE]
    if len(same) > len({file.oid for file in same}):
        return None
    return Snapshot(tuple(files), last.left_out, tree_digest(files, last.left_out))


def _facts(session: Session, file: SourceFile) -> BlobFacts | None:
    from repoctx.scan import Contents, examine

    with Contents(session.place, {file.path}) as contents:
        try:
            facts, _ = examine(contents(file.oid, file.path))
        except KeyError:
            return None
    session.facts[file.oid] = facts
    return facts
