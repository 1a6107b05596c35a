"""One text out of an answer that came in several messages.

Prose and a reopened fence before a continuation are dropped. Then, the first that
holds: it repeats two complete lines or more; it begins the cut line anew; it goes on
where the text broke off.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import gcd

from repoctx.parse.answer import undrafted
from repoctx.parse.naming import fence

LEAD = 12
"""Lines before a continuation's first real one that may be prose."""
OVERLAP = 400
"""Lines of overlap that are looked for."""
_SPOKEN = re.compile(
    r"(?i)\b(?:continu|resum|left off|picking up|pick up|the rest|remaining|cut off|"
    r"truncated|sorry|apolog|sure|certainly|here(?:'s| is| are)|of course|as requested)"
)
_STRUCTURE = re.compile(
    r"(?:<{7}|-{7}) SEARCH|={7}|(?:>{7}|\+{7}) REPLACE|`{3,}[\w+-]*|@@(?: .*)?|"
    r"\*\*\* (?:Begin|End) Patch|\*\*\* (?:Add|Update|Delete) File: .+|"
    r"@@@@ .+|diff --git .+|(?:---|\+\+\+) [ab]/.+"
)


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
    skip, fenced = _lead(tail, inside)
    rest = tail[skip:]
    if fenced and not inside:
        rest = _unclosed(rest)
    if not rest:
        return text
    blank = next((n for n, line in enumerate(rest) if line.strip()), 0)
    # A fence opened again may be one of the lines that are repeated.
    for again in (tail, rest, rest[blank:]) if skip else (rest,):
        if size := _overlap(head, partial, again):
            return "\n".join([*head, *again[size:]])
    if partial and _restarts(head, partial, rest):
        return "\n".join([*head, *rest])
    left = "\n".join(rest)
    if skip and partial and re.match(r"[-+ @\t]", rest[0]):
        return f"{text}\n{left}"
    return text + left


def _lead(tail: Sequence[str], inside: bool) -> tuple[int, bool]:
    """How many lines before the continuation's content, and whether a fence is last."""
    spoken = 0
    for n, line in enumerate(tail[:LEAD]):
        marks = fence(line)
        if marks and ((n == 0 and (inside or marks[2])) or spoken):
            return n + 1, True
        if not line.strip():
            continue
        if not _prose(line) and not (spoken and _follows(tail, n)):
            break
        spoken = n + 1
    # One blank line sets the prose apart; more of them are content.
    apart = 0 < spoken < len(tail) and not tail[spoken].strip()
    return spoken + apart, False


def _prose(line: str) -> bool:
    return bool(_SPOKEN.search(line)) and not re.match(r"[-+@*<>=#/\s]", line)


def _follows(tail: Sequence[str], at: int) -> bool:
    """Whether a fence comes soon, so that this line is prose too."""
    return any(fence(line) for line in tail[at : min(at + 3, LEAD)]) and bool(
        re.match(r"[A-Z*]", tail[at])
    )


def _unclosed(rest: list[str]) -> list[str]:
    """The lines without the one that closes a fence which was dropped."""
    last = max((n for n, line in enumerate(rest) if fence(line)), default=-1)
    if last >= 0 and not any(line.strip() for line in rest[last + 1 :]):
        return [*rest[:last], *rest[last + 1 :]]
    return rest


def _overlap(head: Sequence[str], partial: str, rest: Sequence[str]) -> int:
    """How many complete lines both parts have; 0 for none.

    Two lines or more of which one is not blank, or the one that opens a block.
    """
    for size in range(min(OVERLAP, len(head), len(rest)), 0, -1):
        if rest[0] != head[-size] or list(head[-size:]) != list(rest[:size]):
            continue
        if size == 1 and (fence(rest[0]) or not _STRUCTURE.fullmatch(rest[0])):
            break
        full = {line for line in rest[:size] if line.strip()}
        if not partial.strip() and not full:
            break
        if size > 1 and len(full) == 1 and len(set(rest[:size])) == 1:
            # The same line again and again may as well be the text itself.
            continue
        after = rest[size] if size < len(rest) else ""
        if not partial or after.startswith(partial):
            return size
    return 0


def _restarts(head: Sequence[str], partial: str, rest: Sequence[str]) -> bool:
    """Whether the continuation begins the cut line anew."""
    line = rest[0]
    if not line.startswith(partial):
        return False
    whole, anew = _STRUCTURE.fullmatch(partial + line), _STRUCTURE.fullmatch(line)
    if bool(whole) != bool(anew):
        return bool(anew)
    if partial.strip():
        return True
    # Only white space came of the line: what its neighbours have decides.
    near = [t for t in (*reversed(head[-6:]), *rest[1:6]) if t.strip()]
    near = [t for t in near if not _STRUCTURE.fullmatch(t)]
    return _fits(line, near) >= _fits(partial + line, near)


def _fits(line: str, near: Sequence[str]) -> tuple[int, int]:
    """How well a line's indentation goes with its neighbours': by how much of their
    unit it is a multiple of, then by how close it is to one of them."""
    first = any(text[0] in "-+" for text in near)
    depths = [_depth(text) - first for text in near]
    own = _depth(line) - first
    unit = gcd(*depths) or 1
    return gcd(own, unit), -min((abs(own - n) for n in depths), default=0)


def _depth(line: str) -> int:
    """The indentation, a diff's mark counted as white space."""
    text = re.sub(r"^[-+]", " ", line).expandtabs(4)
    return len(text) - len(text.lstrip())


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
