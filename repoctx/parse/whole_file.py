"""Whole files in fences, with the path above, in the info string or on line one."""

from __future__ import annotations

import re
from itertools import islice, takewhile

from repoctx.parse.naming import (
    fence,
    forbidden,
    info_path,
    mentioned,
    named,
    partial,
    perhaps,
)
from repoctx.values import Block, BlockKind

FORM = "whole-file"

_NOT_FILES = {"diff", "patch", "udiff", "console", "output", "shell-session"}
_COMMANDS = {"sh", "bash", "shell", "zsh", "fish", "powershell", "cmd", "bat"}
_FENCED = (".md", ".mdx", ".markdown", ".rst", ".adoc")
"""Files that have fences of their own."""
_HEREDOC = re.compile(
    r"^\s*(?:\$ )?cat\s+"
    r"(?:<<-?\s*(?P<q1>['\"]?)(?P<tag1>\w+)(?P=q1)\s*>\s*(?P<path1>\S+)"
    r"|>\s*(?P<path2>\S+)\s*<<-?\s*(?P<q2>['\"]?)(?P<tag2>\w+)(?P=q2))\s*$"
)


def parse(lines: list[str], at: int, above: str) -> tuple[Block | None, int]:
    """The file in the fence that opens at this line, and the line after the fence.

    ``above`` is the nearest line before the fence that is not blank. None when nothing
    says that the fence is a file.
    """
    opened = fence(lines[at])
    if opened is None:
        raise ValueError("no fence opens here")
    indent, marks, info = opened
    end, closed = close(lines, at, marks)
    body = [_outdented(line, indent) for line in lines[at + 1 : end]]
    after = end + 1 if closed else end
    path, sure, first = _path(body, info, above)
    maybe = "" if path else perhaps(above, info)
    path = path or maybe
    word = info.split()[0].lower() if info.split() else ""
    if not path or word in _NOT_FILES or (word in _COMMANDS and not sure):
        return None, after
    text = "".join(line + "\n" for line in body)
    also = ()
    if first:
        # The comment that names the path may be a line of the file or not.
        text = "".join(line + "\n" for line in body[1:])
    later = [
        line
        for line in takewhile(
            lambda x: not fence(x) and not named(x), islice(lines, after, after + 12)
        )
        if line.strip()
    ][:4]
    problem = "" if closed else "truncated"
    glued = after < len(lines) and bool(lines[after].strip())
    if closed and glued and path.endswith(_FENCED):
        # A fence inside was taken for the end of the file's own.
        problem = "malformed"
    return Block(
        "",
        path,
        BlockKind.WRITE,
        FORM,
        (),
        text,
        also,
        line=at,
        problem=problem,
        sure=sure,
        maybe=bool(maybe),
        after=tuple(later),
    ), after


def _path(body: list[str], info: str, above: str) -> tuple[str, bool, bool]:
    """The path, whether it is surely a file, and whether line one gave it."""
    path = info_path(info)
    if path:
        return path, True, False
    path = named(above)
    if path:
        return path, not partial(above), False
    if path := forbidden(above):
        return path, True, False
    if body and (path := _first(body[0])):
        return path, True, True
    return mentioned(above) if above.rstrip().endswith(":") else "", False, False


def _first(line: str) -> str:
    """The path that a file's first line names in a comment with a label."""
    match = re.match(
        r"^\s*(?:#|//|/\*|--|<!--|;|%)\s*(?:file ?path|file ?name|file|path)"
        r"\s*[:=]\s*(.+?)\s*(?:\*/|-->)?\s*$",
        line,
        re.IGNORECASE,
    )
    return named(match[1]) if match else ""


def close(lines: list[str], at: int, marks: str) -> tuple[int, bool]:
    """The line that closes a fence, and whether one does.

    A fence with an info string inside opens another one, which a bare fence closes.
    """
    depth = 0
    for n in range(at + 1, len(lines)):
        found = fence(lines[n]) if marks in lines[n] else None
        if found and found[1].startswith(marks):
            if found[2]:
                depth += 1
            elif depth:
                depth -= 1
            else:
                return n, True
    return len(lines), False


def _outdented(line: str, indent: str) -> str:
    return line.removeprefix(indent) if indent else line


def heredoc(lines: list[str], at: int) -> tuple[Block, int] | None:
    """A file written by ``cat > path <<'EOF'``, and the line after it."""
    match = _HEREDOC.match(lines[at])
    if match is None:
        return None
    tag = match["tag1"] or match["tag2"]
    path = (match["path1"] or match["path2"]).strip("'\"")
    quoted = match["q1"] or match["q2"]
    for n in range(at + 1, len(lines)):
        if lines[n].strip() == tag:
            text = "".join(line + "\n" for line in lines[at + 1 : n])
            expands = not quoted and re.search(r"[$`\\]", text)
            problem = "malformed" if expands else ""
            return Block(
                "", path, BlockKind.WRITE, FORM, (), text, line=at, problem=problem
            ), n + 1
    return Block("", path, BlockKind.WRITE, FORM, line=at, problem="truncated"), len(
        lines
    )
