"""Calls and parameters, counted in many languages."""

from __future__ import annotations

import pytest

from repoctx.review.arguments import calls, fits, parameters

CASES = [
    # (language, signature, call, fits)
    ("python", "def f(a, b=1, *, c)", "f(1, c=2)", True),
    ("python", "def f(a, b=1, *, c)", "f(1)", False),
    ("python", "def f(a, /, b)", "f(1, b=2)", True),
    ("python", "def f(self, a)", "x.f(1)", True),
    ("python", "def f(self, a)", "x.f()", False),
    ("python", "def f(a, **more)", "f(1, z=2)", True),
    ("python", "def f(a)", "f(1, z=2)", False),
    ("python", "def f(a, b)", "f('a,b', \"(\")", True),
    (
        "python",
        "async def f(a: dict[str, int], b: int = 3) -> int",
        "f({1: 2, 3: 4})",
        True,
    ),
    (
        "typescript",
        "export function f(a: Map<string, number>, b?: number)",
        "f(x)",
        True,
    ),
    ("typescript", "function f(a: number, b: number): void", "f(1)", False),
    ("typescript", "const f = (a: number, ...rest: number[]) =>", "f(1, 2, 3)", True),
    (
        "typescript",
        "function f(cb: (a: number, b: number) => void)",
        "f((a, b) => 1)",
        True,
    ),
    ("javascript", "function f(a, {b, c})", "f(1, {b: 1, c: 2})", True),
    ("go", "func f(a, b int, c string) error", 'f(1, 2, "x")', True),
    ("go", "func f(a, b int) error", "f(1)", False),
    ("go", "func (s *Store) f(a int, more ...string)", "s.f(1)", True),
    ("go", "func f(a rune)", "f('(')", True),
    ("rust", "pub fn f(&mut self, a: Vec<(u8, u8)>)", "x.f(y)", True),
    ("rust", "fn f<T: Into<String>>(a: T, b: &'static str)", 'f("a")', False),
    (
        "java",
        "public static void f(Map<String, Integer> a, int... b)",
        "f(x, 1, 2)",
        True,
    ),
    ("java", "void f(int a, int b)", "f(1, 2, 3)", False),
    ("kotlin", 'fun f(a: Int, b: String = "x")', 'f(b = "y", a = 1)', True),
    ("kotlin", "fun f(a: Int, b: Int)", "f(a = 1)", False),
    ("c", "int f(void)", "f()", True),
    ("c", "static int f(const char *a, size_t n)", "f(a)", False),
    ("c", "int f(const char *fmt, ...)", 'f("%d, %d", 1, 2)', True),
    ("cpp", "void f(std::map<int, int> a, int b = 0)", "f(m)", True),
    ("c-sharp", "void f(int a, params int[] b)", "f(1, 2, 3)", True),
    ("php", "function f($a, $b = null)", "f($x)", True),
    ("php", "function f($a, $b)", "f(b: 1, a: 2)", True),
]


@pytest.mark.parametrize(("lang", "signature", "call", "right"), CASES)
def test_fits(lang: str, signature: str, call: str, right: bool) -> None:
    wanted = parameters(signature, "f", lang)
    assert wanted is not None
    [given] = calls([call], 1, "f", lang)
    assert fits(wanted, given) is right


UNKNOWN = [
    ("python", "def f(a, b"),
    ("ruby", "def f(a, b)"),
    ("c-sharp", "static int f(this string a)"),
    ("python", "f = 3"),
]


@pytest.mark.parametrize(("lang", "signature"), UNKNOWN)
def test_what_cannot_be_told_is_none(lang: str, signature: str) -> None:
    assert parameters(signature, "f", lang) is None


def test_a_call_over_several_lines() -> None:
    lines = ["x = f(", "    1,  # one, two", "    g(2, 3),", ")"]
    [call] = calls(lines, 1, "f", "python")
    assert call.positional == 2


def test_a_definition_is_no_call() -> None:
    assert list(calls(["def f(a):"], 1, "f", "python")) == []
    assert list(calls(["int f(int a) {"], 1, "f", "c")) == []
    assert len(list(calls(["  return f(a);"], 1, "f", "c"))) == 1


def test_a_call_that_never_ends() -> None:
    assert list(calls(["f(" + "(" * 5000], 1, "f", "go")) == []


def test_spread_is_open() -> None:
    spreads = {"python": "f(*a)", "typescript": "f(...a)", "go": "f(a...)"}
    for lang, text in spreads.items():
        [call] = calls([text], 1, "f", lang)
        assert call.open
