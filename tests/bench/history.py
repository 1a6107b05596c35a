"""Real change requests out of a repository's history, and the trees they met.

A request is a commit's message without trailers and issue numbers. Only files of a
programming language count. Left out are commits that touch more than eight of them, or
no source file beside tests, or only add files; merges; releases (``bump``, ``release``,
``prepare``, a version); and messages of fewer than four telling words (``fix lint``).
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from repoctx.index import detect
from repoctx.index.search import kind_of
from repoctx.index.terms import line_terms
from repoctx.values import SourceFile, byte_order

MAX_FILES = 8
TELLING = 4
"""Fewer words than this (``fix lint``, ``address comments``) ask for nothing."""
MAX_SIZE = 1_000_000
_GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "-C")
_TRAILER = re.compile(
    r"^([\w-]+-by: .*|\(cherry[ -]picked.*|change-id: .*"
    r"|((fix(es|ed)?|close[sd]?|resolve[sd]?|refs?|see|issues?|pr|part of|related to)\b"
    r"[\s:,]*|and\s+)*([\w/.-]*#\d+|gh-\d+|https?://\S+)[\s.,]*)+$",
    re.I,
)
_ROUTINE = re.compile(
    r"^((chore|build|ci)?(\(release\))?:? ?(releaser?|prepare|bump|upgrade version)\b"
    r"|v?\d+\.\d|squashed |merge |next development version)",
    re.I,
)
_NUMBER = re.compile(r"\(?\b(?:gh-|#|[\w/.-]+#)\d+\)?")
_HUNK = re.compile(rb"^@@ -(\d+)(?:,(\d+))? \+")


@dataclass(frozen=True, slots=True)
class Change:
    """A commit: its message as query, and the old lines it touched by path."""

    commit: str
    query: str
    hunks: dict[str, list[tuple[int, int]]]


class Repository:
    """Plain git reads, one ``cat-file`` process for all blobs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._cat = subprocess.Popen(
            [*_GIT, str(root), "cat-file", "--batch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._texts: dict[str, str] = {}

    def git(self, *arguments: str) -> bytes:
        command = [*_GIT, str(self.root), *arguments]
        return subprocess.run(command, check=True, capture_output=True).stdout

    def blob(self, oid: str) -> bytes:
        assert self._cat.stdin is not None and self._cat.stdout is not None
        self._cat.stdin.write(oid.encode() + b"\n")
        self._cat.stdin.flush()
        size = int(self._cat.stdout.readline().split()[2])
        data = self._cat.stdout.read(size)
        self._cat.stdout.read(1)
        return data

    def text(self, file: SourceFile) -> str:
        return self.blob(file.oid).decode("utf-8", "replace")

    def tree(self, commit: str) -> tuple[SourceFile, ...]:
        listing = self.git("ls-tree", "-r", "-z", "-l", commit)
        files = []
        for line in listing.split(b"\0")[:-1]:
            meta, _, raw = line.partition(b"\t")
            mode, kind, oid, size = meta.split()
            if kind != b"blob" or mode == b"120000" or not size.isdigit():
                continue  # a blob that a partial clone lacks has no size
            if int(size) > MAX_SIZE:
                continue
            path = raw.decode("utf-8", "surrogateescape")
            files.append(
                SourceFile(path, oid.decode(), int(mode, 8), int(size), detect(path))
            )
        return tuple(sorted(files, key=lambda f: byte_order(f.path)))

    def close(self) -> None:
        assert self._cat.stdin is not None
        self._cat.stdin.close()
        self._cat.wait(10)


def cleaned(message: str) -> str:
    """A commit's message as a request for the change: no trailers, no issue numbers."""
    lines = [line for line in message.splitlines() if not _TRAILER.match(line.strip())]
    return "\n".join(_NUMBER.sub("", line) for line in lines)


def changes(repository: Repository, number: int, start: str) -> Iterator[Change]:
    """The latest changes that modify one to eight source files."""
    log = repository.git(
        "log", "--no-merges", f"-n{number * 20}", "--format=%H%x00%P%x00%B%x01", start
    ).decode("utf-8", "replace")
    found = 0
    for entry in log.split("\x01"):
        commit, _, rest = entry.strip().partition("\0")
        parents, _, message = rest.partition("\0")
        query = cleaned(message).strip()
        telling = {term for line in query.splitlines() for term in line_terms(line)}
        if not parents or " " in parents:
            continue
        if len(telling) < TELLING or _ROUTINE.match(query):
            continue
        try:
            hunks = old_lines(repository, commit)
        except subprocess.CalledProcessError:
            continue  # a partial clone lacks one of its blobs
        if len(hunks) <= MAX_FILES and "source" in map(kind_of_path, hunks):
            yield Change(commit, query, hunks)
            found += 1
            if found == number:
                return


def old_lines(repository: Repository, commit: str) -> dict[str, list[tuple[int, int]]]:
    """Old-side line ranges by path of the source files that ``commit`` modifies."""
    patch = repository.git(
        "diff-tree", "-r", "-p", "-U0", "-M", "--no-ext-diff", "--no-textconv",
        "--diff-filter=MDR", commit,
    )  # fmt: skip
    hunks: dict[str, list[tuple[int, int]]] = {}
    path = ""
    for line in patch.split(b"\n"):
        if line.startswith(b"--- "):
            path = line[6:].rstrip(b"\t").decode("utf-8", "surrogateescape")
            if kind_of_path(path) not in ("source", "tests"):
                path = ""
        elif path and (match := _HUNK.match(line)):
            first, count = int(match[1]), int(match[2] or 1)
            # An insertion has no old lines: the lines around it must be there.
            last = first + max(count, 2 if count == 0 else 1) - 1
            hunks.setdefault(path, []).append((max(first, 1), last))
    return hunks


def kind_of_path(path: str) -> str:
    return kind_of(SourceFile(path, "", 0, 0, detect(path)))
