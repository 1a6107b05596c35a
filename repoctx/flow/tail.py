"""The tail: what this question needs beyond the prefix that all questions share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from repoctx.flow.pack import Packed
from repoctx.flow.search import Read, offers_for, reading
from repoctx.flow.session import Session
from repoctx.index import rank
from repoctx.pack.render import Doc, Section, Style, Tag, closing, opening, render
from repoctx.pack.retrieve import excerpt, fill
from repoctx.protocols import Tokenizer
from repoctx.scan import redact
from repoctx.values import SegmentKind, byte_order

PATCHED = 8
"""Patched files among the best for a question whose present text is worth its place."""

PATCHED_TOKENS = 16_000
"""Tokens of those texts together, where nothing limits the prompt."""

PATCHED_SHARE = 0.25
"""Of the room, where there is a limit."""


RETRIEVED = 128_000
"""Tokens that are retrieved at most. No cache serves them: at this size search finds
all that a real change touched in 85 of 100 cases (tests/bench/recall.py), and what more
would find costs each question more than all of the cached rest."""


@dataclass(frozen=True, slots=True)
class Material:
    """What the user puts beside a question: named texts, and whether all paths."""

    texts: tuple[tuple[str, str], ...] = ()
    listing: bool = False


NOTHING_MORE = Material()


def tail(
    session: Session,
    packed: Packed,
    query: str,
    material: Material,
    room: int,
    tokenizer: Tokenizer,
) -> str:
    """The tail for ``query`` in at most ``room`` tokens (0: no limit).

    Material that was given by hand comes first and is never cut; then the present text
    of patched files that the query is about; then, where the base does not show all
    files, whole files and pieces in rank order until the room is full.
    """
    style = Style(session.settings.style)
    parts = pieces(session, packed, query, material, room, tokenizer)
    return framed(parts, Section.CURRENT, style)


def framed(parts: Sequence[str], section: Section, style: Style) -> str:
    """Rendered documents as a section; "" when there are none."""
    if not parts:
        return ""
    return "".join([opening(section, style), *parts, closing(section, style)])


def pieces(
    session: Session,
    packed: Packed,
    query: str,
    material: Material,
    room: int,
    tokenizer: Tokenizer,
) -> list[str]:
    """The rendered documents of the tail; see `tail`."""
    style = Style(session.settings.style)
    frame = opening(Section.CURRENT, style), closing(Section.CURRENT, style)
    parts = [render(doc, style) for doc in _given(session, packed, material)]
    used = sum(tokenizer.count_many([*frame, *parts]))
    left = room - used if room else PATCHED_TOKENS
    share = int(left * PATCHED_SHARE) if room else left
    with reading(session, packed.now) as read:
        for doc in _patched(session, packed, query, read):
            text = render(doc, style)
            tokens = tokenizer.count(text)
            if tokens <= share:
                share, left = share - tokens, left - tokens
                parts.append(text)
        if packed.shape and room:
            parts += _retrieved(
                session, packed, query, min(left, RETRIEVED), (read, style, tokenizer)
            )
    return parts


def _given(session: Session, packed: Packed, material: Material) -> Iterator[Doc]:
    safe = session.settings.redact
    for name, text in material.texts:
        body = redact(text)[0] if safe else text
        yield Doc(Tag.EXTRA, (("name", name),), body)
    if material.listing:
        paths = [f.path for f in packed.now.files]
        paths += [d.path for d in packed.now.left_out]
        lines = [repr(p) if "\n" in p else p for p in sorted(paths, key=byte_order)]
        text = "".join(f"{line}\n" for line in lines)
        yield Doc(Tag.TREE, (), text.encode("utf-8", "backslashreplace").decode())


def _patched(session: Session, packed: Packed, query: str, read: Read) -> Iterator[Doc]:
    """Present texts of the files that a patch stands for, best match first."""
    patched = _shown_as_patch(packed, Style(session.settings.style))
    files = {c.path: c.new for c in packed.changes if c.new and c.path in patched}
    if not files:
        return
    best = [r.path for r in rank(session.store, packed.now, query)[:50]]
    for path in [p for p in best if p in files][:PATCHED]:
        try:
            yield Doc(Tag.FILE, (("path", path),), read(files[path]))
        except KeyError:
            continue


def _shown_as_patch(packed: Packed, style: Style) -> set[str]:
    """Paths whose present text must be put together from the base and a patch; of the
    other changes the prefix holds the text, or all that is to be said."""
    heads = [
        render(Doc(tag, ()), style).rstrip("/>}\n").encode()
        for tag in (Tag.PATCH, Tag.BLOCKS, Tag.MOVED)
    ]
    patched = set()
    for segment in packed.prefix.segments:
        if segment.kind is not SegmentKind.OVERLAY or segment.text is None:
            continue
        for unit in segment.units:
            text = segment.text[unit.offset : unit.offset + unit.size]
            if text.startswith(tuple(heads)) and b"@@" in text:
                patched.add(unit.path)
    return patched


def _retrieved(
    session: Session,
    packed: Packed,
    query: str,
    room: int,
    how: tuple[Read, Style, Tokenizer],
) -> Iterator[str]:
    """Files that the base does not show in full, or pieces of them."""
    read, style, tokenizer = how
    hidden = packed.shape
    files = {f.path: f for f in packed.now.files if f.path in hidden}

    def shown(path: str, start: int, end: int) -> str:
        return render(excerpt(path, read(files[path]), start, end), style)

    def tokens(path: str, start: int, end: int) -> int:
        return tokenizer.count(shown(path, start, end))

    offers = offers_for(session, packed.now, query, read, tokens)
    for pick in fill((o for o in offers if o.path in hidden), room):
        yield shown(pick.path, pick.start, pick.end)
