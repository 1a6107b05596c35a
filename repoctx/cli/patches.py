"""How changed files are shown: a coloured diff, and a line for each."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from repoctx.cli.terminal import bold, plain, quoted
from repoctx.flow.difftext import Change

_RED, _GREEN, _CYAN = 31, 32, 36


def diff(changes: Sequence[Change], on: bool) -> str:
    """The patch as text; coloured, and safe to show, where there are colours."""
    text = "".join(change.text for change in changes)
    if sys.stdout.isatty():
        text = plain(text)
    return "".join(map(_coloured, text.splitlines(keepends=True))) if on else text


def summary(changes: Sequence[Change], on: bool) -> str:
    """A line for each file, and their sum."""
    names = [quoted(c.path) for c in changes]
    wide = min(max(map(len, names), default=0), 60)
    lines = []
    for change, name in zip(changes, names, strict=True):
        signs = _signs(change.added, change.removed, on)
        moved = f"  from {quoted(change.source)}" if change.source else ""
        lines.append(f"{change.what} {name:<{wide}}  {signs}{moved}".rstrip() + "\n")
    added, removed = sum(c.added for c in changes), sum(c.removed for c in changes)
    files = f"{len(changes)} file{'' if len(changes) == 1 else 's'}"
    return "".join(lines) + f"{files}, {_signs(added, removed, on) or 'no lines'}\n"


def fields(changes: Sequence[Change]) -> dict[str, object]:
    """The same for programs."""
    return {
        "files_changed": [change.path for change in changes],
        "changes": [
            {
                "path": c.path,
                "what": c.what,
                "source": c.source,
                "added": c.added,
                "removed": c.removed,
            }
            for c in changes
        ],
        "diff": "".join(change.text for change in changes),
    }


def _signs(added: int, removed: int, on: bool) -> str:
    parts = []
    if added:
        parts.append(_in(_GREEN, f"+{added:,}") if on else f"+{added:,}")
    if removed:
        parts.append(_in(_RED, f"-{removed:,}") if on else f"-{removed:,}")
    return " ".join(parts)


def _coloured(line: str) -> str:
    body = line.rstrip("\n")
    end = line[len(body) :]
    if body.startswith(("diff --git ", "--- ", "+++ ")):
        return bold(body, True) + end
    colours = {"@": _CYAN, "+": _GREEN, "-": _RED}
    colour = colours.get(body[:1])
    return (_in(colour, body) if colour else body) + end


def _in(colour: int, text: str) -> str:
    return f"\033[{colour}m{text}\033[0m"
