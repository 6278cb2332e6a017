"""Confidence against scipy's entropy and exact sums, on probabilities of every kind."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from bot.statistics.confidence import (
    Confidence,
    NotChances,
    compare_confidence,
    of_certainty,
    of_probabilities,
    of_score,
)
from bot.statistics.shortfall import Shortfall

CHANCES = arrays.arrays(np.float64, st.integers(60, 200), elements=st.floats(0, 1))
WILD = st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=60)


@given(CHANCES)
@settings(deadline=None)
def test_two_classes_from_a_score_equal_two_columns_and_scipy(p):
    one, both = of_score(p), of_probabilities([p, 1 - p])
    for name in ("top", "margin", "entropy"):
        np.testing.assert_allclose(getattr(one, name), getattr(both, name), atol=1e-12)
    np.testing.assert_allclose(one.entropy, stats.entropy(np.stack([p, 1 - p]), base=2), atol=1e-12)


@given(arrays.arrays(np.float64, (60, 4), elements=st.floats(0.001, 1)))
@settings(deadline=None)
def test_many_classes_equal_scipy_whatever_their_order(raw):
    p = raw / raw.sum(axis=1, keepdims=True)
    found = of_probabilities(list(p.T))
    np.testing.assert_allclose(found.entropy, stats.entropy(p.T, base=4), atol=1e-12)
    np.testing.assert_allclose(found.top, p.max(axis=1))
    turned = of_probabilities(list(p.T[::-1]))
    np.testing.assert_allclose(turned.margin, found.margin, atol=1e-12)


@given(WILD)
@settings(deadline=None)
def test_numbers_are_chances_or_are_told_not_to_be(values):
    score = np.array(values, dtype=np.float64)
    known = score[~np.isnan(score)]
    found = of_score(score)
    assert isinstance(found, NotChances) == bool(known.size and (known.min() < -1e-6 or known.max() > 1 + 1e-6))
    if isinstance(found, Confidence):
        assert ((found.top[found.known] >= 0.5) & (found.top[found.known] <= 1)).all()


def test_certain_and_clueless_rows():
    found = of_probabilities([np.array([1.0, 1 / 3, np.nan]), np.array([0.0, 1 / 3, 0.5]), np.array([0.0, 1 / 3, 0.5])])
    assert found.entropy[:2].tolist() == pytest.approx([0, 1])
    assert found.margin[:2].tolist() == pytest.approx([1, 0])
    assert found.known.tolist() == [True, True, False]
    assert of_probabilities([np.array([0.5]), np.array([0.1])]).off_sum == pytest.approx(0.4)
    assert np.isnan(of_certainty(np.array([0.4, 0.9]), 3).margin).all()


def test_the_difference_of_means_is_welchs():
    rng = np.random.default_rng(0)
    then, now = of_score(rng.beta(1, 5, 20_000)), of_score(rng.beta(2, 5, 900))
    found = compare_confidence(then, now, 0.6)
    welch = stats.ttest_ind(now.top, then.top, equal_var=False)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(welch.statistic)), rel=1e-6)
    assert found.low.current.count == int((now.top < 0.6).sum())
    assert found.direction == "less"


@given(CHANCES, CHANCES, st.randoms())
@settings(deadline=None)
def test_the_order_of_rows_does_not_matter_and_the_sides_mirror(then, now, shuffle):
    one = compare_confidence(of_score(then), of_score(now), 0.7)
    order = list(range(now.size))
    shuffle.shuffle(order)
    other = compare_confidence(of_score(then), of_score(now[order]), 0.7)
    assert other.low == one.low
    assert other.difference == pytest.approx(one.difference, abs=1e-12)
    mirrored = compare_confidence(of_score(now), of_score(then), 0.7)
    assert mirrored.difference == pytest.approx(-one.difference, abs=1e-12)


def test_too_little_is_an_answer_and_constants_have_one():
    few = compare_confidence(of_score(np.full(10, 0.5)), of_score(np.full(90, 0.5)), 0.6)
    assert isinstance(few, Shortfall)
    null = compare_confidence(of_score(np.full(90, 0.5)), of_score(np.full(90, np.nan)), 0.6)
    assert "All 90 rows" in null.sentence
    same = compare_confidence(of_score(np.full(90, 0.9)), of_score(np.full(90, 0.9)), 0.6)
    assert (same.direction, same.effect) == (None, 0.0)
    apart = compare_confidence(of_score(np.full(90, 0.9)), of_score(np.full(90, 0.7)), 0.6)
    assert (apart.direction, math.isinf(apart.effect)) == ("less", True)
