"""Tree-sitter grammars and our queries over them, loaded when first needed.

Each grammar is its own wheel. One that is missing, too old or too new for our query
costs its language the definitions, never the run: ``grammar`` answers None,
``unavailable`` names it.

A parse is bounded by a count of its own steps and not by the clock, so that the same
text gives the same result on a slow machine.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from repoctx.index.languages import LANGUAGES

if TYPE_CHECKING:
    from tree_sitter import Parser, Point, Query, Tree

# tree-sitter calls back every 100 operations. Sound code of 1 MiB takes up to 60,000
# calls of about 20 us; recovering from errors costs up to 130 us a call.
STEPS = 100_000
ERROR_STEPS = 8

PIECE = 1 << 16
"""Bytes handed to the parser at a time."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """A loaded grammar: its parser, and our query compiled for it."""

    parser: Parser
    query: Query


_failed: dict[str, str] = {}


@cache
def grammar(lang: str) -> Grammar | None:
    """The parser and query of ``lang``, once a process; None when it has none.

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
    from tree_sitter import Language, Parser, Query

    grammar = Language(getattr(importlib.import_module(module), function)())
    source = pkgutil.get_data("repoctx.index.queries", f"{query}.scm") or b""
    return Grammar(Parser(grammar), Query(grammar, source.decode()))


def parser(lang: str) -> Parser | None:
    """The parser of ``lang``; None when it has no usable grammar."""
    found = grammar(lang)
    return found.parser if found else None


def query(lang: str) -> Query | None:
    """Our query for ``lang``, compiled; None when it has no usable grammar."""
    found = grammar(lang)
    return found.query if found else None


def unavailable() -> tuple[str, ...]:
    """``language (module: why)`` of every grammar that failed so far, sorted."""
    return tuple(f"{lang} ({why})" for lang, why in sorted(_failed.items()))


def parse(parser: Parser, source: bytes) -> Tree | None:
    """The tree of ``source``; None when it takes more than the allowed steps.

    Steps in which the parser recovers from an error weigh more than sound ones.
    """
    steps = 0

    def stop(_offset: int, has_error: bool) -> bool:
        nonlocal steps
        steps += ERROR_STEPS if has_error else 1
        return steps > STEPS

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
