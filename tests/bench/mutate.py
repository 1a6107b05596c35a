"""Replay a repository's own history in a clone: real commits, half-done work trees.

The clone shares the source's objects and never writes to it. Between two commits the
work tree takes the new state of one group of files after another, as if somebody was
working; then HEAD moves to the commit that those changes became.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_QUIET = (
    *("-c", "core.autocrlf=false"),
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "advice.detachedHead=false"),
    *("-c", "filter.lfs.smudge="),
    *("-c", "filter.lfs.process="),
    *("-c", "filter.lfs.required=false"),
    *("-c", "gc.auto=0"),
)
_LINK, _MODULE, _GONE = "120000", "160000", "000000"


@dataclass(frozen=True, slots=True)
class Changed:
    """A path and what it becomes: a git mode and a blob, or mode 000000."""

    path: str
    mode: str
    oid: str


class Clone:
    """A work tree of its own over another repository's objects."""

    def __init__(self, source: Path, folder: Path) -> None:
        self.folder = folder
        command = ["git", "clone", "-q", "--shared", "--no-checkout"]
        subprocess.run([*command, str(source.resolve()), str(folder)], check=True)

    def git(self, *args: str, data: bytes | None = None) -> bytes:
        """The output of a git command in the clone."""
        done = subprocess.run(
            ["git", *_QUIET, *args],
            cwd=self.folder,
            input=data,
            capture_output=True,
            check=True,
        )
        return done.stdout

    def chain(self, count: int) -> list[str]:
        """The last ``count`` first-parent commits and the one before, oldest first."""
        out = self.git("rev-list", "--first-parent", f"--max-count={count + 1}", "HEAD")
        return out.decode("ascii").split()[::-1]

    def blob(self, oid: str) -> bytes:
        """A blob's bytes."""
        return self.git("cat-file", "blob", oid)

    def be_at(self, commit: str) -> None:
        """Make HEAD, index and work tree the commit's.

        Files whose content is not at hand (mirrors leave the largest out) are not
        checked out, as in a sparse clone.
        """
        if absent := self.absent(commit):
            self.git("config", "core.sparseCheckout", "true")
            rules = "".join(f"!/{path}\n" for path in absent)
            target = self.folder / ".git" / "info" / "sparse-checkout"
            target.parent.mkdir(exist_ok=True)
            target.write_text("/*\n" + rules)
        self.git("checkout", "-q", "-f", "--detach", commit)

    def absent(self, commit: str) -> list[str]:
        """The paths of a commit whose blobs are not here."""
        rows = self.git("ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0")[:-1]
        blobs = [row.split(None, 3) for row in rows if row.split(None, 2)[1] == b"blob"]
        asked = b"".join(oid + b"\n" for _, _, oid, _ in blobs)
        told = self.git("cat-file", "--batch-check", data=asked).splitlines()
        pairs = zip(blobs, told, strict=True)
        return [os.fsdecode(b[3]) for b, line in pairs if line.endswith(b" missing")]

    def changes(self, old: str, new: str) -> list[Changed]:
        """What turns one commit's files into another's, in path order."""
        options = ("-r", "-z", "--raw", "--no-abbrev", "--no-renames")
        fields = iter(self.git("diff-tree", *options, old, new).split(b"\0"))
        found = []
        for field in fields:
            if field:
                _, mode, _, oid, _ = field.decode("ascii").split()
                found.append(Changed(os.fsdecode(next(fields)), mode, oid))
        return [change for change in found if change.mode != _MODULE]

    def write(self, change: Changed) -> None:
        """Give one path its new state in the work tree."""
        path = self.folder / change.path
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.is_dir() and change.mode != _GONE:
            shutil.rmtree(path)
        if change.mode == _GONE:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            data = self.blob(change.oid)
        except subprocess.CalledProcessError:
            return  # Not at hand: see `be_at`.
        if change.mode == _LINK:
            path.symlink_to(os.fsdecode(data))
            return
        path.write_bytes(data)
        path.chmod(int(change.mode, 8) & 0o777)

    def work(self, commits: Sequence[str], steps: int) -> Iterator[int]:
        """Walk the commits; yield the number of each step's commit, from 1.

        Before each commit there are ``steps`` work trees; in the last one all of the
        commit's files have changed. A commit of fewer files repeats a state.
        """
        self.be_at(commits[0])
        for number in range(1, len(commits)):
            todo = self.changes(commits[number - 1], commits[number])
            done = 0
            for step in range(1, steps + 1):
                until = -(-len(todo) * step // steps)
                for change in todo[done:until]:
                    self.write(change)
                done = until
                yield number
            self.be_at(commits[number])
