"""gitignore's patterns, as git reads them, in linear time.

Not pathspec: its expressions backtrack without bound on a hostile pattern (two dozen
``*`` in a planted ``.gitignore`` hang it), and attribute patterns, which do not reach
below a folder, are foreign to it. Here a ``*`` commits to its first match (atomic
groups), which for globs is as good as trying all. The one difference from git: ``?``
and ``[...]`` stand for a character, not for a byte.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Generic, TypeVar

MAX_LENGTH = 1000
"""Characters; a longer pattern is refused."""

_CLASSES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": " \\t",
    "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@\\[-`{-~",
    "space": "\\s",
    "upper": "A-Z",
    "xdigit": "0-9a-fA-F",
}


class BadPattern(ValueError):
    """A pattern that can never match anything: an open bracket, a last backslash."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of an ignore file. ``regex`` matches a whole path relative to the file's
    folder; ``folders_only`` rules hold for folders alone."""

    text: str
    negated: bool
    folders_only: bool
    regex: re.Pattern[str]

    def matches(self, path: str, *, folder: bool) -> bool:
        """Whether the rule names exactly this path."""
        if self.folders_only and not folder:
            return False
        return self.regex.fullmatch(path) is not None

    def covers(self, path: str) -> bool:
        """Whether the rule names the file ``path`` or a folder that it lies in."""
        if self.matches(path, folder=False):
            return True
        parts = path.split("/")
        folders = ("/".join(parts[:n]) for n in range(1, len(parts)))
        return any(self.matches(folder, folder=True) for folder in folders)


def rule(line: str) -> Rule | None:
    """The rule that a line of an ignore file states; None for a comment or an empty
    line. Raises BadPattern."""
    text = _without_trailing_blanks(line.rstrip("\r\n"))
    if not text or text.startswith("#"):
        return None
    negated = text.startswith("!")
    body = text[1:] if negated else text
    folders_only = body.endswith("/")
    if folders_only:
        body = body[:-1]
    if not body:
        return None
    return Rule(text, negated, folders_only, re.compile(to_regex(body)))


def rules(content: str) -> list[Rule]:
    """The rules of an ignore file; lines that cannot be parsed are passed over."""
    found = []
    for line in content.removeprefix("\ufeff").split("\n"):
        try:
            one = rule(line)
        except BadPattern:
            continue
        if one is not None:
            found.append(one)
    return found


def to_regex(pattern: str) -> str:
    """A regular expression for ``fullmatch`` on a path. With a slash at the start or in
    the middle the pattern is anchored; without one it names a file in any folder.

    Raises BadPattern.
    """
    if len(pattern) > MAX_LENGTH:
        raise BadPattern(pattern[:40] + "...")
    anchored = "/" in pattern
    parts = _parts(pattern.removeprefix("/"))
    if not anchored:
        return "(?:[^/]+/)*" + _part(parts[0])
    runs: list[list[str]] = [[]]
    for part in parts:
        if len(part) > 1 and not part.strip("*"):
            runs.append([])
        else:
            runs[-1].append(_part(part))
    first, rest = runs[0], runs[1:]
    regex = "/".join(first)
    if not rest:
        return regex
    regex += "/" if first else ""
    for middle in rest[:-1]:
        if middle:
            regex += f"(?>(?:[^/]+/)*?{'/'.join(middle)}/)"
    last = rest[-1]
    # A last ** is anything inside, at least one name.
    return regex + ("(?:[^/]+/)*" + "/".join(last) if last else ".+")


def _parts(pattern: str) -> list[str]:
    """A pattern's pieces between slashes; one inside of brackets is a character."""
    parts, start, at = [], 0, 0
    while at < len(pattern):
        char = pattern[at]
        if char == "[":
            _, at = _bracket(pattern, at)
        elif char == "\\" and pattern[at + 1 : at + 2] != "/":
            at += 1
        elif char in "/\\":
            parts.append(pattern[start:at])
            at += char == "\\"
            start = at + 1
        at += 1
    return [*parts, pattern[start:]]


def _part(part: str) -> str:
    """The expression of a pattern between two slashes."""
    pieces: list[str] = [""]
    at = 0
    while at < len(part):
        char = part[at]
        if char == "*":
            while at < len(part) and part[at] == "*":
                at += 1
            pieces.append("")
            continue
        if char == "?":
            piece = "[^/]"
        elif char == "[":
            piece, at = _bracket(part, at)
        elif char == "\\":
            at += 1
            if at == len(part):
                raise BadPattern(part)
            piece = re.escape(part[at])
        else:
            piece = re.escape(char)
        pieces[-1] += piece
        at += 1
    if len(pieces) == 1:
        return pieces[0]
    middle = "".join(f"(?>[^/]*?{piece})" for piece in pieces[1:-1] if piece)
    # A lone * needs a name to stand for; a*b does not.
    lone = pieces == ["", ""]
    return f"{pieces[0]}{middle}[^/]{'+' if lone else '*'}{pieces[-1]}"


def _bracket(part: str, start: int) -> tuple[str, int]:
    """The character class that opens at ``start``, and where it ends."""
    at = start + 1
    negated = at < len(part) and part[at] in "!^"
    at += negated
    items: list[str] = []
    first = True
    while True:
        if at >= len(part):
            raise BadPattern(part)
        char = part[at]
        if char == "]" and not first:
            break
        first = False
        if char == "[" and part[at + 1 : at + 2] == ":":
            end = part.find(":]", at + 2)
            name = part[at + 2 : end]
            if end < 0 or name not in _CLASSES:
                raise BadPattern(part)
            items.append(_CLASSES[name])
            at = end + 2
            continue
        low, at = _character(part, at)
        high = low
        if part[at : at + 1] == "-" and part[at + 1 : at + 2] not in ("", "]"):
            high, at = _character(part, at + 1)
        if low <= high:
            items.append(f"{re.escape(low)}-{re.escape(high)}")
    if not items:
        return ("[^/]" if negated else "(?!)"), at
    return f"(?!/)[{'^' if negated else ''}{''.join(items)}]", at


def _character(part: str, at: int) -> tuple[str, int]:
    if part[at] == "\\":
        at += 1
        if at >= len(part):
            raise BadPattern(part)
    return part[at], at + 1


def _without_trailing_blanks(line: str) -> str:
    end = len(line)
    while end and line[end - 1] == " ":
        backslashes = end - 1 - len(line[: end - 1].rstrip("\\"))
        if backslashes % 2:
            break
        end -= 1
    return line[:end]


Found = TypeVar("Found")


class Nested(Generic[Found]):
    """What rule files say, folder by folder. ``files`` maps a folder ("" is the root)
    to what its file holds; more may be added while a walk goes down."""

    def __init__(self, files: dict[str, Found]) -> None:
        self.files = files
        self._above: dict[str, tuple[tuple[int, Found], ...]] = {}

    def over(self, path: str) -> tuple[tuple[int, Found], ...]:
        """For each folder of ``path`` that has a file, the deepest first: where the
        path relative to that folder begins, and what the file holds."""
        missing = []
        folder = path.rpartition("/")[0]
        while folder and folder not in self._above:
            missing.append(folder)
            folder = folder.rpartition("/")[0]
        root = ((0, self.files[""]),) if "" in self.files else ()
        chain = self._above[folder] if folder else root
        for below in reversed(missing):
            if below in self.files:
                chain = ((len(below) + 1, self.files[below]), *chain)
            self._above[below] = chain
        return chain


class Ignores:
    """The rules of all ignore files of a tree, with git's precedence: deeper files
    first, later lines first, and nothing comes back from an excluded folder.

    A folder's file must be in ``files`` before anything below that folder is asked for.
    """

    def __init__(self, files: dict[str, list[Rule]]) -> None:
        self.files = files
        self._nested = Nested(files)
        self._folders: dict[str, Rule | None] = {"": None}

    def verdict(self, path: str, *, folder: bool = False) -> Rule | None:
        """The rule that decides about ``path``, its own or inherited from a folder;
        ``negated`` says that it brings the path back."""
        missing: list[str] = []
        above = path if folder else path.rpartition("/")[0]
        while above not in self._folders:
            missing.append(above)
            above = above.rpartition("/")[0]
        decided = self._folders[above]
        for below in reversed(missing):
            decided = self._folders[below] = self._next(decided, below, folder=True)
        return decided if folder else self._next(decided, path, folder=False)

    def _next(self, above: Rule | None, path: str, *, folder: bool) -> Rule | None:
        """What holds for ``path`` when ``above`` holds for its folder."""
        if above is not None and not above.negated:
            return above
        for start, found in self._nested.over(path):
            for one in reversed(found):
                if one.matches(path[start:], folder=folder):
                    return one
        return above
