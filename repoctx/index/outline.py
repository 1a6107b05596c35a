"""What one text defines and uses: its definitions, references and syntax errors.

Everything but the text itself is left aside: no path, no other file. The result depends
on the text, the language and the grammars' versions alone; work is bounded by sizes and
parser steps, never by the clock. Whoever changes what comes out raises
``versions.INDEX_VERSION``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from repoctx.index import grammars
from repoctx.index.comments import (
    Above,
    above,
    docstring,
    module_doc,
    without_trailing_comments,
)
from repoctx.index.languages import LANGUAGES, shebang
from repoctx.index.visible import visible
from repoctx.values import Kind, Outline, Reference, Symbol

if TYPE_CHECKING:
    from tree_sitter import Tree

    from repoctx.index.captures import Found, Span, Use

MAX_BYTES = 1 << 19
"""The largest hand-written source of six large repositories has 450 kB."""
# A grammar whose time is quadratic on absurd input; scripts are small.
_MAX_BYTES = {"bash": 1 << 17}
MAX_DOCUMENTS = 2000
"""YAML documents in one text; a query's time grows with their square."""
MAX_LINE = 1 << 16
"""Characters. Longer lines are data or minified code."""
MAX_SIGNATURE = 200
MAX_NAME = 200
MAX_PARENT = 400
MAX_HEADER = 4000
"""Bytes in front of a body of which the signature is made."""
OPENING = 400
"""Bytes of a body in which its documentation must start."""

_CPP = re.compile(
    r"^[ \t]*(?:namespace\b|template\s*<|class\s+\w|using\s|public:|private:)", re.M
)
_TYPE_ARGUMENTS = re.compile(r"<[^<>]*>")
# tree-sitter-rust 0.24 takes these macros' names for a type and a keyword.
_TYPED = re.compile(r"\b(?:str|try)(?=!\s?[\[({])")
_SEPARATORS = re.compile(r"::|[.:]")
_HOLDERS = frozenset(
    {Kind.CLASS, Kind.STRUCT, Kind.ENUM, Kind.INTERFACE, Kind.TRAIT, "scope"}
)
_CALLABLE = frozenset({Kind.FUNCTION, Kind.METHOD})
# Where all patterns of a language start near the root, the rest need not be visited.
_DEPTHS = {"json": 0, "toml": 1, "yaml": 1}
_ASSIGNED = frozenset({Kind.VARIABLE, Kind.CONSTANT, Kind.FIELD})
_ONE_LINERS = _ASSIGNED | {Kind.KEY, Kind.MACRO, Kind.SECTION}
_WHOLE_NAMES = frozenset({Kind.SECTION, Kind.KEY})


def outline(text: str, lang: str) -> Outline:
    """The definitions, references and error count of ``text`` in language ``lang``.

    Definitions come in the order of the text, outer before inner; references sorted by
    line, name and kind, each once. ``errors`` is -1 when the text was not parsed: no
    grammar, too large (``MAX_BYTES``, ``MAX_LINE``) or too many parser steps.
    ``skeleton``, ``body`` and ``defs`` stay empty: the first is made when a budget
    asks for it (see ``skeleton``), the search terms are another module's. Never raises.
    """
    parsed = analyse(text, lang)
    if parsed is None:
        return Outline()
    return Outline(
        definitions=tuple(parsed.symbols()),
        references=parsed.references(),
        errors=parsed.errors,
    )


class Analysis:
    """A parsed text: its lines, and what the query found in it by byte offsets."""

    def __init__(self, text: str, source: bytes, lang: str, tree: Tree) -> None:
        from repoctx.index.captures import MAX_DEPTH, collect

        query = grammars.query(lang)
        assert query is not None  # noqa: S101 - a root exists, so the grammar does
        self.lang = lang
        self.lines = text.split("\n")
        self.found: list[Found]
        self.uses: list[Use]
        self.found, self.uses = collect(
            tree.root_node, query, _DEPTHS.get(lang, MAX_DEPTH)
        )
        self.errors = grammars.count_errors(tree)
        self._source = source
        # Offsets are bytes: only in ASCII they are also characters.
        self._text = text if len(text) == len(source) else ""

    def slice(self, start: int, end: int) -> str:
        """The text between two byte offsets."""
        if self._text:
            return self._text[start:end]
        return self._source[start:end].decode("utf-8", "replace")

    def references(self) -> tuple[Reference, ...]:
        """Every use once, by line, name and kind; names of definitions excluded."""
        named = {start for found in self.found for start, _ in found.names}
        uses = {
            (row, self.slice(start, end), kind)
            for start, end, row, kind in self.uses
            if start not in named and end - start <= MAX_NAME
        }
        return tuple(
            Reference(" ".join(name.split()).strip("\"'<>"), row + 1, kind)
            for row, name, kind in sorted(uses)
        )

    def symbols(self) -> list[Symbol]:
        """Every definition with a name; of a variable the first assignment only."""
        symbols: list[Symbol] = []
        dotted: dict[int, str] = {}
        local: dict[int, bool] = {}
        assigned: set[tuple[str, str]] = set()
        rows: set[int] = set()
        for found in self.found:
            outer = found.parent
            prefix = dotted.get(id(outer), "")
            local[id(found)] = outer is not None and (
                outer.kind in _CALLABLE
                or (local[id(outer)] and outer.kind not in _HOLDERS)
            )
            # What has no name (a companion object) is transparent.
            dotted[id(found)] = prefix
            # A comment above a line belongs to the first definition on it.
            note = Above(found.first)
            if found.first not in rows:
                rows.add(found.first)
                note = above(self.lines, found.first, self.lang)
            for number, span in enumerate(found.names):
                name, parent = self._name(found, span, prefix)
                if not number:
                    dotted[id(found)] = _dotted([parent, name])
                kind = self._kind(found, name, parent != prefix, local[id(found)])
                if not name or kind is None:
                    continue
                if kind in _ASSIGNED:
                    if (parent, name) in assigned:
                        continue
                    assigned.add((parent, name))
                symbols.append(self._symbol(found, name, kind, parent, note))
        return symbols

    def _name(self, found: Found, span: Span, prefix: str) -> tuple[str, str]:
        """The bare name and its dotted parent: ``A::b`` is ``b`` in ``A``."""
        name = self._flat(*span).strip("\"'`")
        if found.receiver != (0, 0):
            receiver = _without_type_arguments(self._flat(*found.receiver))
            prefix = _dotted([prefix, receiver])
        if found.kind in _WHOLE_NAMES:
            return name, prefix
        head, operator, symbol = name.partition("operator")
        if operator and head[-1:] in ("", ":", " "):
            name = operator + (symbol.partition("(")[0].rstrip() or symbol)
        else:
            head, name = _split(name, found.kind == "scope")
        return name, _dotted([prefix, *_parts(head)])

    def _flat(self, start: int, end: int) -> str:
        """A name between two offsets, on one line and not too long."""
        return " ".join(self.slice(start, min(end, start + MAX_NAME)).split())

    def _kind(
        self, found: Found, name: str, qualified: bool, local: bool
    ) -> Kind | None:
        """What a symbol is; None for what only lends its name, and for locals."""
        if found.kind == "scope":
            return None
        kind = Kind(found.kind)
        outer = found.parent.kind if found.parent else ""
        if kind is Kind.FUNCTION:
            # What looks like a prototype in a function is mostly a variable with
            # arguments for its constructor.
            if found.body < 0 and local and self.lang in ("c", "cpp"):
                return None
            in_module = self.lang == "ruby" and outer == Kind.MODULE
            return Kind.METHOD if outer in _HOLDERS or in_module or qualified else kind
        if kind in _ASSIGNED and local:
            return None
        if kind is Kind.VARIABLE:
            if outer in _HOLDERS:
                return Kind.FIELD
            if name.isupper():
                return Kind.CONSTANT
        return kind

    def _symbol(
        self, found: Found, name: str, kind: Kind, parent: str, note: Above
    ) -> Symbol:
        doc = note.doc
        if self.lang in ("python", "starlark") and found.body >= 0:
            doc = docstring(self.slice(found.body, found.body + OPENING))
        elif self.lang == "elixir" and kind is Kind.MODULE:
            doc = module_doc(self.slice(found.body, found.body + OPENING)) or doc
        return Symbol(
            name=name,
            kind=kind,
            start=note.first + 1,
            end=min(found.last, len(self.lines) - 1) + 1,
            signature=self._signature(found, kind),
            parent=parent,
            doc=doc,
        )

    def _signature(self, found: Found, kind: Kind) -> str:
        """One line up to the body, without decorators and annotations before it."""
        end = found.body if found.body >= 0 else found.end
        whole = self.slice(found.whole, min(end, found.whole + MAX_HEADER))
        name_at = found.names[0][0] - found.whole
        while whole.startswith(("@", "[", "#[")):
            head, newline, rest = whole.partition("\n")
            if not newline or len(head.encode("utf-8", "replace")) >= name_at:
                break
            name_at -= len(whole.encode("utf-8", "replace"))
            whole = rest.lstrip()
            name_at += len(whole.encode("utf-8", "replace"))
        if found.body < 0 and kind in _ONE_LINERS:
            whole = whole.partition("\n")[0]
        elif self.lang == "python":
            whole = without_trailing_comments(whole)
        flat = " ".join(whole.split())[:MAX_SIGNATURE]
        return flat.rstrip(" {:=;") if found.body >= 0 else flat.rstrip(" ;,{")


def analyse(text: str, lang: str) -> Analysis | None:
    """Parse ``text``; None when it has no usable grammar or passes a limit.

    A text without a known language is looked up by its ``#!`` line; a C header that
    shows C++ is parsed as C++; of a Vue or Svelte file only the script is seen.
    """
    parsed = _parsed(text, lang)
    if parsed is None or grammars.is_shattered(parsed[3]):
        return None
    return Analysis(*parsed)


def errors_in(text: str, lang: str) -> int:
    """The syntax errors of ``text``, as `Outline.errors`, but also counted where they
    swallow so much that nothing else can be told; and as tokens of a macro, where those
    that it hides are fewer."""
    parsed = _parsed(text, lang)
    if parsed is None:
        return -1
    errors = grammars.count_errors(parsed[3])
    parser = grammars.parser("rust") if errors and parsed[2] == "rust" else None
    if parser is None:
        return errors
    plain = _TYPED.sub("dbg", text).encode("utf-8", "replace")
    whole = grammars.parse(parser, plain)
    return min(errors, grammars.count_errors(whole)) if whole else errors


def error_line(text: str, lang: str) -> int:
    """The line of the first syntax error; 0 when there is none, or no way to tell."""
    parsed = _parsed(text, lang)
    return 0 if parsed is None else grammars.first_error(parsed[3])


def _parsed(text: str, lang: str) -> tuple[str, bytes, str, Tree] | None:
    """What is seen of ``text``, its bytes, its language and its tree."""
    lang = resolve(text, lang)
    if len(text) > MAX_BYTES or _has_long_line(text):
        return None
    if lang == "yaml" and text.count("\n---") > MAX_DOCUMENTS:
        return None
    seen = visible(text, lang)
    source = seen.encode("utf-8", "replace")
    limit = _MAX_BYTES.get(lang, MAX_BYTES)
    parser = grammars.parser(lang) if len(source) <= limit else None
    tree = grammars.parse(parser, source) if parser else None
    return None if tree is None else (seen, source, lang, tree)


def resolve(text: str, lang: str) -> str:
    """The language to parse ``text`` in when its file name says ``lang``."""
    if lang in LANGUAGES:
        return "cpp" if lang == "c" and _CPP.search(text) else lang
    return shebang(text)


def _has_long_line(text: str) -> bool:
    if len(text) <= MAX_LINE:
        return False
    return max(map(len, text.split("\n"))) > MAX_LINE


def _split(name: str, whole: bool) -> tuple[str, str]:
    """``A::b``, ``a.b`` or ``a:b`` as the qualifier and the last part; type arguments
    fall off of a qualified name, and of any when ``whole``."""
    if not whole and ":" not in name and "." not in name:
        return "", name
    bare = _without_type_arguments(name)
    cuts = list(_SEPARATORS.finditer(bare))
    if not cuts:
        return "", bare
    return bare[: cuts[-1].start()], bare[cuts[-1].end() :].strip()


def _dotted(parts: list[str]) -> str:
    return ".".join(part for part in parts if part)[:MAX_PARENT]


def _parts(qualifier: str) -> list[str]:
    return [p.strip() for p in _SEPARATORS.split(_without_type_arguments(qualifier))]


def _without_type_arguments(name: str) -> str:
    """``Box<Item<T>>`` as ``Box``; also Go's ``*T[K]`` as ``T``."""
    while (shorter := _TYPE_ARGUMENTS.sub("", name)) != name:
        name = shorter
    return name.partition("[")[0].strip(" *&\t\n")
