"""The base: every file of one tree as documents, in bytewise path order.

Nothing but the tree decides the bytes: no date, branch, count or absolute path, and no
listing on top. Redaction and decoding happen before this room sees a text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
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


def base_docs(
    snapshot: Snapshot, text_of: TextOf, shape: Mapping[str, Show] = ALL
) -> Iterator[tuple[str, Doc]]:
    """Yield (path, document) for every file and every pointer to a duplicate.

    ``shape`` names the files that are not shown in full; for a skeleton ``text_of``
    gives the skeleton. Files are asked for one at a time: memory holds one text.
    """
    pointers = [d for d in snapshot.left_out if d.reason is Reason.DUPLICATE]
    everything: list[SourceFile | LeftOut] = [*snapshot.files, *pointers]
    # Bytewise order on every machine: str order would move with surrogates.
    for item in sorted(everything, key=lambda entry: byte_order(entry.path)):
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
