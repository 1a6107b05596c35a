"""A block's hunks made ready for one file: marks settled, no-ops taken out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from repoctx.apply.keys import LEADING, Keyed
from repoctx.apply.splice import Refused

LARGE = 40_000_000
"""Pairs of lines above which two texts are not compared line by line."""


@dataclass(frozen=True)
class Ready:
    """Marked lines. An added line ends with ``\\r`` or ``\\n`` where the patch itself
    shows how it ends in the file; the other lines have no such end. ``whole`` says that
    both sides were sent whole, as in SEARCH and REPLACE."""

    lines: tuple[str, ...]
    whole: bool = False

    @cached_property
    def old(self) -> list[str]:
        """Context and lines taken out."""
        return [line[1:] for line in self.lines if line[0] != "+"]

    @cached_property
    def new(self) -> list[str]:
        """Context and lines put in."""
        return [line[1:].rstrip("\r\n") for line in self.lines if line[0] != "-"]

    @cached_property
    def added(self) -> list[str]:
        """Lines put in."""
        return [line[1:].rstrip("\r\n") for line in self.lines if line[0] == "+"]


def ready(lines: Sequence[str], file: Keyed) -> Ready:
    """The hunk for this file. Raises Refused for a stray line."""
    return _ready(tuple(settled(lines, file)))


@lru_cache(maxsize=8)
def _ready(marked: tuple[str, ...]) -> Ready:
    # Each stage of the ladder asks again.
    whole = all(line[0] != " " for line in marked)
    if whole:
        # A diff that marks a line as changed means it, down to its trailing space.
        marked = tuple(minimal(marked))
    if "\r" not in "".join(marked):
        return Ready(marked, whole)
    # Old lines with a carriage return show that the patch has the file's own ends.
    raw = any(line[0] != "+" and line.endswith("\r") for line in marked)
    out = []
    for line in marked:
        if line[0] == "+":
            out.append(line + "\n" if raw and not line.endswith("\r") else line)
        else:
            out.append(line.removesuffix("\r"))
    return Ready(tuple(out), whole)


def tails(lines: Sequence[str]) -> list[tuple[str, ...]]:
    """The hunk, then the hunk without the unmarked lines at its end."""
    cut = len(lines)
    while cut and lines[cut - 1][:1] == "?":
        cut -= 1
    whole = tuple(lines)
    return [whole] if cut in (0, len(lines)) else [whole, whole[:cut]]


def settled(lines: Sequence[str], file: Keyed) -> list[str]:
    """Unmarked lines become context where the file has them; prose at the end goes.

    Raises Refused for an unmarked line among marked ones that the file lacks.
    """
    if "?" not in [line[:1] for line in lines]:
        return list(lines)
    last = max((n for n, line in enumerate(lines) if line[:1] in "+-"), default=-1)
    out = []
    for n, line in enumerate(lines):
        if line[:1] != "?":
            out.append(line)
        elif file.has(line[1:].removesuffix("\r"), LEADING):
            out.append(" " + line[1:])
        elif n > last:
            break
        else:
            raise Refused("stray", line[1:][:80])
    return out


def minimal(lines: Sequence[str]) -> list[str]:
    """The same hunk with lines that are taken out and put in again as context."""
    out: list[str] = []
    old: list[str] = []
    new: list[str] = []
    for line in (*lines, ""):
        if line[:1] == "-":
            old.append(line[1:])
        elif line[:1] == "+":
            new.append(line[1:])
        else:
            out += compared(old, new)
            old, new = [], []
            if line:
                out.append(line)
    return out


def compared(old: Sequence[str], new: Sequence[str]) -> list[str]:
    """The lines of both, marked; what both have in order is context."""
    out: list[str] = []
    for tag, i, i_end, j, j_end in opcodes(old, new):
        if tag == "equal":
            out += [" " + line for line in old[i:i_end]]
        else:
            out += ["-" + line for line in old[i:i_end]]
            out += ["+" + line for line in new[j:j_end]]
    return out


def opcodes(
    old: Sequence[str], new: Sequence[str]
) -> list[tuple[str, int, int, int, int]]:
    """``equal`` and ``replace`` stretches that turn ``old`` into ``new``, in order."""
    size = min(len(old), len(new))
    head = 0
    while head < size and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < size - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    n, m = len(old) - tail, len(new) - tail
    out: list[tuple[str, int, int, int, int]] = []
    if head:
        out.append(("equal", 0, head, 0, head))
    if head < n and head < m and (n - head) * (m - head) <= LARGE:
        out += _middle(old[head:n], new[head:m], head)
    elif head < n or head < m:
        out.append(("replace", head, n, head, m))
    if tail:
        out.append(("equal", n, len(old), m, len(new)))
    return out


def _middle(
    old: Sequence[str], new: Sequence[str], offset: int
) -> list[tuple[str, int, int, int, int]]:
    from rapidfuzz.distance import LCSseq

    out: list[tuple[str, int, int, int, int]] = []
    for op in LCSseq.opcodes(old, new):
        tag, i, i_end = op.tag, op.src_start + offset, op.src_end + offset
        j, j_end = op.dest_start + offset, op.dest_end + offset
        if tag == "equal":
            out.append(("equal", i, i_end, j, j_end))
        elif out and out[-1][0] == "replace":
            _, a, _, b, _ = out.pop()
            out.append(("replace", a, i_end, b, j_end))
        else:
            out.append(("replace", i, i_end, j, j_end))
    return out
