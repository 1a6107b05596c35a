"""The two sides of a change under review, as snapshots, and the tree that results."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property, partial
from pathlib import Path

from repoctx.errors import UsageError
from repoctx.flow.search import Read, reading
from repoctx.flow.session import Session
from repoctx.flow.survey import sizes_known, snapshot_now, snapshot_of
from repoctx.pack.diff import edits
from repoctx.pack.moves import similar
from repoctx.pack.overlay import Change, changes, present
from repoctx.review.change import Delta, Side, Use
from repoctx.scan import (
    Blobs,
    blob_id,
    ignored_among,
    list_commit,
    list_index,
    resolve,
    run,
)
from repoctx.scan.history import merge_base
from repoctx.scan.listing import Entry, Listing
from repoctx.values import (
    Definition,
    LeftOut,
    Outline,
    Reason,
    Snapshot,
    SourceFile,
    State,
    byte_order,
)

_EMPTY = Listing(())

RULE_FILES = frozenset({".gitattributes", ".repoctxignore"})
"""Files that say how others are to be treated."""


class Scope(StrEnum):
    """What is reviewed."""

    STAGED = "staged"
    """What `git commit` would commit now: HEAD against the index."""
    UNCOMMITTED = "uncommitted"
    """HEAD against the work tree."""
    BRANCH = "base"
    """Where the branch left another, against the work tree."""
    COMMIT = "commit"
    """A commit's first parent against the commit."""
    RANGE = "range"
    """One commit against another."""
    PATCH = "patch"
    """HEAD against HEAD with a patch applied; nothing is written."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A scope and the revisions that it needs. ``index_file`` is git's index where a
    hook was given another than the usual, ``patch`` the edits of `Scope.PATCH`, in any
    format that can be applied."""

    scope: Scope = Scope.STAGED
    rev: str = ""
    until: str = ""
    index_file: Path | None = None
    patch: str = ""


@dataclass(frozen=True)
class Sides:
    """What the change took from the tree before it and what it brought, the tree after
    it, and every path of that."""

    gone: Snapshot
    fresh: Snapshot
    new: Snapshot
    paths: frozenset[str]


def sides(session: Session, subject: Subject) -> Sides:
    """Both sides of ``subject``; new blobs enter the index.

    Raises UsageError outside git, UnknownRevision, GitError.
    """
    place = session.place
    if not place.git:
        raise UsageError(
            f"{place.root} is no git repository: there is nothing to review"
        )
    before = _before(session, subject)
    match subject.scope:
        case Scope.STAGED:
            listing = list_index(place, sizes_known(session), subject.index_file)
            new = snapshot_of(session, listing)
        case Scope.COMMIT:
            listing = _commit(session, subject.rev)
            new = snapshot_of(session, listing)
        case Scope.RANGE:
            listing = _commit(session, subject.until or "HEAD")
            new = snapshot_of(session, listing)
        case Scope.PATCH:
            listing = _patched(session, before, subject.patch)
            new = snapshot_of(session, listing)
        case _:
            new = snapshot_now(session)
            listing = Listing(())
    same = _contents(new)
    gone = _changed(snapshot_of(session, _different(before, same)), same)
    paths = {e.path for e in listing.entries} | {f.path for f in new.files}
    paths |= {out.path for out in (*listing.left_out, *new.left_out)}
    return Sides(gone, _fresh(new, before), new, frozenset(paths))


def _different(before: Listing, same: Set[tuple[str, str]]) -> Listing:
    """The part of ``before`` that is not the ``same`` now: nobody looks at the rest,
    and to settle thousands of files again takes half of a hook's time."""
    entries = tuple(
        e
        for e in before.entries
        if (e.path, e.oid) not in same or e.path.rpartition("/")[2] in RULE_FILES
    )
    kept = {e.path for e in entries}
    also = tuple(e.path for e in before.entries if e.path not in kept)
    return Listing(entries, before.left_out, also)


def _changed(old: Snapshot, same: Set[tuple[str, str]]) -> Snapshot:
    """``old`` without what only had to be read because it says how to treat others."""
    files = tuple(f for f in old.files if (f.path, f.oid) not in same)
    left_out = tuple(o for o in old.left_out if (o.path, o.oid) not in same)
    return Snapshot(files, left_out, old.tree)


def _contents(snapshot: Snapshot) -> set[tuple[str, str]]:
    """What stands where: (path, blob id) of all files, also of those left out."""
    found = {(f.path, f.oid) for f in snapshot.files}
    return found | {(out.path, out.oid) for out in snapshot.left_out}


def _fresh(new: Snapshot, before: Listing) -> Snapshot:
    """The part of ``new`` that was not just so before."""
    same = {(e.path, e.oid) for e in before.entries}
    same |= {(out.path, out.oid) for out in before.left_out}
    files = tuple(f for f in new.files if (f.path, f.oid) not in same)
    left_out = tuple(o for o in new.left_out if (o.path, o.oid) not in same)
    return Snapshot(files, left_out, new.tree)


def _before(session: Session, subject: Subject) -> Listing:
    place = session.place
    git = partial(run, place)
    match subject.scope:
        case Scope.STAGED | Scope.UNCOMMITTED | Scope.PATCH:
            rev = "" if place.unborn else "HEAD"
        case Scope.BRANCH:
            other = resolve(place, subject.rev)
            rev = merge_base(git, other, place.head)
            if not rev:
                raise UsageError(f"{subject.rev} and HEAD have no commit in common")
        case Scope.COMMIT:
            commit = resolve(place, subject.rev)
            out = git("rev-list", "--parents", "-n", "1", commit, "--")
            parents = out.decode("ascii").split()[1:]
            rev = parents[0] if parents else ""
        case Scope.RANGE:
            rev = resolve(place, subject.rev)
    return _commit(session, rev) if rev else _EMPTY


def _patched(session: Session, before: Listing, patch: str) -> Listing:
    """``before`` with ``patch`` applied, its new texts held in memory.

    Raises UsageError when it holds no edit or does not fit.
    """
    # Only here: a hook, which has no patch, would wait for them.
    from repoctx.apply.shadow import Shadow, Tree
    from repoctx.parse.edits import blocks

    files = {entry.path: entry for entry in before.entries}
    with Blobs(session.place) as blobs:

        def read(path: str) -> bytes | None:
            return blobs.read(files[path].oid) if path in files else None

        shadow = Shadow(Tree(read, None, files, lambda path: files[path].mode))
        for block in blocks(patch):
            shadow.take(block)
        found = shadow.report()
    if not found.ok:
        first = found.failed[0].path if found.failed else "no edit was found in it"
        raise UsageError(f"the patch does not fit HEAD: {first}")
    held = {}
    for change in shadow.patch().changes:
        files.pop(change.path, None)
        if change.new is not None:
            oid = blob_id(change.new, session.place.object_format)
            held[oid] = change.new
            files[change.path] = Entry(
                change.path, oid, change.mode, len(change.new), State.CHANGED
            )
    session.held = held
    entries = sorted(files.values(), key=lambda entry: byte_order(entry.path))
    return Listing(tuple(entries), before.left_out)


def _commit(session: Session, rev: str) -> Listing:
    return list_commit(session.place, rev, sizes_known(session))


# --- what the rules see -----------------------------------------------------------


class IndexedTree:
    """A `review.change.Tree` over a snapshot, by the index. ``files`` are those with a
    text, by path."""

    def __init__(
        self, session: Session, snapshot: Snapshot, paths: Collection[str], read: Read
    ) -> None:
        self.paths = paths
        self._session = session
        self.files = present(snapshot)
        self._snapshot = snapshot
        self._read = read
        self._sides: dict[str, Side | None] = {}
        self._uses: dict[str, list[tuple[SourceFile, Use]]] = {}
        self._definitions: dict[str, list[Definition]] = {}

    @cached_property
    def _holders(self) -> Mapping[tuple[str, str], list[SourceFile]]:
        found: dict[tuple[str, str], list[SourceFile]] = {}
        for file in self._snapshot.files:
            found.setdefault((file.oid, file.lang), []).append(file)
        return found

    def definitions(self, name: str) -> Sequence[Definition]:
        """All definitions of exactly ``name``, by path."""
        if name not in self._definitions:
            found = [
                Definition(file.path, symbol, oid)
                for oid, lang, symbol in self._session.store.definitions(name)
                if symbol.name == name
                for file in self._holders.get((oid, lang), ())
            ]
            found.sort(key=lambda d: (d.path, d.symbol.start))
            self._definitions[name] = found
        return self._definitions[name]

    def uses(self, name: str, langs: Collection[str]) -> Sequence[Use]:
        """All uses of exactly ``name`` in files of these languages, by path."""
        if name not in self._uses:
            found = [
                (file, Use(file.path, ref.line, ref.kind))
                for oid, lang, ref in self._session.store.references(name)
                for file in self._holders.get((oid, lang), ())
            ]
            found.sort(key=lambda pair: pair[1])
            self._uses[name] = found
        return [use for file, use in self._uses[name] if file.lang in langs]

    def side(self, path: str) -> Side | None:
        """A file with its text and outline; None when it is not in the context."""
        if path not in self._sides:
            side = side_of(self._session, self.files.get(path), self._read)
            # Of a duplicate the text is read where its copy lies.
            self._sides[path] = side and replace(side, path=path)
        return self._sides[path]

    def mentions(self, words: str) -> Sequence[str]:
        """Paths of files that hold all the words of ``words``."""
        pairs = self._session.store.holding(words)
        return sorted(f.path for pair in pairs for f in self._holders.get(pair, ()))


def side_of(session: Session, file: SourceFile | None, read: Read) -> Side | None:
    """A file's text and outline; None when they are not to be had."""
    if file is None:
        return None
    try:
        text = read(file)
    except KeyError:
        return None
    outline = session.store.outline(file.oid, file.lang)
    return Side(file.path, text, file.lang, outline or Outline())


@contextmanager
def opened(session: Session, both: Sides) -> Iterator[tuple[list[Delta], IndexedTree]]:
    """The changed files with both their texts, and the tree after the change."""
    with reading(session, both.new) as new, reading(session, both.gone) as old:
        tree = IndexedTree(session, both.new, both.paths, new)

        def pairs(
            gone: Mapping[str, SourceFile], fresh: Mapping[str, SourceFile]
        ) -> Mapping[str, str]:
            return similar(
                {p: s.text for p, f in gone.items() if (s := side_of(session, f, old))},
                {p: s.text for p in fresh if (s := tree.side(p))},
            )

        found = changes(both.gone, both.fresh, pairs)
        brought = [c.path for c in found if c.old is None]
        brought += [out.path for out in both.fresh.left_out]
        ignored = _ignored(session, brought)
        deltas = [_delta(session, one, old, tree) for one in found]
        hidden = hidden_in(both.gone)
        shown = [d for d in deltas if d is not None and _is_seen(d, both, hidden)]
        shown += _unseen(both)
        shown.sort(key=lambda d: byte_order(d.path))
        yield [replace(d, ignored=_rule(d, ignored)) for d in shown], tree


def _ignored(session: Session, paths: Sequence[str]) -> Mapping[str, str]:
    """By which rules git would ignore new files; a process where there are any."""
    if not paths:
        return {}
    return ignored_among(session.place, paths, tracked=True, ok=(0, 1, 128))


def _rule(delta: Delta, ignored: Mapping[str, str]) -> str:
    return ignored.get(delta.path, "") if delta.old is None else ""


def _delta(
    session: Session, change: Change, read_old: Read, tree: IndexedTree
) -> Delta | None:
    old = side_of(session, change.old, read_old)
    new = tree.side(change.path) if change.new else None
    if old is None and new is None:
        return None
    added, shift = moved_lines(old, new)
    facts = session.facts.get(change.new.oid) if change.new else None
    return Delta(old, new, added, shift, secrets=facts.redactions if facts else ())


def _is_seen(delta: Delta, both: Sides, hidden: Collection[str]) -> bool:
    """Whether both texts are known: of what became binary, or generated, or was, only
    one is, and it is neither gone nor new."""
    if delta.new is None:
        return delta.path not in both.paths
    return delta.old is not None or delta.path not in hidden


def hidden_in(snapshot: Snapshot) -> dict[str, LeftOut]:
    """The files whose text nobody sees."""
    return {o.path: o for o in snapshot.left_out if o.reason is not Reason.DUPLICATE}


def _unseen(both: Sides) -> Iterator[Delta]:
    """Files without a text (binary, generated ...) that came or went."""
    gone, fresh = hidden_in(both.gone), hidden_in(both.fresh)
    before = present(both.gone).keys() | gone.keys()
    # Where such files are there already they belong there.
    usual = {o.reason for p, o in hidden_in(both.new).items() if p not in fresh}
    for path, out in fresh.items():
        if path not in before:
            odd = "" if out.reason in usual else _odd(out)
            yield Delta(None, Side(path, "", ""), odd=odd)
    for path in gone:
        if path not in both.paths:
            yield Delta(Side(path, "", ""), None)


def _odd(out: LeftOut) -> str:
    """What is odd about a new file; nothing where somebody said what it is."""
    if out.reason is Reason.GENERATED and out.detail != "linguist-generated":
        return f"generated ({out.detail})"
    return "minified" if out.reason is Reason.MINIFIED else ""


def moved_lines(
    old: Side | None, new: Side | None
) -> tuple[frozenset[int], Sequence[int]]:
    """The line numbers that were written, and where each old line is now."""
    if new is None:
        return frozenset(), ()
    if old is None:
        return frozenset(range(1, len(new.lines) + 1)), ()
    added: set[int] = set()
    shift: list[int] = []
    moved = 0
    for edit in edits(old.lines, new.lines):
        shift += [n + 1 + moved for n in range(len(shift), edit.old_start)]
        shift += [edit.new_start + 1] * (edit.old_end - edit.old_start)
        added.update(range(edit.new_start + 1, edit.new_end + 1))
        moved = edit.new_end - edit.old_end
    shift += [n + 1 + moved for n in range(len(shift), len(old.lines))]
    return frozenset(added), shift


__all__ = ["IndexedTree", "Scope", "Sides", "Subject", "opened", "sides"]
