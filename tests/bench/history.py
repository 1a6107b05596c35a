"""Real change requests out of a repository's history, and the trees they met.

``repoctx.flow.requests`` says what a request is and which commits are left out.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from repoctx.flow.requests import Asked, asked_for
from repoctx.index import detect
from repoctx.scan import run
from repoctx.values import SourceFile, byte_order

MAX_SIZE = 1_000_000
_GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "-C")


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


def changes(repository: Repository, number: int, start: str) -> Iterator[Asked]:
    """The latest changes that modify one to eight source files."""
    head = repository.git("rev-parse", f"{start}^{{commit}}").decode().strip()
    yield from asked_for(partial(run, repository.root), head, number)
