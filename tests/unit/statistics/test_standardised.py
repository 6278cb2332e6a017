"""Differences at equal traffic: Simpson's paradox undone, a single stratum as the textbook, laws of order and sign."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bot.statistics.shortfall import Shortfall
from bot.statistics.standardised import StandardisedDifference, standardised_difference, strata_of

VALUES = st.lists(
    st.one_of(st.floats(-1e308, 1e308), st.sampled_from([0.0, 1.0, float("nan"), float("inf")])),
    min_size=60,
    max_size=150,
)


def test_one_stratum_is_the_difference_of_means():
    rng = np.random.default_rng(0)
    a, b = rng.normal(5, 1, 4000), rng.normal(5.2, 2, 900)
    found = standardised_difference(a, b, *strata_of([], [], (4000, 900)))
    welch = stats.ttest_ind(b, a, equal_var=False)
    assert (found.difference, found.strata, found.covered) == (pytest.approx(found.crude), 1, 1.0)
    assert found.difference == pytest.approx(b.mean() - a.mean())
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(welch.statistic)), rel=1e-3)


def test_traffic_that_differs_makes_no_difference_and_hides_none():
    rng = np.random.default_rng(1)

    def made(mix, extra, count=20_000):
        segment = rng.choice(["a", "b"], count, p=[1 - mix, mix]).astype(object)
        return (rng.random(count) < np.where(segment == "a", 0.1, 0.6) + extra).astype(float), segment

    (a, at), (b, bt) = made(0.2, 0), made(0.7, 0)
    calm = standardised_difference(a, b, *strata_of([at], [bt], (20_000, 20_000)))
    assert calm.crude > 0.2
    assert abs(calm.difference) < 0.02
    assert calm.p_value > 0.01
    (a, at), (b, bt) = made(0.7, 0), made(0.2, 0.05)
    hidden = standardised_difference(a, b, *strata_of([at], [bt], (20_000, 20_000)))
    assert hidden.crude < 0
    assert hidden.difference == pytest.approx(0.05, abs=0.02)
    assert hidden.p_value < 1e-6


def test_false_alarms_keep_their_promise():
    low = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        a, b = ((rng.random(n) < 0.2).astype(float) for n in (400, 300))
        found = standardised_difference(a, b, rng.integers(0, 4, 400), rng.integers(0, 4, 300))
        low += found.p_value < 0.05
    assert 8 <= low <= 34


@given(VALUES, VALUES, st.integers(1, 5), st.randoms())
@settings(deadline=None, max_examples=60)
def test_order_does_not_matter_and_sides_mirror(a, b, kinds, shuffle):
    one, two = np.array(a), np.array(b)
    codes, others = np.arange(one.size) % kinds, np.arange(two.size) % kinds
    found = standardised_difference(one, two, codes, others)
    if isinstance(found, Shortfall):
        assert min(np.isfinite(one).sum(), np.isfinite(two).sum()) < 50 * kinds
        return
    assert 0 <= found.p_value <= 1
    assert found.interval.lower <= found.difference <= found.interval.upper
    order = list(range(one.size))
    shuffle.shuffle(order)
    moved = standardised_difference(one[order], two, codes[order], others)
    size = max(float(np.abs(np.clip(side[np.isfinite(side)], -1e140, 1e140)).max()) for side in (one, two))
    assert moved.difference == pytest.approx(found.difference, abs=1e-9 * size + 1e-300)
    mirrored = standardised_difference(two, one, others, codes)
    assert mirrored.difference == pytest.approx(-found.difference, abs=1e-9 * size + 1e-300)


def test_strata_that_only_one_group_has_are_left_out_and_said():
    a, b = np.arange(100) % 2.0, np.arange(100) % 2.0
    found = standardised_difference(a, b, np.repeat([0, 1], 50), np.repeat([1, 2], 50))
    assert isinstance(found, StandardisedDifference)
    assert (found.strata, found.covered) == (1, 0.5)
    apart = standardised_difference(a, b, np.zeros(100, dtype=int), np.ones(100, dtype=int))
    assert "common traffic" in apart.sentence


def test_too_little_and_unequal_lengths_are_answers():
    a = np.zeros(60)
    assert "Only 10 rows in the first group" in standardised_difference(a[:10], a, a[:10], a).sentence
    assert standardised_difference(a, a, a[:9], a).reason == "unequal_length"
    same = standardised_difference(a, a, a.astype(int), a.astype(int))
    assert (same.p_value, same.effect) == (1.0, 0.0)
    apart = standardised_difference(a, a + 1, a.astype(int), a.astype(int))
    assert (apart.p_value, apart.effect) == (0.0, float("inf"))


def test_strata_are_the_cells_of_all_columns():
    words, numbers = np.array(["x", "y"] * 100, dtype=object), np.arange(200.0)
    codes, others = strata_of([words, numbers], [words[:10], numbers[:10]], (200, 10))
    assert np.unique(codes).size == 10
    assert (codes[:10] == others).all()
    assert [side.tolist() for side in strata_of([], [], (2, 1))] == [[0, 0], [0]]
