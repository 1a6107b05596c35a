"""Which commit the base shows now: git's history and local state, put to the rule."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from repoctx.flow.session import Session
from repoctx.flow.state import read_json, write_json
from repoctx.pack.anchor import (
    Candidates,
    CommitRow,
    Decision,
    choose,
    decide,
    is_fixed,
    limit,
)
from repoctx.scan import resolve, run
from repoctx.scan.history import default_branch, first_parents, fork_point

TREE = "tree:"
"""Opens the name of a base that is a snapshot of the work tree, not a commit."""


def decide_base(
    session: Session, warm: tuple[str, ...], cold: bool, overlay: Callable[[str], int]
) -> Decision:
    """The base's name: a commit id, ``tree:DIGEST``, or empty for the work tree now.

    ``warm`` are names that a cache is believed to hold; ``overlay`` gives the bytes of
    the overlay over a name. Raises UnknownRevision for a bad ``--base``, GitError.
    """
    place, asked = session.place, session.settings.base
    size = sum(facts.chars for facts in session.facts.values())
    if asked:
        commit = resolve(place, asked)
        return Decision(commit, f"--base {asked}")
    if not place.git:
        kept = tuple(name for name in warm if name.startswith(TREE))
        return decide(Candidates("", warm=kept), size, overlay)
    rule = "" if warm or cold or not place.head else _by_rule(session, size)
    found = Candidates(place.head, "", warm, cold, rule, place.shallow)
    return decide(found, size, overlay)


def _by_rule(session: Session, size: int) -> str:
    """The rule's commit; kept, because it costs git 30 ms and seldom moves."""
    place = session.place
    git = partial(run, place)
    branch = default_branch(git)
    if branch is None:
        return ""
    path = session.state.folder / "rule.json"
    asked = [branch.commit, place.head, limit(size), place.shallow]
    kept = read_json(path)
    if isinstance(kept, dict) and kept.get("asked") == asked:
        return str(kept.get("base", ""))
    fork = fork_point(git, branch.commit, place.head)
    rows = first_parents(git, fork, is_fixed) if fork else ()
    chain = [CommitRow(r.commit, r.added, r.modified, r.deleted) for r in rows]
    base = choose(chain, size, whole=not place.shallow)
    write_json(path, {"asked": asked, "base": base})
    return base
