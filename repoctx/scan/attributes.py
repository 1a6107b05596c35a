"""Evaluate linguist's attributes from a tree's own .gitattributes files.

git is not asked: its answer depends on the machine (system and user attribute files),
and these bytes decide what enters a prefix.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from repoctx.scan.globs import BadPattern, Nested, to_regex

NAMES = ("linguist-generated", "linguist-vendored")
_NAME = re.compile(r"(?!builtin_)[A-Za-z0-9_.][A-Za-z0-9_.-]*\Z")
_ESCAPE = re.compile(r"\\([0-7]{3}|.)")
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}

Values = dict[str, bool | None]
"""Attribute -> True (set), False (unset), None (said to be unspecified)."""


class Line(NamedTuple):
    """One line of an attributes file, relative to the file's folder."""

    regex: re.Pattern[str]
    values: Values


class Attributes:
    """The attributes NAMES over a tree. ``files`` maps a folder ("" is the root) to the
    text of its .gitattributes."""

    def __init__(self, files: Mapping[str, str]) -> None:
        macros: dict[str, Values] = {}
        found: dict[str, list[Line]] = {}
        # The root first: only it may define macros, and they hold below.
        for folder in sorted(files):
            if "linguist-" in files[folder] or macros:
                lines = _lines(files[folder], macros, root=not folder)
                if lines:
                    found[folder] = lines
        self._lines = Nested(found)

    def __bool__(self) -> bool:
        return bool(self._lines.files)

    def value(self, path: str, name: str) -> bool | None:
        """What the deepest, last line that matches says of ``name``; None: nothing."""
        for start, lines in self._lines.over(path):
            for line in reversed(lines):
                if name in line.values and line.regex.fullmatch(path[start:]):
                    return line.values[name]
        return None


def _lines(text: str, macros: dict[str, Values], *, root: bool) -> list[Line]:
    found = []
    for raw in text.removeprefix("\ufeff").split("\n"):
        line = raw.strip(" \t\r")
        if not line or line.startswith("#"):
            continue
        pattern, rest = _split(line)
        values = _values(rest, macros)
        if line.startswith("[attr]"):
            if root and values:
                macros[pattern.removeprefix("[attr]")] = values
            continue
        # git allows no negative patterns here, and a folder's attributes reach no file.
        if not values or pattern.startswith("!") or pattern.endswith("/"):
            continue
        try:
            found.append(Line(re.compile(to_regex(pattern)), values))
        except BadPattern:
            continue
    return found


def _split(line: str) -> tuple[str, str]:
    """A line's pattern, which may be quoted as in C, and the rest."""
    if line.startswith('"'):
        quoted = re.match(r'"((?:[^"\\]|\\.)*)"', line)
        if quoted:
            return _ESCAPE.sub(_unescape, quoted[1]), line[quoted.end() :]
    pattern, _, rest = line.replace("\t", " ").partition(" ")
    return pattern, rest


def _unescape(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code, 8)) if code.isdigit() else _LETTERS.get(code, code)


def _values(rest: str, macros: Mapping[str, Values]) -> Values:
    values: Values = {}
    for word in rest.split():
        name, equals, value = word.partition("=")
        bare = name[1:] if name[0:1] in ("-", "!") else name
        if not _NAME.match(bare):
            # git passes over the whole line.
            return {}
        state: bool | None = (
            value.lower() not in ("false", "0", "no") if equals else True
        )
        if name.startswith("-"):
            state = False
        elif name.startswith("!"):
            state = None
        if bare in NAMES:
            values[bare] = state
        elif bare in macros and state:
            values.update(macros[bare])
    return values
