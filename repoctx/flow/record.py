"""Put what was applied into git: on a branch of its own, as a commit.

The only place that has git write, and only when the user says ``--commit`` or
``--branch``. The user's hooks run, as at any commit; nothing else that is changed or
staged goes into it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from repoctx.errors import GitError, UsageError
from repoctx.scan import Place, run

if TYPE_CHECKING:
    from git import Repo

SUBJECT = 72
"""Characters of a commit's first line."""


def check_branch(place: Place, name: str) -> None:
    """Raise UsageError when a commit, or a branch ``name``, cannot be made here."""
    if not place.git:
        raise UsageError(f"{place.root} is no git repository: nothing to commit to")
    if not name:
        return
    ref = f"refs/heads/{name}"
    bad = name.startswith("-") or run_code(place, "check-ref-format", ref)
    if bad:
        raise UsageError(f"{name!r} is no name for a branch")
    if not run_code(place, "show-ref", "--verify", "--quiet", ref):
        raise UsageError(f"there is a branch {name!r} already")


def run_code(place: Place, *args: str) -> int:
    """0 when a reading git command succeeds, else 1."""
    try:
        run(place, *args)
    except GitError:
        return 1
    return 0


def start_branch(place: Place, name: str) -> None:
    """Switch to a new branch; the work tree stays as it is. Raises GitError."""
    _git(_open(place), "switch", "--quiet", "--create", name)


def commit_files(place: Place, paths: Sequence[str], message: str) -> str:
    """Commit just ``paths`` as they are in the work tree; the commit's id.

    Raises GitError, also when one of the user's hooks refuses.
    """
    repo = _open(place)
    pathspecs = [f":(top,literal){path}" for path in paths]
    _git(repo, "add", "--all", "--", *pathspecs)
    first, _, rest = message.strip().partition("\n")
    subject = " ".join(first.split())
    if len(subject) > SUBJECT:
        rest = f"{subject}\n{rest}"
        subject = subject[: SUBJECT - 3].rstrip() + "..."
    body = f"{subject}\n\n{rest}".strip() + "\n"
    _git(repo, "commit", "--quiet", "--only", f"--message={body}", "--", *pathspecs)
    return _git(repo, "rev-parse", "HEAD").strip()


def _open(place: Place) -> Repo:
    from git import Repo

    return Repo(place.root)


def _git(repo: Repo, command: str, *args: str) -> str:
    """Run a writing git command in the user's own environment. Raises GitError."""
    from git.exc import GitCommandError

    try:
        out = repo.git.execute(["git", command, *args])
    except GitCommandError as exc:
        lines = str(exc.stderr).strip().strip("'").split("\n")
        said = lines[-1].strip().removeprefix("stderr: ").strip("' ")
        raise GitError(f"git {command}: {said[:300] or 'failed'}") from exc
    return out if isinstance(out, str) else ""
