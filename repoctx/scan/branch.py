"""Where HEAD is, in words for people: read by GitPython, which runs no git for it."""

from __future__ import annotations

from dataclasses import dataclass

from repoctx.scan.git import Place


@dataclass(frozen=True, slots=True)
class Head:
    """The branch (empty when detached), the commit and its first line."""

    branch: str
    commit: str
    subject: str


def head_of(place: Place) -> Head | None:
    """HEAD of the repository; None outside git, before the first commit, and where
    GitPython cannot read it (a new ref or object format)."""
    if not place.git or not place.head:
        return None
    # Imported here: 100 ms that only `status` pays.
    import git
    from git.db import GitDB

    try:
        # The pure-Python object database: no process, so nothing configured runs.
        with git.Repo(place.root, odbt=GitDB) as repo:
            branch = "" if repo.head.is_detached else repo.active_branch.name
            commit = repo.head.commit
            subject = str(commit.message).split("\n", 1)[0]
            return Head(branch, commit.hexsha, subject)
    except (git.GitError, ValueError, OSError, KeyError):
        return None
