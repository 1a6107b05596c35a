"""The index file: one sqlite database that several processes may fill at once.

It is a cache and safe to delete at any time. Rows are keyed by what decides them, a
blob id, or a blob id with a language and an index version, so they never go stale and
a branch switch costs nothing. What can go wrong with the file never stops a run: a
broken one is built anew (``Store.recovered`` says so), one that cannot be written is
continued in memory (``Store.note`` says why). The layout is described in FORMAT.md.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from repoctx.index import rows
from repoctx.index.database import Database
from repoctx.index.rows import CHUNKS, Prepared, Row
from repoctx.index.versions import INDEX_VERSION, TERMS_VERSION
from repoctx.values import BlobFacts, Outline, Reference, Symbol

VERSION = INDEX_VERSION * 1000 + TERMS_VERSION
"""The code that makes outlines and terms: rows of other versions are not seen."""


class Store:
    """The rows of one index file. Use as a context manager, from one thread."""

    def __init__(self, path: Path, version: int) -> None:
        self.version = version
        self._db = Database(path)
        self._forget()

    @property
    def recovered(self) -> str:
        """Empty, or why the file was built anew."""
        return self._db.recovered

    @property
    def note(self) -> str:
        """Empty, or why this run's rows are not kept on disk."""
        return self._db.note

    def _write(self, change: Callable[[sqlite3.Connection], object]) -> None:
        self._forget()
        self._db.write(change)

    def _forget(self) -> None:
        """Drop what was read before, after any change."""
        self._keys: dict[tuple[str, str], int] | None = None
        self.ranking: Any = None

    @classmethod
    def open(cls, path: Path, version: int = VERSION) -> Store:
        """Open or create the index at ``path``, its folder too.

        ``version`` names the code that makes outlines: rows of other versions are not
        seen. Raises StorageError when not even memory can hold an index.
        """
        return cls(path, version)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back; calling it again does nothing."""
        self._db.close()

    def copy(self, path: Path) -> None:
        """Put all that is here into a new file at ``path``, for work whose rows are
        not to stay."""

        def query(con: sqlite3.Connection) -> None:
            with closing(sqlite3.connect(path)) as new:
                con.backup(new)

        self._db.read(query)

    # --- what is known -----------------------------------------------------------

    def facts(self) -> dict[str, BlobFacts]:
        """The facts of every known blob, by blob id."""
        return self._db.read(lambda con: rows.all_facts(con))

    def outlined(self) -> set[tuple[str, str]]:
        """The (blob id, language) pairs that have an outline of this version."""
        return set(self.keys())

    def keys(self) -> Mapping[tuple[str, str], int]:
        """The row number of each outlined (blob id, language)."""
        if self._keys is None:
            sql = "SELECT oid, lang, id FROM keys WHERE version = ?"
            self._keys = self._db.read(
                lambda con: {
                    (oid, lang): number
                    for oid, lang, number in con.execute(sql, (self.version,))
                }
            )
        return self._keys

    def outline(self, oid: str, lang: str) -> Outline | None:
        """The outline of a blob, without its terms; None when it is not known."""
        sql = (
            "SELECT errors, definitions, refs, skeleton FROM keys JOIN outlines"
            " USING (id) WHERE version = ? AND oid = ? AND lang = ?"
        )

        def query(con: sqlite3.Connection) -> Outline | None:
            row = con.execute(sql, (self.version, oid, lang)).fetchone()
            return rows.decode_outline(row) if row else None

        return self._db.read(query)

    def symbols(self, ids: Iterable[int]) -> dict[int, tuple[Symbol, ...]]:
        """The definitions of some rows, by row number."""
        return self._db.read(
            lambda con: {
                number: rows.decode_definitions(data)
                for number in ids
                for (data,) in con.execute(rows.DEFINITIONS, (number,))
            }
        )

    def symbols_of(self, oid: str, lang: str) -> tuple[Symbol, ...]:
        """The definitions of one blob; none when it is not known."""
        number = self.keys().get((oid, lang))
        return () if number is None else self.symbols([number]).get(number, ())

    def definitions(self, name: str) -> list[tuple[str, str, Symbol]]:
        """(blob id, language, symbol) of all definitions called ``name``.

        Exact ones first, then those that differ in case only; by blob id and line.
        """
        from repoctx.index.terms import name_terms  # A run that packs looks up nothing.

        folded = name.casefold()
        holders = self._holders("defs", name_terms(name))
        symbols = self.symbols([number for number, *_ in holders])
        found = [
            (symbol.name != name, oid, symbol.start, lang, symbol)
            for number, oid, lang in holders
            for symbol in symbols.get(number, ())
            if symbol.name.casefold() == folded
        ]
        found.sort(key=lambda row: row[:4])
        return [(oid, lang, symbol) for _, oid, _, lang, symbol in found]

    def references(self, name: str) -> list[tuple[str, str, Reference]]:
        """(blob id, language, reference) of all uses of exactly ``name``."""
        from repoctx.index.terms import content_terms

        holders = self._holders("body", content_terms(name))
        return self._db.read(
            lambda con: [
                (oid, lang, use)
                for number, oid, lang in holders
                for (data,) in con.execute(rows.REFERENCES, (number,))
                for use in rows.decode_references(data, name)
            ]
        )

    def holding(self, words: str) -> list[tuple[str, str]]:
        """(blob id, language) of the texts that have every term of ``words``."""
        from repoctx.index.terms import content_terms

        terms = content_terms(words)
        return (
            [(o, lang) for _, o, lang in self._holders("body", terms)] if terms else []
        )

    def _holders(self, column: str, terms: Iterable[str]) -> list[tuple[int, str, str]]:
        """(row, blob id, language) of the texts of which a chunk's ``column`` has every
        term, by blob id; all texts when there are no terms to tell them by."""
        wanted = " AND ".join(map(quoted, terms))
        numbers = self.matching(wanted, column) if wanted else None
        found = [
            (number, oid, lang)
            for (oid, lang), number in self.keys().items()
            if numbers is None or number in numbers
        ]
        return sorted(found, key=lambda row: row[1:])

    def matching(self, expression: str, column: str) -> set[int]:
        """The rows of the texts of which a chunk's ``column`` matches."""
        if not expression:
            return set()
        sql = "SELECT rowid FROM words WHERE words MATCH ?"
        query = f"{column} : ({expression})"
        return self._db.read(
            lambda con: {r[0] // CHUNKS for r in con.execute(sql, (query,))}
        )

    def frequencies(self, terms: Iterable[str], column: str) -> dict[str, int]:
        """In how many chunks of all texts each term stands in ``column``."""
        sql = "SELECT count(*) FROM words WHERE words MATCH ?"
        return self._db.read(
            lambda con: {
                t: con.execute(sql, (f"{column} : {quoted(t)}",)).fetchone()[0]
                for t in terms
            }
        )

    def scores(
        self, expression: str, defs_weight: float
    ) -> list[tuple[int, int, float]]:
        """(row, chunk, BM25 score: higher is better) of each chunk that matches."""
        if not expression:
            return []
        sql = (
            f"SELECT rowid / {CHUNKS}, rowid % {CHUNKS}, -bm25(words, 1.0, ?)"  # noqa: S608
            " FROM words WHERE words MATCH ?"
        )
        return self._db.read(
            lambda con: con.execute(sql, (defs_weight, expression)).fetchall()
        )

    def counts(self, tokenizer: str, digests: Iterable[str]) -> dict[str, int]:
        """The known token counts among ``digests``."""
        wanted = list(digests)
        return self._db.read(lambda con: rows.token_counts(con, tokenizer, wanted))

    # --- what is added ------------------------------------------------------------

    def add(self, batch: Iterable[Row | Prepared]) -> None:
        """Keep rows, in one transaction; those that are known already are skipped."""
        ready = [r if isinstance(r, Prepared) else rows.prepare(r) for r in batch]
        if ready:
            self._write(lambda con: rows.insert(con, ready, self.version))

    def put_counts(self, tokenizer: str, counts: Iterable[tuple[str, int]]) -> None:
        """Keep (digest, tokens) pairs for a tokenizer."""
        sql = "INSERT OR IGNORE INTO tokens VALUES (?, ?, ?)"
        values = [(tokenizer, digest, count) for digest, count in counts]
        if values:
            self._write(lambda con: con.executemany(sql, values))

    def prune(
        self, live: AbstractSet[str], digests: AbstractSet[str] = frozenset()
    ) -> int:
        """Forget blobs outside ``live`` (and token counts outside ``digests``).

        Nothing happens before dead rows are three times the live ones, so that the
        branches one works on stay. Returns the number of blobs forgotten.
        """
        known = set(self._db.read(rows.all_oids))
        dead = known - live
        if len(dead) <= max(3 * len(known & live), 1000):
            return 0
        self._write(lambda con: rows.forget(con, dead, digests, self.version))
        return len(dead)


def quoted(term: str) -> str:
    """A term as an FTS5 string."""
    clean = term.encode("utf-8", "replace").decode("utf-8")
    return '"' + clean.replace('"', '""') + '"'
