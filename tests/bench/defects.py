"""How many seeded defects the structural rules of `repoctx review` find.

    python tests/bench/defects.py REPO [REPO ...] [--each 5] [--seed 1] [--show]

Each defect is made in the work tree of a clone, reviewed as `repoctx review
--uncommitted` does, and taken back. Which definitions are used where is decided here by
`git grep` and the text, never by the index that is measured. Defects of a kind that no
structural rule can see (a changed return type) are reported all the same.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from repoctx.flow.review import Options, review
from repoctx.flow.session import open_session
from repoctx.flow.sides import Scope, Subject
from repoctx.review.rules import STRUCTURAL

ALL = Options(STRUCTURAL)

DEFINITIONS = {
    ".py": r"^(?:async )?def ([a-z]\w{6,})\(([^)\n]*)\)(?: -> [^:\n]+)?:\s*$",
    ".go": r"^func ([A-Za-z]\w{6,})\(([^)\n]*)\)[^{\n]*\{$",
    ".ts": r"^export (?:async )?function ([a-z]\w{6,})\(([^)\n]*)\)[^{\n]*\{$",
    ".rs": r"^\s*pub(?:\([a-z]+\))? (?:async )?fn ([a-z]\w{6,})\(([^)\n]*)\)[^{\n]*\{$",
    ".c": r"^[a-z][\w \*]* \*?([a-z]\w{6,})\(([^)\n]*)\) \{$",
}
LANGUAGE = {".py": "Python", ".go": "Go", ".ts": "TypeScript", ".rs": "Rust", ".c": "C"}
TESTS = re.compile(
    r"(?:^|/)(?:tests?|testdata|__tests__|fixtures?|examples?|deps)/|_test\."
)
KEY = "AKIA" + "Q3EGRIZ5SJ7DKXWP"


@dataclass(frozen=True)
class Defect:
    kind: str
    language: str
    edits: dict[str, str | None]
    """The new text by path; None deletes."""


class Clone:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.paths = self.git("ls-files").split("\n")

    def git(self, *args: str) -> str:
        done = subprocess.run(
            ["git", *args],
            cwd=self.root,
            capture_output=True,
            text=True,
            errors="surrogateescape",
        )
        return done.stdout

    def read(self, path: str) -> str:
        try:
            return (self.root / path).read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            return ""

    def users(self, word: str) -> list[str]:
        return [p for p in self.git("grep", "-lw", word).split("\n") if p]


def functions(clone: Clone, ending: str, chance: random.Random) -> Iterator[tuple]:
    """(path, name, parameters) of functions whose name is defined once and called in
    another file of the language."""
    paths = [p for p in clone.paths if p.endswith(ending) and not TESTS.search(p)]
    chance.shuffle(paths)
    for path in paths:
        found = list(re.finditer(DEFINITIONS[ending], clone.read(path), re.M))
        chance.shuffle(found)
        for match in found[:3]:
            name = match.group(1)
            users = [p for p in clone.users(name) if p.endswith(ending)]
            callers = [
                p
                for p in users
                if p != path
                and re.search(rf"(?<![\w.]){name}\(|[\w]\.{name}\(", clone.read(p))
            ]
            defined = sum(
                len(
                    re.findall(
                        rf"(?:def|func|function|fn)\s+(?:\([^)]*\)\s*)?{name}\b",
                        clone.read(p),
                    )
                )
                for p in users
            )
            if callers and len(users) < 15 and (defined == 1 or ending == ".c"):
                yield path, name, match.group(2), callers
                break


def rename_all_but_one(clone: Clone, item: tuple, ending: str) -> Defect:
    _, name, _, callers = item
    left = callers[0]
    edits = {
        p: re.sub(rf"\b{name}\b", f"{name}Renamed", clone.read(p))
        for p in clone.users(name)
        if p != left
    }
    return Defect("rename, one caller left", LANGUAGE[ending], edits)


def rename_only(clone: Clone, item: tuple, ending: str) -> Defect:
    path, name, _, _ = item
    text = re.sub(rf"\b{name}\b", f"{name}Renamed", clone.read(path))
    return Defect("rename, no caller follows", LANGUAGE[ending], {path: text})


def remove(clone: Clone, item: tuple, ending: str) -> Defect | None:
    """Take a function of Python out by indentation, of others by its braces."""
    path, name, _, _ = item
    lines = clone.read(path).split("\n")
    start = next(
        (
            i
            for i, x in enumerate(lines)
            if re.match(DEFINITIONS[ending], x) and re.search(rf"\b{name}\(", x)
        ),
        -1,
    )
    if start < 0:
        return None
    indent = len(lines[start]) - len(lines[start].lstrip())
    end = start + 1
    while end < len(lines):
        line = lines[end]
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            break
        end += 1
    if ending != ".py":
        end += 1
    return Defect(
        "function removed",
        LANGUAGE[ending],
        {path: "\n".join(lines[:start] + lines[end:])},
    )


def new_parameter(clone: Clone, item: tuple, ending: str) -> Defect | None:
    path, name, parameters, _ = item
    if "*" in parameters and ending == ".py":
        return None
    if "..." in parameters:
        return None
    typed = {
        ".py": "extra",
        ".go": "extra int",
        ".ts": "extra: number",
        ".rs": "extra: usize",
        ".c": "int extra",
    }[ending]
    parts = [
        p for p in [parameters.strip() if parameters.strip() != "void" else ""] if p
    ]
    changed = (
        ", ".join([typed, *parts])
        if ending == ".py" and "=" in parameters
        else ", ".join([*parts, typed])
    )
    if ending in (".rs",) and re.match(r"&?(mut )?self", parameters.strip()):
        changed = ", ".join([*parts, typed])
    if ending in (".py",) and parameters.strip().startswith("self"):
        return None
    if ending == ".ts" and ("?" in parameters or "=" in parameters):
        return None
    text = clone.read(path).replace(f"{name}({parameters})", f"{name}({changed})", 1)
    return Defect("required parameter added", LANGUAGE[ending], {path: text})


def dropped_parameter(clone: Clone, item: tuple, ending: str) -> Defect | None:
    path, name, parameters, _ = item
    parts = [p.strip() for p in parameters.split(",") if p.strip() not in ("", "void")]
    if not parts or (re.search(r"[*=(\[{<?.]|self", parameters) and ending != ".c"):
        return None
    if ending == ".go" and len(parts[-1].split()) < 2:
        return None
    kept = ", ".join(parts[:-1]) or ("void" if ending == ".c" else "")
    text = clone.read(path).replace(f"{name}({parameters})", f"{name}({kept})", 1)
    return Defect("parameter dropped", LANGUAGE[ending], {path: text})


def module_deleted(clone: Clone, item: tuple, ending: str) -> Defect | None:
    path, _, _, callers = item
    stem = Path(path).stem
    if stem in ("__init__", "index", "mod", "lib"):
        return None
    imported = any(
        re.search(
            rf"^\s*(?:from|import|use|mod|pub mod)\b[^\n]*\b{stem}\b",
            clone.read(p),
            re.M,
        )
        for p in callers
    )
    if ending in (".go", ".c", ".rs") or not imported:
        return None
    return Defect("imported module deleted", LANGUAGE[ending], {path: None})


def import_misspelt(clone: Clone, item: tuple, ending: str) -> Defect | None:
    _, name, _, callers = item
    caller = callers[0]
    text = clone.read(caller)
    found = re.search(rf"^(?:from|import)\b[^\n]*\b{name}\b[^\n]*$", text, re.M)
    if not found or ending not in (".py", ".ts"):
        return None
    line = found.group().replace(name, f"{name}X")
    if ending == ".ts":
        if "'." not in line:
            return None
        line = re.sub(r"(['\"])(\.[^'\"]*)\1", r"\1\2Gone\1", found.group())
    return Defect(
        "import of nothing",
        LANGUAGE[ending],
        {caller: text.replace(found.group(), line, 1)},
    )


def bracket_lost(clone: Clone, item: tuple, ending: str) -> Defect:
    path, name, parameters, _ = item
    text = clone.read(path).replace(f"{name}({parameters})", f"{name}({parameters}", 1)
    return Defect("syntax error", LANGUAGE[ending], {path: text})


def marker(clone: Clone, item: tuple, ending: str) -> Defect:
    lines = clone.read(item[0]).split("\n")
    at = len(lines) // 2
    lines[at:at] = [
        "<<<<<<< HEAD",
        lines[at],
        "=======",
        lines[at] + " ",
        ">>>>>>> topic",
    ]
    return Defect("conflict marker", LANGUAGE[ending], {item[0]: "\n".join(lines)})


def secret(clone: Clone, item: tuple, ending: str) -> Defect:
    comment = "#" if ending == ".py" else "//"
    text = clone.read(item[0]) + f'\n{comment} key = "{KEY}"\n'
    return Defect("secret", LANGUAGE[ending], {item[0]: text})


def return_type(clone: Clone, item: tuple, ending: str) -> Defect | None:
    path, name, parameters, _ = item
    text = clone.read(path)
    at = text.find(f"{name}({parameters})")
    head = text[at:].split("\n", 1)
    if ending != ".go" or len(head) < 2:
        return None
    changed = re.sub(r"\)[^{]*\{$", ") (int, error) {", head[0])
    return Defect(
        "return type changed",
        LANGUAGE[ending],
        {path: text[:at] + changed + "\n" + head[1]},
    )


KINDS = (
    rename_all_but_one,
    rename_only,
    remove,
    new_parameter,
    dropped_parameter,
    module_deleted,
    import_misspelt,
    bracket_lost,
    marker,
    secret,
    return_type,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repos", nargs="+", type=Path)
    parser.add_argument("--each", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", action="store_true")
    args = parser.parse_args()
    made: Counter[tuple[str, str]] = Counter()
    caught: Counter[tuple[str, str]] = Counter()
    for repo in args.repos:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "clone"
            subprocess.run(
                ["git", "clone", "-qn", "--shared", str(repo), str(root)], check=True
            )
            subprocess.run(
                ["git", "checkout", "-qf", "HEAD"], cwd=root, stderr=subprocess.DEVNULL
            )
            clone = Clone(root)
            count = Counter(Path(p).suffix for p in clone.paths)
            ending = max(DEFINITIONS, key=lambda e: count[e])
            chance = random.Random(args.seed)
            with open_session(root, {}) as session:
                before = {
                    (f.rule, f.at.path, f.message)
                    for f in review(session, Subject(Scope.UNCOMMITTED), ALL).findings
                }
                items = list(_take(functions(clone, ending, chance), 12 * args.each))
                for kind in KINDS:
                    done = 0
                    for item in items:
                        if done == args.each:
                            break
                        defect = kind(clone, item, ending)
                        if defect is None or not _changes(clone, defect):
                            continue
                        done += 1
                        found = _found(session, clone, defect, before)
                        key = defect.kind, defect.language
                        made[key] += 1
                        caught[key] += bool(found)
                        if args.show and not found:
                            print(
                                f"missed: {key} {item[:2]} callers {item[3][:2]}",
                                flush=True,
                            )
                    chance.shuffle(items)
    _table(made, caught)


def _take(found: Iterator[tuple], count: int) -> Iterator[tuple]:
    yield from islice(found, count)


def _changes(clone: Clone, defect: Defect) -> bool:
    return any(text != clone.read(path) for path, text in defect.edits.items())


def _found(session: object, clone: Clone, defect: Defect, before: set) -> set:
    saved = {path: (clone.root / path).read_bytes() for path in defect.edits}
    try:
        for path, text in defect.edits.items():
            if text is None:
                (clone.root / path).unlink()
            else:
                (clone.root / path).write_text(text, "utf-8")
        found = review(session, Subject(Scope.UNCOMMITTED), ALL).findings
        return {(f.rule, f.at.path, f.message) for f in found} - before
    finally:
        for path, data in saved.items():
            (clone.root / path).write_bytes(data)


def _table(made: Counter, caught: Counter) -> None:
    languages = sorted({language for _, language in made})
    kinds = list(dict.fromkeys(kind for kind, _ in made))
    print("\n| seeded defect | " + " | ".join(languages) + " | all |")
    print("|---|" + "---|" * (len(languages) + 1))
    for kind in kinds:
        cells = [
            f"{caught[kind, x]}/{made[kind, x]}" if made[kind, x] else ""
            for x in languages
        ]
        all_made = sum(made[kind, x] for x in languages)
        all_caught = sum(caught[kind, x] for x in languages)
        print(f"| {kind} | " + " | ".join(cells) + f" | {all_caught}/{all_made} |")
    print(f"\n{sum(caught.values())} of {sum(made.values())} found")


if __name__ == "__main__":
    os.environ["REPOCTX_CONFIG"] = os.path.join(tempfile.gettempdir(), "no-such-file")
    main()
