"""What is in doubt is not asked: one tree in which a name is certain, and the changes
that put it in doubt, one by one."""

from __future__ import annotations

import re

import pytest

from probe.held import Held
from repoctx.index.outline import outline
from repoctx.probe import Probe, generate
from repoctx.probe.bodies import sentence

CALLS = {
    "lib.py": "def pick_one(a, b):\n    return a\n",
    "use.py": "from lib import pick_one\n\n\n"
    "def first():\n    return pick_one(1, 2)\n\n\n"
    "class A:\n    def second(self):\n        x = [pick_one(i, 0) for i in self]\n"
    "        return x\n",
}
SCRIPT = {
    "lib.ts": "export function pickOne(a: number): number {\n  return a\n}\n",
    "use.ts": "import { pickOne } from './lib'\n\nexport const first = () => {\n"
    "  return pickOne(1)\n}\n\nclass A {\n  second() {\n"
    "    return [1].map(x => pickOne(x))\n  }\n}\n",
}
BASES = {
    "lib.py": "class Shape:\n    pass\n",
    "use.py": "from lib import Shape\n\n\nclass Disc(Shape):\n    pass\n\n\n"
    "class Ring(\n    object,\n    Shape,\n):\n    pass\n",
}
NAMED = {
    "one.py": "def redraw(a):\n    return a\n",
    "two.py": "class B:\n    def redraw(self):\n        return 1\n",
}
MACROS = {
    "one.rs": "fn redraw() {}\n",
    "three.rs": "struct B;\n\nimpl B {\n    fn redraw(&self) {}\n}\n",
}
DEEP = {
    "a.py": "def alpha_one():\n    return beta_two()\n\n\n"
    "def beta_two():\n    return gamma_three()\n",
    "b.py": "def gamma_three():\n    return delta_four()\n\n\n"
    "def delta_four():\n    return 1\n",
}


def asked(texts: dict[str, str], family: str, name: str) -> list[Probe]:
    made = generate(Held(texts), [family], 50, 0)
    return [p for p in made if name in re.findall(r"`(\w+)`", p.question)]


CERTAIN = [
    (CALLS, "callers", "pick_one", {"use.py::first", "use.py::second"}),
    (SCRIPT, "callers", "pickOne", {"use.ts::first", "use.ts::second"}),
    (BASES, "subclasses", "Shape", {"use.py::Disc", "use.py::Ring"}),
    (NAMED, "definitions", "redraw", {"one.py", "two.py"}),
    (MACROS, "definitions", "redraw", {"one.rs", "three.rs"}),
    (DEEP, "path", "delta_four", {"beta_two", "gamma_three"}),
]


@pytest.mark.parametrize(("texts", "family", "name", "truth"), CERTAIN)
def test_what_is_certain_is_asked(
    texts: dict[str, str], family: str, name: str, truth: set[str]
) -> None:
    [probe] = asked(texts, family, name)
    assert set(probe.truth) == truth
    assert len(probe.truth) == len(truth)


MORE: list[tuple[str, dict[str, str], str, str, dict[str, str]]] = [
    ("a second definition", CALLS, "callers", "pick_one",
     {"other.py": "def pick_one():\n    pass\n"}),
    ("a class of that name", CALLS, "callers", "pick_one",
     {"other.py": "class pick_one:\n    pass\n"}),
    ("a mention like a call in a comment", CALLS, "callers", "pick_one",
     {"other.py": "def f():\n    # pick_one(1)\n    return 1\n"}),
    ("a mention like a call in a string", CALLS, "callers", "pick_one",
     {"other.py": "def f():\n    return 'pick_one(1, 2)'\n"}),
    ("a call outside every function", CALLS, "callers", "pick_one",
     {"other.py": "from lib import pick_one\n\nx = pick_one(1, 2)\n"}),
    ("a call in a function in a function", CALLS, "callers", "pick_one",
     {"other.py": "def f():\n    def g():\n        return pick_one(1)\n"}),
    ("a call by itself", CALLS, "callers", "pick_one",
     {"lib.py": "def pick_one(a, b):\n    return pick_one(b, a)\n"}),
    ("a decorator", CALLS, "callers", "pick_one",
     {"other.py": "@pick_one\ndef f():\n    return 1\n"}),
    ("a call in a decorator", CALLS, "callers", "pick_one",
     {"other.py": "@pick_one(1)\ndef f():\n    return 1\n"}),
    ("a default value", CALLS, "callers", "pick_one",
     {"other.py": "def f(a=pick_one(1, 2)):\n    return a\n"}),
    ("a file that does not parse", CALLS, "callers", "pick_one",
     {"other.py": "def f(:\n    pick_one\n"}),
    ("a file that no grammar reads", SCRIPT, "callers", "pickOne",
     {"app.vue": "<script>\nimport { pickOne } from './lib'\n</script>\n"}),
    ("an overload", SCRIPT, "callers", "pickOne",
     {"lib.ts": "export function pickOne(a: number): number\n"
      "export function pickOne(a: string): number\n"
      "export function pickOne(a: any) {\n  return a\n}\n"}),
    ("a base with arguments", BASES, "subclasses", "Shape",
     {"other.py": "class Oval(Shape[int]):\n    pass\n"}),
    ("a keyword in the header", BASES, "subclasses", "Shape",
     {"other.py": "class Oval(Generic, of=Shape):\n    pass\n"}),
    ("a second class of the name", BASES, "subclasses", "Shape",
     {"other.py": "class Shape:\n    pass\n"}),
    ("another thing of the name", NAMED, "definitions", "redraw",
     {"other.py": "class redraw:\n    pass\n"}),
    ("an assignment", NAMED, "definitions", "redraw",
     {"other.py": "class C:\n    def f(self):\n        self.redraw = f\n"}),
    ("an alias", NAMED, "definitions", "redraw",
     {"other.py": "from one import draw as redraw\n"}),
    ("a mention like a definition", NAMED, "definitions", "redraw",
     {"other.py": 'def f():\n    return """\ndef redraw():\n    pass\n"""\n'}),
    ("a definition in what a macro is given", MACROS, "definitions", "redraw",
     {"two.rs": "macro_rules! m {\n    ($t:ty) => {\n        impl A for $t {\n"
      "            fn redraw(&self) {}\n        }\n    };\n}\n"}),
    ("a second chain", DEEP, "path", "delta_four",
     {"c.py": "def other_way():\n    return delta_four()\n",
      "a.py": "def alpha_one():\n    return beta_two(other_two())\n\n\n"
      "def beta_two():\n    return gamma_three()\n\n\n"
      "def other_two():\n    return other_way()\n"}),
    ("a shorter chain", DEEP, "path", "delta_four",
     {"a.py": "def alpha_one():\n    return beta_two(gamma_three())\n\n\n"
      "def beta_two():\n    return gamma_three()\n"}),
    ("a caller in doubt", DEEP, "path", "delta_four",
     {"c.py": "def beta_two():\n    return 1\n"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "family", "name", "more"), [c[1:] for c in MORE], ids=[c[0] for c in MORE]
)
def test_what_is_in_doubt_is_not(
    texts: dict[str, str], family: str, name: str, more: dict[str, str]
) -> None:
    assert asked(texts, family, name)
    assert not asked({**texts, **more}, family, name)


HARMLESS: list[tuple[str, dict[str, str], str, str, dict[str, str]]] = [
    ("a mention in prose", CALLS, "callers", "pick_one",
     {"README.md": "Call `pick_one(1)`.\n"}),
    ("a mention without arguments", CALLS, "callers", "pick_one",
     {"other.py": "def f():\n    # see pick_one\n    return 1\n"}),
    ("a longer name", CALLS, "callers", "pick_one",
     {"other.py": "def pick_one_more():\n    return unpick_one()\n"}),
    ("another language", CALLS, "callers", "pick_one",
     {"other.go": "package a\n\nfunc pick_one() {}\n"}),
    ("a broken file without the name", CALLS, "callers", "pick_one",
     {"other.py": "def f(:\n"}),
    ("a use as a type", BASES, "subclasses", "Shape",
     {"other.py": "def f(a: Shape) -> Shape:\n    return a\n"}),
    ("a call of the name", NAMED, "definitions", "redraw",
     {"other.py": "def f(x):\n    return x.redraw()\n"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "family", "name", "more"),
    [c[1:] for c in HARMLESS],
    ids=[c[0] for c in HARMLESS],
)
def test_what_changes_nothing_leaves_it_asked(
    texts: dict[str, str], family: str, name: str, more: dict[str, str]
) -> None:
    [before], [after] = (
        asked(texts, family, name),
        asked({**texts, **more}, family, name),
    )
    assert before.truth == after.truth


def test_a_file_that_stands_for_several_is_in_doubt() -> None:
    held = Held(CALLS, twins=["use.py"])
    assert not generate(held, ["callers", "copy", "edit"], 50, 0)


def test_an_empty_repository_has_no_probes() -> None:
    assert generate(Held({}), count=5) == ()
    assert generate(Held({"a.txt": "x\n", "b.py": ""}), count=5) == ()


SAME = "Read every entry of the journal that was written before a given moment and"
ENDS = {"before": "refuse to go on.", "after": "count its lines."}


@pytest.mark.parametrize(
    ("lang", "form"),
    [
        ("python", 'def {name}(a):\n    """{same}\n    {end}"""\n    return a\n\n\n'),
        ("rust", "/// {same}\n/// {end}\nfn {name}(a: u8) {{}}\n\n"),
    ],
)
def test_a_description_goes_on_as_its_own(lang: str, form: str) -> None:
    """A neighbour's, that begins with the same line, is another one."""
    text = "".join(form.format(name=n, same=SAME, end=end) for n, end in ENDS.items())
    symbols, lines = outline(text, lang).definitions, text.split("\n")
    found = {symbol.name: sentence(lines, symbol, lang) for symbol in symbols}
    assert found == {name: f"{SAME} {end}" for name, end in ENDS.items()}
