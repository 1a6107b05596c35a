"""Tree-sitter grammars and our queries over them, loaded when first needed.

Each grammar is its own wheel. One that is missing, too old or too new for our query
costs its language the definitions, never the run: ``grammar`` answers None,
``unavailable`` names it.

A parse is bounded by a count of its own steps, so that the same text gives the same
result on a slow machine. Time is the last resort: a few grammars have a scanner whose
single step takes longer and longer on absurd input.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from time import process_time
from typing import TYPE_CHECKING

from repoctx.index.languages import LANGUAGES

if TYPE_CHECKING:
    from tree_sitter import Language, Node, Parser, Point, Query, Tree

# tree-sitter calls back every 100 operations. Sound code of 512 KiB takes up to 30,000
# calls of about 20 us; recovering from errors costs up to 130 us a call.
STEPS = 60_000
ERROR_STEPS = 8
SECONDS = 1.5
"""Of CPU for one text, about ten times what the largest sound one takes."""

PIECE = 1 << 12
"""Bytes handed to the parser at a time."""

SHARDS = 2000
"""Loose tokens in one error node, at which a text counts as not parsed."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """A loaded grammar, and our query compiled for it."""

    language: Language
    query: Query


_failed: dict[str, str] = {}


@cache
def grammar(lang: str) -> Grammar | None:
    """The grammar and query of ``lang``, once a process; None when it has none.

    A wheel that cannot be used is remembered for ``unavailable``.
    """
    language = LANGUAGES.get(lang)
    if language is None or not language.module:
        return None
    try:
        return _load(language.module, language.function, language.query)
    except (ImportError, AttributeError, TypeError, ValueError, OSError) as exc:
        # ValueError covers an ABI out of range and a query the grammar rejects.
        _failed[lang] = f"{language.module}: {exc}"
        return None


def _load(module: str, function: str, query: str) -> Grammar:
    from tree_sitter import Language, Query

    grammar = Language(getattr(importlib.import_module(module), function)())
    source = pkgutil.get_data("repoctx.index.queries", f"{query}.scm") or b""
    return Grammar(grammar, Query(grammar, source.decode()))


def parser(lang: str) -> Parser | None:
    """A parser of ``lang``, for one thread; None when it has no usable grammar."""
    found = grammar(lang)
    if found is None:
        return None
    from tree_sitter import Parser

    return Parser(found.language)


def query(lang: str) -> Query | None:
    """Our query for ``lang``, compiled; None when it has no usable grammar."""
    found = grammar(lang)
    return found.query if found else None


def unavailable() -> tuple[str, ...]:
    """``language (module: why)`` of every grammar that failed so far, sorted."""
    return tuple(f"{lang} ({why})" for lang, why in sorted(_failed.items()))


def parse(parser: Parser, source: bytes) -> Tree | None:
    """The tree of ``source``; None when it takes more than the allowed steps or time.

    Steps in which the parser recovers from an error weigh more than sound ones.
    """
    steps = calls = 0
    end = process_time() + SECONDS

    def stop(_offset: int, has_error: bool) -> bool:
        nonlocal steps, calls
        calls += 1
        steps += ERROR_STEPS if has_error else 1
        return steps > STEPS or ((has_error or not calls & 15) and process_time() > end)

    def read(at: int, _point: Point) -> bytes:
        # Bytes and no view: predicates read the text through this too, and the binding
        # crashes on any other buffer. Pieces, or each seek would copy all the rest.
        return source[at : at + PIECE]

    try:
        return parser.parse(read, progress_callback=stop)
    except ValueError:
        # What tree-sitter raises after a cancelled parse; the parser keeps its state.
        parser.reset()
        return None


def count_errors(tree: Tree) -> int:
    """How many ERROR and MISSING nodes ``tree`` has."""
    return sum(1 for node in _faulty(tree) if node.is_error or node.is_missing)


def first_error(tree: Tree) -> int:
    """The line (from 1) of the first ERROR or MISSING node; 0 without any."""
    rows = (n.start_point[0] for n in _faulty(tree) if n.is_error or n.is_missing)
    return min(rows, default=-1) + 1


def is_shattered(tree: Tree) -> bool:
    """Whether an error swallowed so many tokens that a query would take too long.

    A query's time is quadratic in them, and it cannot be stopped: its
    ``progress_callback`` crashes the process (tree-sitter 0.26.1).
    """
    return any(
        node.is_error and node.child_count - node.named_child_count > SHARDS
        for node in _faulty(tree)
    )


def _faulty(tree: Tree) -> Iterator[Node]:
    """Every node that is or holds an error, without recursion."""
    cursor = tree.walk()
    if not tree.root_node.has_error:
        return
    while True:
        node = cursor.node
        assert node is not None  # noqa: S101 - a cursor always stands on a node
        if node.has_error or node.is_missing:
            yield node
        if node.has_error and cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return
