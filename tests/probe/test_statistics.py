"""Intervals hold what they say they hold, and a break is found where it is."""

from __future__ import annotations

import random
from statistics import fmean

import pytest

from repoctx.probe.statistics import (
    apart,
    break_in,
    difference,
    difference_of,
    mean_of,
)


def singles(scores):
    return {str(n): [score] for n, score in enumerate(scores)}


@pytest.mark.parametrize("share", [0.02, 0.25, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("n", [5, 12, 40])
def test_a_mean_lies_inside_as_often_as_is_said(share: float, n: int):
    draw, inside = random.Random(f"{share}{n}"), 0
    for _ in range(200):
        found = mean_of(singles([float(draw.random() < share) for _ in range(n)]))
        inside += found.low <= share <= found.high
    assert inside >= 186  # 93 of 100: the bounds are said to be of 95


@pytest.mark.parametrize("odds", [(0.5, 0.5), (0.9, 0.6), (1.0, 1.0), (0.2, 0.8)])
def test_a_difference_lies_inside_as_often_as_is_said(odds: tuple[float, float]):
    draw, inside, true = random.Random(str(odds)), 0, odds[1] - odds[0]
    for _ in range(200):
        gains = []
        for _ in range(15):
            luck = draw.random()  # the same probe: hard for one, hard for the other
            gains.append(float(luck < odds[1]) - float(luck < odds[0]))
        found = difference_of(gains)
        inside += found.low <= true <= found.high
    assert inside >= 186


def test_equal_scores_are_not_taken_for_certainty():
    assert mean_of(singles([1.0] * 4)).low < 0.6
    assert mean_of(singles([1.0] * 100)).low > 0.95
    none = difference_of([0.0] * 5)
    assert none.low < -0.3 and none.high > 0.3


def test_a_probe_that_is_asked_often_counts_once():
    often = {"a": [1.0] * 50, "b": [0.0] * 50}
    found = mean_of(often)
    assert found.n == 2 and found.high - found.low > 0.8


def test_nothing_is_known_of_nothing():
    assert not mean_of({}).known and not mean_of({"a": []}).known
    assert not difference({"a": [1.0]}, {"b": [1.0]}).known
    assert not apart({}, {"b": [1.0]}).known
    assert break_in([]) is None and break_in([{"a": [1.0]}]) is None


def test_the_same_numbers_give_the_same_interval():
    scores = singles([0.0, 0.5, 1.0, 1.0, 0.25])
    assert mean_of(scores) == mean_of(scores)


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_a_break_is_found_where_it_is(at: int):
    draw = random.Random(at)
    steps = [
        {str(p): [float(draw.random() < (0.95 if s < at else 0.3))] for p in range(16)}
        for s in range(5)
    ]
    found = break_in(steps)
    assert found and abs(found.at - at) <= 1 and found.low <= at <= found.high
    assert found.drop.low > 0.1


def test_chance_is_not_taken_for_a_break():
    draw, seen = random.Random(1), 0
    for _ in range(60):
        steps = [
            {str(p): [float(draw.random() < 0.6)] for p in range(12)} for _ in range(5)
        ]
        found = break_in(steps)
        seen += bool(found and found.drop.low > 0)
    assert seen <= 5  # of 60; more would be one in twenty


def test_a_score_that_rises_has_no_break():
    steps = [{str(p): [s / 4] for p in range(20)} for s in range(5)]
    found = break_in(steps)
    assert found is not None and found.drop.low <= 0


def test_means_apart():
    found = apart(singles([1.0] * 30), singles([0.0] * 30))
    assert found.high < -0.8
    assert fmean([found.low, found.high]) < 0
