"""Pieces of files that can be quoted: whole small definitions, or windows of lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import nlargest

from repoctx.index.search import BEST, PRIOR, Ranked, kind_of, rank
from repoctx.index.store import Store
from repoctx.index.terms import (
    CHUNK_CHARS,
    CHUNK_LINES,
    QUERY_CHARS,
    line_terms,
    name_terms,
    query_terms,
)
from repoctx.values import Passage, Snapshot, SourceFile, Symbol

WHOLE = 60
"""A definition of at most so many lines is quoted whole."""
BEFORE, AFTER = 12, 27
"""Lines around the best line where nothing small encloses it: 40 in all."""
TINY = 4
"""A shorter definition (a field, a constant) is shown with what surrounds it."""
FILES = 40
"""Files among which passages are looked for; more when more passages are wanted."""
PER_FILE = 3
"""Passages of one file at most; all that are known when many are wanted."""

Read = Callable[[SourceFile], str]
"""A file's text. Raises KeyError when it is not to be had any more."""

_WORD = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A chunk that may be quoted."""

    file: SourceFile
    chunk: int
    score: float


def passages(
    store: Store, snapshot: Snapshot, query: str, read: Read, limit: int = 12
) -> list[Passage]:
    """The best pieces of the best files, best first, at most ``limit``.

    A piece is the definition around the lines that match when it is short, else a
    window of about 40 lines; ``why`` names that definition or the words that matched.
    No two overlap. A file that ``read`` cannot give any more is passed over.
    """
    terms = query_terms(query)
    found: list[Passage] = []
    texts: dict[str, list[str]] = {}
    symbols: dict[str, tuple[Symbol, ...]] = {}
    value = _line_values(store, terms)
    ranked = rank(store, snapshot, query)[: max(FILES, limit)]
    for candidate in _candidates(ranked, PER_FILE if limit <= FILES else BEST):
        if len(found) >= limit:
            break
        lines = _lines(candidate.file, read, texts)
        if lines:
            file = candidate.file
            if file.path not in symbols:
                symbols[file.path] = store.symbols_of(file.oid, file.lang)
            passage = _passage(candidate, lines, symbols[file.path], value)
            if not passage.why:
                why = _matched(passage.text, query, value)
                passage = replace(passage, why=why)
            if not any(_overlap(passage, other) for other in found):
                found.append(passage)
    return found


def _candidates(ranked: Iterable[Ranked], most: int) -> list[_Candidate]:
    """Best chunks first; a file's score is that of its best chunk. Tests and documents
    step back once more: who asks where something is means its source."""
    found: list[_Candidate] = []
    for r in ranked:
        best = r.chunks[:most] or ((0, 1.0),)
        value = r.score * PRIOR[kind_of(r.file)] / (best[0][1] or 1.0)
        found += [_Candidate(r.file, chunk, value * points) for chunk, points in best]
    found.sort(key=lambda c: -c.score)
    return found


def _lines(file: SourceFile, read: Read, known: dict[str, list[str]]) -> list[str]:
    if file.path not in known:
        try:
            known[file.path] = read(file).split("\n")
        except KeyError:
            known[file.path] = []
    return known[file.path]


def _line_values(store: Store, terms: Mapping[str, int]) -> Mapping[str, float]:
    """What finding each term in a line is worth: rare ones more."""
    holders = store.frequencies(terms, "body")
    return {t: weight / (1 + holders[t]) ** 0.5 for t, weight in terms.items()}


def _passage(
    candidate: _Candidate,
    lines: Sequence[str],
    symbols: Sequence[Symbol],
    value: Mapping[str, float],
) -> Passage:
    """What to quote of a chunk; ``why`` is empty where no definition encloses it."""
    file = candidate.file
    best = _best_line(lines, candidate.chunk, value)
    around = sorted(
        (s for s in symbols if s.start <= best <= s.end),
        key=lambda s: (s.end - s.start, -s.start),
    )
    start, end = _bounds(lines, best, around)
    named = next((s for s in around if s.end - s.start >= TINY), None)
    text = "\n".join(lines[start - 1 : end])
    why = _dotted(named) if named else ""
    return Passage(file.path, start, end, text, candidate.score, why, file.oid)


def _best_line(lines: Sequence[str], chunk: int, value: Mapping[str, float]) -> int:
    """The line in the middle of the five of a chunk that match best, from 1."""
    first = min(chunk * CHUNK_LINES, max(len(lines) - 1, 0))
    part = lines[first : first + CHUNK_LINES]
    worth = [
        sum({t: value.get(t, 0.0) for t in line_terms(line[:400])}.values())
        for line in part
    ]
    sums = [sum(worth[max(i - 2, 0) : i + 3]) + worth[i] for i in range(len(part))]
    return first + 1 + max(range(len(part)), key=lambda i: (sums[i], -i))


def _bounds(
    lines: Sequence[str], best: int, around: Sequence[Symbol]
) -> tuple[int, int]:
    """First and last line to quote, both included."""
    last_line = len(lines) - (1 if len(lines) > 1 and not lines[-1] else 0)
    for symbol in around:
        if TINY <= symbol.end - symbol.start < WHOLE:
            return symbol.start, min(symbol.end, last_line)
    start, end = max(best - BEFORE, 1), min(best + AFTER, last_line)
    enclosing = next((s for s in around if s.end - s.start >= WHOLE), None)
    if enclosing:
        start, end = max(start, enclosing.start), min(end, enclosing.end)
    while start < best and not lines[start - 1].strip():
        start += 1
    while end > best and not lines[end - 1].strip():
        end -= 1
    return start, max(end, start)


def _dotted(symbol: Symbol) -> str:
    return f"{symbol.parent}.{symbol.name}" if symbol.parent else symbol.name


def _matched(text: str, query: str, value: Mapping[str, float]) -> str:
    """The three most telling words of the question that stand in ``text``."""
    present = set(line_terms(text[:CHUNK_CHARS]))
    worth = {
        word: max(
            (value.get(t, 0.0) for t in name_terms(word) if t in present), default=0
        )
        for word in dict.fromkeys(_WORD.findall(query[:QUERY_CHARS]))
    }
    best = nlargest(3, (word for word in worth if worth[word]), key=worth.__getitem__)
    return ", ".join(best)


def _overlap(one: Passage, other: Passage) -> bool:
    return one.path == other.path and one.start <= other.end and other.start <= one.end
