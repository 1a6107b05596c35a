"""The ``*** Begin Patch`` format (V4A)."""

from __future__ import annotations

import re

from repoctx.parse.naming import fence
from repoctx.values import Block, BlockKind, Hunk

FORM = "begin-patch"

_BEGIN = re.compile(r"^\s*\*\*\* Begin Patch\s*$")
_END = re.compile(r"^\s*\*\*\* End Patch\s*$")
_FILE = re.compile(r"^\s*\*\*\* (Add|Update|Delete) File: ?(.*?)\s*$")
_MOVE = re.compile(r"^\s*\*\*\* Move to: ?(.*?)\s*$")
_EOF = re.compile(r"^\s*\*\*\* End of File\s*$")
_AT = re.compile(r"^\s{0,3}@@(?: ?(?P<scope>.*?))?\s*$")
_COUNTS = re.compile(
    r"^-(\d+)(?:,\d+)? \+\d+(?:,\d+)?(?: @@ ?(?P<scope>.*?))?(?: ?@@)?$"
)


def opens(line: str) -> bool:
    """Whether a patch, or a file of one, starts at this line."""
    return bool(_BEGIN.match(line) or _FILE.match(line))


def parse(lines: list[str], at: int) -> tuple[list[Block], int]:
    """The files of a patch from its first line, and the line after it."""
    blocks: list[Block] = []
    if _BEGIN.match(lines[at]):
        at += 1
    closed = False
    while at < len(lines):
        line = lines[at]
        if _END.match(line):
            closed, at = True, at + 1
            break
        if _FILE.match(line):
            block, at = _file(lines, at)
            blocks.append(block)
        elif _BEGIN.match(line) or not line.strip():
            at += 1
        else:
            # A fence or a heredoc that ends here says that the patch was not cut.
            closed = bool(fence(line)) or bool(re.fullmatch(r"[A-Z]{2,}", line.strip()))
            break
    if not closed and blocks:
        blocks[-1] = _cut(blocks[-1])
    return blocks, at


def _cut(block: Block) -> Block:
    return Block("", block.path, block.kind, FORM, line=block.line, problem="truncated")


def _file(lines: list[str], at: int) -> tuple[Block, int]:
    match = _FILE.match(lines[at])
    if match is None:
        raise ValueError("no file starts here")
    what, path, line = match[1], match[2].strip("`\"'"), at
    problem = "" if path else "no-path"
    at += 1
    if what == "Delete":
        while at < len(lines) and lines[at].strip() and not _stops(lines, at):
            at += 1
        return Block("", path, BlockKind.DELETE, FORM, line=line, problem=problem), at
    if what == "Add":
        body, at = _body(lines, at)
        while body and body[-1] == "?":
            body.pop()
        added = [text for text in body if text[:1] == "+" or text == "?"]
        if len(added) < len(body):
            problem = "malformed"
        text = "".join(text[1:] + "\n" for text in added)
        return Block(
            "", path, BlockKind.CREATE, FORM, (), text, line=line, problem=problem
        ), at
    target = ""
    if at < len(lines) and (moved := _MOVE.match(lines[at])):
        target, at = moved[1], at + 1
    hunks, at = _chunks(lines, at)
    if not hunks and not target:
        problem = problem or "empty"
    return (
        Block(
            "",
            path,
            BlockKind.EDIT,
            FORM,
            tuple(hunks),
            "",
            (),
            target,
            0,
            line,
            problem,
        ),
        at,
    )


def _stops(lines: list[str], at: int) -> bool:
    line = lines[at]
    return bool(
        _END.match(line) or _FILE.match(line) or _BEGIN.match(line)
        or (fence(line) and line[:1] != " ")
    )  # fmt: skip


def _body(lines: list[str], at: int) -> tuple[list[str], int]:
    """Marked lines up to the next header of any sort."""
    body: list[str] = []
    while at < len(lines):
        line = lines[at]
        if (
            _stops(lines, at)
            or (_AT.match(line) and line[:1] == "@")
            or _EOF.match(line)
        ):
            break
        if re.fullmatch(r"[A-Z]{3,}", line) and at + 2 >= len(lines):
            break
        body.append(line if line[:1] in ("+", "-", " ") else "?" + line)
        at += 1
    return body, at


def _chunks(lines: list[str], at: int) -> tuple[list[Hunk], int]:
    hunks: list[Hunk] = []
    while at < len(lines):
        while at < len(lines) and not lines[at].strip() and _next_at(lines, at):
            at += 1
        scopes: list[str] = []
        stated = 0
        began = False
        while at < len(lines) and (match := _AT.match(lines[at])):
            began = True
            scope = (match["scope"] or "").strip()
            counts = _COUNTS.match(scope)
            if counts:
                stated, scope = int(counts[1]), (counts["scope"] or "")
            scope = scope.removesuffix("@@").strip()
            if scope:
                scopes.append(scope)
            at += 1
        body, at = _body(lines, at)
        at_end = at < len(lines) and bool(_EOF.match(lines[at]))
        if at_end:
            at += 1
        while body and body[-1].strip() == "?":
            body.pop()
        if any(line[:1] in "+-" for line in body):
            only = all(line[:1] == "+" for line in body) and not scopes
            hunks.append(Hunk(tuple(body), stated, tuple(scopes), at_end or only))
        elif not began and not at_end:
            break
        if at < len(lines) and _stops(lines, at):
            break
    return hunks, at


def _next_at(lines: list[str], at: int) -> bool:
    while at < len(lines) and not lines[at].strip():
        at += 1
    return at < len(lines) and bool(_AT.match(lines[at]))
