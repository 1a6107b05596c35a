"""What the structural rules find, and what they leave alone, on small changes."""

from __future__ import annotations

import pytest

from review.trees import review

LIB = "def retry_delay(attempt, base):\n    return base * 2**attempt\n"
USE = "from pkg.lib import retry_delay\n\n\ndef run():\n    return retry_delay(1, 2)\n"
INIT = {"pkg/__init__.py": ""}
KEY = "AKIA" + "Q3EGRIZ5SJ7DKXWP"

RUST = "impl Op {\n    pub fn read_at(a: u8, b: u8) -> u8 {\n        a\n    }\n}\n"
CHAINED = "impl Op {\n    pub fn disable_help(self, b: u8) -> Self {\n    }\n}\n"
CHAIN = "fn run() {\n    Op::new()\n        .disable_help(1)\n        .run();\n}\n"
GO = "package a\n\nfunc OpenIt(a int) {} {{\n\treturn nil\n}}\n"
GO_USE = "package a\n\nfunc run() {\n\tx := OpenIt(1)\n\tOpenIt(2)\n}\n"
TS_USE = "import { parse } from './lib'\nparse()\n"
JS = "function keysOf (a) {\n}\nmodule.exports = { keysOf }\n"
JS_USE = "const {\n  keysOf\n} = require('./a')\nkeysOf(1)\n".replace("./a", "../lib/a")
JS_CLASS = "  class A {\n    run () {\n      return 1\n    }\n  }\n"
PY_CHAIN = "X = (\n    Q\n    .select_all()\n)\n"
C_USE = "int main(void) {\n  return probe(1);\n}\n"

FOUND = {
    "a removed function is imported elsewhere": (
        {**INIT, "pkg/lib.py": LIB + "\nX = 1\n", "app.py": USE},
        {**INIT, "pkg/lib.py": "X = 1\n", "app.py": USE},
        ("removed-but-used", "pkg/lib.py", "app.py:1"),
    ),
    "a renamed function is called in its own file": (
        {"a.py": "def old_name():\n    pass\n\n\nold_name()\n"},
        {"a.py": "def new_name():\n    pass\n\n\nold_name()\n"},
        ("removed-but-used", "a.py", "a.py:5"),
    ),
    "a Go function is called by its package": (
        {
            "store/store.go": "package store\n\nfunc OpenAll() {\n}\n",
            "main.go": "package main\n\nfunc main() {\n\tstore.OpenAll()\n}\n",
        },
        {
            "store/store.go": "package store\n\nfunc OpenEvery() {\n}\n",
            "main.go": "package main\n\nfunc main() {\n\tstore.OpenAll()\n}\n",
        },
        ("removed-but-used", "store/store.go", "main.go:4"),
    ),
    "a C function loses its body and keeps its prototype": (
        {
            "a.h": "int read_block(int n);\n",
            "a.c": "int read_block(int n) {\n  return n;\n}\n",
            "b.c": "int main(void) {\n  return read_block(1);\n}\n",
        },
        {
            "a.h": "int read_block(int n);\n",
            "a.c": "int read_all(int n) {\n  return n;\n}\n",
            "b.c": "int main(void) {\n  return read_block(1);\n}\n",
        },
        ("removed-but-used", "a.c", "b.c:2"),
    ),
    "a required parameter is added": (
        {**INIT, "pkg/lib.py": LIB, "app.py": USE},
        {**INIT, "pkg/lib.py": LIB.replace("base)", "base, cap)"), "app.py": USE},
        ("call-does-not-fit", "pkg/lib.py", "app.py:5"),
    ),
    "a constructor takes more": (
        {"a.py": "class Box:\n    def __init__(self, a):\n        pass\n\n\nBox(1)\n"},
        {"a.py": "class Box:\n    def __init__(self, a, b): 1\n\n\n\nBox(1)\n"},
        ("call-does-not-fit", "a.py", "a.py:6"),
    ),
    "a decorator that leaves the parameters alone": (
        {"a.py": "@lru_cache(9)\ndef f(a):\n    pass\n\n\nf(1)\n"},
        {"a.py": "@lru_cache(9)\ndef f(a, b):\n    pass\n\n\nf(1)\n"},
        ("call-does-not-fit", "a.py", "a.py:6"),
    ),
    "a call behind a package that passes the name on": (
        {
            "src/_top/impl.py": "def start():\n    pass\n",
            "src/top/__init__.py": "from _top.impl import start\n",
            "app.py": "import top\n\ntop.start()\n",
        },
        {
            "src/_top/impl.py": "def start(port):\n    pass\n",
            "src/top/__init__.py": "from _top.impl import start\n",
            "app.py": "import top\n\ntop.start()\n",
        },
        ("call-does-not-fit", "src/_top/impl.py", "app.py:3"),
    ),
    "an associated function of Rust": (
        {"a.rs": RUST, "b.rs": "fn run() {\n    Op::read_at(1, 2);\n}\n"},
        {
            "a.rs": RUST.replace(", b: u8", ""),
            "b.rs": "fn run() {\n    Op::read_at(1, 2);\n}\n",
        },
        ("call-does-not-fit", "a.rs", "b.rs:2"),
    ),
    "a method that a chain goes on with": (
        {"a.rs": CHAINED, "b.rs": CHAIN},
        {"a.rs": CHAINED.replace("b: u8", "b: u8, c: u8"), "b.rs": CHAIN},
        ("call-does-not-fit", "a.rs", "b.rs:3"),
    ),
    "an iteration over what is given": (
        {"a.ts": "export function keysOf(a: A) {\n}\nfor (const k of keysOf(x)) {}\n"},
        {
            "a.ts": "export function keysOf(a: A, b: B) {\n}\n"
            "for (const k of keysOf(x)) {}\n"
        },
        ("call-does-not-fit", "a.ts", "a.ts:3"),
    ),
    "a Go function gives another number of values": (
        {"a.go": GO.format("int"), "b.go": GO_USE},
        {"a.go": GO.format("(int, error)"), "b.go": GO_USE},
        ("call-does-not-fit", "a.go", "b.go:4"),
    ),
    "a C function of a short name that is only declared now": (
        {"a.h": "int probe(int n);\n", "a.c": "int probe(int n) {\n}\n", "b.c": C_USE},
        {"a.h": "int probe(int n);\n", "a.c": "int prob(int n) {\n}\n", "b.c": C_USE},
        ("removed-but-used", "a.c", "b.c:2"),
    ),
    "what `require` gives, in code before tests": (
        {"lib/a.js": JS, "lib/z.js": JS_USE, "test/a.js": JS_USE},
        {
            "lib/a.js": JS.replace("keysOf", "keys"),
            "lib/z.js": JS_USE,
            "test/a.js": JS_USE,
        },
        ("removed-but-used", "lib/a.js", "lib/z.js:4"),
    ),
    "an import by path, though another has the name": (
        {
            "lib.ts": "export function parse() {\n}\nexport const a = 1\n",
            "other.ts": "export function parse() {\n}\n",
            "use.ts": "import { a, parse as p } from './lib'\np()\n",
        },
        {
            "lib.ts": "export const a = 1\n",
            "other.ts": "export function parse() {\n}\n",
            "use.ts": "import { a, parse as p } from './lib'\np()\n",
        },
        ("removed-but-used", "lib.ts", "use.ts:1"),
    ),
    "a name that only a comment gives another meaning": (
        {"a.go": GO.format("int"), "b.go": GO_USE},
        {
            "a.go": "package a\n\n// docs for OpenIt, where x := a.OpenIt(1)\n",
            "b.go": GO_USE,
        },
        ("removed-but-used", "a.go", "b.go:4"),
    ),
    "an import of a name that a module with a dictionary lacks": (
        {"pkg/__init__.py": "", "pkg/m.py": "def f(a):\n    return a.__dict__\n"},
        {
            "pkg/__init__.py": "",
            "pkg/m.py": "def f(a):\n    return a.__dict__\n",
            "b.py": "from pkg.m import g\n",
        },
        ("missing-import", "b.py", "pkg/m.py:1"),
    ),
    "a keyword argument is gone": (
        {"a.py": "def f(a, deep=False):\n    pass\n\n\nf(1, deep=True)\n"},
        {"a.py": "def f(a):\n    pass\n\n\nf(1, deep=True)\n"},
        ("call-does-not-fit", "a.py", "a.py:5"),
    ),
    "a TypeScript function takes less": (
        {
            "lib.ts": "export function joinAll(a: string, b: string) {\n}\n",
            "use.ts": "import { joinAll } from './lib'\njoinAll('a', 'b')\n",
        },
        {
            "lib.ts": "export function joinAll(a: string) {\n}\n",
            "use.ts": "import { joinAll } from './lib'\njoinAll('a', 'b')\n",
        },
        ("call-does-not-fit", "lib.ts", "use.ts:2"),
    ),
    "an imported module is deleted": (
        {**INIT, "pkg/lib.py": LIB, "app.py": USE},
        {**INIT, "app.py": USE},
        ("missing-import", "app.py", ""),
    ),
    "a relative import leads nowhere": (
        {"src/a.ts": "export const a = 1\n"},
        {"src/a.ts": "import { b } from './bee'\nexport const a = b\n"},
        ("missing-import", "src/a.ts", ""),
    ),
    "a name is imported that the module lacks": (
        {**INIT, "pkg/lib.py": LIB, "app.py": "x = 1\n"},
        {**INIT, "pkg/lib.py": LIB, "app.py": "from pkg.lib import retry_dely\n"},
        ("missing-import", "app.py", ""),
    ),
    "a bracket is lost": (
        {"a.py": "def f(a):\n    return a\n"},
        {"a.py": "def f(a:\n    return a\n"},
        ("syntax-error", "a.py", ""),
    ),
    "conflict markers": (
        {"a.txt": "one\n"},
        {"a.txt": "<<<<<<< HEAD\none\n=======\ntwo\n>>>>>>> topic\n"},
        ("conflict-marker", "a.txt", ""),
    ),
    "a secret": (
        {"a.py": "x = 1\n"},
        {"a.py": f'x = 1\nkey = "{KEY}"\n'},
        ("secret-added", "a.py", ""),
    ),
    "a deleted file is named in a configuration": (
        {"etc/run.yml": "script: tools/build.sh\n", "tools/build.sh": "true\n"},
        {"etc/run.yml": "script: tools/build.sh\n"},
        ("dangling-path", "tools/build.sh", "etc/run.yml:1"),
    ),
    "a function is written a second time": (
        {"a.py": "def one():\n    pass\n"},
        {"a.py": "def one():\n    pass\n\n\ndef one():\n    return 1\n"},
        ("duplicate-definition", "a.py", "a.py:1"),
    ),
}


@pytest.mark.parametrize("case", FOUND)
def test_found(case: str) -> None:
    before, after, (rule, path, other) = FOUND[case]
    [finding] = review(before, after)
    assert (finding.rule, finding.at.path) == (rule, path)
    ends = [f"{s.path}:{s.start}" for s in finding.related]
    if other:
        assert other in ends
    if not finding.at.before:
        assert 1 <= finding.at.start <= after[path].count("\n") + 1


LEFT_ALONE = {
    "a method of Rust that takes itself": (
        {
            "a.rs": RUST.replace("a: u8", "&self"),
            "b.rs": "fn r() { Op::read_at(o, 2); }",
        },
        {
            "a.rs": RUST.replace("a: u8", "&self").replace("b: u8", "b: u8, c: u8"),
            "b.rs": "fn r() {\n    Op::read_at(o, 2, 3);\n}\n",
        },
    ),
    "a function of Rust that is called like one of the standard library": (
        {
            "fs/read_link.rs": "pub fn read_link(a: u8) {}\n",
            "b.rs": "use std::fs;\nfn r() {\n    fs::read_link(1);\n"
            "    std::fs::read_link(1);\n}\n",
        },
        {
            "fs/read_link.rs": "pub fn read_link(a: u8, b: u8) {}\n",
            "b.rs": "use std::fs;\nfn r() {\n    fs::read_link(1);\n"
            "    std::fs::read_link(1);\n}\n",
        },
    ),
    "a Go function gives more, and callers take it": (
        {"a.go": GO.format("int"), "b.go": GO_USE},
        {
            "a.go": GO.format("(int, error)"),
            "b.go": GO_USE.replace("x :=", "x, err :="),
        },
    ),
    "a Go function gives more, and nobody looks": (
        {"a.go": GO.format("int"), "b.go": GO_USE.replace("x := ", "return ")},
        {"a.go": GO.format("(int, error)"), "b.go": GO_USE.replace("x := ", "return ")},
    ),
    "a chain that goes on with another's method": (
        {"a.py": "def select_all(a):\n    pass\n\n\n" + PY_CHAIN},
        {"a.py": PY_CHAIN},
    ),
    "an import of the package that a file stands in": (
        {"package.json": "{}", "main.js": "x\n"},
        {
            "package.json": "{}",
            "main.js": "x\n",
            "test/a.js": "const f = require('..')\nconst g = require('../')\n",
            "test/in/a.js": "const f = require('../../')\n",
        },
    ),
    "an import of a file that only has types": (
        {"types/log.d.ts": "export type A = 1\n"},
        {
            "types/log.d.ts": "export type A = 1\n",
            "a.ts": "import type { A } from './types/log.js'\n",
        },
    ),
    "methods of two classes of one name": (
        {"a.js": "x()\n"},
        {"a.js": "".join(f"test('{n}', t => {{\n{JS_CLASS}}})\n" for n in "ab")},
    ),
    "more errors in a file of Rust that no grammar knows whole": (
        {"a.rs": "fn f() {\n    let = ;\n}\n"},
        {"a.rs": "fn f() {\n    let = ;\n}\nfn g() {\n    let = = ;\n    x = ) ;\n}\n"},
    ),
    "an import from another file of that name": (
        {
            "lib.ts": "export function parse() {\n}\nexport const a = 1\n",
            "sub/lib.ts": "export function parse() {\n}\n",
            "sub/use.ts": "import { parse } from './lib'\nparse()\n",
        },
        {
            "lib.ts": "export const a = 1\n",
            "sub/lib.ts": "export function parse() {\n}\n",
            "sub/use.ts": "import { parse } from './lib'\nparse()\n",
        },
    ),
    "a function moved and passed on by what it stood in": (
        {"lib.ts": "export function parse() {\n}\n", "use.ts": TS_USE},
        {
            "lib.ts": "export * from './new'\n",
            "new.ts": "export function parse() {\n}\n",
            "use.ts": TS_USE,
        },
    ),
    "a module of Python that makes its names": (
        {"m.py": "def parse():\n    pass\n", "b.py": "from m import parse\n"},
        {
            "m.py": "def __getattr__(name):\n    return 1\n",
            "n.py": "def parse():\n    pass\n",
            "b.py": "from m import parse\n",
        },
    ),
    "everybody follows": (
        {**INIT, "pkg/lib.py": LIB, "app.py": USE},
        {
            **INIT,
            "pkg/lib.py": LIB.replace("retry_delay", "wait_for"),
            "app.py": USE.replace("retry_delay", "wait_for"),
        },
    ),
    "the function moved to another file": (
        {**INIT, "pkg/lib.py": LIB, "pkg/more.py": "", "app.py": "x = 1\n"},
        {**INIT, "pkg/lib.py": "", "pkg/more.py": LIB, "app.py": "x = 1\n"},
    ),
    "the name is somebody else's too": (
        {"a.py": "def get():\n    pass\n", "b.py": "import os\n\nos.get()\n"},
        {"a.py": "x = 1\n", "b.py": "import os\n\nos.get()\n"},
    ),
    "a variable took the name": (
        {"a.py": "def size_of(x):\n    return 1\n\n\nsize_of(1)\n"},
        {"a.py": "size_of = len\n\n\nsize_of(1)\n"},
    ),
    "an optional parameter is added": (
        {**INIT, "pkg/lib.py": LIB, "app.py": USE},
        {**INIT, "pkg/lib.py": LIB.replace("base)", "base, cap=9)"), "app.py": USE},
    ),
    "the call spreads a list": (
        {"a.py": "def f(a):\n    pass\n\n\nf(*x)\n"},
        {"a.py": "def f(a, b):\n    pass\n\n\nf(*x)\n"},
    ),
    "the call did not fit before": (
        {"a.py": "def f(a):\n    pass\n\n\nf(1, 2, 3)\n"},
        {"a.py": "def f(a, b):\n    pass\n\n\nf(1, 2, 3)\n"},
    ),
    "a decorator changes how it is called": (
        {"a.py": "@wraps\ndef f(a):\n    pass\n\n\nf(1)\n"},
        {"a.py": "@wraps\ndef f(a, b):\n    pass\n\n\nf(1)\n"},
    ),
    "the import is optional": (
        {**INIT, "pkg/lib.py": LIB},
        {
            **INIT,
            "app.py": "try:\n    from pkg.lib import x\nexcept OSError: x = 1\n",
        },
    ),
    "an import in a text": (
        {**INIT, "a.py": "x = 1\n"},
        {**INIT, "a.py": 'x = """\nfrom pkg.lib import y\n"""\n'},
    ),
    "somebody else's package": (
        {"a.py": "x = 1\n"},
        {"a.py": "from numpy.linalg import norm\nimport yaml\n"},
    ),
    "a heading underlined": (
        {"a.rst": "one\n"},
        {"a.rst": "one\n\nChanges\n=======\n"},
    ),
    "the secret was there": (
        {"a.py": f'key = "{KEY}"\n'},
        {"a.py": f'key = "{KEY}"\nx = 1\n'},
    ),
    "a file that was broken before": (
        {"a.py": "def f(:\n    pass\n"},
        {"a.py": "def f(:\n    pass\n\n\nx = 1\n"},
    ),
    "overloads": (
        {"a.py": "@overload\ndef f(a): ...\n@overload\ndef f(a, b): ...\n"},
        {"a.py": "@overload\ndef f(a): ...\n@overload\ndef f(a, b): ...\nx = 1\n"},
    ),
    "the same name in two branches": (
        {"a.py": "x = 1\n"},
        {"a.py": "if x:\n    def f(): pass\nelse:\n    def f(): pass\n"},
    ),
}


@pytest.mark.parametrize("case", LEFT_ALONE)
def test_left_alone(case: str) -> None:
    assert review(*LEFT_ALONE[case]) == []
