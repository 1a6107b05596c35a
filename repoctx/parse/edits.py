"""An answer's text to the blocks in it, whatever formats it mixes.

GRAMMAR.md beside this file describes each format. Nothing here knows the files: what a
block means for them is decided where it is applied.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from repoctx.parse import begin_patch, numbered, search_replace, unified, whole_file
from repoctx.parse.answer import lines_of
from repoctx.parse.naming import fence, info_path, mentioned, named
from repoctx.values import Block, BlockKind

FORMS = (
    numbered.FORM,
    search_replace.FORM,
    unified.FORM,
    begin_patch.FORM,
    whole_file.FORM,
)
"""The formats' names, our own first; ``auto`` recognises each."""


_FIRST = frozenset("@*<-+diI`~c$")
"""What a line begins with that may open an edit or a fence."""


@dataclass(slots=True)
class _Reader:
    """Goes through an answer's lines once and collects blocks."""

    lines: list[str]
    forms: frozenset[str]
    path: str = ""
    hint: str = ""
    open_fence: str = ""
    info: str = ""
    place: str = ""
    cut: bool = False
    blocks: list[Block] = field(default_factory=list)

    def read(self) -> None:
        """Fill `blocks`."""
        at = 0
        while at < len(self.lines):
            at = self._step(at)
        if self.blocks and (self.open_fence or self._begun()):
            # More was to come: a fence is open, or a file is named and nothing follows.
            last = self.blocks.pop()
            self.blocks.append(replace(last, problem=last.problem or "truncated"))

    def _begun(self) -> bool:
        """Whether the answer ends with a line that may begin another block."""
        last = self.lines[-1]
        if self.cut:
            return True
        if self.blocks[-1].form != search_replace.FORM or not last.strip():
            return False
        return (bool(named(last)) and named(last) != self.path) or last in ("`", "``")

    def _step(self, at: int) -> int:
        line = self.lines[at]
        if line.lstrip()[:1] not in _FIRST:
            return at + 1
        if self._has(numbered.FORM) and numbered.opens(line):
            block, at = numbered.parse(self.lines, at)
            return self._keep(block, at)
        if self._has(begin_patch.FORM) and begin_patch.opens(line):
            blocks, at = begin_patch.parse(self.lines, at)
            self.blocks += blocks
            return at
        if self._has(search_replace.FORM) and search_replace.opens(line):
            names = search_replace.names(self.lines, at)
            block, at = search_replace.parse(
                self.lines, at, names or tuple(filter(None, [self.path]))
            )
            return self._keep(block if names else self._guessed(block), at)
        if self._has(unified.FORM) and unified.opens(self.lines, at):
            blocks, at = unified.parse(
                self.lines, at, self._near(at), bool(self.open_fence)
            )
            self.blocks += blocks
            return at
        if self._has(whole_file.FORM) and (not self.open_fence or _shell(self.info)):
            written = whole_file.heredoc(self.lines, at)
            if written:
                return self._keep(*written)
        return self._fence(at)

    def _keep(self, block: Block, at: int) -> int:
        self.blocks.append(block)
        self.path = block.path or self.path
        return at

    def _guessed(self, block: Block) -> Block:
        """The block with the name that the line above may be, where it is no new file's
        and the block's own opening does not name one."""
        told = block.path not in ("", self.path)
        path = search_replace.guess(self.lines, block.line)
        if not path or told or block.kind is not BlockKind.EDIT:
            return block
        problem = "" if block.problem == "no-path" else block.problem
        also = tuple(filter(None, [block.path]))
        return replace(block, path=path, also=also, problem=problem)

    def _has(self, form: str) -> bool:
        return form in self.forms

    def _fence(self, at: int) -> int:
        """A line that is no edit: fences are entered, left, or taken as files."""
        marks = fence(self.lines[at])
        if marks is None:
            return at + 1
        if self.open_fence:
            if not marks[2] and len(marks[1]) >= len(self.open_fence):
                self.open_fence = ""
            return at + 1
        if self._enters(at, marks[1]):
            self.open_fence = marks[1]
            self.info = marks[2].split()[0].lower() if marks[2].split() else ""
            self.place = info_path(marks[2])
            self._outdent(at, marks[0])
            return at + 1
        word = marks[2].split()[0].lower() if marks[2].split() else ""
        end, closed = whole_file.close(self.lines, at, marks[1])
        if word in ("diff", "patch", "udiff") and self._has(unified.FORM):
            block = unified.bare(self.lines, at + 1, end, self._near(at))
            if block and not closed:
                block = replace(block, problem="truncated")
            self.blocks += [block] if block else []
            return end + closed
        if self._has(whole_file.FORM):
            block, after = whole_file.parse(self.lines, at, self._above(at))
            if block:
                self.blocks.append(block)
            self.cut = self.cut or not closed
            return after
        self.cut = self.cut or not closed
        return end + closed

    def _outdent(self, at: int, indent: str) -> None:
        """Take a fence's own indentation off the lines in it, as in a list."""
        if not indent.strip(" ") and indent:
            end, _ = whole_file.close(self.lines, at, self.open_fence)
            for n in range(at + 1, min(end + 1, len(self.lines))):
                self.lines[n] = self.lines[n].removeprefix(indent)

    def _enters(self, at: int, marks: str) -> bool:
        """Whether the fence holds edits rather than a file."""
        end, _ = whole_file.close(self.lines, at, marks)
        info = fence(self.lines[at])
        word = info[2].split()[0].lower() if info and info[2].split() else ""
        inside = range(at + 1, end)
        if word in ("diff", "patch", "udiff") or _shell(word):
            return any(map(self._opens, inside))
        # A file may quote edits further down; edits stand at the top.
        top = islice((n for n in inside if self.lines[n].strip()), 3)
        return any(map(self._opens, top))

    def _opens(self, at: int) -> bool:
        line = self.lines[at]
        return (
            (self._has(numbered.FORM) and numbered.opens(line))
            or (self._has(begin_patch.FORM) and begin_patch.opens(line))
            or (self._has(search_replace.FORM) and search_replace.opens(line))
            or (self._has(unified.FORM) and unified.opens(self.lines, at))
            or (
                self._has(whole_file.FORM)
                and whole_file.heredoc(self.lines, at) is not None
            )
        )

    def _above(self, at: int) -> str:
        for n in range(at - 1, max(-1, at - 4), -1):
            if self.lines[n].strip():
                return "" if fence(self.lines[n]) else self.lines[n]
        return ""

    def _near(self, at: int) -> str:
        """The path that a hunk without headers may be for."""
        if self.open_fence and self.place:
            return self.place
        seen = 0
        for n in range(at - 1, max(-1, at - 10), -1):
            line = self.lines[n]
            if not line.strip():
                continue
            marks = fence(line)
            if marks:
                if path := info_path(marks[2]):
                    return path
                continue
            if path := named(line) or mentioned(line):
                return path
            seen += 1
            if seen >= 3:
                break
        return ""


def _shell(word: str) -> bool:
    return word in ("sh", "bash", "shell", "zsh", "console", "shell-session")


def blocks(text: str, form: str = "auto") -> Sequence[Block]:
    """The edits in an answer, numbered in its order.

    ``form`` is ``auto`` or one of `FORMS`. A block that is broken has its ``problem``
    set. Raises ValueError for an unknown form.
    """
    if form != "auto" and form not in FORMS:
        raise ValueError(f"no edit format named {form!r}")
    reader = _Reader(lines_of(text), frozenset(FORMS if form == "auto" else [form]))
    reader.read()
    return tuple(_numbered(reader.blocks))


def _numbered(found: Sequence[Block]) -> Iterator[Block]:
    used: dict[str, int] = {}
    for n, block in enumerate(found, 1):
        number = block.id or str(n)
        times = used[number] = used.get(number, 0) + 1
        yield replace(block, id=number if times == 1 else f"{number}-{times}")


__all__ = ["FORMS", "BlockKind", "blocks"]
