"""The number of results of a function in Go changed, and a call takes the old number.

Go alone says in a signature how many values come back, and lets nobody take another
number. What a changed type does elsewhere no rule here can tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from repoctx.review.arguments import CALL_LINES, balanced, split
from repoctx.review.change import Side
from repoctx.values import Kind

_ASSIGNED = re.compile(
    r"^\s*(?:\}?\s*else\s+)?(?:(?:if|for|switch)\s+)?(?:var\s+)?"
    r"(?P<left>[\w.,*&\[\]()\s\"']+?)\s*(?<![:=!<>+\-*/%&|^]):?=\s*$"
)
_OPERATOR_AFTER = re.compile(r"\s*(?:[.\[]|[=!<>]=|&&|\|\||[<>+*/%^&|-](?!=)|\{)")
_OPERATOR_BEFORE = re.compile(
    r"(?:!|&&|\|\||[=!<>]=|[+*/%^&|-]=?|\b(?:if|switch|range|case))\s*$"
)
_DONE = re.compile(r"\s*(?:$|;|//|/\*)")


def results(signature: str, name: str) -> int | None:
    """How many values a function of Go gives back; None when that cannot be told."""
    found = re.search(rf"(?<![\w.]){re.escape(name)}\s*(?:\[[^()]*\])?\s*\(", signature)
    if not found:
        return None
    start = found.end() - 1
    inside = balanced([signature[start:]], "go")
    if inside is None:
        return None
    rest = signature[start + len(inside) + 2 :].strip().removesuffix("{").strip()
    if not rest.startswith("("):
        return 1 if rest else 0
    listed = balanced([rest], "go")
    if listed is None or len(listed) + 2 != len(rest):
        return None
    return len([part for part in split(listed, "go", generic=False) if part.strip()])


def taken(side: Side, line: int, name: str) -> Iterator[int]:
    """How many values each call of ``name`` on line ``line`` (from 1) is used for,
    where that is sure."""
    lines = side.lines
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    for found in re.finditer(rf"((?:\w+\.)*)(?<!\w){re.escape(name)}\(", text):
        rest = [text[found.end() - 1 :], *lines[line : line + CALL_LINES]]
        inside = balanced(rest, "go")
        if inside is None:
            continue
        after = "\n".join(rest)[len(inside) + 2 :].partition("\n")[0]
        before = text[: found.start()]
        count = _used(before, after)
        if before.strip() == "return" and _DONE.match(after):
            count = _returned(side, line)
        if count is not None:
            yield count


def _returned(side: Side, line: int) -> int | None:
    """How many values the function around ``line`` gives, unless there may be one
    without a name between."""
    around = [
        s
        for s in side.outline.definitions
        if s.kind in (Kind.FUNCTION, Kind.METHOD) and s.start < line <= s.end
    ]
    if len(around) != 1 or any(
        "func" in text for text in side.lines[around[0].start : line - 1]
    ):
        return None
    return results(around[0].signature, around[0].name)


def _used(before: str, after: str) -> int | None:
    if before.lstrip().startswith(("//", "*")) or before.count('"') % 2:
        return None
    left = _ASSIGNED.match(before)
    if left and _DONE.match(after):
        return len(split(left["left"], "go", generic=False))
    if _OPERATOR_AFTER.match(after) and not after.lstrip().startswith("{"):
        return 1
    if _OPERATOR_BEFORE.search(before):
        return 1
    return None
