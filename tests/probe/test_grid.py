"""The plan of a grid: who is asked where, and over how few prefixes."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from repoctx.probe import Plant, Probe, Scoring
from repoctx.probe.grid import (
    ARMS,
    USUAL,
    Plan,
    arranged,
    fitting,
    place,
    plants_of,
    sheets,
)


def needle(n: int, **more) -> Probe:
    path = f"src/f{n}.py"
    fields = {"evidence": (path,), "plants": (Plant(path, 1, f"N{n} = {n}\n"),)}
    return Probe(
        f"needle-{n}", "needle", f"N{n}?", (str(n),), Scoring.EXACT, **(fields | more)
    )


def rival(n: int) -> Probe:
    plants = (
        Plant(f"src/f{n}.py", 1, "N = 100\n"),
        Plant("src/other.py", 1, "M = 200\n"),
    )
    return Probe(
        f"distractors-{n}",
        "distractors",
        "N?",
        ("100",),
        Scoring.EXACT,
        (f"src/f{n}.py", "src/other.py"),
        plants,
        wrong=("200",),
    )


def ten(path: str) -> int:
    return 10


PROBES = [needle(n) for n in range(20)]
PLAN = Plan((100, 1000, 10_000))


def test_a_question_is_asked_once_a_length_and_wanders_over_the_depths():
    found = sheets(PROBES, PLAN, ten)
    asked = [(s.length, a.probe.id, a.depth) for s in found for a in s.asks]
    assert len(asked) == len(set(asked)) == 60
    for probe in PROBES:
        depths = [depth for _, name, depth in asked if name == probe.id]
        assert len(set(depths)) == 3
    cells = Counter((length, depth) for length, _, depth in asked)
    assert set(cells.values()) == {4}


def test_as_many_questions_share_a_context_as_fit_it():
    per = Counter(sheet.length for sheet in sheets(PROBES, PLAN, ten))
    assert per == {100: 4, 1000: 1, 10_000: 1}
    assert not fitting(PROBES, 10, ten)
    assert len(fitting(PROBES, 20, ten)) == 20


def test_arms_are_tried_at_one_length_on_the_probes_they_concern():
    old = (Plant("src/f50.py", 1, "N50 = 50\n", "N50 = 9\n"),)
    stale = needle(50, superseded=("9",), plants=old)
    probes = [*PROBES[:4], rival(60), stale]
    arms = dict(ARMS) | {"effort": ("low", "high")}
    plan = Plan((100, 1000), arms=arms, arm_length=1000)
    found = sheets(probes, plan, ten)
    assert all(not a.arm for s in found if s.length == 100 for a in s.asks)
    tried = Counter(
        (a.arm, getattr(a.setting, a.arm)) for s in found for a in s.asks if a.arm
    )
    assert tried == {
        ("anchor", "without"): 6,
        ("overlay", "blocks"): 1,
        ("overlay", "full"): 1,
        ("overlay", "strict"): 1,
        ("distractors", "removed"): 1,
        ("context", "skeleton"): 6,
        ("effort", "high"): 6,
        ("question", "before"): 6,
    }
    # Where the question comes first every one has a prefix of its own.
    before = [s for s in found if s.first]
    assert [len(s.asks) for s in before] == [1] * 6
    # Every answer of an arm has its match in the grid: same probe, length and depth.
    usual = {
        (s.length, a.probe.id, a.depth) for s in found for a in s.asks if not a.arm
    }
    assert {
        (s.length, a.probe.id, a.depth) for s in found for a in s.asks if a.arm
    } <= usual


def test_what_shares_a_prefix_comes_together():
    plan = Plan((1000,), arms={"anchor": ARMS["anchor"]}, arm_length=1000)
    (sheet,) = sheets(PROBES, plan, ten)
    assert len(sheet.asks) == 40 and sheet.setting == USUAL


def test_removing_distractors_leaves_what_is_asked_for():
    (sheet, other) = sheets(
        [rival(1)],
        Plan((100,), arms={"distractors": ARMS["distractors"]}, arm_length=100),
        ten,
    )
    assert {p: len(x) for p, x in plants_of(sheet).items()} == {
        "src/f1.py": 1,
        "src/other.py": 1,
    }
    assert set(plants_of(other)) == {"src/f1.py"}


def test_no_plant_stands_in_a_text_that_is_compared_whole():
    copy = Probe("copy-1", "copy", "copy f", ("x",), Scoring.TEXT, ("src/f3.py",))
    found = sheets([*PROBES[:5], copy], Plan((1000,)), ten)
    for sheet in found:
        if copy in sheet.probes:
            assert "src/f3.py" not in plants_of(sheet)


@pytest.mark.parametrize("size", [1, 40])
def test_evidence_stands_at_its_depth(size: int):
    probes = PROBES[:5]
    (sheet,) = sheets(probes, Plan((100_000,)), ten)
    sizes = {f"lib/g{n:03}.py": 10 for n in range(300)}
    sizes |= {f"src/f{n}.py": size for n in range(5)}
    order = arranged(sheet, sizes, str.encode)
    assert sorted(order) == sorted(sizes)
    total, at = sum(sizes.values()), 0
    for path in order:
        for probe in probes:
            if place(probe) == path:
                assert abs(at / (total - size) - sheet.depths[probe.id]) < 0.03
        at += sizes[path]
    rest = [path for path in order if path.startswith("lib")]
    assert all(a < b for a, b in pairwise(rest))
