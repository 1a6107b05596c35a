"""Rows, snapshots and indexes made by hand for the tests of the index room."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from repoctx.index import Row, Store, detect, with_terms
from repoctx.index.outline import outline
from repoctx.values import BlobFacts, Snapshot, SourceFile, byte_order


def oid_of(text: str) -> str:
    return hashlib.sha1(text.encode("utf-8", "surrogatepass")).hexdigest()


def row(path: str, text: str) -> Row:
    """The row that a scan of ``path`` makes."""
    lang = detect(path)
    facts = BlobFacts(len(text), None, lines=text.count("\n"), chars=len(text))
    return Row(oid_of(text), lang, facts, with_terms(outline(text, lang), text))


def snapshot(files: Mapping[str, str]) -> Snapshot:
    found = [
        SourceFile(path, oid_of(text), 0o100644, len(text), detect(path))
        for path, text in files.items()
    ]
    found.sort(key=lambda file: byte_order(file.path))
    return Snapshot(tuple(found), (), oid_of(repr(sorted(files.items()))))


def indexed(folder: Path, files: Mapping[str, str]) -> tuple[Store, Snapshot]:
    """A store that knows ``files``, and their snapshot."""
    store = Store.open(folder / "index.db")
    store.add(row(path, text) for path, text in files.items())
    return store, snapshot(files)
