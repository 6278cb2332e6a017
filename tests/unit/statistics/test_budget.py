"""Limits from the pooled past of like monitors: laws, and the budget kept on series that are not what they seem."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.statistics.budget import Kept, Pool, episode_peaks, pool_limit, rate_interval, realised
from tests.benchmarks.fleets import MONITORS, draw, like_now, pages, surprises

SURPRISES = st.lists(st.one_of(st.floats(0, 20), st.just(math.nan)), max_size=120).map(np.array)
POOLS = st.lists(SURPRISES, min_size=1, max_size=6)


def pool(past, budget=1.0, per_week=7.0):
    return Pool(tuple(np.asarray(one, dtype=np.float64) for one in past), (per_week,) * len(past), budget)


def test_without_a_past_the_monitors_own_model_decides():
    found = pool_limit(pool([[]] * 50))
    assert found.surprise == pytest.approx(math.log10(350), abs=1e-6)
    assert (found.certified, found.weeks, found.wanted, found.weeks_to_go) == (False, 0.0, 3.0, 3.0)
    assert found.upper == math.inf


@settings(max_examples=60, deadline=None)
@given(POOLS, st.randoms(use_true_random=False))
def test_the_order_of_monitors_does_not_matter(past, random):
    shuffled = list(past)
    random.shuffle(shuffled)
    assert pool_limit(pool(past)).surprise == pytest.approx(pool_limit(pool(shuffled)).surprise)


@settings(max_examples=60, deadline=None)
@given(POOLS)
def test_windows_that_say_nothing_change_nothing(past):
    silent = [np.concatenate([[math.nan], one, [math.nan, math.nan]]) for one in past]
    assert pool_limit(pool(past)).surprise == pytest.approx(pool_limit(pool(silent)).surprise)


def test_a_larger_budget_never_makes_the_limit_stricter():
    rng = np.random.default_rng(2)
    for scale in (0.43, 0.8, 1.5):
        past = [rng.exponential(scale, 80) for _ in range(20)]
        limits = [pool_limit(pool(past, budget)).surprise for budget in (0.1, 0.3, 1, 3, 10)]
        assert limits == sorted(limits, reverse=True)
        assert min(limits) >= 0


def test_a_pool_of_surprises_that_are_what_they_say_has_the_exact_limit():
    rng = np.random.default_rng(3)
    found = [pool_limit(pool(list(rng.exponential(1 / math.log(10), (50, 90))))).surprise for _ in range(20)]
    assert np.mean(found) == pytest.approx(math.log10(350), abs=0.1)


@pytest.mark.parametrize(("kind", "points", "most"), [("normal", 60, 1.3), ("t3", 90, 1.5), ("AR .5", 60, 1.4)])
def test_a_fleet_keeps_its_budget(kind, points, most):
    rng = np.random.default_rng(4)
    kept = []
    for _ in range(12):
        found = surprises(draw(rng, kind, (MONITORS, points + 84)))
        limit = pool_limit(Pool(tuple(like_now(found[:, :points])), (7.0,) * MONITORS, 1.0))
        assert limit.certified
        kept.append(pages(found[:, points:], limit.surprise))
    assert 0.5 <= np.mean(kept) <= most


@given(SURPRISES, st.floats(0.1, 10))
def test_peaks_are_above_the_level_and_no_more_than_the_windows_above_it(surprises_, level):
    peaks = episode_peaks(surprises_, level)
    above = surprises_[surprises_ >= level] if surprises_.size else surprises_
    assert all(peak >= level for peak in peaks)
    assert len(peaks) <= above.size
    assert bool(peaks) == bool(above.size)
    if above.size:
        assert max(peaks) == above.max()


def test_one_stretch_has_one_peak_and_silence_does_not_end_it():
    assert episode_peaks([5, 1, 7, math.nan, math.nan, 1, 6, 0, 0, 9], 4) == [7, 9]
    assert episode_peaks([], 1) == []


def test_bounds_of_a_rate_are_the_exact_ones():
    lower, upper = rate_interval(3, 2.0, 0.95)
    assert (lower, upper) == pytest.approx((0.8177 / 2, 7.7537 / 2), rel=1e-3)
    assert rate_interval(0, 4.0)[0] == 0.0
    assert rate_interval(0, 0.0) == (0.0, math.inf)


@pytest.mark.parametrize(
    ("false_pages", "weeks", "kept"),
    [(0, 0.0, Kept.EARLY), (0, 8, Kept.WITHIN), (8, 8, Kept.WITHIN), (20, 8, Kept.ABOVE), (1, 1, Kept.EARLY)],
)
def test_a_promise_is_held_against_what_happened(false_pages, weeks, kept):
    assert realised(false_pages, weeks, 1.0).kept is kept


@pytest.mark.parametrize(("past", "budget"), [([], 1.0), ([[1.0]], 0.0)])
def test_a_pool_of_nothing_is_refused(past, budget):
    with pytest.raises(ValueError, match="budget above 0"):
        pool_limit(pool(past, budget))
