"""Added lines in the file's own dress.

Where old lines stand in a file only when something is forgiven, the added lines
suffered the same: what the old lines show to have happened is undone on them. What
happened to one hunk happened to the whole answer, so `Dress` carries it along.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from repoctx.apply.hunks import Ready, opcodes
from repoctx.apply.indent import Indents, indent
from repoctx.apply.keys import FOLDED, punctuation

Pair = tuple[str, str]
"""An old line as the patch has it, and as the file has it."""

_STRINGS = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`")
_REMARK = re.compile(r"(?://|#(?!\[)|--\s|/\*|<!--).*$")


@dataclass(slots=True)
class Dress:
    """What the old lines of an answer show to have been done to its text.

    ``typed`` holds typographic characters that stand for typed ones, ``kept`` those
    that stand in the files too, ``spaces`` and ``tabs`` whether one was written for the
    other (``spaces``: the number for one tab, else 0), ``shifts`` by how much
    indentations were moved. ``fresh`` and ``stale`` say whether some hunk surely was
    not, or was, in the files already, ``doubt`` that one is either.
    """

    typed: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)
    spaces: int = 0
    tabs: int = 0
    shifts: set[int] = field(default_factory=set)
    fresh: bool = False
    stale: bool = False
    doubt: bool = False

    def learn(self, pairs: Sequence[Pair]) -> None:
        """Take the evidence of one hunk's old lines."""
        for patch, file in pairs:
            if patch.isascii() and file.isascii():
                continue
            for old, own in _swapped(patch, file):
                (self.kept if old == own else self.typed).add(old)

    def tells(self) -> bool:
        """Whether there is evidence that earlier hunks were placed without."""
        done = self.typed or self.shifts or self.spaces or self.tabs
        return bool(done) or self.doubt or (self.stale and not self.fresh)


def adapted(
    marked: Ready, pairs: Sequence[Pair], lines: Sequence[str], dress: Dress
) -> list[str]:
    """The hunk's added lines, undone what ``pairs`` show; ``lines`` are the file's.

    Raises Refused when an added line's indentation cannot be told.
    """
    out = [line[1:] for line in marked.lines if line[0] == "+"]
    dress.learn(pairs)
    if not out:
        return out
    out = _trimmed(out, pairs)
    out = _typed(out, lines, dress)
    if not (dress.spaces or dress.tabs) and all(p == f for p, f in pairs):
        return out
    plain = [(p if p == f else p.replace("\xa0", " "), f) for p, f in pairs]
    return Indents.of(plain, lines, dress).moved(out, _same(marked, pairs))


def _same(marked: Ready, pairs: Sequence[Pair]) -> list[tuple[str, str, str]]:
    """Lines put in again as they were but for indentation: the indentation of the old
    line as sent, of the file's line, and of the new line."""
    file_of = dict(pairs)
    out = []
    old = [line[1:] for line in marked.lines if line[0] == "-"]
    new = [line[1:] for line in marked.lines if line[0] == "+"]
    kept = (line[1:] for line in marked.lines if line[0] == " ")
    if not marked.whole or any(indent(k) != indent(file_of.get(k, k)) for k in kept):
        return []
    keys = [x.strip() for x in old], [x.strip() for x in new]
    for tag, i, i_end, j, _ in opcodes(*keys):
        if tag != "equal":
            continue
        for n in range(i_end - i):
            line = old[i + n]
            if line.strip() and line in file_of:
                told = indent(line), indent(file_of[line]), indent(new[j + n])
                out.append(told)
    moved = [told for told in out if told[0] != told[1]]
    full = sum(bool(line.strip()) for line in old)
    return moved if len(moved) > 1 and len(moved) * 2 >= full else []


def _trimmed(added: list[str], pairs: Sequence[Pair]) -> list[str]:
    """Without the trailing space that the patch put on every line."""
    tails = set()
    if all(patch == file for patch, file in pairs):
        return added
    for patch, file in pairs:
        if patch.strip():
            tails.add(patch[len(file) :] if patch.startswith(file) else "")
    if len(tails) != 1:
        return added
    tail = tails.pop()
    if not tail or tail.strip():
        return added
    if not all(line.rstrip("\r\n").endswith(tail) for line in added if line.strip()):
        return added
    return [line.removesuffix(tail) if line.strip() else line for line in added]


def _typed(added: list[str], lines: Sequence[str], dress: Dress) -> list[str]:
    """With typed characters where the answer has typographic ones for them."""
    found = {c for line in added if not line.isascii() for c in line if c in FOLDED}
    found -= dress.kept
    if not found:
        return added
    if not dress.typed and not any(map(_delimits, added)):
        return added
    own = {c for line in lines if not line.isascii() for c in line if c in found}
    table = {ord(c): FOLDED[c] for c in found - own}
    return [line.translate(table) for line in added] if table else added


def _delimits(line: str) -> bool:
    """Whether typographic quotes stand where only typed ones can: as delimiters."""
    if line.isascii():
        return False
    bare = _REMARK.sub("", _STRINGS.sub("", line))
    return bool(
        re.search(r"(?:[=(\[,:+{]|\breturn)\s*[“‘][^“”‘’]*[”’]\s*(?:[^\w\s]|$)", bare)
    )


def _swapped(patch: str, file: str) -> list[Pair]:
    """Characters of two lines that stand for each other."""
    a, b = patch.strip(), file.strip()
    if a == b:
        return [(c, c) for c in a if c in FOLDED]
    if punctuation(a) != punctuation(b):
        return []
    out = []
    i = j = 0
    while i < len(a) and j < len(b):
        own, typed = FOLDED.get(a[i]), FOLDED.get(b[j])
        if a[i] == b[j]:
            out += [(a[i], a[i])] if own is not None else []
            i, j = i + 1, j + 1
        elif own is not None and b.startswith(own, j):
            out.append((a[i], own))
            i, j = i + 1, j + len(own)
        elif typed is not None and a.startswith(typed, i):
            i, j = i + len(typed), j + 1
        else:
            break
    return out
