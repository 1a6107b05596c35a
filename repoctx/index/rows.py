"""How rows are packed for the index file: values in, compact columns out, and back.

``prepare`` is the part that costs, and needs no database: call it where the parsing
happens (a worker process), so that the one writer only hands bytes to sqlite.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import islice, zip_longest
from typing import Any, NamedTuple

from repoctx.values import (
    BlobFacts,
    Kind,
    Outline,
    Reason,
    Redaction,
    Reference,
    Symbol,
)

CHUNKS = 4096
"""Search rows of one text at most; row ``id * CHUNKS + n`` is its chunk ``n``."""


_COMMON: tuple[object, ...] = (None, "", "utf-8", "lf", [])

DEFINITIONS = "SELECT definitions FROM outlines WHERE id = ?"
REFERENCES = "SELECT refs FROM outlines WHERE id = ?"


class Row(NamedTuple):
    """All that is known of one blob. ``outline`` is None when it has none."""

    oid: str
    lang: str
    facts: BlobFacts
    outline: Outline | None = None


class Prepared(NamedTuple):
    """A row in the shape of the tables; cheap to send from one process to another."""

    oid: str
    lang: str
    facts: tuple[Any, ...]
    outline: tuple[int, bytes, bytes, bytes] | None = None
    body: str = ""
    defs: str = ""


def prepare(row: Row) -> Prepared:
    """Pack one row."""
    facts, outline = row.facts, row.outline
    columns = (facts.size, facts.lines, facts.chars, _traits(facts))
    if outline is None:
        return Prepared(row.oid, row.lang, columns)
    packed = (
        outline.errors,
        _packed([_flat(symbol) for symbol in outline.definitions]),
        _packed(_grouped(outline.references)),
        _deflated(outline.skeleton.encode("utf-8", "surrogatepass")),
    )
    return Prepared(
        row.oid, row.lang, columns, packed, _plain(outline.body), _plain(outline.defs)
    )


def _traits(facts: BlobFacts) -> str | None:
    """What few blobs have, so that the others take little space and time."""
    traits = (
        facts.reason and facts.reason.value,
        facts.detail,
        facts.encoding,
        facts.newline,
        [[r.rule, r.line] for r in facts.redactions],
    )
    return None if traits == _COMMON else json.dumps(traits)


def _plain(text: str) -> str:
    """Text that sqlite can store: no lone surrogates."""
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")


def _flat(symbol: Symbol) -> list[str | int]:
    return [
        symbol.name,
        symbol.kind.value,
        symbol.start,
        symbol.end,
        symbol.signature,
        symbol.parent,
        symbol.doc,
    ]


def _grouped(references: Iterable[Reference]) -> dict[str, dict[str, list[int]]]:
    groups: dict[str, dict[str, list[int]]] = {}
    for use in references:
        groups.setdefault(use.name, {}).setdefault(use.kind, []).append(use.line)
    return groups


def _packed(value: object) -> bytes:
    return (
        _deflated(json.dumps(value, separators=(",", ":")).encode()) if value else b""
    )


def _deflated(data: bytes) -> bytes:
    return zlib.compress(data, 1) if data else b""


def _unpacked(data: bytes) -> Any:
    return json.loads(zlib.decompress(data)) if data else ()


def decode_definitions(data: bytes) -> tuple[Symbol, ...]:
    """The symbols of an outline row."""
    return tuple(
        Symbol(name, Kind(kind), start, end, signature, parent, doc)
        for name, kind, start, end, signature, parent, doc in _unpacked(data)
    )


def decode_references(data: bytes, name: str = "") -> tuple[Reference, ...]:
    """The references of an outline row by line, all or those to ``name``."""
    groups: dict[str, dict[str, list[int]]] = _unpacked(data) or {}
    if name:
        groups = {name: groups[name]} if name in groups else {}
    found = [
        Reference(used, line, kind)
        for used, kinds in groups.items()
        for kind, lines in kinds.items()
        for line in lines
    ]
    return tuple(sorted(found, key=lambda use: (use.line, use.name, use.kind)))


def decode_outline(row: tuple[int, bytes, bytes, bytes]) -> Outline:
    """An outline without its terms."""
    errors, definitions, references, skeleton = row
    text = zlib.decompress(skeleton) if skeleton else b""
    return Outline(
        decode_definitions(definitions),
        decode_references(references),
        text.decode("utf-8", "surrogatepass"),
        errors=errors,
    )


def all_facts(con: sqlite3.Connection) -> dict[str, BlobFacts]:
    """Every row of ``facts``."""
    sql = "SELECT oid, size, lines, chars, traits FROM facts"
    return {
        oid: BlobFacts(size, None, "", "utf-8", "lf", lines, chars)
        if traits is None
        else _uncommon(size, lines, chars, traits)
        for oid, size, lines, chars, traits in con.execute(sql)
    }


def _uncommon(size: int, lines: int, chars: int, traits: str) -> BlobFacts:
    reason, detail, encoding, newline, redactions = json.loads(traits)
    return BlobFacts(
        size,
        Reason(reason) if reason else None,
        detail,
        encoding,
        newline,
        lines,
        chars,
        tuple(Redaction(rule, line) for rule, line in redactions),
    )


def all_oids(con: sqlite3.Connection) -> list[str]:
    """Every blob id that has facts."""
    return [row[0] for row in con.execute("SELECT oid FROM facts")]


def token_counts(
    con: sqlite3.Connection, tokenizer: str, digests: Sequence[str]
) -> dict[str, int]:
    """The counts of those digests that are known."""
    sql = (
        "SELECT digest, count FROM tokens WHERE tokenizer = ?"
        " AND digest IN (SELECT value FROM json_each(?))"
    )
    return dict(con.execute(sql, (tokenizer, json.dumps(list(digests)))))


def insert(con: sqlite3.Connection, ready: Sequence[Prepared], version: int) -> None:
    """Put rows into all tables, inside the caller's transaction.

    The caller holds the write lock, so the row numbers chosen here are free.
    """
    con.executemany(
        "INSERT OR IGNORE INTO facts VALUES (?, ?, ?, ?, ?)",
        [(r.oid, *r.facts) for r in ready],
    )
    first = con.execute("SELECT coalesce(max(id), 0) + 1 FROM outlines").fetchone()[0]
    seen = "SELECT 1 FROM keys WHERE version = ? AND oid = ? AND lang = ?"
    new: dict[tuple[str, str], Prepared] = {}
    for row in ready:
        if row.outline is not None and (row.oid, row.lang) not in new:
            known = con.execute(seen, (version, row.oid, row.lang)).fetchone()
            if known is None:
                new[row.oid, row.lang] = row
    numbered = list(enumerate(new.values(), first))
    con.executemany(
        "INSERT INTO keys VALUES (?, ?, ?, ?)",
        [(version, row.oid, row.lang, number) for number, row in numbered],
    )
    con.executemany(
        "INSERT INTO outlines VALUES (?, ?, ?, ?, ?)",
        [(number, *(row.outline or ())) for number, row in numbered],
    )
    con.executemany(
        "INSERT INTO words (rowid, body, defs) VALUES (?, ?, ?)",
        (chunk for number, row in numbered for chunk in _chunks(number, row)),
    )


def _chunks(number: int, row: Prepared) -> Iterator[tuple[int, str, str]]:
    """The search rows of a text: its chunks, numbered from ``number * CHUNKS``.

    What exceeds ``CHUNKS`` is not searched: 120,000 lines of one file are.
    """
    pairs = zip_longest(row.body.split("\n"), row.defs.split("\n"), fillvalue="")
    for at, (body, defs) in enumerate(islice(pairs, CHUNKS), number * CHUNKS):
        if body or defs:
            yield at, body, defs


def forget(
    con: sqlite3.Connection,
    dead: AbstractSet[str],
    digests: AbstractSet[str],
    version: int,
) -> None:
    """Delete dead blobs, rows of other versions, and counts outside ``digests``."""
    con.execute("CREATE TEMP TABLE IF NOT EXISTS dead (oid TEXT PRIMARY KEY)")
    con.execute("DELETE FROM dead")
    con.executemany("INSERT INTO dead VALUES (?)", [(oid,) for oid in dead])
    con.execute("DELETE FROM facts WHERE oid IN (SELECT oid FROM dead)")
    gone = "version != ? OR oid IN (SELECT oid FROM dead)"
    ids = [
        r[0]
        for r in con.execute(f"SELECT id FROM keys WHERE {gone}", (version,))  # noqa: S608
    ]
    con.execute(f"DELETE FROM keys WHERE {gone}", (version,))  # noqa: S608
    con.executemany("DELETE FROM outlines WHERE id = ?", [(i,) for i in ids])
    con.executemany(
        "DELETE FROM words WHERE rowid BETWEEN ? AND ?",
        [(i * CHUNKS, (i + 1) * CHUNKS - 1) for i in ids],
    )
    stale = [
        row
        for row in con.execute("SELECT tokenizer, digest FROM tokens")
        if row[1] not in digests
    ]
    con.executemany("DELETE FROM tokens WHERE tokenizer = ? AND digest = ?", stale)
