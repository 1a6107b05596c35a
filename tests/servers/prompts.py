"""Requests to send, made without the rooms that make them in earnest."""

from __future__ import annotations

import hashlib
from pathlib import Path

from repoctx.values import Count, Prefix, Request, Segment, SegmentKind


def segment(kind: SegmentKind, text: bytes, file: Path | None = None) -> Segment:
    digest = hashlib.sha256(text).hexdigest()
    if file is not None:
        file.write_bytes(text)
    kept = None if file else text
    return Segment(kind, digest, len(text), Count(len(text) // 4), kept, file)


def request(
    base: bytes = b"<repository>\n</repository>\n",
    question: str = "Where is it?\n",
    model: str = "tiny",
    **fields: object,
) -> Request:
    parts = (
        segment(SegmentKind.PREAMBLE, b"Read this.\n"),
        segment(SegmentKind.BASE, base),
    )
    digest = hashlib.sha256(b"".join(p.text or b"" for p in parts)).hexdigest()
    return Request(model, Prefix(parts, digest), "", question, **fields)  # type: ignore[arg-type]
