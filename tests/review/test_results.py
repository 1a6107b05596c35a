"""How many values a function of Go gives, and how many a call of it takes."""

from __future__ import annotations

import pytest

from repoctx.review.results import results, taken
from review.trees import side

GIVES = {
    "func f()": 0,
    "func f(a int)": 0,
    "func f() error": 1,
    "func f() *T": 1,
    "func f() (int, error)": 2,
    "func f(a int, b func() (int, error)) (n int, err error)": 2,
    "func f() (a, b int, err error)": 3,
    "func f() func(int) (string, error)": 1,
    "func f() (func(a, b int) (c, d int))": 1,
    "func f() map[string][]int": 1,
    "func f[K comparable, V any](m map[K]V) ([]K, error)": 2,
    "func (r *T) f(a int) (<-chan int, bool)": 2,
    "func f() struct{ A, B int }": 1,
    "func f(": None,
    "func g()": None,
}


@pytest.mark.parametrize("signature", GIVES)
def test_what_a_signature_gives(signature: str) -> None:
    assert results(signature, "f") == GIVES[signature]


TAKES = {
    "a := f()": 1,
    "a, err := f(1, 2)": 2,
    "a, _ = p.f(g(1, 2), 3)  // why": 2,
    'm["a,b"], err = f()': 2,
    "m[g(1, 2)] = f()": 1,
    "if a, err := f(); err != nil {": 2,
    "} else if err := f(); err != nil {": 1,
    "var a, b = f()": 2,
    "var a int = f()": 1,
    "x := f() + 1": 1,
    "x := 1 + f()": 1,
    "x += f()": 1,
    "if f() {": 1,
    "if !f() {": 1,
    "switch f() {": 1,
    "for i := range f() {": 1,
    "if got := f(); got != 1 {": 1,
    "if a && f() == nil {": 1,
    "return f().Name": 1,
    "return f()[0]": 1,
    "y := *f()": 1,
    # What may be right with any number, or cannot be told from the line:
    "f()": None,
    "go f()": None,
    "return f()": None,
    "g(f())": None,
    "g(f()...)": 1,
    "a, b := f(), 2": None,
    "a, b := 2, f()": None,
    "\tf(),": None,
    "A: f(),": None,
    "// a := f()": None,
    's := "a := f()"': None,
    "defer func() { a := f() }()": None,
    "x := xf()": None,
    "a := f(": None,
}


@pytest.mark.parametrize("line", TAKES)
def test_what_a_call_takes(line: str) -> None:
    found = list(taken(side("a.go", f"package p\n{line}"), 2, "f"))
    assert found == ([] if TAKES[line] is None else [TAKES[line]])


def test_a_call_over_several_lines() -> None:
    text = "a, err := f(\n    1,\n)\nb := 1"
    assert list(taken(side("a.go", text), 1, "f")) == [2]


RETURNS = {
    "func g() int {\n\treturn f()\n}": [1],
    "func (t *T) g() (int, error) {\n\treturn t.f(1)\n}": [2],
    "func g() int {\n\th := func() (a, b int) {\n\t\treturn f()\n\t}\n}": [],
    "func g() int {\n\treturn f(), 1\n}": [],
}


@pytest.mark.parametrize("text", RETURNS)
def test_what_is_given_on(text: str) -> None:
    made = side("a.go", f"package p\n{text}")
    line = next(n for n, one in enumerate(made.lines, 1) if "return" in one)
    assert list(taken(made, line, "f")) == RETURNS[text]
