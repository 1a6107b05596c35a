"""Our own format: numbered blocks, each closed by its own number. See GRAMMAR.md."""

from __future__ import annotations

import re
from dataclasses import replace

from repoctx.parse import search_replace
from repoctx.parse.naming import fence
from repoctx.values import Block, BlockKind, Hunk

FORM = "blocks"

OPEN = re.compile(
    r"^\s{0,3}@@@@ ?(?P<id>\d{1,6}) (?P<what>edit|create|replace|delete|move) "
    r"(?P<rest>\S.*?)\s*$"
)
_CLOSE = re.compile(r"^\s{0,3}@@@@ ?end (?P<id>\d{1,6})\s*$")
_ARROW = re.compile(r"\s+(?:->|=>|→)\s+")
_KINDS = {
    "edit": BlockKind.EDIT,
    "create": BlockKind.CREATE,
    "replace": BlockKind.WRITE,
    "delete": BlockKind.DELETE,
    "move": BlockKind.EDIT,
}


def opens(line: str) -> bool:
    """Whether a block starts at this line."""
    return bool(OPEN.match(line))


def parse(lines: list[str], at: int) -> tuple[Block, int]:
    """The block from its first line, and the line after it."""
    match = OPEN.match(lines[at])
    if match is None:
        raise ValueError("no block starts here")
    start, number, what = at, match["id"], match["what"]
    path, target = _paths(match["rest"], what)
    end, closed = _end(lines, at + 1, number)
    body = _outdented(lines, at, end)
    kind = _KINDS[what]
    block = Block(number, path, kind, FORM, target=target, line=start)
    after = end + 1 if closed else end
    if not closed:
        return _broken(block, "truncated"), after
    if what == "move" and not target:
        return _broken(block, "malformed", "a move needs `old -> new`"), after
    if kind in (BlockKind.CREATE, BlockKind.WRITE):
        text = "".join(_plain(line) + "\n" for line in _unfenced(body))
        return _with(block, text=text), after
    if kind is BlockKind.DELETE:
        return block, after
    return _edit(block, body), after


def _paths(rest: str, what: str) -> tuple[str, str]:
    rest = rest.strip("`\"'")
    if what != "move":
        return rest, ""
    pair = _ARROW.split(rest, maxsplit=1)
    return pair[0].strip("`\"'"), pair[1].strip("`\"'") if len(pair) == 2 else ""


def _end(lines: list[str], at: int, number: str) -> tuple[int, bool]:
    """The index of the block's last line; False when the block is not closed."""
    for n in range(at, len(lines)):
        close = _CLOSE.match(lines[n])
        if close:
            return n, close["id"] == number
        if OPEN.match(lines[n]):
            return n, False
    return len(lines), False


def _outdented(lines: list[str], at: int, end: int) -> list[str]:
    """The lines inside a block, without the indentation that its marks have too."""
    size = len(lines[at]) - len(lines[at].lstrip(" "))
    indent, body = " " * size, lines[at + 1 : end]
    closed = "".join(lines[end : end + 1]).startswith(indent)
    if closed and all(line.startswith(indent) or not line.strip() for line in body):
        return [line[size:] for line in body]
    return body


def _plain(line: str) -> str:
    return line[1:] if re.match(r"\\+@@@@", line) else line


def _unfenced(body: list[str]) -> list[str]:
    """The lines without a fence put around all of them."""
    full = [n for n, line in enumerate(body) if line.strip()]
    if len(full) >= 2:
        first, last = fence(body[full[0]]), fence(body[full[-1]])
        if first and last and first[1] == last[1] and first[2] and not last[2]:
            return body[full[0] + 1 : full[-1]]
    return body


def _edit(block: Block, body: list[str]) -> Block:
    hunks: list[Hunk] = []
    at = 0
    while at < len(body):
        if search_replace.opens(body[at]):
            part, at = search_replace.parse(body, at, (block.path,))
            if part.problem:
                return _broken(
                    block, "malformed" if part.problem == "truncated" else part.problem
                )
            if part.kind is BlockKind.CREATE:
                return _broken(block, "no-context")
            hunks += part.hunks
        elif body[at].strip() and not body[at].strip().startswith("```"):
            return _broken(block, "malformed", body[at].strip()[:80])
        else:
            at += 1
    if not hunks and not block.target:
        return _broken(block, "empty")
    return _with(block, hunks=tuple(hunks))


def _broken(block: Block, problem: str, detail: str = "") -> Block:
    return replace(block, problem=problem, detail=detail)


def _with(block: Block, **fields: object) -> Block:
    return replace(block, **fields)  # type: ignore[arg-type]
