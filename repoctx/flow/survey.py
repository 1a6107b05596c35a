"""What is there now: list the tree, read what is new, settle the snapshot."""

from __future__ import annotations

from functools import partial

from repoctx.errors import StorageError
from repoctx.flow.reading import Source, examine_all, parse_all
from repoctx.flow.session import Session
from repoctx.flow.state import read_bytes, replacing
from repoctx.index import detect
from repoctx.scan import (
    Contents,
    Listing,
    StatCache,
    list_commit,
    list_tree,
    own_rules,
    select,
    settle,
)
from repoctx.values import Snapshot, State


def snapshot_now(session: Session) -> Snapshot:
    """The work tree as it is; what its blobs are like enters the index, their texts
    when `Session.store` is asked for.

    Raises NotARepository, GitError, SettingsError, StorageError.
    """
    kept = session.state.folder / "stats"
    stats = StatCache.parse(read_bytes(kept))
    stats.held = session.held
    listing = list_tree(session.place, stats, sizes_known(session))
    if stats.changed:
        try:
            with replacing(kept) as handle:
                handle.write(stats.dump())
        except StorageError as exc:  # It only saves time.
            session.notes.append(str(exc))
    session.own = None  # Read anew: these are the rules that hold now.
    return snapshot_of(session, listing)


def snapshot_at(session: Session, commit: str) -> Snapshot:
    """The tree of ``commit``, chosen by the rules that the work tree has now."""
    return snapshot_of(
        session, list_commit(session.place, commit, sizes_known(session))
    )


def sizes_known(session: Session) -> dict[str, int]:
    """Bytes of every known blob, by id."""
    return {oid: facts.size for oid, facts in session.facts.items()}


def dirty_files(tree: Snapshot) -> frozenset[str]:
    """The files whose bytes only the work tree has."""
    return frozenset(f.path for f in tree.files if f.state is not State.CLEAN)


def snapshot_of(session: Session, listing: Listing) -> Snapshot:
    """The snapshot of any listing; what is new in it enters the index."""
    dirty = frozenset(e.path for e in listing.entries if e.state is not State.CLEAN)
    with Contents(session.place, dirty, session.held) as contents:
        if session.own is None:
            session.own = own_rules(listing, session.selection, contents)
        chosen = select(listing, session.selection, contents, session.own)
    source = Source(session.place, dirty, session.held)
    if new := [e for e in chosen.files if e.oid not in session.facts]:
        examine_all(session, source, new)
    tree = settle(chosen, session.facts, detect)
    session.unparsed.append(partial(parse_all, session, source, tree.files))
    return tree
