"""A prefix back to the tree that it shows: FORMAT.md's rules, nothing of ours."""

from __future__ import annotations

import re

from pack.decoder import decode

_HUNK = re.compile(r"@@ -(\d+),(\d+) \+(\d+),(\d+) @@")


def tree_of(prompt: str, style: str, preamble: str) -> dict[str, str]:
    """Path to text of the work tree that ``prompt`` describes."""
    assert prompt.startswith(preamble)
    units = decode(prompt[len(preamble) :], style)
    base: dict[str, str] = {}
    for unit in units:
        if unit.section == "repository":
            path = unit.attributes["path"]
            same = unit.attributes.get("same-as")
            base[path] = f"\0{same}" if same is not None else unit.body
    for path, text in base.items():
        if text.startswith("\0"):
            base[path] = base[text[1:]]
    now = dict(base)
    targets: list[str] = []
    for unit in units:
        if unit.section != "changes":
            continue
        path = unit.attributes["path"]
        targets.append(path)
        if unit.tag == "deleted":
            del now[path]
        elif unit.tag == "file":
            now[path] = unit.body
        elif unit.tag == "patch":
            now[path] = apply(base[path], unit.body)
        elif unit.tag == "blocks":
            now[path] = replaced(base[path], unit.body)
        elif unit.tag == "moved":
            source = unit.attributes["from"]
            now.pop(source, None)
            now[path] = apply(base[source], unit.body or "")
        else:
            raise AssertionError(f"no way to apply {unit.tag}")
    assert len(targets) == len(set(targets)), "a path is the target of two changes"
    return now


def apply(old: str, patch: str) -> str:
    """The text after the hunks of ``patch``; every context line is checked."""
    if not patch:
        return old
    lines = re.findall(r"[^\n]*\n|[^\n]+", old)
    result: list[str] = []
    at = 0
    rows = patch.removesuffix("\n").split("\n")
    for number, row in enumerate(rows):
        if head := _HUNK.match(row):
            start = int(head[1]) - 1 if int(head[2]) else int(head[1])
            result += lines[at:start]
            at = start
            continue
        if row.startswith("\\"):
            continue
        bare = number + 1 < len(rows) and rows[number + 1].startswith("\\")
        line = row[1:] + ("" if bare else "\n")
        if row[0] != "+":
            assert lines[at] == line, f"{lines[at]!r} is not {line!r}"
            at += 1
        if row[0] != "-":
            result.append(line)
    return "".join(result + lines[at:])


def replaced(old: str, body: str) -> str:
    """The text after the replacements of ``body``."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", old)
    result: list[str] = []
    at = awaited = 0
    for row in body.removesuffix("\n").split("\n"):
        if head := _HUNK.match(row):
            assert awaited == 0, "lines are missing"
            start, count, new, awaited = (int(number) for number in head.groups())
            start -= count > 0
            assert start >= at, "replacements overlap"
            result += lines[at:start]
            assert len(result) == new - (awaited > 0), "the new lines are elsewhere"
            at = start + count
        elif row.startswith("\\"):
            result[-1] = result[-1].removesuffix("\n")
        else:
            assert row.startswith(" "), f"not a line: {row!r}"
            result.append(row[1:] + "\n")
            awaited -= 1
    assert awaited == 0, "lines are missing"
    return "".join(result + lines[at:])
