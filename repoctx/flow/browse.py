"""The jobs of a reader that asks piece by piece: an agent, through an editor's door.

Everything is read from one snapshot of the work tree, redacted as in a prompt, and in
an order that the tree alone decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from repoctx.errors import OutsideRoot, UsageError
from repoctx.flow.difftext import Change as Part
from repoctx.flow.difftext import changes_of
from repoctx.flow.search import Read, find, reading, select
from repoctx.flow.session import Session
from repoctx.flow.sides import Subject, hidden_in, opened, sides
from repoctx.index import detect, find_definitions
from repoctx.pack.overlay import present
from repoctx.pack.render import Style, render
from repoctx.pack.retrieve import excerpt
from repoctx.pack.tokens import Estimate
from repoctx.scan import Binary, decode, ignored_by, inside, read_file, redact
from repoctx.values import (
    Definition,
    FileChange,
    LeftOut,
    Passage,
    Reason,
    Snapshot,
    SourceFile,
    byte_order,
)

ON_DEMAND = frozenset(
    {Reason.GENERATED, Reason.VENDORED, Reason.LOCK, Reason.MINIFIED, Reason.TOO_LARGE}
)
"""Left out because a prompt is better without: read when asked for by name. What a
person left out, and what git ignores, never is."""

PLACES = 40
"""Passages that one search finds."""

SYMBOLS = 400
"""Definitions that one name finds."""


def shown(text: str) -> str:
    """A path, or what names one, as JSON can carry it: bytes that are not UTF-8 become
    ``\\udcXX``."""
    return text.encode("utf-8", "backslashreplace").decode()


# --- what is there ----------------------------------------------------------------


class Entry(NamedTuple):
    """A file of a folder, or a folder in it with all that is below."""

    path: str
    folder: bool
    files: int
    lines: int


def entries(session: Session, now: Snapshot, folder: str) -> list[Entry]:
    """What lies directly in ``folder`` ("" is the root): folders, then files.

    Raises UsageError when nothing in the context lies there.
    """
    above = f"{folder}/" if folder else ""
    below: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    files = []
    for file in now.files:
        if not file.path.startswith(above):
            continue
        name, _, rest = file.path[len(above) :].partition("/")
        count = session.facts[file.oid].lines
        if rest:
            below[name] += 1
            lines[name] += count
        else:
            files.append(Entry(file.path, False, 1, count))
    if not below and not files:
        where = shown(folder) or "the root"
        raise UsageError(f"no file in the context lies in {where}")
    folders = sorted(below, key=byte_order)
    return [Entry(above + n, True, below[n], lines[n]) for n in folders] + files


def languages(session: Session, now: Snapshot) -> list[tuple[str, int, int]]:
    """(language, files, lines), the most lines first."""
    files: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    for file in now.files:
        files[file.lang or "text"] += 1
        lines[file.lang or "text"] += session.facts[file.oid].lines
    rows = [(name, files[name], lines[name]) for name in files]
    return sorted(rows, key=lambda row: (-row[2], row[0]))


def paths(now: Snapshot) -> list[str]:
    """Every path that has a text in the context, bytewise sorted."""
    return sorted(present(now), key=byte_order)


# --- one file ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Page:
    """A file's text as a prompt would show it. ``left_out`` says why no prompt does,
    ``redacted`` how many secrets were taken out."""

    path: str
    text: str
    lang: str
    left_out: str = ""
    redacted: int = 0


def file_text(session: Session, now: Snapshot, given: str) -> Page:
    """The text of the file ``given``, a path relative to the root.

    Raises OutsideRoot, and UsageError for what is not there, is no text, or is kept
    from prompts by git or by a person.
    """
    path = located(session, now, given)
    known = present(now).get(path)
    if known is not None:
        with reading(session, now) as read:
            try:
                text = read(known)
            except KeyError:
                raise UsageError(f"{shown(path)} changed while it was read") from None
        hidden = len(session.facts[known.oid].redactions)
        hidden = hidden if session.settings.redact else 0
        return Page(path, text, detect(path), redacted=hidden)
    for item in now.left_out:
        if path == item.path or path.startswith(item.path.rstrip("/") + "/"):
            return _on_demand(session, path, item)
    raise UsageError(_absent(session, now, path))


def located(session: Session, now: Snapshot, given: str) -> str:
    """The path that ``given`` names: relative to the root, as `shown` or as it is.

    Raises OutsideRoot, UsageError for an absolute or empty one.
    """
    if given.startswith(("/", "~", "\\")) or given[1:2] == ":":
        raise UsageError("the path must be relative to the repository's root")
    if not given.strip():
        raise UsageError("the path is empty")
    if "\\udc" in given:
        odd = {shown(p): p for p in present(now) if not p.isascii()}
        given = odd.get(given, given)
    root = session.place.root
    try:
        return inside(root, given, root)
    except OutsideRoot as exc:
        # Where the root lies is nobody's business, and another on each machine.
        said = str(exc).replace(str(root), "the repository")
        raise OutsideRoot(said) from None


def _on_demand(session: Session, path: str, item: LeftOut) -> Page:
    detail = f" ({item.detail})" if item.detail else ""
    why = f"{item.reason}{detail}"
    if item.reason not in ON_DEMAND:
        raise UsageError(f"{shown(path)} is not in the context: {why}")
    try:
        text, _, _ = decode(read_file(session.place.root, path))
    except (OSError, Binary) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "no text"
        raise UsageError(f"{shown(path)} cannot be read: {reason}") from None
    found: Sequence[object] = ()
    if session.settings.redact:
        text, found = redact(text)
    return Page(path, text, detect(path), why, len(found))


def _absent(session: Session, now: Snapshot, path: str) -> str:
    name = shown(path) or "the root"
    above = f"{path}/" if path else ""
    if any(file.path.startswith(above) for file in now.files):
        return f"{name} is a folder: repo_overview lists it"
    if session.place.git and (rule := ignored_by(session.place, path)):
        return f"{name} is not in the context: {Reason.IGNORED} ({shown(rule)})"
    same = path.rpartition("/")[2].casefold()
    near = [p for p in paths(now) if p.rpartition("/")[2].casefold() == same][:3]
    hint = f"; there is {', '.join(map(shown, near))}" if near else ""
    return f"no file {name} in this repository{hint}"


# --- names and text ---------------------------------------------------------------


class Place(NamedTuple):
    """A passage, and the definition that it is, if it is one."""

    passage: Passage
    definition: Definition | None


def places(session: Session, now: Snapshot, query: str) -> list[Place]:
    """What ``query`` matches, best first: definitions, then passages.

    Raises UsageError for an empty query.
    """
    found = find(session, now, query, PLACES)
    defined = {(d.path, d.symbol.start): d for d in reversed(found.definitions)}
    return [Place(p, defined.get((p.path, p.start))) for p in found.passages]


def definitions(session: Session, now: Snapshot, name: str) -> list[Definition]:
    """The definitions called ``name``; where there are none, those most like it.

    Raises UsageError for an empty name.
    """
    if not name.strip():
        raise UsageError("the name is empty")
    return find_definitions(session.store, now, name, SYMBOLS)


class Use(NamedTuple):
    """A line that uses a name; ``kind`` as in `values.Reference`."""

    path: str
    line: int
    kind: str
    file: SourceFile


def uses(session: Session, now: Snapshot, name: str) -> list[Use]:
    """Every use of exactly ``name`` (of its last part, where it is dotted), by path
    and line, a line once. Raises UsageError for an empty name."""
    last = last_part(name)
    holders: dict[tuple[str, str], list[SourceFile]] = {}
    for file in now.files:
        holders.setdefault((file.oid, file.lang), []).append(file)
    found = {
        (file.path, ref.line): Use(file.path, ref.line, ref.kind, file)
        for oid, lang, ref in session.store.references(last)
        for file in holders.get((oid, lang), ())
    }
    return [found[key] for key in sorted(found, key=_by_place)]


def _by_place(key: tuple[str, int]) -> tuple[bytes, int]:
    return byte_order(key[0]), key[1]


def last_part(name: str) -> str:
    """``delay`` of ``RetryPolicy.delay``, ``mod::delay()``. Raises UsageError."""
    text = name.strip().removesuffix("()")
    for mark in (".", "::", "#", "->", "/"):
        text = text.rpartition(mark)[2]
    if not text:
        raise UsageError("the name is empty")
    return text


def line_reader(read: Read) -> Callable[[Use], str]:
    """What gives the line of a use, without its margin; "" when it is gone."""
    known: dict[str, list[str]] = {}

    def line(use: Use) -> str:
        if use.path not in known:
            try:
                known[use.path] = read(use.file).split("\n")
            except KeyError:
                known[use.path] = []
        lines = known[use.path]
        return lines[use.line - 1].strip() if use.line <= len(lines) else ""

    return line


# --- a context, a change ----------------------------------------------------------


class Piece(NamedTuple):
    """A file, or lines ``start`` to ``end`` of it (0: whole), as a document."""

    path: str
    start: int
    end: int
    tokens: int
    text: str


def context(session: Session, now: Snapshot, query: str, budget: int) -> list[Piece]:
    """The files and pieces that ``query`` needs, in about ``budget`` tokens, as
    documents in the session's style. Raises UsageError for an empty query."""
    style, counter = Style(session.settings.style), Estimate()
    picks = select(session, now, query, budget, counter)
    files = {file.path: file for file in now.files}
    made, left = [], budget
    with reading(session, now) as read:
        for pick in picks:
            text = read(files[pick.path])
            doc = render(excerpt(pick.path, text, pick.start, pick.end), style)
            tokens = counter.count(doc)
            if tokens <= left:
                left -= tokens
                made.append(Piece(pick.path, pick.start, pick.end, tokens, doc))
    return made


@dataclass(frozen=True, slots=True)
class Diff:
    """A change as unified diffs by file, and the changed paths that have no text."""

    parts: tuple[Part, ...]
    unseen: tuple[LeftOut, ...]


def diff(session: Session, subject: Subject) -> Diff:
    """The change under ``subject``. Raises what `sides` raises."""
    both = sides(session, subject)
    made: list[tuple[FileChange, int]] = []
    found = hidden_in(both.gone) | hidden_in(both.fresh)
    unseen = tuple(found[path] for path in sorted(found, key=byte_order))
    with opened(session, both) as (deltas, _):
        for delta in deltas:
            old, new = delta.old, delta.new
            if delta.path in found:
                continue
            before = _bytes(old.text) if old else None
            after = _bytes(new.text) if new else None
            if old and new and old.path != new.path:
                made.append((FileChange(old.path, before, None), 0))
                moved = FileChange(new.path, None, after, source=old.path)
                made.append((moved, 0))
            elif side := new or old:
                made.append((FileChange(side.path, before, after), 0))
    return Diff(changes_of(made), unseen)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
