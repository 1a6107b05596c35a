"""The base: every file of one tree as documents, in bytewise path order.

Nothing but the tree decides the bytes: no date, branch, count or absolute path, and no
listing on top. Redaction and decoding happen before this room sees a text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

from repoctx.pack.budget import Show
from repoctx.pack.render import (
    FORMAT_VERSION,
    Doc,
    Section,
    Style,
    Tag,
    closing,
    opening,
    render,
)
from repoctx.values import LeftOut, Reason, Snapshot, SourceFile, byte_order

TextOf = Callable[[SourceFile], str]

ALL: Mapping[str, Show] = MappingProxyType({})
"""The shape of a base that shows every file in full."""


def base_key(tree: str, style: Style, rules: str) -> str:
    """Name of a rendered base, known before a byte of it is rendered: a commit or a
    snapshot's ``tree``, the style, and the ``rules`` of choosing and reading files."""
    parts = (str(FORMAT_VERSION), style, rules, tree)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def stale_free_order(
    previous: Sequence[tuple[str, str]], now: Mapping[str, SourceFile], heat: Heat
) -> list[str]:
    """The order of ``--strict``: paths that change often for their size come last.

    ``previous`` is the order rendered before, as (path, blob id). Its longest run from
    the start that still holds stays; only what must be rewritten anyway is sorted
    anew, so a change costs what stands behind it and nothing else.
    """
    kept: list[str] = []
    for path, oid in previous:
        if path not in now or now[path].oid != oid:
            break
        kept.append(path)
    rest = set(now) - set(kept)
    return kept + sorted(rest, key=lambda p: (heat(now[p], p), byte_order(p)))


Heat = Callable[[SourceFile, str], float]
"""(file, path) to how often it changes for each byte that a change rewrites."""


def base_docs(
    snapshot: Snapshot,
    text_of: TextOf,
    shape: Mapping[str, Show] = ALL,
    order: Sequence[str] = (),
) -> Iterator[tuple[str, Doc]]:
    """Yield (path, document) for every file and every pointer to a duplicate.

    The order is that of the paths' bytes, or ``order`` when it is given. ``shape``
    names the files that are not shown in full; for a skeleton ``text_of`` gives the
    skeleton. Files are asked for one at a time: memory holds one text.
    """
    pointers = [d for d in snapshot.left_out if d.reason is Reason.DUPLICATE]
    everything: list[SourceFile | LeftOut] = [*snapshot.files, *pointers]
    places = {path: place for place, path in enumerate(order)}
    # Bytewise order on every machine: str order would move with surrogates.
    everything.sort(key=lambda e: (places.get(e.path, len(places)), byte_order(e.path)))
    for item in everything:
        kept = item.detail if isinstance(item, LeftOut) else item.path
        show = shape.get(kept)
        if show is Show.OMITTED:
            continue
        if isinstance(item, LeftOut):
            where = (("path", item.path), ("same-as", item.detail))
            yield item.path, Doc(Tag.FILE, where)
        elif show is Show.SKELETON:
            outline = (("path", item.path), ("show", "skeleton"))
            yield item.path, Doc(Tag.FILE, outline, text_of(item))
        else:
            yield item.path, file_doc(item.path, text_of(item))


def file_doc(path: str, text: str) -> Doc:
    """A whole file as a document."""
    return Doc(Tag.FILE, (("path", path),), text)


def base_pieces(
    docs: Iterator[tuple[str, Doc]], style: Style
) -> Iterator[tuple[str, str]]:
    """The base's text, piece by piece: the opening, each document, the closing.

    The opening and the closing have an empty path. Joined, the pieces are the segment.
    """
    yield "", opening(Section.REPOSITORY, style)
    for path, doc in docs:
        yield path, render(doc, style)
    end = closing(Section.REPOSITORY, style)
    if end:
        yield "", end
