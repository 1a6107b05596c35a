"""Bases and overlays laid for one snapshot, until one of them is taken."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from repoctx import __version__
from repoctx.errors import BudgetExceeded, GitError, UnknownRevision
from repoctx.flow.anchoring import TREE
from repoctx.flow.prefix import (
    Base,
    BaseTexts,
    Piece,
    Shelf,
    counted,
    overlay_segment,
    render_base,
    stored_base,
)
from repoctx.flow.rendered import Rendered, name_of, touch_order
from repoctx.flow.session import Session
from repoctx.flow.state import read_json, write_json
from repoctx.flow.survey import snapshot_at
from repoctx.flow.texts import Changed, Texts
from repoctx.index import detect
from repoctx.pack.base import base_docs, base_key, stale_free_order
from repoctx.pack.budget import (
    BASE_SHARES,
    FULL_SHARE,
    TAIL_SHARE,
    Room,
    Show,
    Size,
    fit,
    next_share,
)
from repoctx.pack.overlay import (
    Change,
    Shape,
    Sources,
    changes,
    in_order,
    is_hidden,
    overlay_docs,
    present,
    shaped,
)
from repoctx.pack.render import Doc, Tag, render
from repoctx.pack.tokens import Estimate
from repoctx.protocols import Tokenizer
from repoctx.scan import Contents, resolve, run
from repoctx.scan.git import OBJECT_ID
from repoctx.scan.history import change_counts
from repoctx.values import Segment, Snapshot, SourceFile, State

MOST = 0.97
"""Of the limit: what base and overlay may take when nothing is to be retrieved."""

NO_ROOM = 1 << 62
"""Bytes: the size to name for an overlay that does not fit beside its base."""

MOST_PAIRS = 40_000
"""Files gone times files new: above, only moves of equal content are looked for."""

RECENT = 300
"""Commits whose changes say which files change often (``--strict``)."""

DIRTY = 3
"""Commits that an uncommitted change counts for: such a file will change again."""

DOCUMENT = 60
"""Bytes of a document around its text."""

_RANKS = {"source": 1, "other": 2, "docs": 3, "tests": 4}


class Laid(NamedTuple):
    """A base with the overlay that makes it the work tree."""

    base: Base
    changes: tuple[Change, ...]
    overlay: Segment | None
    key: str
    hidden: Mapping[str, Show]

    @property
    def tokens(self) -> int:
        """Tokens of both."""
        over = self.overlay.count.tokens if self.overlay else 0
        return self.base.segment.count.tokens + over


class Drafts:
    """Lays bases and overlays for one snapshot; each is laid at most once."""

    def __init__(
        self, session: Session, shelf: Shelf, now: Snapshot, texts: Texts, room: Room
    ) -> None:
        self._session = session
        self._shelf = shelf
        self._now = now
        self._texts = texts
        self._room = room
        self._rules = reading_rules(session)
        self._shape = Shape(session.settings.overlay)
        self._laid: dict[str, Laid] = {}
        # Exact only where a limit needs it: to load a vocabulary takes 0.2 s, and the
        # text of new changes was never counted before.
        self._counter: Tokenizer = shelf.tokenizer if room.limit else Estimate()

    def key(self, name: str, room: int = 0) -> str:
        """Under which the base ``name`` is kept, whole or fitted into ``room``."""
        rules = f"{self._rules}|{room}" if room else self._rules
        return base_key(name, self._shelf.style, rules)

    def overlay_size(self, name: str) -> int:
        """Bytes of the overlay over ``name``."""
        laid = self._once(name)
        if not self._fits(laid):
            return NO_ROOM
        return laid.overlay.size if laid.overlay else 0

    def lay(self, name: str) -> Laid:
        """The base ``name`` and its overlay. Raises BudgetExceeded."""
        laid = self._once(name)
        if self._fits(laid):
            return laid
        least, limit = laid.tokens + self._room.taken, self._room.limit
        raise BudgetExceeded(
            f"the smallest prompt needs {least:,} tokens of {limit:,}: raise --budget, "
            "or leave files out with --exclude"
        )

    def _fits(self, laid: Laid) -> bool:
        limit = self._room.tokens
        return not limit or laid.tokens <= limit * MOST

    def _once(self, name: str) -> Laid:
        laid = self._laid.get(name)
        # Only a few bases are kept: laying others may have ended this one's file.
        if laid is None or not (laid.base.segment.file or Path()).exists():
            laid = self._laid[name] = self._lay(name)
        return laid

    def _lay(self, name: str) -> Laid:
        whole = self._base(name)
        limit = self._room.tokens
        if not limit or whole.segment.count.tokens <= limit * FULL_SHARE:
            laid = self._over(name, whole, self.key(name))
            if self._fits(laid):
                return laid
        share = BASE_SHARES[0]
        while True:
            room = int(limit * share)
            base = self._fitted(name, whole, room)
            laid = self._over(name, base, self.key(name, room))
            last = share == BASE_SHARES[-1]
            if last or laid.tokens <= limit * (1 - TAIL_SHARE):
                return laid
            over = laid.overlay.count.tokens if laid.overlay else 0
            share = next_share(share, over / limit)

    def lay_strict(self) -> tuple[str, Laid]:
        """The work tree itself, without an overlay and so without a stale line, in the
        order of change; the base's name and the base."""
        note = self._session.state.folder / "strict.json"
        kept = read_json(note)
        previous = kept if isinstance(kept, list) else []
        files = present(self._now)
        counts = self._counts()

        def heat(file: SourceFile, path: str) -> float:
            dirty = DIRTY if file.state is not State.CLEAN else 0
            return (counts.get(path, 0) + dirty) / (file.size + DOCUMENT)

        try:
            order = stale_free_order([(p, o) for p, o in previous], files, heat)
        except (TypeError, ValueError):  # The note is damaged: sort everything.
            order = stale_free_order([], files, heat)
        rows = [[path, files[path].oid] for path in order]
        named = hashlib.sha256(repr(rows).encode("utf-8", "surrogatepass")).hexdigest()
        name = f"{TREE}strict-{named}"
        key = self.key(name)
        base = stored_base(self._shelf, key)
        if base is None:
            docs = base_docs(self._now, self._texts, order=order)
            base = render_base(self._shelf, key, self._now, docs)
        limit = self._room.tokens
        if limit and base.segment.count.tokens > limit * MOST:
            raise BudgetExceeded(
                f"--strict shows every file in full: {base.segment.count.tokens:,} "
                f"tokens of {limit:,}; raise --budget or leave --strict out"
            )
        write_json(note, rows)
        return name, Laid(base, (), None, key, {})

    def _counts(self) -> dict[str, int]:
        """Recent commits by path; none outside git or where history is not at hand."""
        place = self._session.place
        if not place.head:
            return {}
        try:
            return change_counts(partial(run, place), place.head, RECENT)
        except GitError:
            return {}

    def _over(self, name: str, base: Base, key: str) -> Laid:
        """The overlay that turns ``base`` into the work tree."""
        kept = self._rendered(base, key)
        found = changes(base.snapshot, self._now, partial(self._pairs, base, kept))
        if not found:
            return Laid(base, (), None, key, self._hidden(base, ()))
        ordered = in_order(found, touch_order(self._session.place, name, found, kept))
        style = self._shelf.style
        with BaseTexts(base.segment, style) as old:
            huge = self._room.huge
            sources = Sources(old, self._texts, self._outline, base.shape, huge)
            tag = Tag.BLOCKS if self._shape is Shape.BLOCKS else Tag.PATCH

            def pieces(change: Change) -> list[Piece]:
                docs = overlay_docs((change,), sources, self._patch, tag)
                texts = [(path, render(doc, style)) for path, doc in docs]
                return counted(texts, self._counter)

            made = [kept.get(name_of(c), partial(pieces, c)) for c in ordered]
            overlay = overlay_segment(chain(*made), style, self._counter)
        kept.keep()
        return Laid(base, ordered, overlay, key, self._hidden(base, ordered))

    def _rendered(self, base: Base, key: str) -> Rendered:
        """What is kept of the overlay over ``base``: nothing where its documents depend
        on more than the texts that changed, or history on what a clone lacks."""
        path = self._session.state.folder / "overlay.json"
        if self._shape is Shape.BLOCKS or self._session.place.shallow:
            return Rendered(path, "")
        huge = self._room.huge if base.shape else 0
        return Rendered(path, f"{key} {self._shape} {self._counter.name} {huge}")

    def _hidden(self, base: Base, found: tuple[Change, ...]) -> Mapping[str, Show]:
        """The paths of the work tree that base and overlay do not show in full."""
        if not base.shape:
            return base.shape
        hidden: dict[str, Show] = {}
        before, changed = present(base.snapshot), {c.path: c for c in found}
        for file in self._now.files:
            change = changed.get(file.path)
            if change is None:
                show = base.shape.get(before[file.path].path)
            elif is_hidden(change, base.shape, self._room.huge):
                show = Show.SKELETON
            else:
                show = None
            if show:
                hidden[file.path] = show
        return hidden

    def _outline(self, file: SourceFile) -> str:
        return self._skeleton(self._texts(file), file)

    def _skeleton(self, text: str, file: SourceFile) -> str:
        """The outline of ``text``; of its first lines where parsing it has failed: what
        broke a worker must not break this process."""
        from repoctx.index.skeleton import skeleton  # Only over budget.

        known = self._session.store.outline(file.oid, file.lang)
        parsed = known is not None and known.errors >= 0
        return skeleton(text, file.lang if parsed else "")

    def _patch(self, change: Change, old: str, new: str) -> str:
        """The body that shows a change, by the chosen shape."""

        def spans() -> list[tuple[int, int, str]]:
            oid = change.new.oid if change.new else ""
            outline = self._session.store.outline(oid, detect(change.path))
            found = outline.definitions if outline else ()
            return [(d.start, d.end, d.name) for d in found]

        return shaped(self._shape, old, new, spans)

    def _pairs(
        self,
        base: Base,
        kept: Rendered,
        gone: Mapping[str, SourceFile],
        fresh: Mapping[str, SourceFile],
    ) -> Mapping[str, str]:
        """Moves that changed the text too, by similarity."""
        if len(gone) * len(fresh) > MOST_PAIRS:
            return {}

        def similar() -> Mapping[str, str]:
            from repoctx.pack import moves

            with BaseTexts(base.segment, self._shelf.style) as old:
                shown = {p: f for p, f in gone.items() if f.path not in base.shape}
                before = {path: old(file) for path, file in shown.items()}
            after = {path: self._texts(file) for path, file in fresh.items()}
            return moves.similar(before, after)

        both = [[(p, f.oid) for p, f in side.items()] for side in (gone, fresh)]
        digest = hashlib.sha256(repr(both).encode("utf-8", "surrogatepass"))
        clean = all(file.state is State.CLEAN for file in fresh.values())
        pairs: Mapping[str, str] = kept.get(
            f"moved {digest.hexdigest()}" if clean else "", similar
        )
        return pairs

    def _fitted(self, name: str, whole: Base, room: int) -> Base:
        """The base ``name`` with skeletons for what does not fit into ``room``."""
        key = self.key(name, room)
        if kept := stored_base(self._shelf, key):
            return kept
        units = {unit.path: unit.count.tokens for unit in whole.segment.units}
        files = {file.path: file for file in whole.snapshot.files}
        frame = sum(n for path, n in units.items() if path not in files)
        sizes = [Size(path, units[path], _rank(file)) for path, file in files.items()]
        with BaseTexts(whole.segment, self._shelf.style) as full:
            outlines: dict[str, str] = {}

            def tokens(path: str) -> int:
                file = files[path]
                outlines[path] = self._skeleton(full(file), file)
                shown = (("path", path), ("show", "skeleton"))
                text = render(Doc(Tag.FILE, shown, outlines[path]), self._shelf.style)
                self._shelf.progress("fitting", len(outlines), len(files))
                return self._shelf.tokenizer.count(text)

            shape = fit(sizes, tokens, max(room - frame, 0))

            def text_of(file: SourceFile) -> str:
                show = shape.get(file.path)
                return outlines[file.path] if show is Show.SKELETON else full(file)

            docs = base_docs(whole.snapshot, text_of, shape)
            return render_base(self._shelf, key, whole.snapshot, docs, shape)

    def _base(self, name: str) -> Base:
        key = self.key(name)
        if kept := stored_base(self._shelf, key):
            return kept
        if name == f"{TREE}{self._now.tree}":
            self._texts.expect(self._now.files)
            docs = base_docs(self._now, self._texts)
            return render_base(self._shelf, key, self._now, docs)
        if name.startswith(TREE):
            raise Changed("a kept base has vanished")
        session = self._session
        snapshot = snapshot_at(session, name)
        # A reader of its own: here a path means git's blob, never the work tree's file.
        with Contents(session.place) as contents:
            texts = Texts(contents, session.facts, session.settings.redact)
            texts.expect(snapshot.files)
            docs = base_docs(snapshot, texts)
            return render_base(self._shelf, key, snapshot, docs)

    def kept_tree(self) -> str:
        """The last snapshot of a work tree that became a base, if it is still kept."""
        kept = read_json(self._tree_note())
        name = kept.get("name") if isinstance(kept, dict) else None
        if not isinstance(name, str) or not name.startswith(TREE):
            return ""
        return name if self.is_at_hand(name) else ""

    def is_at_hand(self, name: str) -> bool:
        """Whether the base ``name`` is kept, or can be rendered again."""
        if name.startswith(TREE):
            return stored_base(self._shelf, self.key(name)) is not None
        # Only a full id names the same commit for ever.
        if not OBJECT_ID.match(name):
            return False
        if self._shelf.meta(self.key(name)).exists():
            return True
        try:
            return resolve(self._session.place, name) == name
        except UnknownRevision:
            return False

    def keep_tree(self, name: str) -> None:
        """Note that the snapshot ``name`` is a base now."""
        if read_json(self._tree_note()) != {"name": name}:
            write_json(self._tree_note(), {"name": name})

    def _tree_note(self) -> Path:
        return self._session.state.folder / "tree.json"


def _rank(file: SourceFile) -> int:
    """Who gets a place in a small base first: the conventions, then source."""
    if "/" not in file.path and file.path.upper().startswith(("README", "AGENTS")):
        return 0
    from repoctx.index.search import kind_of

    return _RANKS[kind_of(file)]


def reading_rules(session: Session) -> str:
    """All settings that decide which files enter a base and how they are read."""
    own = session.own.digest if session.own else ""
    rules = (repr(session.selection), session.settings.redact, own, __version__)
    return hashlib.sha256(repr(rules).encode()).hexdigest()
