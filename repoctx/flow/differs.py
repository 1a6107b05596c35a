"""Where the present prefix leaves what was sent: the first byte, on both sides.

What was sent is known by its segments' digests, its kept base and its overlay's text.
Segments are compared by digest, and bytes are read only of the first that differs.
"""

from __future__ import annotations

import hashlib
import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from repoctx.flow.prefix import CHUNK, chunks
from repoctx.flow.sent import Part, Sent
from repoctx.flow.state import State, read_json
from repoctx.pack.marks import common
from repoctx.values import Prefix, Segment, SegmentKind

HEAD = 1 << 16
"""Bytes within which a document's first line ends; a longer path is cut."""

_PATH = re.compile(r' path="([^"]*)"')
_ESCAPE = re.compile(r"&#x([0-9A-F]{1,6});")


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a byte lies: the segment's kind and the document's path; both empty where
    the prefix has ended, the path alone between documents."""

    kind: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """The first byte that differs from what was sent: its offset in the prefix and
    where it lies on both sides. ``exact`` is False when the bytes that were sent are
    gone: then it is the first that may differ."""

    offset: int
    now: Spot
    before: Spot
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """A prefix that was sent, and where the present one leaves it."""

    sent: Sent
    difference: Difference | None

    def common(self, prefix: Prefix) -> int:
        """Bytes that both begin with."""
        return self.difference.offset if self.difference else prefix.size


def differs(state: State, prefix: Prefix, sent: Sent) -> Difference | None:
    """The first byte at which ``prefix`` differs from what was sent; None: nowhere."""
    offset = 0
    for segment, part in zip_longest(prefix.segments, sent.parts):
        if segment is None:
            return Difference(offset, Spot(), _opened(part, sent))
        if part is None:
            return Difference(offset, Spot(segment.kind, _first(segment)), Spot())
        if (segment.kind, segment.digest) == (part.kind, part.digest):
            offset += segment.size
            continue
        if segment.kind != part.kind:
            before = _opened(part, sent)
            return Difference(offset, Spot(segment.kind, _first(segment)), before)
        return _within(state, segment, part, sent, offset)
    return None


def _within(
    state: State, segment: Segment, part: Part, sent: Sent, offset: int
) -> Difference:
    """The first difference in a segment whose digests differ."""
    kind = segment.kind
    try:
        old = _Old.of(state, part, sent)
        at = _first_difference(chunks(segment), old.blocks())
        start, path = _document(segment, at)
        now = Spot(kind, path) if at < segment.size else Spot()
        # Both are equal up to here, so here a document begins on the other side too.
        before = Spot(kind, path_of(old.line(start))) if at < part.size else Spot()
    except (OSError, ValueError):
        return Difference(offset, Spot(kind), Spot(part.kind), exact=False)
    return Difference(offset + at, now, before)


@dataclass(frozen=True, slots=True)
class _Old:
    """The bytes of a segment that was sent: a text, or a file's content."""

    text: bytes = b""
    file: Path | None = None

    @classmethod
    def of(cls, state: State, part: Part, sent: Sent) -> _Old:
        """Raises ValueError or OSError when they are not to be had any more."""
        if part.kind == SegmentKind.OVERLAY:
            text = sent.overlay.encode()
            if hashlib.sha256(text).hexdigest() == part.digest:
                return cls(text)
        elif part.kind == SegmentKind.BASE:
            folder = state.folder / "base"
            file = folder / f"{sent.key}.txt"
            meta = read_json(folder / f"{sent.key}.json")
            known = meta.get("digest") if isinstance(meta, dict) else ""
            if known == part.digest and file.stat().st_size == part.size:
                return cls(file=file)
        raise ValueError("not kept")

    def blocks(self) -> Iterator[bytes]:
        if self.file is None:
            yield self.text
            return
        with self.file.open("rb") as handle:
            while block := handle.read(CHUNK):
                yield block

    def line(self, start: int) -> str:
        """The line that begins at byte ``start``."""
        if self.file is None:
            data = self.text[start : start + HEAD]
        else:
            with self.file.open("rb") as handle:
                handle.seek(start)
                data = handle.read(HEAD)
        return data.partition(b"\n")[0].decode("utf-8", "replace")


def _first_difference(one: Iterator[bytes], other: Iterator[bytes]) -> int:
    """The offset at which two streams differ; the shorter one's length if nowhere."""
    at, left, right = 0, b"", b""
    while True:
        left = left or next(one, b"")
        right = right or next(other, b"")
        most = min(len(left), len(right))
        if not most:
            return at
        if left[:most] != right[:most]:
            return at + common(left[:most], right[:most])
        at, left, right = at + most, left[most:], right[most:]


def _document(segment: Segment, at: int) -> tuple[int, str]:
    """Where the document that holds byte ``at`` begins, and its path."""
    units = segment.units
    place = bisect_right(units, at, key=lambda unit: unit.offset) - 1
    if place < 0 or at >= segment.size:
        return at, ""
    return units[place].offset, units[place].path


def path_of(line: str) -> str:
    """The path in a document's first line, in any style; empty when it has none."""
    if line.startswith("{"):
        # The line is cut where the text is long, and the text comes after the path.
        found = re.search(r'"path": ("(?:[^"\\]|\\.)*")', line)
        try:
            return str(json.loads(found[1])) if found else ""
        except ValueError:
            return ""
    if found := _PATH.search(line):
        return _ESCAPE.sub(lambda m: _letter(int(m[1], 16)), found[1])
    return ""


def _letter(code: int) -> str:
    return chr(code) if code < 0x110000 else "\N{REPLACEMENT CHARACTER}"


def _first(segment: Segment) -> str:
    """The path of the segment's first document."""
    return next((unit.path for unit in segment.units if unit.path), "")


def _opened(part: Part, sent: Sent) -> Spot:
    """Where the first document of an old overlay lies."""
    lines = sent.overlay.split("\n", 2) if part.kind == SegmentKind.OVERLAY else []
    return Spot(part.kind, path_of(lines[1]) if len(lines) > 1 else "")
