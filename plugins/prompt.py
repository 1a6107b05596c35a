"""A request's bytes, for providers that send them or measure them."""

from __future__ import annotations

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


def last_bytes(request: Request) -> bytes:
    """What follows the prefix: the tail and the question."""
    return (request.tail + request.question).encode("utf-8", "replace")
