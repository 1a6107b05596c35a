"""Something is imported that does not exist: a module, or a name in one.

Only imports of this repository's own modules are judged: those that the change wrote,
and, for modules that the change took away, all others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from posixpath import dirname, join, normpath

from repoctx.review.change import FAMILIES, Delta, Side, Tree
from repoctx.review.rules import SEVERITIES, Rule
from repoctx.values import Finding, Spot

SCRIPTS = FAMILIES[1]
_ENDINGS = [
    ".js",
    ".jsx",
    ".ts",
    ".tsx",
    ".mjs",
    ".cjs",
    ".mts",
    ".cts",
    ".d.ts",
    ".vue",
    ".svelte",
    ".json",
    ".css",
    ".scss",
]
_AS_TS = {".js": (".ts", ".tsx", ".d.ts"), ".mjs": (".mts", ".d.mts")}
_AS_TS |= {".cjs": (".cts", ".d.cts")}
_AS_TS |= {".jsx": (".tsx",)}
_FROM = re.compile(
    r"^[ \t]*from[ \t]+(?P<module>\.*[\w.]*)[ \t]+import[ \t]*"
    r"(?:\((?P<many>[^)]*)\)|(?P<few>[^\n#;\\]*(?:\\\n[^\n#;\\]*)*))",
    re.M,
)
_IMPORT = re.compile(r"^[ \t]*import[ \t]+(?P<modules>[\w., \t]+)", re.M)
_NAMED = re.compile(
    r"^\s*(?:import|export)\s+(?:type\s+)?(?:\w+\s*,\s*)?\{(?P<names>[^{}]*)\}\s*"
    r"from\s*['\"](?P<module>\.[^'\"\n]*)['\"]",
    re.M,
)
_DYNAMIC = re.compile(
    r"^def __getattr__\b|^__getattr__\s*=|\bimport[ \t]*\(?[ \t]*\*|\bglobals\(\)"
    r"|\bsys\.modules\[__name__\]|^(?:locals|vars)\(\)",
    re.M,
)
"""What gives a module of Python names that do not stand in it."""


@dataclass(frozen=True, slots=True)
class Import:
    """One imported thing: the module as it is spelled, a name in it or none, and the
    lines of the statement. ``guarded``: a failure of it is expected."""

    module: str
    name: str
    first: int
    last: int
    guarded: bool = False


def imports(deltas: Sequence[Delta], tree: Tree) -> Iterator[Finding]:
    """One finding for each import that leads nowhere."""
    for delta in deltas:
        if delta.new is not None:
            yield from _written(delta, tree)
    yield from _left_behind(deltas, tree)


def _written(delta: Delta, tree: Tree) -> Iterator[Finding]:
    """Imports on lines that the change wrote."""
    side = delta.new
    assert side is not None  # noqa: S101 - the caller looked
    if not delta.added:
        return
    for one in _imports(side):
        if one.guarded or delta.added.isdisjoint(range(one.first, one.last + 1)):
            continue
        if why := _missing(one, side, tree):
            yield _finding(one, side, why, _looked_into(one, side, tree))


def _looked_into(one: Import, side: Side, tree: Tree) -> tuple[Spot, ...]:
    """The module that a name was to come from, where there is one."""
    if side.lang != "python" or not one.name:
        return ()
    ways = _python_ways(side.path, one.module)
    home = next(filter(None, (_python_file(way, tree) for way in ways)), "")
    return (Spot(home, 1, 1, "it is not in here"),) if home else ()


def _left_behind(deltas: Sequence[Delta], tree: Tree) -> Iterator[Finding]:
    """Imports, anywhere, of modules that the change took away."""
    seen: set[tuple[str, int]] = set()
    changed = {d.path: d for d in deltas}
    for delta in deltas:
        old = delta.old
        if old is None or old.path in tree.paths:
            continue
        for path in _importers(old, tree):
            side = tree.side(path)
            if side is None:
                continue
            for one in _imports(side):
                if one.guarded or (path, one.first) in seen:
                    continue
                mine = changed.get(path)
                if mine and not mine.added.isdisjoint(range(one.first, one.last + 1)):
                    continue  # Told already, as written.
                if not _names(one, side, old.path):
                    continue
                if why := _missing(one, side, tree) or _gone(one, side, tree):
                    seen.add((path, one.first))
                    gone = Spot(old.path, 1, 1, "it was here", before=True)
                    yield _finding(one, side, why, (gone,))


def _gone(one: Import, side: Side, tree: Tree) -> str:
    """What is wrong with an import that did lead to a file that is gone."""
    if side.lang in SCRIPTS:
        return ""
    ways = _python_ways(side.path, one.module)
    if any(_python_file(way, tree) or _folder(way, tree) for way in ways):
        return ""
    return f"`{one.module}` leads to no module any more"


def _finding(one: Import, side: Side, why: str, related: tuple[Spot, ...]) -> Finding:
    # Where a module was taken away the import itself is the other end, but it is the
    # only line that can be pointed at in the tree that results.
    return Finding(
        rule=Rule.IMPORT,
        severity=SEVERITIES[Rule.IMPORT],
        at=Spot(side.path, one.first, one.last),
        message=why,
        snippet=side.line(one.first).strip(),
        related=related,
        confidence=0.9,
    )


def _importers(old: Side, tree: Tree) -> Sequence[str]:
    """Files that may import the file that is gone."""
    stem = old.path.rpartition("/")[2].partition(".")[0]
    if stem in ("__init__", "index"):
        stem = dirname(old.path).rpartition("/")[2]
    return tree.mentions(stem)[:500] if stem else ()


def _names(one: Import, side: Side, path: str) -> bool:
    """Whether the import spells the way to ``path``."""
    if side.lang in SCRIPTS:
        return any(path == p for p in _script_files(side.path, one.module))
    ways = _python_ways(side.path, one.module)
    ways += [f"{w}/{one.name}" for w in ways if one.name]
    return any(path in (f"{w}.py", f"{w}/__init__.py") for w in ways)


def _imports(side: Side) -> list[Import]:
    if side.lang == "python":
        return list(_python_imports(side))
    if side.lang in SCRIPTS:
        return list(_script_imports(side))
    return []


def _missing(one: Import, side: Side, tree: Tree) -> str:
    if side.lang == "python":
        return _missing_python(one, side, tree)
    files = _script_files(side.path, one.module)
    if any(path in tree.paths for path in files):
        return ""
    if not any(p.startswith(files[0].rpartition("/")[0]) for p in tree.paths):
        return ""  # A folder that is built, or installed.
    return f"`{one.module}` leads to no file"


def imports_from(side: Side, name: str, file: Side, tree: Tree) -> bool:
    """Whether ``side`` imports ``name`` from just ``file``, whose names can be read."""
    if side.lang in SCRIPTS:
        if re.search(r"\bexport\s*\*", file.text):
            return False
        return any(
            file.path == next((p for p in files if p in tree.paths), "")
            for module, names in _named_imports(side)
            if name in names
            for files in [_script_files(side.path, module)]
        )
    if side.lang != "python" or _DYNAMIC.search(file.text):
        return False
    return any(
        file.path == next(filter(None, (_python_file(w, tree) for w in ways)), "")
        for one in _python_imports(side)
        if one.name == name and not one.guarded
        for ways in [_python_ways(side.path, one.module)]
    )


# --- JavaScript and its kin -------------------------------------------------------


def _script_imports(side: Side) -> Iterator[Import]:
    for use in side.outline.references:
        if use.kind == "import" and use.name.startswith("."):
            module = use.name.partition("?")[0]
            yield Import(module, "", use.line, use.line)


def _named_imports(side: Side) -> Iterator[tuple[str, set[str]]]:
    """The relative modules that names are taken from, and those names there."""
    for found in _NAMED.finditer(side.text):
        parts = (part.split() for part in found["names"].split(","))
        words = ([w for w in part if w != "type"] for part in parts)
        yield found["module"], {part[0] for part in words if part}


def _script_files(path: str, module: str) -> list[str]:
    """The files that a relative module may mean."""
    at = normpath(join(dirname(path), module))
    inside = "" if at == "." else f"{at}/"
    files = [at, *(at + ending for ending in _ENDINGS)]
    files += [f"{inside}index{ending}" for ending in _ENDINGS]
    files.append(f"{inside}package.json")
    for ending, others in _AS_TS.items():
        if at.endswith(ending):
            files += [at.removesuffix(ending) + other for other in others]
    return files


# --- Python -----------------------------------------------------------------------


def _python_imports(side: Side) -> Iterator[Import]:
    text = side.text
    # The parser knows what is a statement and what only a text that looks like one.
    parsed = {u.line for u in side.outline.references if u.kind == "import"}
    for found in _FROM.finditer(text):
        first = text.count("\n", 0, found.start("module")) + 1
        last = first + found.group().strip("\n").count("\n")
        if first not in parsed:
            continue
        names = re.sub(r"#[^\n]*", "", found["many"] or found["few"] or "")
        guarded = _guarded(side, first)
        for part in names.replace("\\\n", " ").split(","):
            words = part.split()
            if words and re.fullmatch(r"\w+", words[0]):
                yield Import(found["module"], words[0], first, last, guarded)
    for found in _IMPORT.finditer(text):
        line = text.count("\n", 0, found.start("modules")) + 1
        if line not in parsed:
            continue
        for part in found["modules"].split(","):
            words = part.split()
            if words and re.fullmatch(r"[\w.]+", words[0]):
                yield Import(words[0], "", line, line, _guarded(side, line))


def _guarded(side: Side, line: int) -> bool:
    """Whether the import stands in a ``try`` or a condition."""
    indent = len(side.line(line)) - len(side.line(line).lstrip())
    if not indent:
        return False
    for number in range(line - 1, max(0, line - 40), -1):
        above = side.line(number)
        if not above.strip():
            continue
        depth = len(above) - len(above.lstrip())
        if depth < indent:
            indent = depth
            if above.lstrip().startswith(("try", "except", "if ", "else", "elif")):
                return True
            if not depth:
                return False
    return True


def _python_ways(path: str, module: str) -> list[str]:
    """The places, without an ending, that a module spelled so in ``path`` may mean."""
    dots = len(module) - len(module.lstrip("."))
    parts = module[dots:].replace(".", "/")
    if dots:
        folder = dirname(path)
        for _ in range(dots - 1):
            folder = dirname(folder)
        return [f"{folder}/{parts}".strip("/") if parts else folder]
    ways, folder = [parts], dirname(path)
    while folder:
        ways.append(f"{folder}/{parts}")
        folder = dirname(folder)
    ways += [f"{top}/{parts}" for top in ("src", "lib", "python", "source")]
    return ways


def _missing_python(one: Import, side: Side, tree: Tree) -> str:
    ways = _python_ways(side.path, one.module)
    homes = [w for w in ways if _python_file(w, tree)]
    if not homes:
        return _no_module(one, ways, tree)
    if not one.name:
        return ""
    for home in homes:
        if _python_file(f"{home}/{one.name}", tree) or _folder(
            f"{home}/{one.name}", tree
        ):
            return ""
        file = tree.side(_python_file(home, tree))
        if file is None or _offers(file, one.name):
            return ""
    return f"`{one.name}` is nowhere in {_python_file(homes[0], tree)}"


def _no_module(one: Import, ways: list[str], tree: Tree) -> str:
    """What is wrong when no file is the module: nothing, unless its package is ours."""
    if one.module.startswith("."):
        if any(_folder(w, tree) for w in ways) or not one.module.strip("."):
            return ""
        return f"`{one.module}` leads to no module"
    if "." not in one.module:
        return ""
    for way in ways:
        package = dirname(way)
        if package and _python_file(package, tree).endswith("/__init__.py"):
            if _folder(way, tree):
                return ""
            file = tree.side(f"{package}/__init__.py")
            if file is not None and (
                "__path__" in file.text or "sys.modules" in file.text
            ):
                return ""
            return f"`{one.module}` is no module of {package}"
    return ""


def _python_file(way: str, tree: Tree) -> str:
    for path in (f"{way}.py", f"{way}/__init__.py", f"{way}.pyi", f"{way}.pyx"):
        if path in tree.paths:
            return path
    return ""


def _folder(way: str, tree: Tree) -> bool:
    start = f"{way}/"
    return any(path.startswith(start) for path in tree.paths)


def _offers(file: Side, name: str) -> bool:
    """Whether a module may have ``name``: the word stands anywhere in it, or it makes
    its names in a way that cannot be read."""
    return bool(
        re.search(rf"\b{re.escape(name)}\b", file.text) or _DYNAMIC.search(file.text)
    )
