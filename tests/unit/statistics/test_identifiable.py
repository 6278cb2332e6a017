"""Which faults leave a trace: the written rule, case by case."""

import numpy as np
import pytest

from bot.statistics.faults.hypothesis import FaultKind
from bot.statistics.faults.identifiable import can_be_told, distance, visible

RNG = np.random.default_rng(20261201)
VALUES = RNG.lognormal(3, 1, 1000)
WORDS = RNG.choice(["a", "b", "c"], 1000, p=[0.6, 0.3, 0.1]).astype(object)
SOME = np.arange(1000) % 5 == 0
TWO = np.array(["a", "b"], dtype=object)


def swapped(hit):
    return np.array([{"a": "b", "b": "a"}.get(word, word) if at else word for word, at in zip(WORDS, hit, strict=True)])


@pytest.mark.parametrize(
    ("kind", "clean", "seen", "told"),
    [
        (FaultKind.SCALED, VALUES, np.where(SOME, VALUES * 100, VALUES), True),
        (FaultKind.SCALED, VALUES, np.where(np.arange(1000) < 20, VALUES * 100, VALUES), False),
        (FaultKind.SIGN_FLIPPED, VALUES - VALUES[::-1], VALUES[::-1] - VALUES, False),
        (FaultKind.NULLS, VALUES, np.where(SOME, np.nan, VALUES), True),
        (FaultKind.TRUNCATED, VALUES, VALUES[np.quantile(VALUES, 0.7) > VALUES], True),
        (FaultKind.STALE, VALUES, VALUES[np.arange(1000) // 5 * 5], True),
        (FaultKind.STALE, VALUES, np.where(np.arange(1000) < 50, VALUES[0], VALUES), False),
        (FaultKind.STALE, np.round(VALUES / 10), np.round(VALUES[::-1] / 10), False),
        (FaultKind.SWAPPED, WORDS, swapped(np.ones(1000, dtype=bool)), True),
        (FaultKind.SWAPPED, WORDS, swapped(SOME), False),
        (FaultKind.LOST, WORDS, WORDS[WORDS != "b"], True),
    ],
)
def test_a_fault_can_be_told_where_it_leaves_a_trace(kind, clean, seen, told):
    assert can_be_told(kind, clean, seen) is told


def test_distances_are_those_of_shares():
    assert distance(VALUES, VALUES) == 0
    assert distance(np.repeat(TWO, 2), np.repeat(TWO, [3, 1])) == 0.25
    assert distance(VALUES, np.full(1000, np.nan)) == 1
    assert visible(200) == pytest.approx(0.136)
