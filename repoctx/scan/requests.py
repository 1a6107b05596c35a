"""What commits said and touched: the past as requests for a change.

Like `history`, with ``run`` bound to a place; here the patches of commits are read, so
a partial clone may lack what is asked for, which raises GitError.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from repoctx.scan.history import Run

Spans = tuple[tuple[int, int], ...]
"""Line ranges, from 1, both ends included."""

_HUNK = re.compile(rb"^@@ -(\d+)(?:,(\d+))? \+")


class Said(NamedTuple):
    """A commit that is no merge: its first parent ("": none) and its whole message."""

    commit: str
    parent: str
    message: str


def said(run: Run, head: str, count: int) -> tuple[Said, ...]:
    """The last ``count`` commits up to ``head`` that are no merges, newest first."""
    form = "--format=%H%x00%P%x00%B%x01"
    out = run("log", "--no-merges", f"--max-count={count}", form, head, "--")
    found = []
    for entry in out.decode("utf-8", "replace").split("\x01"):
        commit, _, rest = entry.strip().partition("\0")
        parent, _, message = rest.partition("\0")
        if commit:
            found.append(Said(commit, parent, message))
    return tuple(found)


def old_lines(run: Run, commit: str) -> dict[str, Spans]:
    """By old path the line ranges that ``commit`` changes or takes out; where it only
    puts lines in, the lines around that place. Raises GitError."""
    patch = run(
        "diff-tree", "-r", "-p", "-U0", "-M", "--diff-filter=MDR", "-O/dev/null",
        "--no-relative", "--src-prefix=a/", "--dst-prefix=b/", commit, "--",
    )  # fmt: skip
    found: dict[str, list[tuple[int, int]]] = {}
    path, ahead = "", False
    for line in patch.split(b"\n"):
        # A removed line may look like a header: that one comes before any hunk.
        if line.startswith(b"diff --git "):
            path, ahead = "", True
        elif ahead and line.startswith(b"--- a/"):
            path = line[6:].rstrip(b"\t").decode("utf-8", "surrogateescape")
        elif path and (match := _HUNK.match(line)):
            ahead = False
            first, count = int(match[1]), int(match[2] or 1)
            last = first + max(count, 2 if count == 0 else 1) - 1
            found.setdefault(path, []).append((max(first, 1), last))
    return {path: tuple(spans) for path, spans in found.items()}
