"""The job of searching: definitions, passages and ranked files of a snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain

from repoctx.errors import UsageError
from repoctx.flow.session import Session
from repoctx.flow.survey import dirty_files
from repoctx.flow.texts import Changed, Texts
from repoctx.index import find_definitions, passages, rank
from repoctx.pack.retrieve import Offer, Pick, fill, lines_of
from repoctx.parse.quotes import Quote
from repoctx.protocols import Tokenizer
from repoctx.scan import Contents
from repoctx.values import Definition, Passage, Snapshot, SourceFile

DEFINITIONS = 12
PASSAGES = 16
PIECES = 400
"""Passages looked up for a budget that whole files do not fit."""

NEAR_FILES = 20
"""Files in which a quote without a path is looked for."""

WHOLE = 60
"""Lines of a definition that are quoted."""

Read = Callable[[SourceFile], str]


@dataclass(frozen=True, slots=True)
class Found:
    """What a query matches, best first. ``passages`` begin with the texts of the
    ``definitions``."""

    definitions: tuple[Definition, ...]
    passages: tuple[Passage, ...]


def find(session: Session, now: Snapshot, query: str, most: int = PASSAGES) -> Found:
    """What ``query`` matches in ``now``. Raises UsageError for an empty one."""
    if not query.strip():
        raise UsageError("the query is empty")
    definitions = find_definitions(session.store, now, query, DEFINITIONS)
    with reading(session, now) as read:
        bodies = [_body(read, now, definition) for definition in definitions]
        found = passages(session.store, now, query, read, most)
    known = [body for body in bodies if body is not None]
    places = {(body.path, body.start, body.end) for body in known}
    others = (p for p in found if (p.path, p.start, p.end) not in places)
    return Found(tuple(definitions), (*known, *others))


def _body(read: Read, now: Snapshot, definition: Definition) -> Passage | None:
    """The definition's text, its first lines when it is long."""
    file = next((f for f in now.files if f.path == definition.path), None)
    if file is None:
        return None
    symbol = definition.symbol
    try:
        lines = read(file).split("\n")
    except KeyError:
        return None
    end = min(symbol.end, symbol.start + WHOLE - 1, len(lines))
    text = "\n".join(lines[symbol.start - 1 : end])
    name = f"{symbol.parent}.{symbol.name}" if symbol.parent else symbol.name
    return Passage(file.path, symbol.start, end, text, 0.0, name, file.oid)


@contextmanager
def reading(session: Session, now: Snapshot) -> Iterator[Read]:
    """A reader of ``now``'s texts that raises KeyError for a file that has changed."""
    with Contents(session.place, dirty_files(now), session.held) as contents:
        texts = Texts(contents, session.facts, session.settings.redact)
        kept: dict[str, str] = {}

        def read(file: SourceFile) -> str:
            if file.path not in kept:
                try:
                    kept[file.path] = texts(file)
                except Changed as exc:
                    raise KeyError(file.path) from exc
            return kept[file.path]

        yield read


Tokens = Callable[[str, int, int], int]
"""(path, first line, last line) to tokens; 0, 0 is the whole file."""


def offers_for(
    session: Session, now: Snapshot, query: str, read: Read, tokens: Tokens
) -> Iterator[Offer]:
    """The files that match ``query``, best first, each whole or by its best pieces."""
    pieces: dict[str, list[Passage]] = {}

    def pieces_of(path: str) -> list[Pick]:
        if not pieces:
            pieces[""] = []
            for found in passages(session.store, now, query, read, PIECES):
                pieces.setdefault(found.path, []).append(found)
        # Counted only here: the caller may want a few of all the paths that match.
        spans = [(p.start, p.end) for p in pieces.get(path, [])]
        return [
            Pick(path, start, end, tokens(path, start, end)) for start, end in spans
        ]

    for ranked in rank(session.store, now, query):
        path = ranked.path
        try:
            read(ranked.file)
        except KeyError:
            continue
        yield Offer(path, tokens, pieces_of)


def select(
    session: Session, now: Snapshot, query: str, room: int, tokenizer: Tokenizer
) -> list[Pick]:
    """The files, or pieces of files, for ``query`` that fit into ``room`` tokens."""
    if not query.strip():
        raise UsageError("the query is empty")
    files = {file.path: file for file in now.files}
    with reading(session, now) as read:

        def tokens(path: str, start: int, end: int) -> int:
            return tokenizer.count(lines_of(read(files[path]), start, end))

        def whole(pick: Pick) -> Pick:
            """A piece that is all of its file is the file."""
            all_of_it = pick.start == 1 and pick.end >= _lines(read(files[pick.path]))
            return replace(pick, start=0, end=0) if all_of_it else pick

        picks = fill(offers_for(session, now, query, read, tokens), room)
        return [whole(pick) for pick in picks]


def _lines(text: str) -> int:
    return text.count("\n") + (not text.endswith("\n"))


def ranked_paths(session: Session, now: Snapshot, query: str) -> list[str]:
    """All paths that match ``query``, best first."""
    if not query.strip():
        raise UsageError("the query is empty")
    return [ranked.path for ranked in rank(session.store, now, query)]


Lookup = Callable[[Quote], Iterator[tuple[str, str]]]


@contextmanager
def citing(session: Session, now: Snapshot) -> Iterator[Lookup]:
    """Where an answer's quotes may stand: the files it names, then those whose words
    match the quoted lines."""
    with reading(session, now) as read:

        def lookup(quote: Quote) -> Iterator[tuple[str, str]]:
            seen: set[str] = set()
            for file in chain(_named(now, quote), _like(session, now, quote)):
                if file.path not in seen:
                    seen.add(file.path)
                    try:
                        yield file.path, read(file)
                    except KeyError:
                        continue

        yield lookup


def _named(now: Snapshot, quote: Quote) -> Iterator[SourceFile]:
    for path in quote.paths:
        wanted = path.removeprefix("./")
        for file in now.files:
            if file.path == wanted or file.path.endswith("/" + wanted):
                yield file


def _like(session: Session, now: Snapshot, quote: Quote) -> Iterator[SourceFile]:
    # A word in backticks that names no path is seldom a quote: not worth a search.
    text = "\n".join(quote.lines) if quote.owed else ""
    if text.strip():
        for ranked in rank(session.store, now, text[:2000])[:NEAR_FILES]:
            yield ranked.file
