"""The overlay: what differs between the base's tree and the work tree now.

One document a path, each relative to the base, never chained. The order is (last
commit that touched the path, path), uncommitted paths last, so that a new change moves
only what stands behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from repoctx.pack.base import TextOf, file_doc
from repoctx.pack.budget import Show
from repoctx.pack.patch import patch
from repoctx.pack.render import Doc, Tag
from repoctx.values import Reason, Snapshot, SourceFile, State, byte_order

FULL_TEXT_RATIO = 0.8
"""A patch this large against the new text says less than the text itself."""

PatchOf = Callable[["Change", str, str], str]
"""(change, old text, new text) to the body of a patch or of blocks."""

Pairs = Callable[
    [Mapping[str, "SourceFile"], Mapping[str, "SourceFile"]], Mapping[str, str]
]
"""(paths that are gone, paths that are new) to (new path: the old one it came from)."""


class Shape(StrEnum):
    """How a changed file is shown."""

    DIFF = "diff"
    BLOCKS = "blocks"
    FULL = "full"


class Change(NamedTuple):
    """One path that differs. ``old`` and ``new`` are where the texts can be read (for
    a duplicate: the copy that was kept); ``source`` is the path a move came from."""

    path: str
    old: SourceFile | None
    new: SourceFile | None
    source: str = ""


Spans = Callable[[], Sequence[tuple[int, int, str]]]
"""The definitions of a new text: first line, last line, name; asked only for blocks."""


def shaped(shape: Shape, old: str, new: str, spans: Spans) -> str:
    """The body that shows ``new`` over ``old``; empty where the full text does."""
    if shape is Shape.FULL:
        return ""
    if shape is Shape.DIFF:
        return patch(old, new)
    from repoctx.pack.blocks import blocks  # Not by default.

    return blocks(old, new, spans())


def present(snapshot: Snapshot) -> dict[str, SourceFile]:
    """Every path with a text in ``snapshot``, duplicates too, and where to read it."""
    files = {file.path: file for file in snapshot.files}
    for item in snapshot.left_out:
        if item.reason is Reason.DUPLICATE:
            files[item.path] = files[item.detail]
    return files


def no_pairs(
    _gone: Mapping[str, SourceFile], _fresh: Mapping[str, SourceFile]
) -> Mapping[str, str]:
    """Pair nothing: only exact moves are moves."""
    return {}


def changes(
    base: Snapshot, now: Snapshot, pairs: Pairs = no_pairs
) -> tuple[Change, ...]:
    """What turns ``base`` into ``now``, in path order.

    Moves of equal content are paired, then those that ``pairs`` finds. A path that left
    the context for any reason (deleted, now ignored, grown too large) counts as
    deleted: its base text no longer holds.
    """
    before, after = present(base), present(now)
    gone = {p: f for p, f in before.items() if p not in after}
    fresh = {p: f for p, f in after.items() if p not in before}
    moves = _moves(gone, fresh)
    taken = set(moves.values())
    rest = {p: f for p, f in gone.items() if p not in taken}
    added = {p: f for p, f in fresh.items() if p not in moves}
    if rest and added:
        moves |= pairs(rest, added)
    found = [
        Change(path, before[path], file)
        for path, file in after.items()
        if path in before and before[path].oid != file.oid
    ]
    for path, file in fresh.items():
        source = moves.get(path, "")
        found.append(Change(path, gone[source] if source else None, file, source))
    left = set(gone) - set(moves.values())
    found += [Change(path, gone[path], None) for path in left]
    return tuple(sorted(found, key=lambda change: byte_order(change.path)))


def _moves(
    gone: Mapping[str, SourceFile], fresh: Mapping[str, SourceFile]
) -> dict[str, str]:
    """New path to old path, by equal content; the same base name is preferred."""
    by_oid: dict[str, list[str]] = {}
    for path in sorted(gone, key=byte_order):
        by_oid.setdefault(gone[path].oid, []).append(path)
    pairs: dict[str, str] = {}
    for path in sorted(fresh, key=byte_order):
        sources = by_oid.get(fresh[path].oid)
        if not sources:
            continue
        name = path.rpartition("/")[2]
        same = [s for s in sources if s.rpartition("/")[2] == name]
        pairs[path] = (same or sources)[0]
        sources.remove(pairs[path])
    return pairs


def in_order(
    found: tuple[Change, ...], touched: Mapping[str, int]
) -> tuple[Change, ...]:
    """Sort by ``touched`` (position of the last commit that touched the path, oldest
    0); paths that are not in it are uncommitted and come last."""

    def place(change: Change) -> tuple[bool, int, bytes]:
        path = change.path
        return path not in touched, touched.get(path, 0), byte_order(path)

    return tuple(sorted(found, key=place))


class Sources(NamedTuple):
    """Where the overlay's texts come from. ``partial`` are the paths that the base does
    not show in full; ``outline`` gives a present text's skeleton; ``huge`` is the size
    in bytes above which `is_hidden` hides uncommitted work too."""

    old: TextOf
    new: TextOf
    outline: TextOf
    partial: Mapping[str, Show]
    huge: int = 0


def is_hidden(change: Change, partial: Mapping[str, Show], huge: int = 0) -> bool:
    """Whether a change stays hidden in a base that is over budget.

    A patch of a skeleton would speak of lines that nobody saw, and full texts would
    undo the budget: so only uncommitted work is shown whole, up to ``huge`` bytes a
    file, and the rest is retrieved when a question needs it.
    """
    if change.new is None:
        return False
    if change.new.state is not State.CLEAN and change.new.size <= huge:
        return False
    return change.old.path in partial if change.old else bool(partial)


def overlay_docs(
    found: tuple[Change, ...], texts: Sources, patch_of: PatchOf, tag: Tag = Tag.PATCH
) -> Iterator[tuple[str, Doc]]:
    """Yield (path, document) for each change, in the order given.

    ``patch_of`` may return "" to ask for the full text (always so for ``Shape.FULL``).
    """
    for change in found:
        where: tuple[tuple[str, str], ...] = (("path", change.path),)
        if change.new is None:
            yield change.path, Doc(Tag.DELETED, where)
            continue
        if is_hidden(change, texts.partial, texts.huge):
            yield from _outlined(change, texts)
            continue
        if change.old is None or change.old.path in texts.partial:
            yield from _full(change, texts.new(change.new))
            continue
        if change.source:
            where = (*where, ("from", change.source))
        old = texts.old(change.old)
        new = old if change.old.oid == change.new.oid else texts.new(change.new)
        if old == new:  # Only line ends, the encoding or a secret differ.
            if change.source:
                yield change.path, Doc(Tag.MOVED, where)
            continue
        # Blocks cannot stand in a move, whose body is hunks.
        body = patch(old, new) if change.source else patch_of(change, old, new)
        if body and len(body) < FULL_TEXT_RATIO * len(new):
            yield change.path, Doc(Tag.MOVED if change.source else tag, where, body)
        else:
            yield from _full(change, new)


def _outlined(change: Change, texts: Sources) -> Iterator[tuple[str, Doc]]:
    """The present skeleton, where the base shows another; nothing for what it omits."""
    old, new = change.old, change.new
    if new is None or (old and texts.partial[old.path] is Show.OMITTED):
        return
    outline = texts.outline(new)
    if 0 < texts.huge < len(outline):
        outline = outline[: texts.huge].rpartition("\n")[0] + "\n"
    if change.source:
        yield change.source, Doc(Tag.DELETED, (("path", change.source),))
    if old is None or change.source or texts.old(old) != outline:
        where = (("path", change.path), ("show", "skeleton"))
        yield change.path, Doc(Tag.FILE, where, outline)


def _full(change: Change, new: str) -> Iterator[tuple[str, Doc]]:
    if change.source:
        yield change.source, Doc(Tag.DELETED, (("path", change.source),))
    yield change.path, file_doc(change.path, new)
