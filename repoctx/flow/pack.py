"""The job of packing: from a session to the prefix that every question shares."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import repoctx_prompts as prompts

from repoctx.flow.prefix import (
    Base,
    Shelf,
    make_prefix,
    overlay_segment,
    render_base,
    stored_base,
    text_segment,
)
from repoctx.flow.session import Session
from repoctx.flow.survey import snapshot_at, snapshot_now
from repoctx.flow.texts import Changed, Texts
from repoctx.pack.base import base_key
from repoctx.pack.overlay import Change, changes, in_order, overlay_docs
from repoctx.pack.patch import patch
from repoctx.pack.render import Style
from repoctx.protocols import Tokenizer
from repoctx.scan import Contents, resolve
from repoctx.values import Prefix, SegmentKind, Snapshot, State

TRIES = 3
"""How often a tree that changes under our hands is listed anew."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A prefix and what it was made of. ``commit`` is the base's, empty when the base
    is the work tree itself; ``why`` says in a few words how it was chosen."""

    prefix: Prefix
    now: Snapshot
    base: Snapshot
    changes: tuple[Change, ...]
    commit: str
    why: str


def pack(session: Session, tokenizer: Tokenizer) -> Packed:
    """The prefix for the work tree as it is now.

    Raises NotARepository when nothing is left to pack, and what scanning, rendering and
    storing raise. A tree that changes meanwhile is read again, so the prefix is always
    that of one moment.
    """
    style = Style(session.settings.style)
    shelf = Shelf(session.state, style, tokenizer, session.progress)
    for last in (*[False] * (TRIES - 1), True):
        try:
            return _pack(session, shelf)
        except Changed:
            if last:
                raise
    raise AssertionError


def _pack(session: Session, shelf: Shelf) -> Packed:
    now = snapshot_now(session)
    commit, why = _choose_base(session)
    dirty = frozenset(f.path for f in now.files if f.state is not State.CLEAN)
    with Contents(session.place, dirty) as contents:
        texts = Texts(contents, session.facts, session.settings.redact)
        base = _base(session, shelf, (commit, now), texts)
        found = changes(base.snapshot, now)
        ordered = in_order(found, _touched(session, commit, found))
        docs = overlay_docs(ordered, texts, texts, patch)
        overlay = overlay_segment(docs, shelf.style, shelf.tokenizer)
    opening = prompts.load(prompts.PREAMBLE)
    first = text_segment(SegmentKind.PREAMBLE, opening, shelf.tokenizer)
    segments = [first, base.segment, *([overlay] if overlay else [])]
    return Packed(make_prefix(segments), now, base.snapshot, ordered, commit, why)


def _choose_base(session: Session) -> tuple[str, str]:
    """The commit that the base shows; empty for the work tree itself."""
    place, asked = session.place, session.settings.base
    if asked:
        return resolve(place, asked), f"--base {asked}"
    if place.git and place.head:
        return place.head, "HEAD"
    return "", "the work tree: no commit yet" if place.git else "the folder: not git"


def _touched(
    session: Session, commit: str, found: tuple[Change, ...]
) -> Mapping[str, int]:
    return {}


def _base(
    session: Session, shelf: Shelf, which: tuple[str, Snapshot], texts: Texts
) -> Base:
    commit, now = which
    key = base_key(commit or now.tree, shelf.style, reading_rules(session))
    if kept := stored_base(shelf, key):
        return kept
    snapshot = snapshot_at(session, commit) if commit else now
    return render_base(shelf, key, snapshot, texts)


def reading_rules(session: Session) -> str:
    """All settings that decide which files enter a base and how they are read."""
    rules = (repr(session.selection), session.settings.redact)
    return hashlib.sha256(repr(rules).encode()).hexdigest()
