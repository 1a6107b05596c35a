"""The job of packing: from a session to the prefix that every question shares."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import repoctx_prompts as prompts

from repoctx.flow.anchoring import TREE, Known, decide_base, sum_of
from repoctx.flow.drafts import Drafts, Laid
from repoctx.flow.prefix import Shelf, make_prefix, text_segment
from repoctx.flow.session import Session
from repoctx.flow.survey import dirty_files, snapshot_now
from repoctx.flow.texts import Changed, Texts
from repoctx.pack.budget import QUESTION, Room, Show
from repoctx.pack.overlay import Change
from repoctx.pack.render import Style
from repoctx.protocols import Tokenizer
from repoctx.scan import Contents
from repoctx.values import Prefix, Reason, SegmentKind, Snapshot

TRIES = 6
"""How often a tree that changes under our hands is listed, with short rests between."""

REST = 0.02
"""Seconds; what is being written now is mostly done then."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A prefix and what it was made of. ``name`` is the base's commit, or ``tree:`` and
    a digest; ``key`` names its kept rendering; ``why`` says how it was chosen. The
    limit was planned with ``factor`` of the model's tokens for one of ours."""

    prefix: Prefix
    now: Snapshot
    base: Snapshot
    changes: tuple[Change, ...]
    name: str
    key: str
    why: str
    shape: Mapping[str, Show]
    factor: float = 1.0

    @property
    def commit(self) -> str:
        """The base's commit; empty when it is a snapshot of the work tree."""
        return "" if self.name.startswith(TREE) else self.name


class Memory(NamedTuple):
    """What local state knows of the bases that a cache may hold; see `decide_base`."""

    warm: tuple[str, ...] = ()
    cold: bool = False


NOTHING = Memory()
"""No cache holds anything that we know of."""


def pack(
    session: Session,
    tokenizer: Tokenizer,
    memory: Memory = NOTHING,
    limit: int = 0,
) -> Packed:
    """The prefix for the work tree as it is now, in ``limit`` tokens (0: no limit).

    Raises BudgetExceeded when nothing useful fits, and what scanning, rendering and
    storing raise. A tree that changes meanwhile is read again, so the prefix is always
    that of one moment.
    """
    lost: set[tuple[str, str]] = set()
    for left in reversed(range(TRIES)):
        try:
            now = _unmoved(session, lost)
            return pack_tree(session, now, tokenizer, memory, limit)
        except (Changed, FileNotFoundError) as exc:
            if not left:
                why = f"{exc}: try again, or leave it out with --exclude"
                raise Changed(why) from exc
            session.held = {}
            time.sleep(REST)
    raise AssertionError


def pack_tree(
    session: Session,
    now: Snapshot,
    tokenizer: Tokenizer,
    memory: Memory = NOTHING,
    limit: int = 0,
) -> Packed:
    """The prefix for the tree ``now``, as `pack`. Raises Changed, too, when a file is
    not what ``now`` says."""
    style = Style(session.settings.style)
    shelf = Shelf(session.state, style, tokenizer, session.progress)
    opening = prompts.load(prompts.PREAMBLE)
    first = text_segment(SegmentKind.PREAMBLE, opening, tokenizer)
    room = Room(limit, tokenizer.exact, first.count.tokens + QUESTION)
    with Contents(session.place, dirty_files(now), session.held) as contents:
        texts = Texts(contents, session.facts, session.settings.redact)
        drafts = Drafts(session, shelf, now, texts, room)
        if session.settings.strict:
            name, laid = drafts.lay_strict()
            why = "--strict: the work tree, what changes often last"
        else:
            name, laid, why = _on_a_base(session, drafts, memory, now)
    segments = [first, laid.base.segment, *([laid.overlay] if laid.overlay else [])]
    return Packed(
        make_prefix(segments),
        now,
        laid.base.snapshot,
        laid.changes,
        name,
        laid.key,
        why,
        laid.hidden,
    )


def _unmoved(session: Session, lost: set[tuple[str, str]]) -> Snapshot:
    """The work tree now. Raises Changed when a file that is there could not be read
    as it was listed: to leave it out would say that it is gone. ``lost`` remembers
    the (path, id) of such files: what is lost twice is not to be had at all."""
    now = snapshot_now(session)
    for out in now.left_out:
        seen = (out.path, out.oid)
        if out.reason is not Reason.VANISHED or seen in lost:
            continue
        if (session.place.root / out.path).exists():
            lost.add(seen)
            session.facts.pop(out.oid, None)
            raise Changed(f"{out.path} changed while it was read")
    return now


def _on_a_base(
    session: Session, drafts: Drafts, memory: Memory, now: Snapshot
) -> tuple[str, Laid, str]:
    """The base's name, the base with its overlay, and why it was chosen."""
    warm = tuple(filter(drafts.is_at_hand, memory.warm))
    known = Known(warm, memory.cold, drafts.kept_tree(), sum_of(now))
    decision = decide_base(session, known, drafts.overlay_size, drafts.is_at_hand)
    name = decision.base or f"{TREE}{now.tree}"
    laid = drafts.lay(name)
    if name.startswith(TREE):
        drafts.keep_tree(name)
    if decision.note:
        session.notes.append(decision.note)
    return name, laid, decision.why
