"""What the probes know of each language: how a constant and a small function are
written in it, where whole lines can be put, and which files speak of the same names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from repoctx.probe.draw import Style, Words, camel, pascal, screaming, snake
from repoctx.values import Kind, Outline, Symbol

CALLABLE = frozenset({Kind.FUNCTION, Kind.METHOD})
HOLDERS = frozenset(
    {Kind.CLASS, Kind.STRUCT, Kind.ENUM, Kind.INTERFACE, Kind.TRAIT, Kind.TYPE}
)


@dataclass(frozen=True, slots=True)
class Group:
    """Languages whose files use each other's names. ``beside`` are others that may
    hold code of this group which the index does not see: a name that stands in one
    of their files is not asked for."""

    label: str
    langs: tuple[str, ...]
    beside: tuple[str, ...] = ()


GROUPS = (
    Group("Python", ("python",)),
    Group(
        "JavaScript and TypeScript",
        ("javascript", "typescript", "tsx"),
        ("vue", "svelte", "html"),
    ),
    Group("Go", ("go",)),
    Group("Rust", ("rust",)),
    Group("Java", ("java",)),
)
"""Where calls, bases and definitions are certain enough to be asked for: those that
were verified by a second method."""

GROUP_OF = {lang: group for group in GROUPS for lang in group.langs}
BESIDE = {lang: group for group in GROUPS for lang in group.beside}


@dataclass(frozen=True, slots=True)
class Tongue:
    """How to write ``{name}``, ``{value}`` and ``{parameters}``; ``parameter`` writes
    one of them. ``inside`` when constants stand in a class."""

    constant: str
    style: Style
    function: str
    verb: Style
    parameter: str
    inside: bool = False


_JS = Tongue(
    "const {name} = {value};",
    screaming,
    "function {name}({parameters}) {{\n  return {value};\n}}",
    camel,
    "{p}",
)
_TS = Tongue(
    "const {name} = {value};",
    screaming,
    "function {name}({parameters}): number {{\n  return {value};\n}}",
    camel,
    "{p}: string",
)
_C = Tongue(
    "static const long {name} = {value};",
    screaming,
    "static long {name}({parameters}) {{\n    return {value};\n}}",
    snake,
    "const char *{p}",
)

TONGUES = {
    "bash": Tongue(
        "{name}={value}", screaming, "{name}() {{\n  echo {value}\n}}", snake, ""
    ),
    "c": _C,
    "cpp": _C,
    "c-sharp": Tongue(
        "private const int {name} = {value};",
        pascal,
        "private static int {name}({parameters})\n{{\n    return {value};\n}}",
        pascal,
        "string {p}",
        True,
    ),
    "go": Tongue(
        "const {name} = {value}",
        camel,
        "func {name}({parameters}) int {{\n\treturn {value}\n}}",
        camel,
        "{p} string",
    ),
    "java": Tongue(
        "private static final int {name} = {value};",
        screaming,
        "private static int {name}({parameters}) {{\n    return {value};\n}}",
        camel,
        "String {p}",
        True,
    ),
    "javascript": _JS,
    "kotlin": Tongue(
        "private const val {name} = {value}",
        screaming,
        "private fun {name}({parameters}): Int {{\n    return {value}\n}}",
        camel,
        "{p}: String",
    ),
    "lua": Tongue(
        "local {name} = {value}",
        screaming,
        "local function {name}({parameters})\n  return {value}\nend",
        snake,
        "{p}",
    ),
    "php": Tongue(
        "const {name} = {value};",
        screaming,
        "function {name}({parameters}) {{\n    return {value};\n}}",
        snake,
        "${p}",
    ),
    "python": Tongue(
        "{name} = {value}",
        screaming,
        "def {name}({parameters}):\n    return {value}",
        snake,
        "{p}",
    ),
    "ruby": Tongue(
        "{name} = {value}",
        screaming,
        "def {name}({parameters})\n  {value}\nend",
        snake,
        "{p}",
    ),
    "rust": Tongue(
        "const {name}: u32 = {value};",
        screaming,
        "fn {name}({parameters}) -> u32 {{\n    {value}\n}}",
        snake,
        "{p}: &str",
    ),
    "tsx": _TS,
    "typescript": _TS,
}
"""The languages in which something can be planted."""


def constant(lang: str, name: Words, value: int) -> tuple[str, str]:
    """The constant's name as written, and the line that defines it."""
    tongue = TONGUES[lang]
    spelt = tongue.style(name)
    return spelt, tongue.constant.format(name=spelt, value=value)


def function(
    lang: str, name: Words, parameters: Sequence[str], value: int
) -> tuple[str, str]:
    """The function's name as written, and the lines that define it."""
    tongue = TONGUES[lang]
    spelt = tongue.verb(name)
    listed = ", ".join(tongue.parameter.format(p=p) for p in parameters)
    return spelt, tongue.function.format(name=spelt, parameters=listed, value=value)


@dataclass(frozen=True, slots=True)
class Gap:
    """Whole lines may be put before line ``line``, indented by ``indent``."""

    line: int
    indent: str = ""


def gaps(text: str, outline: Outline, lang: str) -> list[Gap]:
    """Where something can be planted: behind a definition that a blank line follows,
    at the outermost level, or among the methods of a class where the language wants it.

    None in a file that does not parse.
    """
    if outline.errors != 0 or lang not in TONGUES:
        return []
    lines = text.split("\n")
    inside = TONGUES[lang].inside
    found: dict[int, Gap] = {}
    for symbol in outline.definitions:
        if symbol.kind not in CALLABLE | HOLDERS or symbol.end + 1 >= len(lines):
            continue
        if lines[symbol.end].strip():
            continue
        first = lines[symbol.start - 1]
        indent = first[: len(first) - len(first.lstrip())]
        if _holds(outline, symbol, lines) if inside else not indent:
            found[symbol.end + 2] = Gap(symbol.end + 2, indent)
    return [found[line] for line in sorted(found)]


def _holds(outline: Outline, symbol: Symbol, lines: Sequence[str]) -> bool:
    """Whether ``symbol`` is a method in a class of its own file that goes on after
    it."""
    if symbol.kind is not Kind.METHOD or not symbol.parent:
        return False
    around = [
        s
        for s in outline.definitions
        if s is not symbol and s.start <= symbol.start and symbol.end < s.end
    ]
    if not around:
        return False
    holder = max(around, key=lambda s: s.start)
    return holder.kind is Kind.CLASS and symbol.end + 2 < holder.end


def put(gap: Gap, code: str) -> str:
    """The lines to plant into a gap, with the blank line that divides them from what
    follows."""
    lines = [gap.indent + line if line else line for line in code.split("\n")]
    return "\n".join(lines) + "\n\n"
