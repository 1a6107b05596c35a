"""What hooks need to know of a repository: where its hooks lie, what git hands over."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from repoctx.errors import GitError, UsageError
from repoctx.flow.sides import Scope, Subject
from repoctx.scan import Place, discover, resolve, run
from repoctx.scan.history import default_branch, merge_base


def hooks_folder(start: Path) -> Path:
    """Where git looks for hooks: ``core.hooksPath``, else the common ``hooks`` folder.

    Raises UsageError outside git.
    """
    place = discover(start)
    if not place.git:
        raise UsageError(f"{place.root} is no git repository: there are no hooks")
    # Our own guard sets it for every call; what stands before it is the user's.
    arguments = ("config", "--type=path", "-z", "--get-all", "core.hooksPath")
    found = run(place, *arguments, ok=(0, 1)).split(b"\0")[:-2]
    if found:
        return place.root / os.fsdecode(found[-1])
    return place.state.parent / "hooks"


def subject_of(hook: str, place: Place, environ: Mapping[str, str]) -> Subject:
    """What the hook is about, from what git and hook managers put into ``environ``."""
    # The pre-commit framework has one entry for all its stages.
    if hook != "pre-push" and not environ.get("PRE_COMMIT_TO_REF"):
        return Subject(Scope.STAGED, index_file=_index_file(place, environ))
    old = environ.get("PRE_COMMIT_FROM_REF", "")
    new = environ.get("PRE_COMMIT_TO_REF", "") or "HEAD"
    if not old or not old.strip("0"):
        old = _pushed(place)
    return Subject(Scope.RANGE, old, new) if old else Subject(Scope.COMMIT, "HEAD")


def _pushed(place: Place) -> str:
    """The commit from which on nothing was pushed yet, as far as refs tell."""
    git = partial(run, place)
    upstream = ("rev-parse", "--verify", "--quiet", "@{upstream}^{commit}")
    found = git(*upstream, ok=(0, 1, 128)).decode("ascii", "replace").strip()
    if not found and (branch := default_branch(git)):
        found = branch.commit
    head = resolve(place, "HEAD")
    base = merge_base(git, found, head) if found else ""
    return "" if base == head else base


def _index_file(place: Place, environ: Mapping[str, str]) -> Path | None:
    """The index that this commit is made from: with ``commit -a`` and ``commit PATH``
    it is a file of its own. One that lies elsewhere has leaked from another repository.
    """
    name = environ.get("GIT_INDEX_FILE", "")
    if not name:
        return None
    path = place.root / name
    if path.parent.resolve() != place.git_dir.resolve():
        raise GitError(f"GIT_INDEX_FILE names {name}, which is not this repository's")
    return path
