"""One text out of an answer that came in several messages.

In this order: the next message starts the cut line again; the longest overlap of two
complete lines or more; a seamless join. Prose and a reopened fence before it go.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from repoctx.parse.answer import undrafted
from repoctx.parse.naming import fence

LEAD = 12
"""Lines before a continuation's first real one that may be prose."""
OVERLAP = 400
"""Lines of overlap that are looked for."""


def stitch(parts: Sequence[str]) -> str:
    """The parts as one answer; a single part is returned as it is."""
    if not parts:
        return ""
    whole = parts[0]
    for part in parts[1:]:
        whole = _joined(whole, undrafted(part))
    return whole


def _joined(text: str, part: str) -> str:
    if not text or not part:
        return text + part
    head = text.split("\n")
    partial = head.pop()
    tail = part.split("\n")
    inside = _open(text)
    for skip in _starts(tail, inside):
        rest = tail[skip:]
        if joined := _restarted(head, partial, rest) or _overlapped(
            head, partial, rest
        ):
            return joined
    skip = _reopened(tail) if inside else 0
    left = "\n".join(tail[skip:])
    return f"{text}\n{left}" if skip and partial else text + left


def _starts(tail: Sequence[str], inside: bool) -> list[int]:
    """Lines at which a continuation's content may begin."""
    reopened = _reopened(tail)
    starts = [0, reopened] if reopened else [0]
    blank = next((n for n, line in enumerate(tail) if line.strip()), 0)
    for n in range(1, min(LEAD, len(tail))):
        if not tail[n - 1].strip() or fence(tail[n - 1]):
            starts.append(n)
    del inside
    return list(dict.fromkeys([*starts, blank]))


def _reopened(tail: Sequence[str]) -> int:
    """The line after a fence that prose leads up to; 0 when there is none."""
    for n, line in enumerate(tail[:LEAD]):
        marks = fence(line)
        if marks:
            return n + 1
        if re.match(r"^(?:[-+@*<>=]| {2,}|\t)", line):
            return 0
    return 0


def _restarted(head: Sequence[str], partial: str, rest: Sequence[str]) -> str:
    """The text with the cut line begun anew; empty when it was not."""
    if not partial.strip() or not rest or not rest[0].startswith(partial):
        return ""
    if len(partial.strip()) < 3 and rest[0].strip() != partial.strip():
        return ""
    return "\n".join([*head, *rest])


def _overlapped(head: Sequence[str], partial: str, rest: Sequence[str]) -> str:
    """The text without the lines that both parts have; empty when there are none."""
    for size in range(min(OVERLAP, len(head), len(rest)), 1, -1):
        if list(head[-size:]) != list(rest[:size]):
            continue
        if not any(line.strip() for line in rest[:size]):
            continue
        after = rest[size] if size < len(rest) else ""
        if not partial or after.startswith(partial):
            return "\n".join([*head, *rest[size:]])
    return ""


def _open(text: str) -> bool:
    """Whether the text ends inside a fence."""
    marks = ""
    for line in text.split("\n"):
        found = fence(line)
        if not found:
            continue
        if not marks:
            marks = found[1]
        elif not found[2] and len(found[1]) >= len(marks):
            marks = ""
    return bool(marks)
