"""Probes follow from tree and seed alone, and say nothing of their truth."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.held import Held, outlined, project
from repoctx.index.languages import detect
from repoctx.probe import FAMILIES, Probe, Scoring, generate, planted, score
from repoctx.probe.needles import HIGH, LOW
from repoctx.probe.score import holds
from repoctx.probe.tongues import TONGUES, constant, function, gaps, put

CASES = Path(__file__).parents[1] / "cases" / "outline"


@cache
def material() -> Held:
    return Held(project())


@cache
def probes(seed: int = 0) -> tuple[Probe, ...]:
    return generate(material(), FAMILIES, 6, seed)


def of(family: str) -> list[Probe]:
    return [probe for probe in probes() if probe.family == family]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_asks(family: str) -> None:
    assert len(of(family)) >= 2


def test_an_unknown_family_is_an_error() -> None:
    with pytest.raises(KeyError):
        generate(material(), ["guess"], 1, 0)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_the_same_tree_and_seed_give_the_same_probes(seed: int, count: int) -> None:
    once = generate(Held(project()), FAMILIES, count, seed)
    assert once == generate(Held(project()), FAMILIES, count, seed)
    assert len({probe.id for probe in once}) == len(once)
    for family in FAMILIES:
        assert sum(probe.family == family for probe in once) <= count


def test_another_seed_gives_others() -> None:
    assert not {p.id for p in probes(0)} & {p.id for p in probes(1)}


def test_one_family_alone_gives_the_same_as_among_others() -> None:
    for family in FAMILIES:
        assert list(generate(material(), [family], 6, 0)) == of(family)


@pytest.mark.parametrize("hash_seed", ["1", "77"])
def test_the_hash_seed_changes_nothing(hash_seed: str) -> None:
    code = (
        "from probe.held import Held, project\n"
        "from repoctx.probe import generate\n"
        "print(*[p.id for p in generate(Held(project()), count=6)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == [probe.id for probe in probes()], done.stderr


def test_no_question_tells_its_answer() -> None:
    for probe in probes():
        assert probe.truth
        for item in probe.truth:
            assert not holds(probe.question, item), probe.id
        for rival in (*probe.wrong, *probe.superseded):
            assert rival not in probe.truth
            assert not holds(probe.question, rival)


def test_evidence_and_plants_are_files_of_the_tree() -> None:
    for probe in probes():
        assert probe.evidence
        assert {plant.path for plant in probe.plants} <= set(probe.evidence)
        assert set(probe.evidence) <= set(material().held)


# --- plants ---------------------------------------------------------------------------


def test_a_plant_holds_the_truth_and_its_rivals_once() -> None:
    for probe in probes():
        if not probe.plants:
            continue
        text = "".join(plant.text for plant in probe.plants)
        stale = "".join(plant.before for plant in probe.plants)
        for item in probe.truth:
            assert text.count(item.rpartition("=")[2]) == 1
        for rival in probe.wrong:
            assert text.count(rival) == 1
        for old in probe.superseded:
            assert stale.count(old) == 1
            assert old not in text


def test_a_planted_name_stands_nowhere_else() -> None:
    for probe in of("needle") + of("distractors") + of("superseded"):
        [name] = re.findall(r"`(\w+)`", probe.question)
        assert not any(name.lower() in t.lower() for t in material().held.values())


SAMPLES = {
    "a.sh": "f() {\n  echo 1\n}\n\n\ng() {\n  f\n}\n",
    "a.c": "int f(void) {\n  return 1;\n}\n\nint g(void) {\n  return f();\n}\n",
    "a.cpp": "namespace n {\nclass A {\n  int x;\n};\n\nint g() { return 1; }\n}\n",
    "a.cs": "class A\n{\n    int F()\n    {\n        return 1;\n    }\n\n"
    "    int G() => F();\n}\n",
    "a.go": 'package a\n\nimport "fmt"\n\ntype T struct{}\n\n// F is.\n'
    "func (t T) F() { fmt.Println() }\n\nfunc G() {}\n",
    "A.java": "package a;\n\nclass A {\n\n\tint f() {\n\t\treturn 1;\n\t}\n\n"
    "\t/** Says. */\n\t@Override\n\tint g() {\n\t\treturn f();\n\t}\n\n}\n",
    "a.js": "import b from 'b'\n\nexport const f = () => {\n  b()\n}\n\n"
    "class A {\n  m() {}\n}\n\nexport default A\n",
    "a.kt": "package a\n\nclass A {\n    fun f() = 1\n}\n\nfun g(): Int {\n"
    "    return 1\n}\n\nval x = 1\n",
    "a.lua": "local function f()\n  return 1\nend\n\nfunction g()\n  f()\nend\n",
    "a.php": "<?php\n\nfunction f() {\n  return 1;\n}\n\nclass A {\n}\n\nf();\n",
    "a.py": "import os\n\n\n@dec\nclass A:\n    def m(self):\n        pass\n\n"
    "    def n(self):\n        return 1\n\n\nasync def f():\n    pass\n\n\nx = 1\n",
    "a.rb": "module M\n  def f\n    1\n  end\nend\n\ndef g\n  2\nend\n\nputs g\n",
    "a.rs": "#[derive(Debug)]\nstruct A {\n    x: u8,\n}\n\nimpl A {\n"
    "    fn f(&self) {}\n}\n\n#[test]\nfn g() {\n    m!(1);\n}\n\nfn h() {}\n",
    "a.ts": "export interface A {\n  x: number\n}\n\nexport function f(): void {}\n\n"
    "export class B implements A {\n  x = 1\n}\n\nf()\n",
    "a.tsx": "export function F() {\n  return <b>1</b>\n}\n\nexport const g = 1\n",
}


def sources() -> list[tuple[str, str]]:
    texts = [(p.name, p.read_text("utf-8")) for p in sorted(CASES.glob("*/input*"))]
    return [*SAMPLES.items(), *texts, *list(project().items())[:1]]


def test_every_language_is_sampled() -> None:
    assert {detect(name) for name in SAMPLES} == set(TONGUES)
    for name, text in SAMPLES.items():
        assert gaps(text, outlined(text, detect(name)), detect(name)), name


@pytest.mark.parametrize("made", ["constant", "function"])
def test_no_plant_breaks_a_file(made: str) -> None:
    words = ("idle", "lease", "limit")
    for name, text in sources():
        lang = detect(name)
        for gap in gaps(text, outlined(text, lang), lang):
            spelt, code = (
                constant(lang, words, 12345)
                if made == "constant"
                else function(lang, words, ("queue", "owner"), 12345)
            )
            lines = text.split("\n")
            lines[gap.line - 1 : gap.line - 1] = put(gap, code).split("\n")[:-1]
            after = outlined("\n".join(lines), lang)
            assert after.errors == 0, (name, gap)
            assert spelt in {s.name for s in after.definitions}, name
            before = outlined(text, lang).definitions
            assert len(after.definitions) == len(before) + 1


@settings(max_examples=200, deadline=None)
@given(
    st.text("ab\n", max_size=12),
    st.lists(st.tuples(st.integers(0, 6), st.sampled_from("xyz")), max_size=4),
)
def test_planting_adds_lines_and_moves_none(
    text: str, wanted: list[tuple[int, str]]
) -> None:
    from repoctx.probe import Plant

    count = text.count("\n") + bool(text and not text.endswith("\n"))
    plants = [Plant("p", line, f"{mark}\n") for line, mark in wanted if line <= count]
    after = planted(text, plants).split("\n")
    left = list(after)
    for plant in plants:
        left.remove(plant.text[:-1])
    assert "\n".join(left).rstrip("\n") == text.rstrip("\n") or not plants
    for plant in plants:
        if plant.line and sum(p.line == plant.line for p in plants) == 1:
            shift = sum(0 < p.line < plant.line for p in plants)
            assert after[plant.line - 1 + shift] == plant.text[:-1]


def test_what_was_there_before_is_in_the_base_only() -> None:
    for probe in of("superseded"):
        [plant] = probe.plants
        text = material().held[plant.path]
        old, new = planted(text, [plant], stale=True), planted(text, [plant])
        assert holds(old, probe.superseded[0]) and not holds(old, probe.truth[0])
        assert holds(new, probe.truth[0]) and not holds(new, probe.superseded[0])
        assert len(old.split("\n")) == len(new.split("\n"))


def test_where_there_is_little_room_small_files_hold_it() -> None:
    texts = dict(project())
    for path in [path for path in texts if path.endswith(".py")][::3]:
        texts[path] += "".join(f"ROW_{n} = {n}\n" for n in range(2000))
    held = Held(texts)
    sizes = {file.path: file.size for file in held.files}
    room = 16_000

    def most(**fields: int) -> dict[str, int]:
        found: dict[str, int] = {}
        for probe in generate(held, FAMILIES, 6, 0, **fields):
            needed = sum(sizes[path] for path in set(probe.evidence))
            found[probe.family] = max(found.get(probe.family, 0), needed)
        return found

    narrow, wide = most(room=room), most()
    assert max(narrow.values()) <= room < wide["distractors"]
    assert {"needle", "distractors", "needles", "superseded", "copy"} <= {*narrow}


# --- chance ---------------------------------------------------------------------------


def names(probe: Probe, chosen: random.Random) -> str:
    """As many functions as the truth has, at random, in its form."""
    forms = {
        "callers": [f"{d[0]}::{d[1]}" for d in every()],
        "path": [d[1] for d in every()],
        "subclasses": [f"{d[0]}::{d[1]}" for d in every(True)],
        "definitions": [p for p in material().held if p.endswith(".py")],
    }
    return "\n".join(chosen.sample(forms[probe.family], len(probe.truth)))


def every(classes: bool = False) -> list[tuple[str, str]]:
    kinds = ("class",) if classes else ("function", "method")
    return [
        (path, symbol.name)
        for path in material().held
        for symbol in material().outline(path).definitions
        if symbol.kind in kinds
    ]


def value(probe: Probe, chosen: random.Random) -> str:
    return str(chosen.randint(LOW, HIGH))


RANDOM: dict[str, Callable[[Probe, random.Random], str]] = {
    "needle": value,
    "superseded": value,
    "distractors": value,
    "count": lambda _, chosen: str(chosen.randint(3, 24)),
    "description": lambda _, chosen: chosen.choice(every())[1],
    "callers": names,
    "subclasses": names,
    "definitions": names,
    "path": names,
    "copy": lambda probe, chosen: chosen.choice(
        [p.truth[0] for p in of("copy") if p.id != probe.id]
    ),
}


@pytest.mark.parametrize("family", RANDOM)
def test_an_answer_at_random_scores_at_chance(family: str) -> None:
    chosen = random.Random(family)
    for probe in of(family):
        found = [score(probe, RANDOM[family](probe, chosen)) for _ in range(2000)]
        assert sum(found) / len(found) == pytest.approx(probe.chance, abs=0.03)


def perfect(probe: Probe) -> str:
    if probe.scoring is Scoring.TEXT:
        return f"```python\n{probe.truth[0]}\n```"
    return "\n".join(probe.truth)


def test_the_truth_scores_full() -> None:
    for probe in probes():
        made = dict(item.split("\n", 1) for item in probe.truth if "\n" in item)
        assert score(probe, perfect(probe), lambda _, made=made: made) == 1.0


def test_the_old_and_the_wrong_score_nothing() -> None:
    for probe in probes():
        for other in (*probe.wrong, *probe.superseded):
            assert score(probe, other) == 0.0
            assert score(probe, f"{probe.truth[0]}\n{other}") == 0.0
            assert score(probe, f"{other}, {probe.truth[0]}") == 0.0


# --- edits ----------------------------------------------------------------------------


def test_an_edit_changes_its_files_and_leaves_them_whole() -> None:
    for probe in of("edit"):
        texts = dict(item.split("\n", 1) for item in probe.truth)
        assert set(texts) == set(probe.evidence)
        for path, text in texts.items():
            assert text != material().held[path]
            assert text.count("\n") == material().held[path].count("\n")
            assert outlined(text, detect(path)).errors == (
                material().outline(path).errors
            )
        asked = re.findall(r"`(\w+)`", probe.question)
        assert any(asked[1] in text for text in texts.values())


def test_a_tree_left_as_it_is_scores_nothing() -> None:
    for probe in of("edit"):
        assert score(probe, "", lambda _: {}) == 0.0
        same = {path: material().held[path] for path in probe.evidence}
        assert score(probe, "", lambda _, same=same: same) == 0.0
