"""What two lines must have in common to count as equal, rung by rung.

Each rung forgives what the one before it forgives, and one thing more.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from repoctx.apply.text import Source, plain

EXACT, TRAILING, PUNCTUATION, LEADING, DENSE = 1, 2, 3, 4, 5
BLANKS, TRANSPORT, ELISION, FUZZY = 6, 7, 8, 9

NAMES = {
    EXACT: "exact",
    TRAILING: "trailing space",
    PUNCTUATION: "punctuation",
    LEADING: "leading space",
    DENSE: "white space",
    BLANKS: "blank lines",
    TRANSPORT: "transport",
    ELISION: "left-out lines",
    FUZZY: "similar lines",
}
"""The rungs in people's words."""

FOLDED = {
    **dict.fromkeys("‘’‚‛′´ʼ＇\x91\x92", "'"),
    **dict.fromkeys("“”„‟″＂«»\x93\x94", '"'),
    **dict.fromkeys("‐‑‒–—―−\x96\x97", "-"),
    **dict.fromkeys(
        "\xa0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u3000",
        " ",
    ),
    **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\xad", ""),
    "…": "...",
    "\x85": "...",
}
"""Typographic characters and what is typed for them."""
_TABLE = str.maketrans(FOLDED)


def exact(line: str) -> str:
    """The line itself."""
    return line


def trailing(line: str) -> str:
    """Without white space at the end."""
    return line.rstrip()


def punctuation(line: str) -> str:
    """In composed form, with typed quotes, dashes and dots."""
    if not line.isascii():
        line = unicodedata.normalize("NFC", line).translate(_TABLE)
    return line.rstrip()


def leading(line: str) -> str:
    """Without white space at both ends."""
    return punctuation(line).strip()


def dense(line: str) -> str:
    """Without any white space."""
    return "".join(punctuation(line).split())


KEYS: dict[int, Callable[[str], str]] = {
    EXACT: exact,
    TRAILING: trailing,
    PUNCTUATION: punctuation,
    LEADING: leading,
    DENSE: dense,
}

TYPED: dict[int, Callable[[str], str]] = {
    TRAILING: str.rstrip,
    PUNCTUATION: str.rstrip,
    LEADING: str.strip,
    DENSE: lambda line: "".join(line.split()),
}
"""The same for lines in ASCII, where nothing is to be folded."""


Full = tuple[list[int], list[str], dict[str, list[int]]]


def places_of(keys: Sequence[str]) -> dict[str, list[int]]:
    """Where each key stands, from 0."""
    places: dict[str, list[int]] = {}
    for n, key in enumerate(keys):
        if key in places:
            places[key].append(n)
        else:
            places[key] = [n]
    return places


@dataclass(slots=True)
class Keyed:
    """A file's lines under each rung's key, made at the first use."""

    source: Source
    _keys: dict[int, list[str]] = field(default_factory=dict)
    _index: dict[int, dict[str, list[int]]] = field(default_factory=dict)
    _full: dict[int, Full] = field(default_factory=dict)

    def keys(self, rung: int) -> list[str]:
        """One key a line."""
        if rung not in self._keys:
            self._keys[rung] = self.of(self.source.lines, rung)
        return self._keys[rung]

    def of(self, lines: Sequence[str], rung: int) -> list[str]:
        """The keys of a patch's lines, to be compared with this file's."""
        if self.source.escaped:
            lines = [plain(line) for line in lines]
        if rung == EXACT:
            return list(lines)
        plainly = "".join(lines).isascii()
        return [*map(TYPED[rung] if plainly else KEYS[rung], lines)]

    def known(
        self, lines: Sequence[str], rung: int, index: Mapping[str, object]
    ) -> list[str]:
        """The keys of a patch's lines; empty when ``index`` lacks one of them."""
        if self.source.escaped:
            lines = [plain(line) for line in lines]
        key, out = KEYS[rung], []
        for line in lines:
            out.append(key(line))
            if out[-1] not in index:
                return []
        return out

    def index(self, rung: int) -> dict[str, list[int]]:
        """Where each key stands, from line 0."""
        if rung not in self._index:
            self._index[rung] = places_of(self.keys(rung))
        return self._index[rung]

    def full(self, rung: int) -> Full:
        """The lines that are not blank: their numbers, their keys, and where in these
        each key stands."""
        if rung not in self._full:
            keys = self.keys(rung)
            kept = [n for n, key in enumerate(keys) if key.strip()]
            squeezed = [keys[n] for n in kept]
            self._full[rung] = kept, squeezed, places_of(squeezed)
        return self._full[rung]

    def has(self, line: str, rung: int = LEADING) -> bool:
        """Whether some line has the same key."""
        return self.of([line], rung)[0] in self.index(rung)
