"""From a syntax tree to plain records, by one pass of a query's captures.

What a capture name means in ``queries/*.scm``:

``@definition.<kind>``  a node that defines something; ``<kind>`` is a ``values.Kind``
``@scope``              a node that only lends its name to what is inside (``impl``)
``@name``               a name of the innermost definition or scope around it
``@body``               where that definition's signature ends
``@receiver``           a type that is that definition's parent (Go methods)
``@span``               a wrapper (decorators, ``export``) whose lines belong to the
                        definition directly inside
``@reference.<kind>``   a use of a name: ``call``, ``import``, ``type``, ``inherit``
``@_...``               for predicates only

Captures and not matches: one list a name instead of a dictionary a match is twice as
fast, and what belongs together follows from the positions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tree_sitter import QueryCursor

if TYPE_CHECKING:
    from tree_sitter import Node, Query

# Partial matches alive at a time: no file of six large repositories needs as many.
MATCH_LIMIT = 256
# Nodes above one another. Deeper code is generated or hostile, and a query's time grows
# with the square of the depth.
MAX_DEPTH = 500
# Of one definition (``a, b = 1, 2``); longer lists are data.
MAX_NAMES = 64

Span = tuple[int, int]
"""Bytes from, to (exclusive)."""


@dataclass(slots=True)
class Found:
    """A definition, scope or span in the tree: bytes ``start`` to ``end`` (exclusive),
    rows ``first`` to ``last`` from 0, both included. ``whole`` and ``first`` reach out
    to its wrapper. ``body`` is where the body starts, -1 without, ``body_at`` its row
    and column in bytes; ``name_row`` the row of the last name."""

    kind: str
    start: int
    end: int
    first: int
    last: int
    whole: int
    names: list[Span] = field(default_factory=list)
    name_row: int = -1
    body: int = -1
    body_at: tuple[int, int] = (-1, -1)
    receiver: Span = (0, 0)
    parent: Found | None = None


Use = tuple[int, int, int, str]
"""Bytes from, to (exclusive), row from 0, kind."""


# Two patterns may see one node: the more telling kind stays.
_VAGUE = {"span": -1, "scope": 0, "variable": 1, "field": 1, "type": 1}
_VAGUE |= {"class": 2, "constant": 2, "function": 3}


def collect(
    root: Node, query: Query, depth: int = MAX_DEPTH
) -> tuple[list[Found], list[Use]]:
    """All definitions and scopes under ``root``, outer before inner, and all uses.

    Matches start at most ``depth`` deep; what is below them is skipped.
    """
    cursor = QueryCursor(query, match_limit=MATCH_LIMIT)
    cursor.set_max_start_depth(depth)
    captures = cursor.captures(root)
    frames: dict[Span, Found] = {}
    marks: list[tuple[int, int, int, str, Node]] = []
    uses: list[Use] = []
    for capture, nodes in captures.items():
        group, _, kind = capture.partition(".")
        if group == "reference":
            uses += [(n.start_byte, n.end_byte, n.start_point[0], kind) for n in nodes]
        elif group in ("definition", "scope", "span"):
            for node in nodes:
                _frame(frames, kind or group, node)
        elif group in ("name", "body", "receiver"):
            # A body may start where a definition inside it does: bodies go first.
            order = 0 if group == "body" else 2
            marks += [(n.start_byte, order, n.end_byte, group, n) for n in nodes]
    return _nested(frames, marks), uses


def _frame(frames: dict[Span, Found], kind: str, node: Node) -> None:
    where = node.start_byte, node.end_byte
    seen = frames.get(where)
    if seen is not None:
        if _VAGUE.get(kind, 4) > _VAGUE.get(seen.kind, 4):
            seen.kind = kind
        return
    first = node.start_point[0]
    row, column = node.end_point
    # Some nodes take the newline after them along.
    last = row if column or row == first else row - 1
    frames[where] = Found(kind, *where, first, last, where[0])


def _nested(
    frames: dict[Span, Found], marks: list[tuple[int, int, int, str, Node]]
) -> list[Found]:
    """Give every mark to the innermost frame around it, and every frame its parent."""
    events: list[tuple[int, int, int, Found | Node]] = [
        (found.start, 1, -found.end, found) for found in frames.values()
    ]
    events += [(start, order, end, node) for start, order, end, _, node in marks]
    groups = {(start, order, end): group for start, order, end, group, _ in marks}
    events.sort(key=lambda event: event[:3])
    stack: list[Found] = []
    done: list[Found] = []
    for start, order, end, item in events:
        while stack and stack[-1].end <= start:
            stack.pop()
        if isinstance(item, Found):
            _open(item, stack)
            done.append(item)
        elif stack:
            _mark(stack[-1], groups[start, order, end], item)
    return [found for found in done if found.kind != "span"]


def _open(found: Found, stack: list[Found]) -> None:
    """Push ``found``; a definition takes over the lines of the wrapper around it."""
    if stack:
        above = stack[-1]
        if above.kind == "span":
            found.first, found.whole = above.first, above.whole
            if found.kind != "span":
                found.last = max(found.last, above.last)
            found.parent = above.parent
        else:
            found.parent = above
    stack.append(found)


def _mark(found: Found, group: str, node: Node) -> None:
    where = node.start_byte, node.end_byte
    if group == "name":
        if len(found.names) < MAX_NAMES and where not in found.names:
            found.names.append(where)
            found.name_row = node.start_point[0]
    elif group == "receiver":
        found.receiver = where
    elif found.body < 0:
        found.body, found.body_at = where[0], node.start_point
