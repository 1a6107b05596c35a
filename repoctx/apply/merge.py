"""Three-way merge of lines: what an edit did, onto what a file has become."""

from __future__ import annotations

from repoctx.apply.hunks import opcodes
from repoctx.apply.keys import Keyed
from repoctx.apply.splice import Change, Layer
from repoctx.apply.text import Source, fitted


def differences(old: Source, new: Source) -> list[Change]:
    """The changes that turn ``old`` into ``new``, line ends included."""
    a = [line + end for line, end in zip(old.lines, old.ends, strict=True)]
    b = [line + end for line, end in zip(new.lines, new.ends, strict=True)]
    return [
        Change(i, i_end, tuple(new.lines[j:j_end]), tuple(new.ends[j:j_end]))
        for tag, i, i_end, j, j_end in opcodes(a, b)
        if tag != "equal"
    ]


def rewritten(old: Source, lines: list[str]) -> list[Change]:
    """The changes that make a whole new text of ``old``; equal lines keep their end."""
    return [
        Change(i, i_end, tuple(fitted(line, old, False) for line in lines[j:j_end]))
        for tag, i, i_end, j, j_end in opcodes(old.lines, lines)
        if tag != "equal"
    ]


def merged(base: Source, ours: Source, theirs: Source) -> tuple[Source, list[int]]:
    """``theirs`` with what ``ours`` changed in ``base``, and the conflicting lines.

    Lines are those of ``base``, from 1. The same change on both sides is no conflict;
    changes that touch each other are one.
    """
    layer = Layer(Keyed(base))
    for change in differences(base, theirs):
        layer.add(change)
    conflicts = []
    mine = []
    for change in differences(base, ours):
        if change in layer.made:
            continue
        near = Change(max(0, change.start - 1), change.end + 1)
        if layer.clash(change) or any(_meets(near, other) for other in layer.made):
            conflicts.append(change.start + 1)
        else:
            mine.append(change)
    for change in mine:
        layer.add(change)
    result = layer.result()
    if theirs.ends and result.ends:
        result.ends[-1] = theirs.ends[-1] and (result.ends[-1] or theirs.end)
    return result, conflicts


def _meets(near: Change, other: Change) -> bool:
    return (near.start < other.end and other.start < near.end) or (
        other.start == other.end and near.start < other.start < near.end
    )
