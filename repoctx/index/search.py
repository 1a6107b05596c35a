"""Which files answer a question or need a change, best first.

A file's score is the BM25 of its best chunks (their words, and thrice the names that
they define) plus what its path says, times a prior of what kind of file it is, plus a
share of the best score in its folder. The weights are fixed; they were set on the
histories of ansible, hugo and vuejs/core; ``tests/bench/recall.py`` measures them on
any repository.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log

from repoctx.index.languages import LANGUAGES
from repoctx.index.store import Store, quoted
from repoctx.index.terms import QUERY_CHARS, name_terms, query_terms
from repoctx.values import Snapshot, SourceFile, byte_order

DEFS = 3.0
"""A word in the name of a definition counts as often as this many in the text."""
DECAY = 0.4
"""A file's second best chunk counts this much of the best, the third its square..."""
BEST = 6
"""Chunks of a file that count."""
NAME = 2.0
"""A word in the file's name, in units of its rarity among the paths."""
FOLDER = 1.5
"""The same for a folder's name."""
NAMED_FILE = 30.0
"""The question names the file (``task_executor.py``, ``lib/x/y.go``)."""
NAMED_FOLDER = 20.0
"""The question names the folder (``fix(runtime-core): ...``, ``tpl/strings: ...``)."""
NEIGHBOUR = {"source": 0.2, "tests": 0.1}
"""What the best source file of its folder adds to a file, in shares of its score."""
PRIOR = {"source": 1.0, "tests": 0.85, "other": 0.6, "docs": 0.45}

_TESTS = re.compile(
    r"(^|/)(tests?|testing|specs?|__tests__|__benchmarks__|bench(es|marks?)?"
    r"|fixtures?|testdata|testscripts|mocks?|e2e)/"
    r"|(^|/)(test_[^/]*|conftest\.py|[^/]*([._-](test|spec|bench)s?(-d)?\.[^/]+"
    r"|Tests?\.\w+))$"
)
_MANIFESTS = ("go.mod", "go.work", ".gradle", "Makefile", "Dockerfile")
_DOCS = re.compile(
    r"(^|/)(docs?|documentation|changelogs?|examples?|samples?)/", re.IGNORECASE
)
_SCOPE = re.compile(r"^(?:\w+\(([\w./@-]+)\)!?|([\w./@-]+)):")
# Tried at the start of a run only: linear on any text.
_PATH = re.compile(
    r"(?<![\w.@+-])(?:[\w.@+-]++(?:/[\w.@+-]++)+|[\w@+-][\w.@+-]*\.[A-Za-z]\w*)"
)


@dataclass(frozen=True, slots=True)
class Ranked:
    """A file and its score; ``chunks`` are its best ones with their scores."""

    file: SourceFile
    score: float
    chunks: tuple[tuple[int, float], ...] = ()

    @property
    def path(self) -> str:
        """The file's path."""
        return self.file.path


def rank(store: Store, snapshot: Snapshot, query: str) -> list[Ranked]:
    """The files that match, best first; equal scores in bytewise path order.

    ``query`` is a question, a change request or a few words; its first line counts
    twice. Only the snapshot's files are returned.
    """
    # A question asks for files, passages and definitions: it is ranked once.
    known = store.ranking
    if known and known[0] is snapshot and known[1] == query:
        return list(known[2])
    found = _rank(store, snapshot, query)
    store.ranking = (snapshot, query, found)
    return list(found)


def _rank(store: Store, snapshot: Snapshot, query: str) -> tuple[Ranked, ...]:
    terms = query_terms(query)
    chunks = _chunks_by_row(store, terms)
    paths = _path_scores(snapshot.files, terms)
    places = _Named(query)
    rows = store.keys()
    found = []
    for at, file in enumerate(snapshot.files):
        best = chunks.get(rows.get((file.oid, file.lang), -1), ())
        score = paths.get(at, 0.0) + (places.score(file.path) if places else 0.0)
        for number, (_, points) in enumerate(best):
            score += points * DECAY**number
        if score > 0:
            found.append(Ranked(file, score * PRIOR[kind_of(file)], best))
    found = _with_neighbours(found)
    found.sort(key=lambda r: (-r.score, byte_order(r.path)))
    return tuple(found)


def _with_neighbours(found: Sequence[Ranked]) -> list[Ranked]:
    """The same files, those in the folder of a good source file raised."""
    best: dict[str, float] = {}
    for r in found:
        if kind_of(r.file) == "source":
            folder = r.path.rpartition("/")[0]
            best[folder] = max(best.get(folder, 0.0), r.score)
    return [
        Ranked(
            r.file,
            r.score + raised * best.get(r.path.rpartition("/")[0], 0.0),
            r.chunks,
        )
        if (raised := NEIGHBOUR.get(kind_of(r.file), 0.0))
        else r
        for r in found
    ]


def kind_of(file: SourceFile) -> str:
    """``source``, ``tests``, ``docs`` or ``other`` (data, markup, unknown)."""
    known = LANGUAGES.get(file.lang)
    tokens = known.tokens if known else ""
    return _kind(file.path, tokens)


@lru_cache(maxsize=100_000)
def _kind(path: str, tokens: str) -> str:
    if tokens == "prose" or _DOCS.search(path):
        return "docs"
    if _TESTS.search(path):
        return "tests" if tokens == "code" else "other"
    return "source" if tokens == "code" and not path.endswith(_MANIFESTS) else "other"


def expression(terms: Mapping[str, int]) -> str:
    """The FTS5 query of weighted terms; a term that counts twice stands there twice."""
    return " OR ".join(quoted(t) for t, weight in terms.items() for _ in range(weight))


def _chunks_by_row(
    store: Store, terms: Mapping[str, int]
) -> dict[int, tuple[tuple[int, float], ...]]:
    """Each row's best chunks as (chunk, score), best first."""
    grouped: dict[int, list[tuple[float, int]]] = {}
    for row, chunk, score in store.scores(expression(terms), DEFS):
        grouped.setdefault(row, []).append((-score, chunk))
    return {
        row: tuple((chunk, -score) for score, chunk in heapq.nsmallest(BEST, chunks))
        for row, chunks in grouped.items()
    }


@lru_cache(maxsize=20_000)
def _folder_terms(folder: str) -> tuple[str, ...]:
    return name_terms(folder)


def _path_scores(
    files: Sequence[SourceFile], terms: Mapping[str, int]
) -> dict[int, float]:
    """What the words in each path are worth, by the file's place in ``files``."""
    folders: dict[str, list[int]] = {term: [] for term in terms}
    names: dict[str, list[int]] = {term: [] for term in terms}
    for at, file in enumerate(files):
        folder, _, name = file.path.rpartition("/")
        for term in _folder_terms(folder):
            if term in folders:
                folders[term].append(at)
        for term in name_terms(name):
            if term in names:
                names[term].append(at)
    scores: dict[int, float] = {}
    for term, weight in terms.items():
        holders = len({*folders[term], *names[term]})
        rarity = weight * log(1 + (len(files) - holders + 0.5) / (holders + 0.5))
        for at in folders[term]:
            scores[at] = scores.get(at, 0.0) + rarity * FOLDER
        for at in names[term]:
            scores[at] = scores.get(at, 0.0) + rarity * NAME
    return scores


class _Named:
    """The paths that a question spells out."""

    def __init__(self, query: str) -> None:
        spelt = [text.strip("./") for text in _PATH.findall(query[:QUERY_CHARS])]
        scope = _SCOPE.match(query)
        if scope:
            spelt.append(scope[1] or scope[2])
        self._names = tuple(dict.fromkeys(text for text in spelt if text))

    def __bool__(self) -> bool:
        return bool(self._names)

    def score(self, path: str) -> float:
        """What it is worth that ``path`` or one of its folders is among them."""
        whole = f"/{path}"
        return sum(
            NAMED_FILE
            if whole.endswith(f"/{name}")
            else NAMED_FOLDER
            if f"/{name}/" in whole
            else 0.0
            for name in self._names
        )
