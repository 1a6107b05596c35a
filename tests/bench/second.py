"""What a language's own parser says of files: nothing of it comes from the index."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SOURCES = Path(__file__).parent / "oracles"


@dataclass
class Facts:
    """What a language's own parser says of one file."""

    path: str
    error: bool = False
    functions: list[list] = field(default_factory=list)
    """[name, first line, last line, parameters]"""
    classes: list[list] = field(default_factory=list)
    """[name, first line, last line, bases]"""
    calls: list[list] = field(default_factory=list)
    """[name, line, the named function around it, arguments]"""
    constants: list[str] = field(default_factory=list)


Method = Callable[[Sequence[str]], Iterable[Facts]]


# --- Python ---------------------------------------------------------------------------


class _Python(ast.NodeVisitor):
    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.around = [""]

    def visit_FunctionDef(self, node) -> None:
        a = node.args
        count = len(a.posonlyargs) + len(a.args) + len(a.kwonlyargs)
        count += bool(a.vararg) + bool(a.kwarg)
        self.facts.functions.append([node.name, node.lineno, node.end_lineno, count])
        for outer in [
            *node.decorator_list,
            a,
            *([node.returns] if node.returns else []),
        ]:
            self.visit(outer)
        self.around.append(node.name)
        for inner in node.body:
            self.visit(inner)
        self.around.pop()

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_ClassDef(self, node) -> None:
        bases = [_bare(base) for base in node.bases]
        self.facts.classes.append([node.name, node.lineno, node.end_lineno, bases])
        self.generic_visit(node)

    def visit_Call(self, node) -> None:
        count = len(node.args) + len(node.keywords)
        call = [_bare(node.func), node.func.end_lineno, self.around[-1], count]
        self.facts.calls.append(call)
        self.generic_visit(node)

    def visit_Assign(self, node) -> None:
        self.facts.constants += [_bare(target) for target in node.targets]
        self.generic_visit(node)


def _bare(node) -> str:
    return getattr(node, "id", "") or getattr(node, "attr", "")


def python(paths: Sequence[str]) -> Iterable[Facts]:
    sys.setrecursionlimit(50_000)  # Sums of a thousand terms nest that deep.
    for path in paths:
        facts = Facts(path)
        try:
            tree = ast.parse(Path(path).read_bytes())
        except (SyntaxError, ValueError):
            facts.error = True
        else:
            _Python(facts).visit(tree)
        yield facts


# --- the others -----------------------------------------------------------------------


def spoken(argv: Sequence[str]) -> Method:
    def ask(paths: Sequence[str]) -> Iterable[Facts]:
        done = subprocess.run(
            argv, input="\n".join(paths) + "\n", capture_output=True, text=True
        )
        if done.returncode:
            raise SystemExit(done.stderr)
        return [Facts(**json.loads(line)) for line in done.stdout.splitlines()]

    return ask


def oracles(tools: Path) -> dict[str, Method]:
    """A second method for each group's label, as far as its tools are there."""
    tools.mkdir(parents=True, exist_ok=True)
    found = {"Python": python}
    if shutil.which("java"):
        found["Java"] = spoken(["java", str(SOURCES / "Oracle.java")])
    if shutil.which("npm"):
        package = tools / "node_modules" / "typescript"
        if not package.exists():
            run(
                ["npm", "install", "--silent", "--prefix", tools, "typescript@5"], tools
            )
        found["JavaScript and TypeScript"] = spoken(
            ["node", str(SOURCES / "oracle.js"), str(package.resolve())]
        )
    if shutil.which("go"):
        made = tools / "oracle-go"
        if not made.exists():
            run(["go", "build", "-o", made, SOURCES / "oracle.go"], tools)
        found["Go"] = spoken([str(made)])
    if shutil.which("cargo"):
        made = tools / "rust" / "target" / "release" / "oracle"
        if not made.exists():
            shutil.copytree(SOURCES / "rust", tools / "rust", dirs_exist_ok=True)
            crates = Path("/usr/share/cargo/registry")  # Debian's librust-syn-dev
            if crates.exists():
                config = tools / "rust" / ".cargo" / "config.toml"
                config.parent.mkdir(exist_ok=True)
                config.write_text(
                    '[source.crates-io]\nreplace-with = "installed"\n'
                    f'[source.installed]\ndirectory = "{crates}"\n'
                )
            run(["cargo", "build", "--release"], tools / "rust")
        found["Rust"] = spoken([str(made)])
    return found


def run(argv: Sequence[object], cwd: Path) -> None:
    environment = {**os.environ, "GO111MODULE": "off"}
    subprocess.run([str(a) for a in argv], cwd=cwd, check=True, env=environment)
