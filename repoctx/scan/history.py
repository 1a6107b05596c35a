"""What git knows of the past, each question one bounded call that reads only names.

Nothing here opens a file's content, so it works in a clone without blobs; nothing
fetches. Every revision handed to git is a full object id or a full ref name, never a
user's string. ``run`` is ``repoctx.scan.git.run`` with its place bound:
``run(*arguments, ok=(0,)) -> bytes``, raising GitError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from repoctx.errors import GitError

Run = Callable[..., bytes]

NAMES = ("main", "master", "trunk", "develop")
"""Usual names of a default branch, most usual first."""

LIMIT = 1024
"""Commits of the chain that one call lists."""

TOUCH_LIMIT = 4096
"""Commits between base and HEAD that are looked through for the overlay's order."""

_OID = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
_FILE_MODES = ("100644", "100755", "100664")
# Configuration that would change what is listed, or name a file to read, is overruled.
_RAW = (
    "--raw",
    "-z",
    "-r",
    "--no-abbrev",
    "--no-renames",
    "--no-relative",
    "--ignore-submodules=none",
    "-O/dev/null",
)
_CHAIN = ("--first-parent", "--diff-merges=first-parent", "--root")


class Branch(NamedTuple):
    """The default branch: its full ref name and the commit it is at."""

    ref: str
    commit: str


class Row(NamedTuple):
    """A commit and how many regular files it added, modified and deleted."""

    commit: str
    added: int = 0
    modified: int = 0
    deleted: int = 0


class Touch(NamedTuple):
    """A path that differs between base and HEAD: ``order`` of the last commit that
    touched it (0: unknown, older than all others) and its blob at HEAD ("": none)."""

    order: int
    oid: str


def default_branch(run: Run) -> Branch | None:
    """The branch that a team shares, as far as this clone can tell without a network.

    ``origin/HEAD``; another remote's HEAD; a usual name on origin; then local names,
    where ``init.defaultBranch`` comes first. None when nothing fits.
    """
    origin = "refs/remotes/origin/"
    remote = [f"{origin}HEAD", *(origin + name for name in NAMES)]
    refs = _commits_at(run, "refs/remotes/*/HEAD", *remote)
    heads = [ref for ref in sorted(refs) if ref.endswith("/HEAD")]
    for ref in (remote[0], *heads, *remote[1:]):
        if ref in refs:
            return Branch(ref, refs[ref])
    local = [f"refs/heads/{name}" for name in (_configured(run), *NAMES)]
    refs = _commits_at(run, *local)
    return next((Branch(ref, refs[ref]) for ref in local if ref in refs), None)


def _commits_at(run: Run, *patterns: str) -> dict[str, str]:
    """The refs that match and point at a commit, by full name."""
    form = "--format=%(objecttype) %(objectname) %(refname)"
    out = run("for-each-ref", form, *patterns).decode("utf-8", "surrogateescape")
    rows = [line.split(" ", 2) for line in out.split("\n") if line]
    return {ref: commit for kind, commit, ref in rows if kind == "commit"}


def _configured(run: Run) -> str:
    try:
        out = run("config", "--get", "init.defaultBranch", ok=(0, 1))
    except GitError:  # An unreadable configuration names no branch.
        return ""
    return out.decode("utf-8", "surrogateescape").rstrip("\n").replace("\0", "")


def fork_point(run: Run, branch: str, head: str) -> str:
    """The newest first-parent commit of ``branch`` that ``head`` contains.

    Both are full commit ids. Empty when the two share no such commit.
    """
    _check(branch, head)
    ahead = run("rev-list", "--first-parent", "--parents", branch, f"^{head}")
    lines = ahead.decode("ascii").splitlines()
    if not lines:
        return branch
    oldest = lines[-1].split()
    return oldest[1] if len(oldest) > 1 else ""


def first_parents(
    run: Run, tip: str, until: Callable[[str], bool], count: int = LIMIT
) -> tuple[Row, ...]:
    """The first-parent chain from ``tip`` back, newest first.

    It ends with the first commit for which ``until`` holds, and after ``count`` rows.
    A merge counts with what it brought to its first parent. Links and submodules do
    not count.
    """
    _check(tip)
    # Ids alone cost a tenth: so trees are compared only as far as the answer needs.
    listed = run("rev-list", "--first-parent", f"--max-count={count}", tip, "--")
    chain = listed.decode("ascii").split()
    needed = next((n for n, c in enumerate(chain, start=1) if until(c)), len(chain))
    out = run("log", f"--max-count={needed}", "--format=%H", *_CHAIN, *_RAW, tip, "--")
    rows = []
    for commit, changed in _commits(out):
        counts = {"A": 0, "D": 0, "M": 0}
        for change in changed:
            counts[change.status] += 1
        rows.append(Row(commit, counts["A"], counts["M"], counts["D"]))
    return tuple(rows)


def is_ancestor(run: Run, old: str, new: str) -> bool:
    """Whether ``new`` contains ``old`` (a commit contains itself)."""
    _check(old, new)
    return not run("rev-list", "--max-count=1", old, f"^{new}")


def merge_base(run: Run, one: str, other: str) -> str:
    """The best common ancestor; the smallest id of several; empty when none."""
    _check(one, other)
    found = run("merge-base", "--all", one, other, ok=(0, 1))
    return min(found.decode("ascii").split(), default="")


def touched(run: Run, base: str, head: str) -> dict[str, Touch]:
    """Every path whose blob differs between two commits, and who touched it last.

    Along first parents: a merge touches all that it brings, because that is when the
    paths changed here. So a new commit always comes last, and what others did earlier
    but merged today never moves into the middle of the overlay.
    """
    _check(base, head)
    if base == head:
        return {}
    listed = run("diff-tree", *_RAW, base, head, "--")
    found = {c.path: Touch(0, c.oid) for c in _changes(iter(listed.split(b"\0")))}
    if not found:
        return {}
    bound = f"--max-count={TOUCH_LIMIT}"
    log = ("log", bound, "--format=%H", *_CHAIN, *_RAW, head, f"^{base}", "--")
    commits = list(_commits(run(*log)))
    for order, (_, changed) in enumerate(reversed(commits), start=1):
        for change in changed:
            if change.path in found:
                found[change.path] = Touch(order, found[change.path].oid)
    return found


def change_counts(run: Run, head: str, count: int) -> dict[str, int]:
    """How many of the last ``count`` first-parent commits touched each path."""
    _check(head)
    out = run("log", f"--max-count={count}", "--format=%H", *_CHAIN, *_RAW, head, "--")
    counts: dict[str, int] = {}
    for _, changed in _commits(out):
        for change in changed:
            counts[change.path] = counts.get(change.path, 0) + 1
    return counts


def committed(touches: Mapping[str, Touch], now: Mapping[str, str]) -> dict[str, int]:
    """The rank (0: oldest) of those paths whose present blob is HEAD's.

    ``now`` maps each path that differs from the base to its present blob id, "" for a
    path that is gone. What is left out is uncommitted, also when it was committed once
    and then changed again.
    """
    orders = {
        path: touches[path].order
        for path, oid in now.items()
        if path in touches and touches[path].oid == oid
    }
    ranks = {order: rank for rank, order in enumerate(sorted(set(orders.values())))}
    return {path: ranks[order] for path, order in orders.items()}


class _Change(NamedTuple):
    path: str
    status: str
    oid: str


def _commits(out: bytes) -> Iterator[tuple[str, list[_Change]]]:
    """Split ``git log --format=%H --raw -z``: each commit and its changes."""
    commit = ""
    changed: list[bytes] = []
    fields = iter(out.split(b"\0"))
    for field in fields:
        text = field.lstrip(b"\n")
        if text.startswith(b":"):
            changed += [text, next(fields, b"")]
        elif text:
            if commit:
                yield commit, list(_changes(iter(changed)))
            commit, changed = text.decode("ascii"), []
    if commit:
        yield commit, list(_changes(iter(changed)))


def _changes(fields: Iterator[bytes]) -> Iterator[_Change]:
    """Parse raw rows: of a file that became a link only its end is told, and so on."""
    for field in fields:
        if not field:
            continue
        before, after, _, oid, _ = field[1:].decode("ascii").split(" ")
        path = next(fields).decode("utf-8", "surrogateescape")
        was, stays = before in _FILE_MODES, after in _FILE_MODES
        if was or stays:
            status = "M" if was and stays else "D" if was else "A"
            yield _Change(path, status, oid if stays else "")


def _check(*commits: str) -> None:
    for commit in commits:
        if not _OID.match(commit):
            raise ValueError(f"not a full commit id: {commit!r}")
