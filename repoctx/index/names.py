"""Which definitions a name or a question means, best first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import log

from repoctx.index.search import PRIOR, Ranked, kind_of, rank
from repoctx.index.store import Store, quoted
from repoctx.index.terms import (
    CHUNK_LINES,
    QUERY_CHARS,
    line_terms,
    name_terms,
    query_terms,
)
from repoctx.values import Definition, Kind, Snapshot, SourceFile, Symbol, byte_order

FILES = 60
"""The best files for a question, among whose definitions the best are looked for."""
HOLDERS = 200
"""Files that define something of which the name has all the words asked for."""

LONGEST = 500
"""Characters of a query that may be one name."""

_NAME = 1.5
_PARENT = 0.7
_SIGNATURE = 0.5
_FILE = 0.4
_ALL = 2.0
_MINOR = frozenset(
    {Kind.VARIABLE, Kind.CONSTANT, Kind.FIELD, Kind.KEY, Kind.SECTION, Kind.MODULE}
)
_MINOR_SHARE = 0.5

_SPELT = re.compile(r"\s*[\w$!?@~-]+(?:(?:\.|::|#|->|/)[\w$!?@~-]+)*(?:\(\))?\s*")
_SEPARATOR = re.compile(r"\.|::|#|->|/")


def find_definitions(
    store: Store, snapshot: Snapshot, query: str, limit: int = 20
) -> list[Definition]:
    """The definitions that ``query`` names or asks about, at most ``limit``.

    A single name (``delay``, ``RetryPolicy.delay``, ``mod::f()``) gives the definitions
    so called: exact ones first, then those in another case; where the enclosing names
    agree too, those alone. Otherwise, or when there are none, definitions are ranked by
    the words of their name, enclosing names, signature and doc line that are asked for,
    and by how well the text around them matches.
    """
    places = _places(snapshot)
    if len(query) <= LONGEST and _SPELT.fullmatch(query):
        called = _called(store, places, query.strip().removesuffix("()"))
        if called:
            return called[:limit]
    return _asked(store, snapshot, places, query)[:limit]


def _places(snapshot: Snapshot) -> dict[tuple[str, str], list[SourceFile]]:
    places: dict[tuple[str, str], list[SourceFile]] = {}
    for file in snapshot.files:
        places.setdefault((file.oid, file.lang), []).append(file)
    return places


def _called(
    store: Store, places: Mapping[tuple[str, str], list[SourceFile]], spelt: str
) -> list[Definition]:
    *outer, name = _SEPARATOR.split(spelt)
    found = [
        (
            symbol.name != name,
            -PRIOR[kind_of(file)],
            byte_order(file.path),
            symbol,
            file,
        )
        for oid, lang, symbol in store.definitions(name)
        for file in places.get((oid, lang), ())
    ]
    if outer:
        inside = [row for row in found if _encloses(row[3], row[4], outer)]
        found = inside or found
    found.sort(key=lambda row: (*row[:3], row[3].start))
    return [Definition(file.path, symbol, file.oid) for *_, symbol, file in found]


def _encloses(symbol: Symbol, file: SourceFile, outer: list[str]) -> bool:
    """Whether the names that enclose ``symbol``, or its path, end as asked."""
    stem = file.path.rpartition(".")[0] or file.path
    around = [*stem.split("/"), *_SEPARATOR.split(symbol.parent)]
    names = [part.casefold() for part in around if part]
    return all(part.casefold() in names for part in outer)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question: its terms with their weights times their rarity among names, and
    the terms of all its words."""

    values: Mapping[str, float]
    words: frozenset[str]

    def share(self, words: Iterable[str]) -> float:
        return sum(self.values.get(word, 0.0) for word in set(words))


def _asked(
    store: Store,
    snapshot: Snapshot,
    places: Mapping[tuple[str, str], list[SourceFile]],
    query: str,
) -> list[Definition]:
    terms = query_terms(query)
    holders = store.frequencies(terms, "defs")
    total = 100 + sum(holders.values())
    asked = _Asked(
        {t: w * log(total / (1 + holders[t])) / 2 for t, w in terms.items()},
        frozenset(name_terms(query[:QUERY_CHARS])),
    )
    ranked = rank(store, snapshot, query)
    best = {r.path: r for r in ranked[:FILES]}
    for file in _holders(store, places, query):
        best.setdefault(file.path, Ranked(file, 0.0))
    found = [
        (-score, byte_order(r.path), symbol, r.file)
        for r in best.values()
        for symbol in store.symbols_of(r.file.oid, r.file.lang)
        if (score := _score(symbol, r, asked)) > 0
    ]
    found.sort(key=lambda row: (*row[:2], row[2].start))
    return [Definition(file.path, symbol, file.oid) for *_, symbol, file in found]


def _holders(
    store: Store, places: Mapping[tuple[str, str], list[SourceFile]], query: str
) -> list[SourceFile]:
    """Files with a chunk whose definitions have all the words of a short query."""
    words = name_terms(query[:QUERY_CHARS])
    if not words or len(words) > 6:
        return []
    rows = store.matching(" AND ".join(map(quoted, words)), "defs")
    keys = store.keys()
    files = [f for key, at in places.items() if keys.get(key) in rows for f in at]
    files.sort(key=lambda f: (-_prior(f), byte_order(f.path)))
    return files[:HOLDERS]


def _score(symbol: Symbol, ranked: Ranked, asked: _Asked) -> float:
    words = name_terms(symbol.name)
    named = asked.share(words)
    # A name that says just what is asked before one that says much else too.
    precise = len([w for w in words if w in asked.values]) / max(len(words), 1)
    score = _NAME * named * (0.3 + 0.7 * precise)
    outer = name_terms(symbol.parent)
    score += _PARENT * asked.share(outer)
    score += _SIGNATURE * asked.share(line_terms(f"{symbol.signature} {symbol.doc}"))
    score += _around(symbol, ranked)
    if score <= 0:
        return 0.0
    score += _FILE * ranked.score
    if asked.words <= {*words, *outer} and not asked.words.isdisjoint(words):
        score *= _ALL  # `RetryPolicy delay` means RetryPolicy.delay
    minor = _MINOR_SHARE if symbol.kind in _MINOR else 1.0
    return score * minor * _prior(ranked.file)


def _prior(file: SourceFile) -> float:
    """Sharper than for files: who asks where something is means its source."""
    return PRIOR[kind_of(file)] ** 2


def _around(symbol: Symbol, ranked: Ranked) -> float:
    """What the best chunk that the definition lies in is worth to it: all of it to a
    function of a chunk's length, less to one of which it is a small part."""
    size = symbol.end - symbol.start + 1
    best = 0.0
    for chunk, points in ranked.chunks:
        first = chunk * CHUNK_LINES + 1
        last = first + CHUNK_LINES - 1
        common = min(last, symbol.end) - max(first, symbol.start) + 1
        if common > 0:
            share = common / CHUNK_LINES * min(1.0, (CHUNK_LINES / size) ** 0.25)
            best = max(best, points * share)
    return best
