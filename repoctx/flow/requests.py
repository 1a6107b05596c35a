"""Real change requests out of the repository's own history.

A request is a commit's message without trailers and issue numbers; what it asks for are
the old lines that the commit touched. Left out are merges; commits that touch more than
eight source or test files, or no source file, or only add files; releases (``bump``,
``prepare``, a version); and messages of fewer than four telling words (``fix lint``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from repoctx.errors import GitError
from repoctx.index import detect
from repoctx.index.search import kind_of
from repoctx.index.terms import line_terms
from repoctx.scan.history import Run
from repoctx.scan.requests import Spans, old_lines, said
from repoctx.values import SourceFile

MAX_FILES = 8
TELLING = 4
"""Fewer words than this (``fix lint``, ``address comments``) ask for nothing."""

LOOKED_THROUGH = 20
"""Commits looked through for each request wanted."""

_TRAILER = re.compile(
    r"^([\w-]+-by: .*|\(cherry[ -]picked.*|change-id: .*"
    r"|((fix(es|ed)?|close[sd]?|resolve[sd]?|refs?|see|issues?|pr|part of|related to)\b"
    r"[\s:,]*|and\s+)*([\w/.-]*#\d+|gh-\d+|https?://\S+)[\s.,]*)+$",
    re.IGNORECASE,
)
_ROUTINE = re.compile(
    r"^((chore|build|ci)?(\(release\))?:? ?(releaser?|prepare|bump|upgrade version)\b"
    r"|v?\d+\.\d|squashed |merge |next development version)",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\(?\b(?:gh-|#|[\w/.-]+#)\d+\)?")


@dataclass(frozen=True, slots=True)
class Asked:
    """A commit that was asked for: its ``parent``, its message as ``query``, and by
    path the lines of the parent's code that it touched."""

    commit: str
    parent: str
    query: str
    hunks: Mapping[str, Spans]


def asked_for(run: Run, head: str, number: int) -> Iterator[Asked]:
    """The latest ``number`` requests up to ``head``, newest first. Raises GitError."""
    found = 0
    for commit in said(run, head, number * LOOKED_THROUGH):
        query = cleaned(commit.message).strip()
        telling = {term for line in query.splitlines() for term in line_terms(line)}
        if not commit.parent or len(telling) < TELLING or _ROUTINE.match(query):
            continue
        try:
            touched = old_lines(run, commit.commit)
        except GitError:
            continue  # A partial clone lacks one of its blobs.
        kinds = {path: kind_of_path(path) for path in touched}
        hunks = {p: touched[p] for p, k in kinds.items() if k in ("source", "tests")}
        if len(hunks) <= MAX_FILES and "source" in kinds.values():
            yield Asked(commit.commit, commit.parent, query, hunks)
            found += 1
            if found == number:
                return


def cleaned(message: str) -> str:
    """A commit's message as a request for the change: no trailers, no issue numbers."""
    lines = [line for line in message.splitlines() if not _TRAILER.match(line.strip())]
    return "\n".join(_NUMBER.sub("", line) for line in lines)


def kind_of_path(path: str) -> str:
    """``source``, ``tests``, ``docs`` or ``other``, by the path alone."""
    return kind_of(SourceFile(path, "", 0, 0, detect(path)))
