"""A text with its bodies left out, for repositories that do not fit a budget.

Lines are kept or dropped and never rewritten, so each can be found again in the text:
imports, the signature and first documentation line of every definition, the first line
of variables, the closing line of types. What is left out shows as ``...``: behind the
signature it belonged to, else on a line of its own.

Of languages with an outline only, the lines of that outline stay; of a text without
any, its beginning. Deterministic; made on demand, never stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from repoctx.index.comments import MAX_LINES, above
from repoctx.index.languages import LANGUAGES
from repoctx.index.outline import Analysis, analyse
from repoctx.values import Kind

if TYPE_CHECKING:
    from repoctx.index.captures import Found

ELLIPSIS = "..."
HEAD_LINES = 20
HEAD_CHARS = 2000
"""Of a text without an outline at most this much is kept."""
HEAD_ROWS = 60
"""In which a package clause or a module's docstring is looked for."""
MAX_SIGNATURE_LINES = 20
MAX_COLUMNS = 200
"""Characters of a kept line."""

_BODIES = frozenset({Kind.FUNCTION, Kind.METHOD, Kind.MACRO})
_VALUES = frozenset({Kind.VARIABLE, Kind.CONSTANT, Kind.FIELD, Kind.KEY, Kind.SECTION})
_CLOSERS = frozenset("})];, \t")


def skeleton(text: str, lang: str) -> str:
    """``text`` without bodies, shorter than it; never raises."""
    parsed = analyse(text, lang)
    if parsed is None or not (parsed.found or parsed.uses):
        return _head(text)
    rows = _Rows(parsed)
    shown = rows.shown(text.split("\n"))
    return "\n".join(shown) + "\n" if shown else ""


def _head(text: str) -> str:
    """The first lines of a text of which nothing is known."""
    head = "\n".join(text.split("\n")[:HEAD_LINES])[:HEAD_CHARS]
    return text if head == text else f"{head.rstrip()}\n{ELLIPSIS}\n"


class _Rows:
    """Which rows (from 0) of a parsed text stay."""

    def __init__(self, parsed: Analysis) -> None:
        self._lines = parsed.lines
        self._lang = parsed.lang
        self._code = LANGUAGES[parsed.lang].level == "full"
        self.kept: set[int] = set()
        self.cut: set[int] = set()
        """Signature rows whose body is left out below."""
        self.covered: set[int] = set()
        """Rows that a kept row stands for; their absence needs no mark."""
        if self._code:
            self.kept = {row for _, _, row, kind in parsed.uses if kind == "import"}
            self._opening()
        self._definitions(parsed.found)

    def _opening(self) -> None:
        """Keep a package clause, and what a Python module says of itself."""
        for row, line in enumerate(self._lines[:HEAD_ROWS]):
            if line.startswith("package "):
                self.kept.add(row)
                return
            if self._lang == "python" and line.strip() and line[0] != "#":
                self._docstring(row)
                return

    def _definitions(self, found: list[Found]) -> None:
        hidden_from = hidden_to = -1
        for one in found:
            if one.kind == "span" or (
                hidden_from <= one.first and one.last <= hidden_to
            ):
                continue
            last = self._signature(one)
            if one.kind in _BODIES or (one.kind in _VALUES and self._code):
                # Definitions in functions and values go with them.
                if one.last > hidden_to:
                    hidden_from, hidden_to = last + 1, one.last
                self.covered.update(range(last + 1, one.last + 1))
                if one.kind in _BODIES and one.last > last:
                    self.cut.add(last)
            elif one.body >= 0 and set(self._line(one.last)) <= _CLOSERS:
                self.kept.add(one.last)

    def _line(self, row: int) -> str:
        return self._lines[row] if row < len(self._lines) else ""

    def _signature(self, one: Found) -> int:
        """Keep the signature's rows; the last of them."""
        note = above(self._lines, one.first, self._lang)
        first = note.first
        if one.body >= 0:
            last, column = one.body_at
            line = self._line(last)
            if last > first and len(line) - len(line.lstrip()) >= column:
                last -= 1
            # A comment between the signature and the body goes with the body.
            while last > first and self._line(last).lstrip().startswith("#"):
                last -= 1
        elif one.kind in _VALUES or one.kind == Kind.MACRO:
            last = max(one.name_row, first)
        else:
            last = one.last
        last = max(first, min(last, first + MAX_SIGNATURE_LINES))
        self.kept.update(range(first, last + 1))
        if note.row >= 0:
            self.kept.add(note.row)
        if one.body >= 0:
            self._docstring(one.body_at[0])
        return last

    def _docstring(self, row: int) -> None:
        """Keep the first line of the Python string that starts on ``row``."""
        line = self._line(row).strip().lstrip("rRuU")
        quotes = line[:3] if line[:3] in ('"""', "'''") else line[:1]
        if self._lang not in ("python", "starlark") or quotes[:1] not in ('"', "'"):
            return
        self.kept.add(row)
        if line == quotes:
            self.kept.add(row + 1)
        if len(quotes) == 1 or quotes in line[3:]:
            return
        for end in range(row + 1, min(row + MAX_LINES, len(self._lines))):
            self.covered.add(end)
            if quotes in self._lines[end]:
                return

    def shown(self, lines: list[str]) -> list[str]:
        """The kept lines of ``lines``, and a mark where others were left out."""
        shown: list[str] = []
        gap = ""
        for row, line in enumerate(lines):
            if not line.strip():
                continue
            if row not in self.kept:
                if row not in self.covered and self._says(line):
                    gap = gap or line[: len(line) - len(line.lstrip())] + ELLIPSIS
                continue
            if gap:
                shown.append(gap[:MAX_COLUMNS])
                gap = ""
            shown.append(self._marked(row, line.rstrip()))
        return [*shown, gap] if gap else shown

    def _says(self, line: str) -> bool:
        """Whether a dropped line is worth a mark: not a comment or a closing brace."""
        bare = line.strip()
        comments = (*LANGUAGES[self._lang].comments, "*", "end")
        return (
            self._code and not bare.startswith(comments) and not set(bare) <= _CLOSERS
        )

    def _marked(self, row: int, line: str) -> str:
        if len(line) > MAX_COLUMNS:
            return line[:MAX_COLUMNS] + ELLIPSIS
        if row not in self.cut:
            return line
        return f"{line} {ELLIPSIS} }}" if line.endswith("{") else f"{line} {ELLIPSIS}"
