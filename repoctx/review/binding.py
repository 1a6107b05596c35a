"""Whether a use of a name means a certain definition, as far as text can tell.

No types are known here, so the answer is a confidence: near 1 where the language says
so (an import, the same file, the same package), lower where only the name is telling.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from repoctx.review.change import FAMILIES, Side, Tree, Use, family
from repoctx.values import Kind, Symbol

SURE = 0.9
LIKELY = 0.8
FAIR = 0.6

SCRIPTS = FAMILIES[1]

_MEMBER = frozenset({Kind.METHOD, Kind.FIELD})
_CHAINED = re.compile(r"(?:\.|::|->)\s*$")
_STD = frozenset({"std", "core", "alloc"})
_COMMENTS = ("//", "/*", "* ", "# ", "-- ", ";;")
_PACKAGES = frozenset({"go", "java", "kotlin", "scala"})
"""Languages in which the files of one folder see each other's names."""
_GLOBAL = frozenset({"c", "cpp", "ruby", "php", "lua", "bash", "elixir", "c-sharp"})
"""Languages in which a name can be used without saying where it is from."""


@dataclass(frozen=True, slots=True)
class Target:
    """The definition in question and the file it stands (or stood) in; ``declared``:
    it is gone, and only prototypes of it are left."""

    side: Side
    symbol: Symbol
    declared: bool = False

    @property
    def name(self) -> str:
        """Its own name."""
        return self.symbol.name

    @property
    def member(self) -> bool:
        """Whether it belongs to a type."""
        return self.symbol.kind in _MEMBER


def confidence(tree: Tree, use: Use, target: Target) -> float:
    """How sure it is that ``use`` means ``target``, 0 to 1."""
    side = tree.side(use.path)
    if side is None:
        return 0.0
    line = side.line(use.line)
    spelled = _spelled(line, target.name)
    if not spelled:
        return 0.0  # A string, or a name that only the parser saw.
    qualifiers = {q for q in spelled if q}
    plain = "" in spelled
    if use.path == target.side.path:
        return _same_file(side, target, plain, qualifiers)
    if target.side.lang == "rust":
        qualifiers = {q for q in qualifiers if not _is_std(side, q)}
    if target.member:
        return _member(target, qualifiers)
    found = _elsewhere(side, use, target, plain, qualifiers)
    if found < LIKELY and _passed_on(tree, target, _last_words(qualifiers)):
        return LIKELY
    return found


def _spelled(line: str, name: str) -> set[str]:
    """What stands before each occurrence of ``name``: nothing, or ``a.b.``."""
    found = re.finditer(
        rf"((?:[\w$)\]]+\s*(?:\?\.|\.|::|->)\s*)*)(?<![\w$]){re.escape(name)}(?![\w$])",
        line,
    )
    # A chain may go on at the start of a line: something stands before it all the same.
    return {
        re.sub(r"\s", "", m.group(1))
        or ("?." if _CHAINED.search(m.string[: m.start()]) else "")
        for m in found
    }


def _same_file(side: Side, target: Target, plain: bool, qualifiers: set[str]) -> float:
    if target.member:
        own = {"self.", "this.", "cls.", "Self::", "this->", "self::", "$this->"}
        if qualifiers & own:
            return LIKELY
        return FAIR if qualifiers and telling(target.name) else 0.0
    if not plain or rebound(side.text, target.name):
        return 0.0
    return SURE


def _member(target: Target, qualifiers: set[str]) -> float:
    name, parent = target.name, target.symbol.parent.rpartition(".")[2]
    if parent and parent in _last_words(qualifiers) and len(words_of(name)) > 1:
        return LIKELY
    return FAIR if qualifiers and telling(name) else 0.0


def _last_words(qualifiers: set[str]) -> set[str]:
    """What stands right before the name: ``b`` of ``a.b.``."""
    return {re.split(r"\W+", q.rstrip(".:->?"))[-1] for q in qualifiers}


def _is_std(side: Side, qualifier: str) -> bool:
    """Whether a path in Rust leads into the standard library."""
    first = qualifier.partition("::")[0]
    if first in _STD:
        return True
    known = rf"\buse\s+(?:std|core|alloc)::[^;]*\b{re.escape(first)}\b"
    return bool(first and re.search(known, side.text))


def _passed_on(tree: Tree, target: Target, packages: set[str]) -> bool:
    """Whether a module of one of these names has the definition from its own."""
    stem = module_name(target.side.path)
    return bool(packages) and any(
        use.kind == "import"
        and module_name(use.path) in packages
        and (side := tree.side(use.path)) is not None
        and imports_name(side, target.name, stem)
        for use in tree.uses(target.name, family(target.side.lang))
    )


def _elsewhere(
    side: Side, use: Use, target: Target, plain: bool, qualifiers: set[str]
) -> float:
    lang, name = target.side.lang, target.name
    stem = module_name(target.side.path)
    near = use.path.rpartition("/")[0] == target.side.path.rpartition("/")[0]
    if plain or use.kind == "import":
        if imports_name(side, name, stem):
            return SURE
        if _imported(side, name) and telling(name) and lang in SCRIPTS:
            return LIKELY  # By a package's name, or through a module that re-exports.
    if plain and rebound(side.text, name):
        return 0.0
    if lang in _PACKAGES and near and plain:
        return SURE
    if target.declared and plain and use.kind == "call":
        return SURE
    packages = _last_words(qualifiers)
    if lang == "go":
        declared = re.search(r"^package (\w+)", target.side.text, re.M)
        home = declared.group(1) if declared else ""
        return LIKELY if home in packages and not near else 0.0
    if stem in packages and re.search(rf"\b{re.escape(stem)}\b", side.text):
        return LIKELY
    if lang in _GLOBAL and plain and telling(name):
        return LIKELY
    folder = target.side.path.rpartition("/")[0].rpartition("/")[2]
    if lang == "rust" and telling(name) and (plain or packages & {stem, folder}):
        return FAIR
    return 0.0


def module_name(path: str) -> str:
    """The word by which other files name the module at ``path``."""
    folder, _, name = path.rpartition("/")
    stem, _, _ = name.partition(".")
    if stem in ("__init__", "index") or name in ("mod.rs", "lib.rs"):
        return folder.rpartition("/")[2] or stem
    return stem


def imports_name(side: Side, name: str, module: str) -> bool:
    """Whether a file imports ``name`` from something called ``module``."""
    # What `require` gives is taken apart by an assignment, which is no import.
    known = side.lang in SCRIPTS or _imported(side, name, f"{module}.{name}")
    return known and bool(_importing(name, module).search(side.text))


def _imported(side: Side, *names: str) -> bool:
    return any(u.kind == "import" and u.name in names for u in side.outline.references)


@cache
def _importing(name: str, module: str) -> re.Pattern[str]:
    n, m = re.escape(name), re.escape(module)
    return re.compile(
        rf"^\s*from\s+[\w.]*\b{m}\s+import\s[^#\n]*(?:\([^)]*)?\b{n}\b"
        rf"|^\s*from\s+[\w.]*\b{m}\s+import\s*\([^)]*\b{n}\b"
        rf"|\bimport\b[^;'\"]*\b{n}\b[^;'\"]*\bfrom\s*['\"][^'\"\n]*\b{m}(?:\.\w+)?['\"]"
        rf"|\{{[^}}]*\b{n}\b[^}}]*\}}\s*=\s*require\(['\"][^'\"\n]*\b{m}(?:\.\w+)?['\"]"
        rf"|^\s*(?:pub\s+)?use\s+[^;]*\b{m}::[^;]*\b{n}\b"
        rf"|^\s*import\s+[\w.]*\b{m}\.{n}\b",
        re.M,
    )


def telling(name: str) -> bool:
    """Whether a name is unlikely to be anybody else's: long, or of several words."""
    return len(words_of(name)) >= 2 and len(name) >= 8


def words_of(name: str) -> list[str]:
    """The words that a name is made of."""
    return re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)


def rebound(text: str, name: str) -> bool:
    """Whether ``text`` gives the name another meaning somewhere: a variable, a
    parameter, an import under that name."""
    for found in _rebinding(name).finditer(text):
        line = text[text.rfind("\n", 0, found.start()) + 1 : found.end()].lstrip()
        if not line.startswith(_COMMENTS):
            return True
    return False


@cache
def _rebinding(name: str) -> re.Pattern[str]:
    n = re.escape(name)
    return re.compile(
        rf"(?<![\w$.>:]){n}\s*(?::[^=\n]{{1,60}})?(?::=|=(?![=>]))"
        rf"|\bfor\s+\(?(?:\w+\s*,\s*)*(?:let |const |var |auto )?{n}\b"
        rf"|\b(?:as|let|const|var|val|mut|catch|lambda)\s*\(?\s*{n}\b"
        rf"|\b(?:def|fn|func|fun|function|lambda)\b[^\n]*[(,]\s*[*&]*{n}\s*[,:=)]"
        rf"|[(,]\s*{n}\s*(?:,[\w\s,]*)?\)\s*=>"
    )
