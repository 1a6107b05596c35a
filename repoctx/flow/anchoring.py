"""Which commit the base shows now: git's history and local state, put to the rule."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from repoctx.errors import GitError, StorageError
from repoctx.flow.session import Session
from repoctx.flow.state import read_json, write_json
from repoctx.pack.anchor import (
    Candidates,
    CommitRow,
    Decision,
    cap,
    choose,
    decide,
    is_fixed,
)
from repoctx.scan import Contents, list_commit, resolve, run, select
from repoctx.scan.history import default_branch, first_parents, fork_point
from repoctx.values import Snapshot

TREE = "tree:"
"""Opens the name of a base that is a snapshot of the work tree, not a commit."""


class Known(NamedTuple):
    """What is known before choosing: the bases that a cache is believed to hold, the
    last used first; whether that cache has surely ended; the last snapshot that became
    a base (empty: none); the bytes of the present tree."""

    warm: tuple[str, ...]
    cold: bool
    tree: str
    size: int


def sum_of(tree: Snapshot) -> int:
    """Bytes of all files of ``tree``."""
    return sum(file.size for file in tree.files)


def decide_base(
    session: Session,
    known: Known,
    overlay: Callable[[str], int],
    is_at_hand: Callable[[str], bool],
) -> Decision:
    """The base's name: a commit id, ``tree:DIGEST``, or empty for the work tree now.

    ``overlay`` gives the bytes of the overlay over a name, ``is_at_hand`` says whether
    a base can be had. Raises UnknownRevision for a bad ``--base``, GitError.
    """
    place, asked = session.place, session.settings.base
    if asked:
        return Decision(resolve(place, asked), f"--base {asked}")
    rule = ""
    if place.head and not (known.warm or known.cold):
        rule = _by_rule(session, known.size, is_at_hand)
    found = Candidates(place.head, "", known.warm, known.cold, rule, place.shallow)
    decision = decide(found, known.size, overlay)
    if not decision.base and known.tree and overlay(known.tree) <= cap(known.size):
        # The snapshot that was taken when this last happened is as good, and older.
        return Decision(known.tree, "the work tree as it was packed first")
    return decision


def _by_rule(session: Session, size: int, is_at_hand: Callable[[str], bool]) -> str:
    """The rule's commit; kept, because it costs git 30 ms and seldom moves."""
    try:
        return _from_history(session, size, is_at_hand)
    except GitError:  # A clone without trees cannot tell its history.
        return ""


def _from_history(
    session: Session, size: int, is_at_hand: Callable[[str], bool]
) -> str:
    """The rule's commit. ``size`` stands in for the size of a commit's tree that this
    clone cannot tell."""
    place = session.place
    git = partial(run, place)
    branch = default_branch(git)
    if branch is None:
        return ""
    path = session.state.folder / "rule.json"
    rules = repr(session.selection)
    asked = [branch.commit, place.head, rules, place.shallow]
    kept = read_json(path)
    if isinstance(kept, dict) and kept.get("asked") == asked:
        base = kept.get("base")
        if isinstance(base, str) and (not base or is_at_hand(base)):
            return base
    fork = fork_point(git, branch.commit, place.head)
    rows = first_parents(git, fork, is_fixed) if fork else ()
    chain = [CommitRow(r.commit, r.added, r.modified, r.deleted) for r in rows]
    # Of the fork, not of the work tree: whoever left the default branch there has the
    # same limit, whatever he changed since.
    most = _tree_size(session, fork) if fork else 0
    base = choose(chain, most or size, whole=not place.shallow)
    with suppress(StorageError):  # Without the note it only takes longer.
        write_json(path, {"asked": asked, "base": base})
    return base


def _tree_size(session: Session, commit: str) -> int:
    """Bytes of the files of ``commit`` that enter by their path; 0 without blobs."""
    listing = list_commit(session.place, commit)
    with Contents(session.place) as contents:
        chosen = select(listing, session.selection, contents)
    return sum(entry.size for entry in chosen.files)
