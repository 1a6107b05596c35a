"""Parameters and arguments, counted: whether a call fits a definition.

Only what can be counted is judged. A parameter list or a call that is cut off, spread,
overloaded or written in a way not known here is None or open, and fits everything.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

COUNTED = frozenset(
    {"python", "starlark", "javascript", "typescript", "tsx", "vue", "svelte", "go"}
    | {"rust", "java", "kotlin", "c", "cpp", "c-sharp", "php"}
)
"""Languages in which a call with too few or too many arguments is an error."""

CALL_LINES = 60
"""Lines over which one call may go."""

_GENERIC = frozenset(
    ["typescript", "tsx", "vue", "svelte", "rust", "java", "kotlin", "cpp", "c-sharp"]
)
_SCRIPTS = frozenset(
    ["javascript", "typescript", "tsx", "vue", "svelte", "php", "python", "starlark"]
)
_CLOSE = {"(": ")", "[": "]", "{": "}"}
_CHARACTER = re.compile(r"'(?:\\[^\n']{1,8}|[^\n'\\])'")
_DEFINES = re.compile(r"\b(?:def|fn|func|fun|function)\s*$")
_TYPE_BEFORE = re.compile(r"[\w>\]*&]\s+$")
_WORD_BEFORE = re.compile(
    r"\b(?:return|await|yield|new|not|in|of|and|or|if|else|elif|throw|case|raise|assert|go"
    r"|defer|range|while|match|switch|with|typeof|void|delete|do|when|until|is|default)\s+$"
)
_BY_KEYWORD = frozenset({"python", "starlark", "go", "rust", "kotlin"})
"""Languages in which a keyword opens each definition of a function."""
_NAMED = {
    "kotlin": re.compile(r"\s*(\w+)\s*=(?!=)"),
    "c-sharp": re.compile(r"\s*(\w+)\s*:(?!:)"),
    "php": re.compile(r"\s*(\w+)\s*:(?!:)"),
}
_SELF = re.compile(r"&?\s*(?:'\w+\s+)?(?:mut\s+)?self\b")


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a definition takes, its receiver aside. ``names`` are those that may stand
    by position, of which the first ``required`` must be given; ``only`` must be given
    by name, ``may`` can be; ``more`` any number by position, ``any_name`` by name."""

    names: tuple[str, ...]
    required: int
    only: frozenset[str] = frozenset()
    may: frozenset[str] = frozenset()
    more: bool = False
    any_name: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """What one call gives; ``open``: more than can be counted. ``receiver`` is what
    stands before the name (``a.b.``), if anything."""

    positional: int
    named: frozenset[str] = frozenset()
    open: bool = False
    receiver: str = ""


def fits(wanted: Parameters, call: Call) -> bool:
    """Whether the call can be right."""
    if call.open:
        return True
    if call.positional > len(wanted.names) and not wanted.more:
        return False
    by_name = frozenset(wanted.names[call.positional :])
    strange = call.named - by_name - wanted.only - wanted.may
    if strange and not wanted.any_name:
        return False
    missing = set(wanted.names[call.positional : wanted.required]) - call.named
    return not missing and wanted.only <= call.named


# --- what a definition takes ------------------------------------------------------


def parameters(signature: str, name: str, lang: str) -> Parameters | None:
    """The parameters in a one-line signature; None when they cannot be told."""
    if lang not in COUNTED:
        return None
    found = re.search(
        rf"(?<![\w$]){re.escape(name)}\s*(?:<[^()]*>|\[[^()]*\])?"
        r"(?:\s*[:=]\s*(?:async\s*)?)?\s*\(",
        signature,
    )
    if not found:
        return None
    inside = balanced([signature[found.end() - 1 :]], lang)
    if inside is None:
        return None
    if lang in ("python", "starlark"):
        return _python(inside)
    parts = [p.strip() for p in split(inside, lang, generic=lang in _GENERIC)]
    return _listed([p for p in parts if p], lang)


def _python(inside: str) -> Parameters | None:
    try:
        made = ast.parse(f"def f({inside}): pass").body[0]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    assert isinstance(made, ast.FunctionDef)  # noqa: S101 - it was written so above
    given = made.args
    names = [a.arg for a in (*given.posonlyargs, *given.args)]
    required = len(names) - len(given.defaults)
    if names[:1] in (["self"], ["cls"], ["mcs"]):
        names, required = names[1:], required - 1
    pairs = list(zip(given.kwonlyargs, given.kw_defaults, strict=True))
    return Parameters(
        tuple(names),
        max(0, required),
        frozenset(a.arg for a, default in pairs if default is None),
        frozenset(a.arg for a, default in pairs if default is not None),
        given.vararg is not None,
        given.kwarg is not None,
    )


def _listed(parts: list[str], lang: str) -> Parameters | None:
    if lang in ("c", "cpp") and parts == ["void"]:
        parts = []
    if lang == "rust" and parts and _SELF.match(parts[0]):
        parts = parts[1:]
    if lang == "c-sharp" and parts and parts[0].startswith("this "):
        return None
    names: list[str] = []
    required, more = 0, False
    for part in parts:
        if _is_variadic(part, lang):
            more = True
            continue
        names.append(_name(part, lang) or f"#{len(names)}")
        if not _is_optional(part, lang):
            required = len(names)
    return Parameters(tuple(names), required, more=more)


def _is_variadic(part: str, lang: str) -> bool:
    if lang == "kotlin":
        return bool(re.match(r"(?:@\w+\s+)*vararg\b", part))
    if lang == "c-sharp":
        return bool(re.match(r"(?:\[[^\]]*\]\s*)*params\b", part))
    return "..." in part.partition("=")[0]


def _is_optional(part: str, lang: str) -> bool:
    if re.search(r"(?<![=!<>])=(?![=>])", part):
        return True
    return lang in _GENERIC | {"javascript"} and bool(re.match(r"[\w\s]*\?", part))


def _name(part: str, lang: str) -> str:
    """A parameter's own name, where calls can use it."""
    head = part.partition("=")[0]
    if lang == "kotlin":
        head = head.partition(":")[0]
    words = re.findall(r"\w+", head)
    return words[-1] if words else ""


# --- what a call gives ------------------------------------------------------------


def calls(lines: Sequence[str], line: int, name: str, lang: str) -> Iterator[Call]:
    """Every call of ``name`` that begins on line ``line`` (from 1)."""
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    spelled = rf"(?<![\w$]){re.escape(name)}\s*(?:::<[^()]*>|<[^()<>]*>)?\("
    for found in re.finditer(spelled, text):
        before = text[: found.start()]
        if _is_definition(before, lang):
            continue
        rest = [text[found.end() - 1 :], *lines[line : line + CALL_LINES]]
        inside = balanced(rest, lang)
        if inside is not None:
            yield _call(inside, lang, _receiver(before))


def _is_definition(before: str, lang: str) -> bool:
    """Whether what stands before a name and a bracket says that it is defined there."""
    if _DEFINES.search(before):
        return True
    if lang in _BY_KEYWORD or not _TYPE_BEFORE.search(before):
        return False
    return not _WORD_BEFORE.search(before)


def _receiver(before: str) -> str:
    found = re.search(r"(?:[\w$]+(?:\(\))?[?!]*(?:\.|::|->))+\s*$", before)
    if found:
        return found.group().strip()
    return "?." if re.search(r"(?:\.|::|->)\s*$", before) else ""


def _call(inside: str, lang: str, receiver: str) -> Call:
    if lang in ("python", "starlark"):
        return _python_call(inside, receiver)
    parts = [p.strip() for p in split(inside, lang, generic=False)]
    parts = [p for p in parts if p]
    vague = lang in _GENERIC and "<" in inside and ">" in inside
    signs = ("...", "*") if lang == "kotlin" else ("...",)
    spread = any(p.startswith(signs) or p.endswith("...") for p in parts)
    named: set[str] = set()
    for part in parts:
        if (pattern := _NAMED.get(lang)) and (found := pattern.match(part)):
            named.add(found.group(1))
    count = len(parts) - len(named)
    return Call(count, frozenset(named), vague or spread, receiver)


def _python_call(inside: str, receiver: str) -> Call:
    try:
        made = ast.parse(f"f({inside}\n)", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Call(0, open=True)
    if not isinstance(made, ast.Call):
        return Call(0, open=True)
    spread = any(isinstance(a, ast.Starred) for a in made.args)
    spread = spread or any(k.arg is None for k in made.keywords)
    named = frozenset(k.arg for k in made.keywords if k.arg)
    return Call(len(made.args), named, spread, receiver)


# --- brackets ---------------------------------------------------------------------


def balanced(lines: Sequence[str], lang: str) -> str | None:
    """What stands between the bracket that opens ``lines`` and its partner; None when
    it is not to be found."""
    text = "\n".join(lines)
    stack: list[str] = []
    for at, char in _code(text, lang):
        if char in _CLOSE:
            stack.append(_CLOSE[char])
        elif char in ")]}":
            if not stack or stack.pop() != char:
                return None
            if not stack:
                return text[1:at]
    return None


def split(inside: str, lang: str, *, generic: bool) -> list[str]:
    """The pieces between the commas that stand in no bracket."""
    depth = start = 0
    pieces: list[str] = []
    for at, char in _code(inside, lang):
        arrow = char == ">" and inside[at - 1 : at] in ("-", "=")
        if char in "([{" or (generic and char == "<"):
            depth += 1
        elif char in ")]}" or (generic and char == ">" and not arrow):
            depth -= 1
        elif char == "," and depth == 0:
            pieces.append(inside[start:at])
            start = at + 1
    return [*pieces, inside[start:]]


def _code(text: str, lang: str) -> Iterator[tuple[int, str]]:
    """Each character outside strings and comments, with its offset."""
    at, size = 0, len(text)
    hashes = lang in ("python", "starlark", "php")
    while at < size:
        char = text[at]
        if (hashes and char == "#") or (not hashes and text.startswith("//", at)):
            at = _after(text, "\n", at)
        elif text.startswith("/*", at) and lang not in ("python", "starlark"):
            at = _after(text, "*/", at + 2)
        elif char == "'" and lang not in _SCRIPTS:
            found = _CHARACTER.match(text, at)
            at = found.end() if found else at + 1
        elif char in "\"'`":
            at = _string(text, at, lang)
        else:
            yield at, char
            at += 1


def _after(text: str, end: str, at: int) -> int:
    found = text.find(end, at)
    return len(text) if found < 0 else found + len(end)


def _string(text: str, at: int, lang: str) -> int:
    """The offset after the string that begins at ``at``."""
    quote = text[at]
    if text.startswith(quote * 3, at) and lang in ("python", "starlark", "kotlin"):
        return _after(text, quote * 3, at + 3)
    raw = quote == "`" and lang == "go"
    at += 1
    while at < len(text):
        if text[at] == "\\" and not raw:
            at += 2
        elif text[at] == quote:
            return at + 1
        else:
            at += 1
    return len(text)
