"""What speaks against a patch that fits: git's rules, broken syntax, leftovers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache

from repoctx.apply.guard import Bar
from repoctx.scan import Binary, Place, decode, ignored_among, run
from repoctx.values import FileChange, byte_order

Finding = tuple[str, str, str]
"""A path, the code of a reason (`apply.report.REASONS`), and a detail."""

_LENIENT = frozenset({"bash", "c", "cpp", "html", "kotlin", "markdown", "yaml"})
"""Languages whose files often hold macros or templates that no grammar knows, and
Kotlin, whose grammar fails on one sound file in forty."""

_COMMENTED = re.compile(
    r"(?:^|/)(?:\.vscode/|\.devcontainer/|[tj]sconfig[\w.-]*\.json$)|\.json[c5]$"
)
"""JSON files whose tools allow comments, which the grammar does not."""

_LITERAL = re.compile(
    r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)'|//[^\n]*|/\*(?:.|\n)*?\*/|#[ !][^\n]*"
)
"""Strings, letters and comments, in which brackets need no other; roughly."""

_MARKERS = re.compile(
    r"<{5,9} (?:SEARCH|ORIGINAL|HEAD|Updated|ours)\b.*|>{5,9} (?:REPLACE|UPDATED)\b.*"
    r"|\*\*\* (?:Begin|End) Patch|\*\*\* (?:Update|Add|Delete) File: .*"
    r"|@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@.*"
)


def by_git(place: Place, changes: Sequence[FileChange]) -> list[Finding]:
    """Paths that git ignores, or that lie in a submodule, checked out or not.

    Raises GitError.
    """
    if not place.git:
        return []
    found = []
    modules = _submodules(place, {c.path for c in changes if c.old is None})
    for change in changes:
        inside = [m for m in modules if change.path.startswith(f"{m}/")]
        if inside:
            found.append((change.path, str(Bar.SUBMODULE), inside[0]))
    inner = {path for path, _, _ in found}
    paths = [c.path for c in changes if c.path not in inner]
    for path, rule in ignored_among(place, paths).items():
        found.append((path, str(Bar.IGNORED), rule))
    return found


def _submodules(place: Place, paths: Iterable[str]) -> list[str]:
    """Submodules of HEAD among the folders above ``paths``."""
    above = {
        "/".join(parts[:end])
        for parts in (path.split("/") for path in paths)
        for end in range(1, len(parts))
    }
    if not above or place.unborn:
        return []
    names = sorted(above, key=byte_order)
    rows = run(place, "ls-tree", "-z", "--full-tree", "HEAD", "--", *names)
    return [
        row.partition(b"\t")[2].decode("utf-8", "surrogateescape")
        for row in rows.split(b"\0")
        if row.startswith(b"160000 ")
    ]


def by_syntax(changes: Iterable[FileChange]) -> tuple[list[Finding], list[str]]:
    """Files that would have more syntax errors than they have, new ones with any; and
    lines for people on what may be the grammar's fault: where it already failed before,
    only a bracket without its other speaks against a file.

    Where there were none before: of 13,300 files in 4,400 commits this would refuse
    two changed files (one with comments in JSON, which pass now, and a Rust macro) and
    one new one.
    """
    found, doubts = [], []
    for change in changes:
        if change.new is None or change.new == change.old:
            continue
        after, lang = _errors(change.path, change.new)
        if after <= 0:
            continue
        before = 0 if change.old is None else _errors(change.path, change.old)[0]
        if not 0 <= before < after:
            continue
        told = f"syntax errors: {before} before, {after} now"
        lenient = lang in _LENIENT or _COMMENTED.search(change.path)
        # A grammar that failed before proves nothing by itself.
        if lenient or (before and _balanced(change.old or b"", change.new)):
            doubts.append(f"{change.path}: {told}")
        else:
            found.append((change.path, "syntax", told))
    return found, doubts


def _balanced(old: bytes, new: bytes) -> bool:
    """Whether as many brackets are open at the end as before, with or without those in
    strings and comments."""
    texts = [data.decode("utf-8", "replace") for data in (old, new)]
    bare = [_LITERAL.sub("", text) for text in texts]
    return any(_open(was) == _open(now) for was, now in (texts, bare))


def _open(text: str) -> list[int]:
    return [text.count(pair[0]) - text.count(pair[1]) for pair in ("()", "[]", "{}")]


def _errors(path: str, data: bytes) -> tuple[int, str]:
    """The syntax errors in a file (-1: it cannot be parsed), and its language."""
    from repoctx.index import detect
    from repoctx.index.outline import errors_in

    lang = detect(path)
    try:
        return (errors_in(decode(data)[0], lang) if lang else -1), lang
    except Binary:
        return -1, lang


def leftovers(changes: Iterable[FileChange]) -> list[str]:
    """Lines for people: new text that looks like an edit format's marks."""
    found = []
    for change in changes:
        new = set((change.new or b"").decode("utf-8", "surrogateescape").split("\n"))
        old = (change.old or b"").decode("utf-8", "surrogateescape").split("\n")
        marks = [line for line in new.difference(old) if _MARKERS.fullmatch(line)]
        if marks:
            found.append(f"{change.path}: left from an edit format? {min(marks)[:60]}")
    return found


def symbols(read: Callable[[str], bytes | None]) -> Callable[[str, int], str]:
    """What names the definition that encloses a path's line; '' for none."""

    @cache
    def spans(path: str) -> list[tuple[int, int, str]]:
        from repoctx.index import detect
        from repoctx.index.outline import outline

        try:
            text = decode(read(path) or b"")[0]
        except Binary:
            return []
        found = outline(text, detect(path)).definitions
        return [(s.start, s.end, f"{s.parent}.{s.name}".lstrip(".")) for s in found]

    def symbol(path: str, line: int) -> str:
        inner = [(b - a, name) for a, b, name in spans(path) if a <= line <= b]
        return min(inner)[1] if inner else ""

    return symbol
