"""Small trees in memory, outlined by the real index: what the rules see of a change."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from repoctx.flow.sides import moved_lines
from repoctx.index import detect
from repoctx.index.outline import error_line, outline
from repoctx.review.change import Delta, Side, Use
from repoctx.review.structural import Means, structural
from repoctx.scan import redact
from repoctx.values import Definition, Finding

Files = Mapping[str, str]


def side(path: str, text: str) -> Side:
    clean, _ = redact(text)
    lang = detect(path)
    return Side(path, clean, lang, outline(clean, lang))


class SmallTree:
    """A Tree over texts."""

    def __init__(self, files: Files) -> None:
        self._sides = {path: side(path, text) for path, text in sorted(files.items())}
        self.paths: Collection[str] = frozenset(files)

    def definitions(self, name: str) -> Sequence[Definition]:
        return [
            Definition(path, symbol)
            for path, one in self._sides.items()
            for symbol in one.outline.definitions
            if symbol.name == name
        ]

    def uses(self, name: str, langs: Collection[str]) -> Sequence[Use]:
        return [
            Use(path, use.line, use.kind)
            for path, one in self._sides.items()
            if one.lang in langs
            for use in one.outline.references
            if use.name == name
        ]

    def side(self, path: str) -> Side | None:
        return self._sides.get(path)

    def mentions(self, words: str) -> Sequence[str]:
        return [path for path, one in self._sides.items() if words in one.text]


def deltas(before: Files, after: Files) -> list[Delta]:
    found = []
    for path in sorted({*before, *after}):
        if before.get(path) == after.get(path):
            continue
        old = side(path, before[path]) if path in before else None
        new = side(path, after[path]) if path in after else None
        added, shift = moved_lines(old, new)
        hidden = redact(after.get(path, ""))[1]
        found.append(Delta(old, new, added, shift, secrets=hidden))
    return found


def review(before: Files, after: Files) -> list[Finding]:
    means = Means(lambda s: error_line(s.text, s.lang))
    return structural(deltas(before, after), SmallTree(after), means)
