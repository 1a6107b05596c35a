"""Where HEAD is, in words for people: refs by GitPython, the commit by guarded git."""

from __future__ import annotations

from dataclasses import dataclass

from repoctx.errors import GitError
from repoctx.scan.git import Place, run


@dataclass(frozen=True, slots=True)
class Head:
    """The branch (empty when detached), the commit and its first line."""

    branch: str
    commit: str
    subject: str


def head_of(place: Place) -> Head | None:
    """HEAD of the repository; None outside git, before the first commit, and where its
    refs cannot be read (a new ref format)."""
    if not place.git or not place.head:
        return None
    # Imported here: 100 ms that only `status` pays.
    import git

    try:
        # GitPython reads refs as files. Objects it would read by a git of its own,
        # without our guards.
        with git.Repo(place.root) as repo:
            branch = "" if repo.head.is_detached else repo.active_branch.name
        out = run(place, "log", "--max-count=1", "--format=%s", place.head, "--")
    except (git.GitError, GitError, ValueError, OSError, TypeError):
        return None
    return Head(branch, place.head, out.decode("utf-8", "replace").rstrip("\n"))
