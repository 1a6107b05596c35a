"""Words to search by: one tokenizer for code, prose, paths and questions.

A run of letters, digits and ``_`` that does not start with a digit is an identifier. It
gives its camelCase and snake_case parts, lower-cased and stemmed, and, when it has more
than one part, the whole identifier treated so without its ``_``. Words that say
nothing about a place in a program (stopwords, the verbs that open a commit message) are
dropped from bodies and questions, but not from the names of definitions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from repoctx.values import Outline, Symbol

CHUNK_LINES = 30
"""Lines of one search chunk. A file's best chunk says more than its whole text, and the
chunk is what gets quoted (25 to 60 lines rank alike; see tests/bench/recall.py)."""

CHUNK_CHARS = 16_000
"""Characters of a chunk that are searched: lines of data do not drown the rest."""

QUERY_CHARS = 20_000
"""Characters of a request that are looked at."""

QUERY_TERMS = 96
"""A longer request adds noise and time, not recall."""

LONGEST = 100
"""Longer identifiers are data (hashes, base64), not names, unless one is defined."""

_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_ASCII = re.compile(r"[^\W\d]\w*", re.ASCII)  # the same on ASCII text, and faster
_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")
_LOWER = re.compile(r"[a-z]+")  # what _PART finds without capitals
_LETTERS = re.compile(r"[^\W\d_]+")
_VOWEL = re.compile(r"[aeiouy]")
_IDEOGRAPHS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")

_STOPWORDS = """
a about after again all also am an and any are as at be because been before being
both but by can cannot could did do does doing don done during each else etc even
ever every for from further get gets got had has have having he her here him his how
however i if in into is isn it its itself just let like ll ma may me might more most
much must my need needs no nor not now of off on once one only or other our ours out
over own per please re same say see shall she should so some such than that the
their theirs them then there these they this those through thus to too under until
up upon us ve very via want was we were what when where whether which while who whom
why will with within without would you your yours
"""
_COMMIT_VERBS = """
add added adding adds allow allows bump change changed changes cleanup commit
correct ensure feat fix fixed fixes fixing fixup improve improved improves
improvement introduce issue make makes making merge move moved moves now refactor
remove removed removes removing rename renamed revert support supports update
updated updates updating use used uses using
"""
STOPWORDS = frozenset(_STOPWORDS.split())
_DROPPED = STOPWORDS | frozenset(_COMMIT_VERBS.split())


def stem(word: str) -> str:
    """``word`` (lower case) without plural, ``-ed``, ``-ing`` and final ``e`` or ``y``.

    A light stemmer for English: it meets ``retry``/``retries``, ``compute``/
    ``computed``/``computing`` and leaves other suffixes alone.
    """
    if len(word) < 4 or not word.isascii():
        return word
    if word.endswith(("ies", "sses", "xes", "ches", "shes", "zzes")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for suffix in ("ing", "ed"):
        base = word[: -len(suffix)]
        if word.endswith(suffix) and len(base) > 2 and _VOWEL.search(base):
            word = base
            if base[-1] == base[-2] and base[-1] not in "lsz":
                word = base[:-1]
            break
    if len(word) > 3 and word[-1] == "e":
        return word[:-1]
    if len(word) > 3 and word[-1] == "y":
        return word[:-1] + "i"
    return word


def _parts(identifier: str) -> list[str]:
    if identifier.isascii():
        if identifier.islower() and "_" not in identifier:
            return _LOWER.findall(identifier)
        return [part.lower() for part in _PART.findall(identifier)]
    found: list[str] = []
    for run in _LETTERS.findall(identifier):
        if _IDEOGRAPHS.search(run) and len(run) > 2:
            # Scripts without spaces: overlapping pairs stand in for words.
            found += [run[i : i + 2] for i in range(len(run) - 1)]
        else:
            edges = [
                i for i in range(1, len(run)) if run[i].isupper() > run[i - 1].isupper()
            ]
            found += [run[i:j].lower() for i, j in pairwise((0, *edges, len(run)))]
    return found


class _Stems(dict[str, str]):
    """part -> its stem: parts recur far more often than identifiers."""

    def __missing__(self, part: str) -> str:
        if len(self) >= _Memo.LIMIT:
            self.clear()
        self[part] = stemmed = stem(part)
        return stemmed


_stems = _Stems()


class _Memo(dict[str, tuple[str, ...]]):
    """identifier -> its terms; bounded, so that a hostile tree cannot fill memory."""

    LIMIT = 400_000

    def __init__(self, dropped: frozenset[str], longest: int) -> None:
        self.dropped = dropped
        self.longest = longest

    def __missing__(self, identifier: str) -> tuple[str, ...]:
        terms: tuple[str, ...] = ()
        if len(identifier) <= self.longest:
            parts = _parts(identifier)
            kept = [_stems[p] for p in parts if len(p) > 1 and p not in self.dropped]
            whole = identifier.lower().replace("_", "")
            if len(parts) > 1 or whole != "".join(parts):
                kept.append(stem(whole))
            terms = tuple(dict.fromkeys(kept)) if len(kept) > 1 else tuple(kept)
        if len(self) >= self.LIMIT:
            self.clear()
        self[identifier] = terms
        return terms


class _Joined(dict[str, str]):
    """identifier -> its terms, each followed by a space."""

    def __missing__(self, identifier: str) -> str:
        terms = _content[identifier]
        joined = " ".join(terms) + " " if terms else ""
        if len(self) >= _Memo.LIMIT:
            self.clear()
        self[identifier] = joined
        return joined


_stems = _Stems()
_content = _Memo(_DROPPED, LONGEST)
_names = _Memo(frozenset(), 1000)
_joined = _Joined()


def body_terms(text: str) -> str:
    """The terms of a text as often as they occur: one line for each chunk.

    Chunk ``n`` holds the lines from ``n * CHUNK_LINES + 1`` on; terms are separated
    by spaces.
    """
    find = (_ASCII if text.isascii() else _IDENTIFIER).findall
    lines = text.split("\n")
    terms = _joined.__getitem__
    return "\n".join(
        "".join(map(terms, find("\n".join(lines[i : i + CHUNK_LINES])[:CHUNK_CHARS])))
        for i in range(0, len(lines), CHUNK_LINES)
    )


def name_terms(name: str) -> tuple[str, ...]:
    """The terms of one name (a definition, a path's component), nothing dropped."""
    found = _IDENTIFIER.findall(name)
    if len(found) == 1:
        return _names[found[0]]
    return tuple(dict.fromkeys(t for part in found for t in _names[part]))


def content_terms(name: str) -> tuple[str, ...]:
    """The terms of one name that ``body_terms`` keeps of it."""
    return tuple(dict.fromkeys(line_terms(name)))


def def_terms(symbols: Iterable[Symbol]) -> str:
    """The terms of the definitions' names, in the chunk lines of ``body_terms``."""
    chunks: dict[int, list[str]] = {}
    for symbol in symbols:
        number = (symbol.start - 1) // CHUNK_LINES
        chunks.setdefault(number, []).extend(name_terms(symbol.name))
    if not chunks:
        return ""
    return "\n".join(" ".join(chunks.get(i, ())) for i in range(max(chunks) + 1))


def with_terms(outline: Outline, text: str) -> Outline:
    """``outline`` with the search terms of its text and of its definitions."""
    return replace(outline, body=body_terms(text), defs=def_terms(outline.definitions))


def path_terms(path: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(terms of the folders, terms of the file's name) of a path."""
    folder, _, name = path.rpartition("/")
    return name_terms(folder), name_terms(name)


def line_terms(line: str) -> list[str]:
    """The terms of one line with repetitions, stopwords and commit verbs dropped."""
    return [t for word in _IDENTIFIER.findall(line) for t in _content[word]]


def _neighbours(words: Sequence[str]) -> Iterator[str]:
    """Neighbouring words as one identifier: ``table of contents`` may be written
    ``tableOfContents`` or ``table_of_contents``."""
    for end in range(2, len(words) + 1):
        if words[0] not in STOPWORDS and words[end - 1] not in STOPWORDS:
            yield stem("".join(words[:end]).lower().replace("_", ""))


def query_terms(query: str) -> dict[str, int]:
    """The terms of a question or a change request with their weights, first ones first.

    The first line counts twice. When nothing but stopwords is left, they count after
    all: a search for ``update`` means it. At most ``QUERY_TERMS``.
    """
    first, _, rest = query.strip()[:QUERY_CHARS].partition("\n")
    for memo in (_content, _names):
        weights: dict[str, int] = {}
        for text, weight in ((first, 2), (rest, 1)):
            words = _IDENTIFIER.findall(text)
            for at, word in enumerate(words):
                for term in memo[word]:
                    weights.setdefault(term, weight)
                for joined in _neighbours(words[at : at + 3]):
                    weights.setdefault(joined, weight)
        if weights:
            return dict(list(weights.items())[:QUERY_TERMS])
    return {}
