"""A request's bytes, for providers that send them or measure them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from repoctx.errors import StorageError
from repoctx.values import Prefix, Request


def prefix_bytes(prefix: Prefix) -> bytes:
    """All segments, one after another.

    Raises StorageError when a rendered segment's file is gone or was changed.
    """
    parts = []
    for segment in prefix.segments:
        part = segment.text
        if part is None:
            try:
                part = segment.file.read_bytes() if segment.file else b""
            except OSError as exc:
                raise StorageError(f"{segment.file}: {exc.strerror}") from None
        if len(part) != segment.size:
            raise StorageError(
                f"{segment.file or segment.kind}: not what was packed; run it again"
            )
        parts.append(part)
    return b"".join(parts)


@dataclass(frozen=True, slots=True)
class Piece:
    """A block of the prefix; ``marked`` where a breakpoint stands at its end."""

    text: str
    marked: bool


def pieces(prefix: Prefix, most: int) -> list[Piece]:
    """The prefix in blocks that end at its marks, a breakpoint at the best ``most``.

    The other cuts are what an earlier request had: a cache may compare block by block.
    A prefix without marks is one block with a breakpoint. Raises StorageError.
    """
    data = prefix_bytes(prefix)
    best = prefix.marks[:most] or (len(data),)
    starts = [0, *sorted({*best, *prefix.marks, len(data)} - {0})]
    return [
        Piece(data[start:end].decode("utf-8", "replace"), end in best)
        for start, end in pairwise(starts)
    ]


def last_bytes(request: Request) -> bytes:
    """What follows the prefix: the tail and the question."""
    return (request.tail + request.question).encode("utf-8", "replace")
