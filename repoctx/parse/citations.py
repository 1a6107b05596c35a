"""Quotes to citations: each quoted line is looked up in the repository.

What stands there word for word is verified and gets its path and lines from us, never
from the model. GRAMMAR.md beside this file says what counts as a quote.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from repoctx.parse.quotes import Quote, quotes
from repoctx.values import Citation

Lookup = Callable[[Quote], Iterable[tuple[str, str]]]
"""Given a quote, (path, text) of the files in which it may stand, the likeliest first:
those that ``paths`` name (whole, or by their end), then those found by the ``lines``.
It is read lazily, and only until the quote is found."""

CANDIDATES = 20
"""Files in which one quote is looked for."""
QUOTES = 300
"""Quotes of one answer that are looked up."""
_HITS = 200
"""Places of one line in a file that are tried."""

_ELISION = re.compile(r"^\s*(?:#|//|/\*|--|<!--|;|%)?\s*[\[(]?(?:\.\.\.|…)")
_WORDS = re.compile(r"\w")


@dataclass(slots=True)
class _File:
    """A candidate's lines without trailing white space, and where each stands."""

    path: str
    lines: list[str]
    _at: dict[str, list[int]] = field(default_factory=dict)

    def at(self, line: str) -> list[int]:
        """Indices of the lines that equal ``line`` but for their indentation."""
        if not self._at:
            for index, text in enumerate(self.lines):
                places = self._at.setdefault(text.strip(), [])
                if len(places) < _HITS:
                    places.append(index)
        return self._at.get(line.strip(), [])


@dataclass(frozen=True, slots=True)
class _Run:
    """Quoted lines ``first`` to ``last`` (exclusive) stand at ``start`` (index)."""

    first: int
    last: int
    start: int


def find_citations(answer: str, lookup: Lookup) -> tuple[Citation, ...]:
    """The answer's quotes, in order, each once.

    A quote of which only parts are found gives one citation for each part, and an
    unverified one for the rest.
    """
    files: dict[str, _File] = {}
    found: dict[Citation, None] = {}
    for quote in islice(quotes(answer), QUOTES):
        for citation in _cited(quote, _candidates(quote, lookup, files)):
            if citation.verified or quote.owed:
                found.setdefault(citation)
    return tuple(found)


def _candidates(
    quote: Quote, lookup: Lookup, files: dict[str, _File]
) -> Iterator[_File]:
    for path, text in islice(lookup(quote), CANDIDATES):
        if path not in files:
            files[path] = _File(path, [line.rstrip() for line in text.split("\n")])
        yield files[path]


def _cited(quote: Quote, candidates: Iterator[_File]) -> Iterator[Citation]:
    if not quote.lines:
        yield _named(quote, candidates)
    elif not quote.whole:
        yield _part(quote, candidates)
    elif any(map(_tells, quote.lines)):
        yield from _block(quote, candidates)


def _named(quote: Quote, candidates: Iterator[_File]) -> Citation:
    """A place that is only named: verified when that file has these lines."""
    told = quote.paths[0].removeprefix("./")
    for file in candidates:
        if file.path != told and not file.path.endswith(f"/{told}"):
            continue
        # The last "line" of a text that ends with a newline is none.
        length = len(file.lines) - (not file.lines[-1])
        if 0 < quote.start <= quote.end <= length:
            return Citation(quote.text, file.path, quote.start, quote.end)
    return Citation(quote.text)


def _part(quote: Quote, candidates: Iterator[_File]) -> Citation:
    """Code between backticks: verified when a line holds it."""
    [code] = quote.lines
    for file in candidates:
        hits = [n for n, line in enumerate(file.lines, 1) if code in line]
        if hits:
            line = min(hits, key=lambda n: abs(n - quote.start) if quote.start else n)
            return Citation(quote.text, file.path, line, line)
    return Citation(quote.text)


def _block(quote: Quote, candidates: Iterator[_File]) -> Iterator[Citation]:
    """Whole lines: one citation where they stand together, else by parts."""
    seen: list[_File] = []
    for file in candidates:
        seen.append(file)
        start = _stands(quote.lines, file, quote.start)
        if start is not None:
            yield _span(quote.lines, file, start)
            return
    pieces = list(_pieces(quote.lines))
    if len(pieces) > 1:
        for piece in pieces:
            part = replace(quote, lines=tuple(piece), text="\n".join(piece))
            yield from _cited(part, iter(seen))
        return
    runs: list[_Run] = []
    best: _File | None = None
    for file in seen:
        tried = _runs(quote.lines, file)
        if sum(r.last - r.first for r in tried) > sum(r.last - r.first for r in runs):
            runs, best = tried, file
    yield from _by_runs(quote.lines, runs, best)


def _by_runs(
    lines: Sequence[str], runs: Sequence[_Run], file: _File | None
) -> Iterator[Citation]:
    done = 0
    for run in (*runs, _Run(len(lines), len(lines), 0)):
        rest = lines[done : run.first]
        if any(map(_tells, rest)):
            yield Citation("\n".join(rest).strip("\n"))
        if run.last > run.first and file is not None:
            yield _span(lines[run.first : run.last], file, run.start)
        done = run.last


def _span(lines: Sequence[str], file: _File, start: int) -> Citation:
    return Citation("\n".join(lines), file.path, start + 1, start + len(lines))


def _pieces(lines: Sequence[str]) -> Iterator[list[str]]:
    """The lines between elisions, without blank ones around them."""
    piece: list[str] = []
    for line in (*lines, "..."):
        if not _ELISION.match(line):
            piece.append(line)
            continue
        text = "\n".join(piece).strip("\n")
        if text.strip():
            yield text.split("\n")
        piece = []


def _stands(lines: Sequence[str], file: _File, near: int) -> int | None:
    """Where the lines stand in a row: the place nearest to line ``near``."""
    anchor = min(range(len(lines)), key=lambda n: len(file.at(lines[n])))
    starts = [at - anchor for at in file.at(lines[anchor])]
    hits = [at for at in starts if at >= 0 and _equal(lines, file.lines, at)]
    if not hits:
        return None
    return min(hits, key=lambda at: abs(at + 1 - near) if near else at)


def _equal(lines: Sequence[str], text: Sequence[str], at: int) -> bool:
    """Whether ``lines`` stand at ``at``, all indented alike more or less."""
    there = text[at : at + len(lines)]
    if len(there) < len(lines):
        return False
    shifts = {_shift(a, b) for a, b in zip(lines, there, strict=True) if a or b}
    return None not in shifts and len(shifts) <= 1


def _shift(quoted: str, there: str) -> tuple[str, bool] | None:
    """The indentation by which two equal lines differ; None for unequal ones."""
    if quoted == there:
        return "", True
    if there.endswith(quoted) and not there[: len(there) - len(quoted)].strip():
        return there[: len(there) - len(quoted)], True
    if quoted.endswith(there) and not quoted[: len(quoted) - len(there)].strip():
        return quoted[: len(quoted) - len(there)], False
    return None


def _runs(lines: Sequence[str], file: _File) -> list[_Run]:
    """The longest stretches of the quote that stand in the file, left to right."""
    runs: list[_Run] = []
    first = 0
    while first < len(lines):
        best = _Run(first, first, 0)
        if _tells(lines[first]):
            for at in file.at(lines[first]):
                last = _reach(lines, first, file.lines, at)
                if last > best.last:
                    best = _Run(first, last, at)
        if best.last > first:
            runs.append(best)
        first = max(best.last, first + 1)
    return runs


def _reach(lines: Sequence[str], first: int, text: Sequence[str], at: int) -> int:
    """How far the quote and the text agree from here; trailing blanks do not count."""
    shift = _shift(lines[first], text[at])
    last = first
    for index in range(first, min(len(lines), first + len(text) - at)):
        line, there = lines[index], text[at + index - first]
        if (line or there) and _shift(line, there) != shift:
            break
        last = index + 1 if line else last
    return last


def _tells(line: str) -> bool:
    """Whether a line says enough to be evidence: not a lone brace or keyword."""
    dense = "".join(line.split())
    return len(dense) >= 8 and len(_WORDS.findall(dense)) >= 5
