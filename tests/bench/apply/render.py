"""A change as a model would write it: unified diff, SEARCH/REPLACE, V4A, whole files.

Nothing here knows how repoctx reads answers; the formats are those of git, of aider's
and codex's prompts, and of plain chat.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache

from commits import Entry, opcodes

UDIFF, SEARCH, V4A, WHOLE = "udiff", "search", "v4a", "whole"
NUMBERED = "numbered"
FORMATS = (UDIFF, SEARCH, V4A, WHOLE, NUMBERED)
BLOCKS = (UDIFF, SEARCH, V4A, NUMBERED)
_DEFINES = re.compile(
    r"^\s*(export |pub(\(\w+\))? |public |private |protected |static |async |final "
    r"|default |unsafe |inline )*"
    r"(def|class|func|fn|function|impl|struct|trait|interface|type)\b.*\w"
)
NO_NEWLINE = "\\ No newline at end of file"


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines as (op, text) with op `` ``, ``-`` or ``+``; lines count from 1."""

    start: int
    new_start: int
    lines: tuple[tuple[str, str], ...]
    section: str = ""
    header: str = ""

    @property
    def old(self) -> list[str]:
        return [text for op, text in self.lines if op in " -"]

    @property
    def new(self) -> list[str]:
        return [text for op, text in self.lines if op in " +"]

    @property
    def added(self) -> list[str]:
        return [text for op, text in self.lines if op == "+"]


@dataclass(frozen=True, slots=True)
class FileEdit:
    """What happens to one file. ``old`` or ``new`` is None for creations, deletions."""

    path: str
    old: str | None
    new: str | None
    hunks: tuple[Hunk, ...] = ()
    target: str | None = None
    mode: str = "100644"
    old_ends: bool = True
    new_ends: bool = True

    @property
    def kind(self) -> str:
        if self.old is None:
            return "create"
        if self.new is None:
            return "delete"
        return "move" if self.target else "modify"


def _ranged(hunk: Hunk) -> str:
    old, new = len(hunk.old), len(hunk.new)
    start = hunk.start if old else hunk.start - 1
    new_start = hunk.new_start if new else hunk.new_start - 1
    tail = f" {hunk.section}" if hunk.section else ""
    return f"@@ -{start},{old} +{new_start},{new} @@{tail}"


@dataclass(frozen=True, slots=True)
class Style:
    """How an answer is dressed; the defaults are a clean one."""

    name: Callable[[str], str] = str
    old_prefix: str = "a/"
    new_prefix: str = "b/"
    stamp: str = ""
    git_header: bool = True
    file_header: bool = True
    ranged: Callable[[Hunk], str] = _ranged
    headers: bool = True
    no_newline: bool = True
    fence: str | None = "```"
    fence_each: bool = False
    begin: bool = True
    end: bool = True
    repeat_path: bool = True
    whole_name: str = "`{}`"
    whole_info: str = "{language}"
    between: str = ""
    intro: str = "Here is the change:\n\n"
    outro: str = "\nThis keeps the rest of the behaviour as it is.\n"
    extra: dict[str, str] = field(default_factory=dict)


def answer(edits: list[FileEdit], form: str, style: Style) -> str:
    """The whole text of an answer."""
    writers = {
        UDIFF: _udiff,
        SEARCH: _search,
        V4A: _v4a,
        WHOLE: _whole,
        NUMBERED: _numbered,
    }
    return style.intro + writers[form](edits, style) + style.outro


def _fenced(lines: list[str], style: Style, info: str) -> str:
    body = "".join(f"{line}\n" for line in lines)
    if style.fence is None:
        return body
    fence = style.fence
    while re.search(rf"^[ +-]*{re.escape(fence)}", body, re.M):
        fence += fence[0]
    return f"{fence}{info}\n{body}{fence}\n"


def hunk_lines(edit: FileEdit, hunk: Hunk, style: Style) -> list[str]:
    """A hunk's body in diff notation, with the end-of-file notes it needs."""
    rows = [f"{op}{text}" for op, text in hunk.lines]
    if not style.no_newline or (edit.old_ends and edit.new_ends):
        return rows
    last_old = edit.old is not None and _is_last(edit.old, hunk.start, len(hunk.old))
    last_new = edit.new is not None and _is_last(
        edit.new, hunk.new_start, len(hunk.new)
    )
    marks: set[int] = set()
    for sign, touches, ends in (
        ("-", last_old, edit.old_ends),
        ("+", last_new, edit.new_ends),
    ):
        if touches and not ends:
            marks.add(
                max(i for i, (op, _) in enumerate(hunk.lines) if op in (" ", sign))
            )
    out: list[str] = []
    for index, row in enumerate(rows):
        out.append(row)
        if index in marks:
            out.append(NO_NEWLINE)
    return out


def _is_last(text: str, start: int, count: int) -> bool:
    return start + count - 1 == len(split(text))


def _udiff(edits: list[FileEdit], style: Style) -> str:
    texts: list[str] = []
    for edit in edits:
        rows = _udiff_head(edit, style)
        if style.fence_each and edit.hunks:
            for index, hunk in enumerate(edit.hunks):
                body = [style.ranged(hunk), *hunk_lines(edit, hunk, style)]
                first = [*rows, *body] if index == 0 else body
                texts.append(_fenced(first, style, "diff"))
            continue
        for hunk in edit.hunks:
            rows += [style.ranged(hunk), *hunk_lines(edit, hunk, style)]
        texts.append("".join(f"{row}\n" for row in rows))
    if style.fence_each:
        return (style.between or "\n").join(texts)
    if style.between:
        blocks = [_fenced(split(text), style, "diff") for text in texts]
        return style.between.join(blocks)
    return _fenced(split("".join(texts)), style, "diff")


def _udiff_head(edit: FileEdit, style: Style) -> list[str]:
    old = style.old_prefix + style.name(edit.path)
    new = style.new_prefix + style.name(edit.target or edit.path)
    old, new = quoted(old, style), quoted(new, style)
    rows: list[str] = []
    if style.git_header:
        rows.append(f"diff --git {old} {new}")
        if edit.kind == "create":
            rows.append(f"new file mode {edit.mode}")
        elif edit.kind == "delete":
            rows.append(f"deleted file mode {edit.mode}")
        elif edit.kind == "move":
            rows += [
                "similarity index 90%",
                f"rename from {style.name(edit.path)}",
                f"rename to {style.name(edit.target or edit.path)}",
            ]
    rows += (
        style.extra.get(edit.path, "").split("\n") if edit.path in style.extra else []
    )
    if style.file_header and edit.hunks:
        rows.append(
            "--- " + ("/dev/null" if edit.kind == "create" else old) + style.stamp
        )
        rows.append(
            "+++ " + ("/dev/null" if edit.kind == "delete" else new) + style.stamp
        )
    return rows


def quoted(path: str, style: Style) -> str:
    """A path in git's C quoting, when the style asks for it."""
    if "quote" not in style.extra:
        return path
    octal = "".join(
        chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}" for byte in path.encode()
    )
    return f'"{octal}"' if octal != path else path


def _search(edits: list[FileEdit], style: Style) -> str:
    blocks: list[str] = []
    for edit in edits:
        pieces = [(h.old, h.new) for h in edit.hunks] if edit.old is not None else []
        if edit.old is None:
            pieces = [([], split(edit.new or ""))]
        for index, (old, new) in enumerate(pieces):
            rows = ["<<<<<<< SEARCH", *old, "=======", *new, ">>>>>>> REPLACE"]
            name = (
                style.name(edit.path) + "\n" if style.repeat_path or not index else ""
            )
            blocks.append(name + _fenced(rows, style, language(edit.path)))
    return (style.between or "\n").join(blocks)


def _v4a(edits: list[FileEdit], style: Style) -> str:
    rows = ["*** Begin Patch"] if style.begin else []
    for edit in edits:
        path = style.name(edit.path)
        if edit.kind == "create":
            rows.append(f"*** Add File: {path}")
            rows += [f"+{line}" for line in split(edit.new or "")]
            continue
        if edit.kind == "delete":
            rows.append(f"*** Delete File: {path}")
            continue
        rows.append(f"*** Update File: {path}")
        if edit.target:
            rows.append(f"*** Move to: {style.name(edit.target)}")
        for hunk in edit.hunks:
            header = hunk.header if style.headers else ""
            rows.append(f"@@ {header}" if header else "@@")
            rows += [f"{op}{text}" for op, text in hunk.lines]
    if style.end:
        rows.append("*** End Patch")
    return _fenced(rows, style, "")


def _whole(edits: list[FileEdit], style: Style) -> str:
    blocks: list[str] = []
    for edit in edits:
        path = style.name(edit.path)
        name = style.whole_name.format(path) + "\n" if style.whole_name else ""
        info = style.whole_info.format(language=language(edit.path), path=path)
        blocks.append(name + _fenced(split(edit.new or ""), style, info))
    return (style.between or "\n").join(blocks)


def _numbered(edits: list[FileEdit], style: Style) -> str:
    """repoctx's own format, as parse/GRAMMAR.md gives it; no fence unless asked for."""
    blocks: list[str] = []
    for number, edit in enumerate(edits, 1):
        path = style.name(edit.path)
        what = {
            "create": f"create {path}",
            "delete": f"delete {path}",
            "move": f"move {path} -> {style.name(edit.target or '')}",
        }.get(edit.kind, f"edit {path}")
        whole = edit.kind == "create"
        if edit.kind == "modify" and "replace" in style.extra:
            whole, what = True, f"replace {path}"
        rows = [f"@@@@ {number} {what}"]
        if whole:
            rows += [_escaped(line, False) for line in split(edit.new or "")]
        elif edit.kind != "delete":
            for hunk in edit.hunks:
                rows.append("<<<<<<< SEARCH")
                rows += [_escaped(line, True) for line in hunk.old]
                rows.append("=======")
                rows += [_escaped(line, True) for line in hunk.new]
                rows.append(">>>>>>> REPLACE")
        rows.append(f"@@@@ end {number}")
        bare = "".join(f"{row}\n" for row in rows)
        fenced = style.fence not in (None, "```")
        blocks.append(_fenced(rows, style, "") if fenced else bare)
    return (style.between or "\n").join(blocks)


def _escaped(line: str, in_pair: bool) -> str:
    marks = ("<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE")
    taken = line.startswith("@@@@") or (in_pair and line in marks)
    return f"\\{line}" if taken else line


def language(path: str) -> str:
    """The word after a fence."""
    ending = os.path.splitext(path)[1].lstrip(".").lower()
    names = {"py": "python", "rs": "rust", "js": "javascript", "ts": "typescript"}
    return names.get(ending, ending if ending.isalnum() else "")


def split(text: str) -> list[str]:
    """Lines by LF alone; a final LF ends the last line."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return lines


@lru_cache(maxsize=2_000)
def _hunks(old: str, new: str, context: int) -> tuple[Hunk, ...]:
    left, right = split(old), split(new)
    hunks: list[Hunk] = []
    floor = 0
    for group in opcodes(left, right).get_grouped_opcodes(context):
        lines: list[tuple[str, str]] = []
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                lines += [(" ", text) for text in left[i1:i2]]
                continue
            lines += [("-", text) for text in left[i1:i2]]
            lines += [("+", text) for text in right[j1:j2]]
        start, new_start = group[0][1], group[0][3]
        hunks.append(
            Hunk(
                start + 1,
                new_start + 1,
                tuple(lines),
                _section(left, start),
                _header(left, floor, start),
            )
        )
        floor = group[-1][2]
    return tuple(hunks)


def _section(lines: list[str], start: int) -> str:
    """What git prints behind ``@@``: the last line above that starts with a letter."""
    for line in reversed(lines[:start]):
        if line[:1].isalpha() or line[:1] in ("_", "$"):
            return line[:80].rstrip()
    return ""


def _header(lines: list[str], floor: int, start: int) -> str:
    """The nearest defining line above, if that text stands only once in the file."""
    for line in reversed(lines[floor:start]):
        if _DEFINES.match(line):
            return line.strip() if lines.count(line) == 1 else ""
    return ""


def file_edit(
    path: str, old: Entry | None, new: Entry | None, target: str | None, context: int
) -> FileEdit:
    """The edit of one file, its hunks with ``context`` lines around."""
    before = old.text if old else ""
    after = new.text if new else ""
    hunks = () if before == after else _hunks(before, after, context)
    some = old or new
    mode = "100755" if some is not None and some.executable else "100644"
    return FileEdit(
        path,
        old.text if old else None,
        new.text if new else None,
        hunks,
        target,
        mode,
        not before or before.endswith("\n"),
        not after or after.endswith("\n"),
    )


def with_lines(hunk: Hunk, change: Callable[[str, str], list[tuple[str, str]]]) -> Hunk:
    """The hunk with every line replaced by what ``change(op, text)`` gives."""
    lines = [row for op, text in hunk.lines for row in change(op, text)]
    return replace(hunk, lines=tuple(lines))
