"""The job of packing: from a session to the prefix that every question shares."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import repoctx_prompts as prompts

from repoctx.errors import GitError, UnknownRevision
from repoctx.flow.anchoring import TREE, decide_base
from repoctx.flow.prefix import (
    Base,
    BaseTexts,
    Shelf,
    make_prefix,
    overlay_segment,
    render_base,
    stored_base,
    text_segment,
)
from repoctx.flow.session import Session
from repoctx.flow.state import read_json, write_json
from repoctx.flow.survey import dirty_files, snapshot_at, snapshot_now
from repoctx.flow.texts import Changed, Texts
from repoctx.pack.base import base_key
from repoctx.pack.overlay import Change, changes, in_order, overlay_docs
from repoctx.pack.patch import patch
from repoctx.pack.render import Style
from repoctx.protocols import Tokenizer
from repoctx.scan import Contents, resolve, run
from repoctx.scan.history import committed, touched
from repoctx.values import Prefix, Segment, SegmentKind, Snapshot

TRIES = 3
"""How often a tree that changes under our hands is listed anew."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A prefix and what it was made of. ``name`` is the base's commit, or ``tree:`` and
    a digest; ``key`` names its kept rendering; ``why`` says how it was chosen."""

    prefix: Prefix
    now: Snapshot
    base: Snapshot
    changes: tuple[Change, ...]
    name: str
    key: str
    why: str

    @property
    def commit(self) -> str:
        """The base's commit; empty when it is a snapshot of the work tree."""
        return "" if self.name.startswith(TREE) else self.name


@dataclass(frozen=True, slots=True)
class Memory:
    """What local state knows of the bases that a cache may hold; see `decide_base`."""

    warm: tuple[str, ...] = ()
    cold: bool = False


NOTHING = Memory()
"""No cache holds anything that we know of."""


def pack(session: Session, tokenizer: Tokenizer, memory: Memory = NOTHING) -> Packed:
    """The prefix for the work tree as it is now.

    Raises what scanning, rendering and storing raise. A tree that changes meanwhile is
    read again, so the prefix is always that of one moment.
    """
    style = Style(session.settings.style)
    shelf = Shelf(session.state, style, tokenizer, session.progress)
    for last in (*[False] * (TRIES - 1), True):
        try:
            return _pack(session, shelf, memory)
        except Changed:
            if last:
                raise
    raise AssertionError


def _pack(session: Session, shelf: Shelf, memory: Memory) -> Packed:
    now = snapshot_now(session)
    with Contents(session.place, dirty_files(now)) as contents:
        texts = Texts(contents, session.facts, session.settings.redact)
        bench = _Bench(session, shelf, now, texts)
        warm = tuple(filter(bench.is_at_hand, memory.warm + bench.kept_tree()))
        decision = decide_base(session, warm, memory.cold, bench.overlay_size)
        name = decision.base or f"{TREE}{now.tree}"
        laid = bench.lay(name)
    if name.startswith(TREE):
        bench.keep_tree(name)
    if decision.note:
        session.notes.append(decision.note)
    opening = prompts.load(prompts.PREAMBLE)
    first = text_segment(SegmentKind.PREAMBLE, opening, shelf.tokenizer)
    segments = [first, laid.base.segment, *([laid.overlay] if laid.overlay else [])]
    return Packed(
        make_prefix(segments),
        now,
        laid.base.snapshot,
        laid.changes,
        name,
        bench.key(name),
        decision.why,
    )


@dataclass(frozen=True, slots=True)
class Laid:
    """A base with the overlay that makes it the work tree."""

    base: Base
    changes: tuple[Change, ...]
    overlay: Segment | None


class _Bench:
    """Lays bases and overlays for one snapshot; each is laid at most once."""

    def __init__(
        self, session: Session, shelf: Shelf, now: Snapshot, texts: Texts
    ) -> None:
        self._session = session
        self._shelf = shelf
        self._now = now
        self._texts = texts
        self._rules = reading_rules(session)
        self._laid: dict[str, Laid] = {}

    def key(self, name: str) -> str:
        """Under which the rendering of the base ``name`` is kept."""
        return base_key(name, self._shelf.style, self._rules)

    def overlay_size(self, name: str) -> int:
        """Bytes of the overlay over ``name``."""
        overlay = self.lay(name).overlay
        return overlay.size if overlay else 0

    def lay(self, name: str) -> Laid:
        """The base ``name``, rendered or kept, and its overlay."""
        if name not in self._laid:
            self._laid[name] = self._lay(name)
        return self._laid[name]

    def _lay(self, name: str) -> Laid:
        base = self._base(name)
        found = changes(base.snapshot, self._now)
        if not found:
            return Laid(base, (), None)
        ordered = in_order(found, self._touched(name, found))
        with BaseTexts(base.segment, self._shelf.style) as old:
            docs = overlay_docs(ordered, old, self._texts, patch)
            overlay = overlay_segment(docs, self._shelf.style, self._shelf.tokenizer)
        return Laid(base, ordered, overlay)

    def _base(self, name: str) -> Base:
        key = self.key(name)
        if kept := stored_base(self._shelf, key):
            return kept
        if name == f"{TREE}{self._now.tree}":
            return render_base(self._shelf, key, self._now, self._texts)
        if name.startswith(TREE):
            raise Changed("a kept base has vanished")
        session = self._session
        snapshot = snapshot_at(session, name)
        # A reader of its own: here a path means git's blob, never the work tree's file.
        with Contents(session.place) as contents:
            texts = Texts(contents, session.facts, session.settings.redact)
            return render_base(self._shelf, key, snapshot, texts)

    def _touched(self, name: str, found: tuple[Change, ...]) -> Mapping[str, int]:
        """The order of the commits that last touched the changed paths."""
        head = self._session.place.head
        if name.startswith(TREE) or name == head:
            return {}
        try:
            touches = touched(partial(run, self._session.place), name, head)
        except GitError:  # The base's commit is gone; its rendering is not.
            return {}
        return committed(touches, {c.path: c.new.oid if c.new else "" for c in found})

    def kept_tree(self) -> tuple[str, ...]:
        """The last snapshot of a work tree that became a base, if it is still kept."""
        kept = read_json(self._tree_note())
        name = kept.get("name") if isinstance(kept, dict) else None
        return (name,) if isinstance(name, str) else ()

    def is_at_hand(self, name: str) -> bool:
        """Whether the base ``name`` is kept, or can be rendered again."""
        if self._shelf.meta(self.key(name)).exists():
            return True
        try:
            return not name.startswith(TREE) and bool(
                resolve(self._session.place, name)
            )
        except UnknownRevision:
            return False

    def keep_tree(self, name: str) -> None:
        """Note that the snapshot ``name`` is a base now."""
        if self.kept_tree() != (name,):
            write_json(self._tree_note(), {"name": name})

    def _tree_note(self) -> Path:
        return self._session.state.folder / "tree.json"


def reading_rules(session: Session) -> str:
    """All settings that decide which files enter a base and how they are read."""
    rules = (repr(session.selection), session.settings.redact)
    return hashlib.sha256(repr(rules).encode()).hexdigest()
