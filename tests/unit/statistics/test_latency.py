"""Percentiles against numpy and scipy, intervals against their promise, buckets against the values they hold."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from bot.statistics.latency import (
    bucket_objective,
    bucket_percentiles,
    clean,
    objective,
    percentiles,
    ranks,
    rows_to_bound,
    slower,
)
from bot.statistics.shortfall import Shortfall

VALUES = st.lists(
    st.one_of(st.floats(0, 1e308), st.sampled_from([0.0, 1.0, 250.0, math.inf])), min_size=50, max_size=300
)
BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, math.inf]


@given(VALUES, st.sampled_from([0.5, 0.9, 0.95, 0.99, 0.999]), st.randoms())
@settings(deadline=None)
def test_a_percentile_is_numpys_whatever_the_order_and_lies_in_its_interval(values, share, shuffle):
    (found,) = percentiles(clean(np.array(values)), [share])
    assert found.value == np.quantile(np.sort(values), share, method="inverted_cdf")
    assert found.interval.lower <= found.value <= found.interval.upper
    shuffle.shuffle(values)
    assert percentiles(clean(np.array(values)), [share]) == (found,)


@given(st.integers(50, 10**7), st.sampled_from([0.5, 0.9, 0.99, 0.999]), st.sampled_from([0.9, 0.99, 0.999]))
@settings(deadline=None)
def test_ranks_are_the_binomials_and_cover(rows, share, confidence):
    low, high = ranks(rows, share, confidence)
    tail = (1 - confidence) / 2
    assert low == int(stats.binom.ppf(tail, rows, share))
    assert high == int(stats.binom.ppf(1 - tail, rows, share)) + 1
    assert stats.binom.cdf(low - 1, rows, share) <= tail * (1 + 1e-9)
    assert stats.binom.sf(high - 1, rows, share) <= tail * (1 + 1e-9)


def test_intervals_cover_heavy_tails_as_often_as_they_promise():
    rng = np.random.default_rng(0)
    true, held = stats.lognorm.ppf(0.95, 2), 0
    for _ in range(1000):
        (found,) = percentiles(clean(rng.lognormal(0, 2, 400)), [0.95], confidence=0.9)
        held += found.interval.lower <= true <= found.interval.upper
    assert 0.885 < held / 1000 < 0.97


def test_rows_that_a_percentile_takes_to_be_bounded():
    need = rows_to_bound(0.99)
    assert ranks(need, 0.99)[1] <= need
    assert ranks(need - 1, 0.99)[1] == need
    assert math.isinf(percentiles(np.arange(100.0), [0.99])[0].interval.upper)


def test_nulls_and_negative_values_are_left_out_and_infinite_ones_are_slow():
    ordered = clean(np.array([None, 3, -1, math.nan, 1, math.inf, 2**60 + 1], dtype=object))
    assert ordered.tolist() == [1, 3, float(2**60), math.inf]
    assert percentiles(ordered).need == 50
    assert isinstance(percentiles(clean(np.array([], dtype=float))), Shortfall)


@given(VALUES, st.floats(0.001, 1e300))
@settings(deadline=None)
def test_an_objective_counts_the_rows_above_its_limit(values, limit):
    found = objective(clean(np.array(values)), limit, 0.95)
    assert found.above.count == sum(value > limit for value in values)
    assert found.burn == pytest.approx(found.above.value / 0.05)
    assert not found.breached or found.above.value > 0.05
    wider = objective(clean(np.array(values)), limit * 2, 0.95)
    assert wider.above.count <= found.above.count


def test_a_breach_is_beyond_chance():
    few, many = np.repeat([10.0, 400.0], [97, 3]), np.repeat([10.0, 400.0], [9700, 300])
    assert [objective(side, 250, 0.99).breached for side in (few, many)] == [False, True]


def test_slower_takes_a_fifth_and_more_than_chance():
    rng = np.random.default_rng(1)
    then = percentiles(clean(rng.lognormal(4, 1, 20_000)))
    assert not any(slower(*pair) for pair in zip(then, percentiles(clean(rng.lognormal(4, 1, 2000))), strict=True))
    assert not any(slower(*pair) for pair in zip(then, percentiles(clean(rng.lognormal(4.1, 1, 10**6))), strict=True))
    assert slower(then[0], percentiles(clean(rng.lognormal(4.4, 1, 2000)))[0])


@given(st.lists(st.floats(0, 20), min_size=60, max_size=400), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
@settings(deadline=None)
def test_a_bucket_holds_the_true_percentile_and_the_interval_that_of_the_values(values, share):
    ordered = clean(np.array(values))
    cumulative = np.searchsorted(ordered, BOUNDS, side="right")
    (exact,), (found,) = percentiles(ordered, [share]), bucket_percentiles(BOUNDS, cumulative, [share])
    assert found.bucket.lower <= exact.value <= found.bucket.upper
    assert found.interval.lower <= exact.interval.lower
    assert found.interval.upper >= min(exact.interval.upper, math.inf)
    if math.isfinite(found.bucket.upper):
        assert found.bucket.lower <= found.value <= found.bucket.upper


def test_buckets_are_interpolated_as_prometheus_does():
    bounds, cumulative = [0.1, 0.2, 0.4, math.inf], [10, 50, 90, 100]
    found = bucket_percentiles(bounds, cumulative, [0.05, 0.3, 0.5, 0.7, 0.95])
    assert [one.value for one in found] == pytest.approx([0.05, 0.15, 0.2, 0.3, 0.4])
    assert math.isinf(found[-1].bucket.upper)
    below = bucket_percentiles([-1.0, 1.0, math.inf], [60, 60, 60], [0.5])[0]
    assert below.value == -1.0


@given(st.lists(st.floats(0, 20), min_size=60, max_size=300), st.sampled_from([0.3, 0.25, 10.0, 30.0]))
@settings(deadline=None)
def test_an_objective_from_buckets_lies_between_best_and_worst(values, limit):
    ordered = clean(np.array(values))
    best, worst = bucket_objective(BOUNDS, np.searchsorted(ordered, BOUNDS, side="right"), limit)
    exact = objective(ordered, limit)
    assert best.above.count <= exact.above.count <= worst.above.count
    assert (best == worst) or limit not in BOUNDS


@pytest.mark.parametrize(
    ("bounds", "counts", "says"),
    [
        ([1.0, 2.0], [5, 60], "infinite"),
        ([2.0, 1.0, math.inf], [5, 6, 60], "ascend"),
        ([1.0, math.inf], [70, 60], "cumulative"),
        ([1.0, math.inf], [math.nan, 60], "cumulative"),
        ([math.inf], [60], "two or more"),
        ([1.0, 2.0, math.inf], [5, 60], "3 bounds and 2 counts"),
    ],
)
def test_what_is_no_histogram_is_told(bounds, counts, says):
    with pytest.raises(ValueError, match=says):
        bucket_percentiles(bounds, counts)


def test_few_rows_in_buckets_are_an_answer():
    assert bucket_percentiles([1.0, math.inf], [3, 4]).have == 4


@given(VALUES)
@settings(deadline=None)
def test_percentiles_never_fall(values):
    assume(len(values) >= 50)
    found = [one.value for one in percentiles(clean(np.array(values)), [0.1, 0.5, 0.9, 0.95, 0.99, 1.0 - 1e-9])]
    assert found == sorted(found)
