"""From a snapshot to the prefix: the rendered base, kept; overlay, made anew.

The base is rendered once for each (commit or tree, style, rules) into the state folder.
A warm run reads a small table beside it and copies bytes; it opens no source file that
did not change.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from itertools import accumulate, repeat
from pathlib import Path
from typing import IO, Any, NamedTuple

from repoctx.errors import StorageError
from repoctx.flow.state import (
    KEPT_BASES,
    State,
    forget_old,
    read_checked,
    replacing,
    write_checked,
)
from repoctx.flow.tables import columns, snapshot_of
from repoctx.pack.base import ALL, base_pieces
from repoctx.pack.budget import Show
from repoctx.pack.render import Doc, Section, Style, body_of, closing, opening
from repoctx.protocols import Tokenizer
from repoctx.values import (
    Count,
    Prefix,
    Progress,
    Segment,
    SegmentKind,
    Snapshot,
    SourceFile,
    Unit,
)

CHUNK = 1 << 20
COUNTED_TOGETHER = 1_000_000
"""Characters: one look into the index and one note there for this much text."""
META_VERSION = 4


class Base(NamedTuple):
    """A rendered base: the tree it shows, where its bytes are, and which of its files
    it does not show in full."""

    snapshot: Snapshot
    segment: Segment
    shape: Mapping[str, Show] = field(default_factory=dict)


class Shelf(NamedTuple):
    """Where rendered bases are kept and how they are rendered and counted."""

    state: State
    style: Style
    tokenizer: Tokenizer
    progress: Progress

    def meta(self, key: str) -> Path:
        """The table of the base ``key``."""
        return self.state.folder / "base" / f"{key}.json"

    def text(self, key: str) -> Path:
        """The bytes of the base ``key``."""
        return self.state.folder / "base" / f"{key}.txt"


def stored_base(shelf: Shelf, key: str) -> Base | None:
    """The base kept under ``key``; None when there is none or it is damaged."""
    text = shelf.text(key)
    try:
        meta = read_checked(shelf.meta(key))
        if meta["version"] != META_VERSION or not _is_whole(shelf, key, meta):
            return None
        snapshot = snapshot_of(meta["snapshot"])
        counts = meta["counts"].get(shelf.tokenizer.name)
        if counts is None:
            counts = _recount(shelf, key, meta)
        with suppress(OSError):
            os.utime(shelf.meta(key))
        return Base(
            snapshot,
            _segment(meta, counts, text, shelf.tokenizer.exact),
            {path: Show(show) for path, show in meta["shape"]},
        )
    except (OSError, LookupError, TypeError, ValueError, AttributeError):
        return None


def render_base(
    shelf: Shelf,
    key: str,
    snapshot: Snapshot,
    docs: Iterator[tuple[str, Doc]],
    shape: Mapping[str, Show] = ALL,
) -> Base:
    """Render the documents ``docs`` of ``snapshot`` (see `base_docs`) and keep them
    under ``key``. Raises StorageError."""
    digest = hashlib.sha256()
    paths: list[str] = []
    lengths: list[int] = []
    counts: list[int] = []
    total = len(snapshot.files)
    pieces = base_pieces(docs, shelf.style)
    text = shelf.text(key)
    with replacing(text) as handle:
        for batch in _batches(pieces):
            counts += shelf.tokenizer.count_many([piece for _, piece in batch])
            for path, piece in batch:
                data = piece.encode()
                digest.update(data)
                handle.write(data)
                paths.append(path)
                lengths.append(len(data))
            shelf.progress("rendering", len(paths), total)
    meta = {
        "version": META_VERSION,
        "digest": digest.hexdigest(),
        "stamp": _stamp(text),
        "snapshot": columns(snapshot),
        "shape": [[path, show] for path, show in shape.items()],
        "paths": "\0".join(paths),
        "lengths": lengths,
        "counts": {shelf.tokenizer.name: counts},
    }
    write_checked(shelf.meta(key), meta)
    forget_old(shelf.state.folder / "base", "*.json", KEPT_BASES, ".txt")
    segment = _segment(meta, counts, text, shelf.tokenizer.exact)
    return Base(snapshot, segment, shape)


def _stamp(path: Path) -> list[int]:
    """What moves whenever a file's bytes do."""
    info = path.stat()
    return [info.st_mtime_ns, info.st_ctime_ns, info.st_size, info.st_ino]


def _is_whole(shelf: Shelf, key: str, meta: dict[str, Any]) -> bool:
    """Whether the base's bytes are those that were rendered. Raises OSError."""
    text = shelf.text(key)
    stamp = _stamp(text)
    if stamp == meta["stamp"]:
        return True
    # Touched or copied: only the digest can tell, 1 ms a megabyte.
    with text.open("rb") as handle:
        if hashlib.file_digest(handle, "sha256").hexdigest() != meta["digest"]:
            return False
    with suppress(StorageError):
        write_checked(shelf.meta(key), meta | {"stamp": stamp})
    return True


def _segment(
    meta: dict[str, Any], counts: list[int], text: Path, exact: bool
) -> Segment:
    paths, lengths = meta["paths"].split("\0"), meta["lengths"]
    if not len(paths) == len(lengths) == len(counts):
        raise ValueError("columns of different lengths")
    starts = accumulate(lengths, initial=0)
    units = map(Unit, paths, starts, lengths, map(Count, counts, repeat(exact)))
    return Segment(
        SegmentKind.BASE,
        meta["digest"],
        sum(lengths),
        Count(sum(counts), exact),
        file=text,
        units=tuple(units),
    )


def _recount(shelf: Shelf, key: str, meta: dict[str, Any]) -> list[int]:
    """Count a kept base with another tokenizer, and note it."""
    counts: list[int] = []
    with shelf.text(key).open("rb") as handle:
        sized = zip(meta["paths"].split("\0"), meta["lengths"], strict=True)
        rows = ((path, handle.read(size).decode()) for path, size in sized)
        for batch in _batches(rows):
            counts += shelf.tokenizer.count_many([piece for _, piece in batch])
            shelf.progress("counting", len(counts), len(meta["lengths"]))
    meta["counts"][shelf.tokenizer.name] = counts
    write_checked(shelf.meta(key), meta)
    return counts


def _batches(
    pieces: Iterable[tuple[str, str]],
) -> Iterator[list[tuple[str, str]]]:
    batch: list[tuple[str, str]] = []
    size = 0
    for piece in pieces:
        batch.append(piece)
        size += len(piece[1])
        if size >= COUNTED_TOGETHER:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def text_segment(kind: SegmentKind, text: str, tokenizer: Tokenizer) -> Segment:
    """A segment that lives in memory."""
    data = text.encode()
    return Segment(
        kind,
        hashlib.sha256(data).hexdigest(),
        len(data),
        Count(tokenizer.count(text), tokenizer.exact),
        text=data,
    )


Piece = tuple[str, str, int]
"""A document's path, its rendered text and the tokens of that."""


def counted(texts: Sequence[tuple[str, str]], tokenizer: Tokenizer) -> list[Piece]:
    """Rendered documents, (path, text), with their tokens."""
    counts = tokenizer.count_many([text for _, text in texts])
    return [(*one, count) for one, count in zip(texts, counts, strict=True)]


def pieces_segment(kind: SegmentKind, pieces: Sequence[Piece], exact: bool) -> Segment:
    """A segment that lives in memory, with a unit a piece."""
    units: list[Unit] = []
    chunks: list[bytes] = []
    offset = 0
    for path, piece, tokens in pieces:
        data = piece.encode()
        chunks.append(data)
        units.append(Unit(path, offset, len(data), Count(tokens, exact)))
        offset += len(data)
    whole = b"".join(chunks)
    return Segment(
        kind,
        hashlib.sha256(whole).hexdigest(),
        len(whole),
        Count(sum(tokens for _, _, tokens in pieces), exact),
        text=whole,
        units=tuple(units),
    )


def overlay_segment(
    docs: Iterable[Piece], style: Style, tokenizer: Tokenizer
) -> Segment | None:
    """The changes as a segment with a unit a document; None when nothing changed."""
    made = list(docs)
    if not made:
        return None
    frame = [opening(Section.CHANGES, style), closing(Section.CHANGES, style)]
    first, last = zip(frame, tokenizer.count_many(frame), strict=True)
    pieces = [("", *first), *made, *([("", *last)] if last[0] else [])]
    return pieces_segment(SegmentKind.OVERLAY, pieces, tokenizer.exact)


def make_prefix(segments: Iterable[Segment]) -> Prefix:
    """Put segments together. The digest is over the segments' digests, so that it costs
    nothing for a base of many megabytes."""
    kept = tuple(segments)
    digest = hashlib.sha256("".join(s.digest for s in kept).encode()).hexdigest()
    return Prefix(kept, digest)


class BaseTexts:
    """The texts that a kept base shows, read back from its own bytes: also those of a
    work tree that has changed since, and of blobs that a partial clone lacks."""

    def __init__(self, segment: Segment, style: Style) -> None:
        self._segment = segment
        self._style = style
        self._units: dict[str, Unit] = {}
        self._file: IO[bytes] | None = None

    def __enter__(self) -> BaseTexts:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._file is not None:
            self._file.close()

    def __call__(self, file: SourceFile) -> str:
        """The text of ``file`` in the base. Raises OSError when the base is gone."""
        if self._file is None:
            if self._segment.file is None:
                raise FileNotFoundError("the base is not on disk")
            self._units = {unit.path: unit for unit in self._segment.units}
            self._file = self._segment.file.open("rb")
        unit = self._units[file.path]
        self._file.seek(unit.offset)
        return body_of(self._file.read(unit.size).decode(), self._style)


def chunks(segment: Segment) -> Iterator[bytes]:
    """The segment's bytes. Raises OSError when a kept base has vanished."""
    if segment.text is not None:
        yield segment.text
        return
    if segment.file is None:
        return
    with segment.file.open("rb") as handle:
        while block := handle.read(CHUNK):
            yield block


def write_prefix(prefix: Prefix, write: Callable[[bytes], object]) -> None:
    """Write every byte of the prefix, a chunk at a time."""
    for segment in prefix.segments:
        for block in chunks(segment):
            write(block)
