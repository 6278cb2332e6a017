"""The curve of late labels equals its definition, survives rows too young to have one, and covers the truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bot.statistics.isotonic import pool_adjacent
from bot.statistics.maturity import expected_share, maturity, maturity_now
from bot.statistics.shortfall import Reason

DAY = 86400.0


def cohort(rng, rows, *, mean=5 * DAY, span=30 * DAY, ever=1.0):
    ages = rng.random(rows) * span
    took = np.where(rng.random(rows) < ever, rng.exponential(mean, rows), np.inf)
    return ages, np.where(took <= ages, took, np.nan)


def test_it_is_the_estimate_of_kaplan_and_meier():
    ages, took = cohort(np.random.default_rng(0), 500)
    found = maturity(ages, took)
    came = np.isfinite(took)
    data = stats.CensoredData(uncensored=took[came], right=ages[~came])
    expected = stats.ecdf(data)
    np.testing.assert_allclose(found.share, expected.cdf.evaluate(found.ages), atol=1e-12)
    limits = expected.cdf.confidence_interval(method="log-log")
    inner = slice(20, -20)
    np.testing.assert_allclose(found.lower[inner], limits.low.evaluate(found.ages)[inner], atol=1e-9)
    np.testing.assert_allclose(found.upper[inner], limits.high.evaluate(found.ages)[inner], atol=1e-9)


def test_young_rows_do_not_make_labels_look_late_or_early():
    rng = np.random.default_rng(1)
    found = maturity(*cohort(rng, 20_000))
    truth = stats.expon(scale=5 * DAY)
    assert found.age_of(0.5) == pytest.approx(truth.ppf(0.5), rel=0.05)
    assert found.age_of(0.9) == pytest.approx(truth.ppf(0.9), rel=0.05)
    assert found.by(9 * DAY) == pytest.approx(truth.cdf(9 * DAY), abs=0.02)
    assert found.settled


def test_intervals_cover():
    rng = np.random.default_rng(2)
    covered = []
    for _ in range(200):
        found = maturity(*cohort(rng, 300))
        place = np.searchsorted(found.ages, 5 * DAY)
        covered.append(found.lower[place] <= stats.expon(scale=5 * DAY).cdf(found.ages[place]) <= found.upper[place])
    assert 0.9 <= np.mean(covered) <= 0.99


def test_without_times_the_curve_is_about_the_same():
    rng = np.random.default_rng(3)
    ages, took = cohort(rng, 50_000)
    found = maturity_now(ages, np.isfinite(took))
    truth = stats.expon(scale=5 * DAY)
    for day in (1, 3, 5, 10, 20):
        assert found.by(day * DAY) == pytest.approx(truth.cdf(day * DAY), abs=0.05)
    assert found.age_of(0.5) == pytest.approx(truth.ppf(0.5), rel=0.2)


def test_rows_that_never_get_a_label_hold_the_curve_down_but_not_the_usual_age():
    found = maturity(*cohort(np.random.default_rng(4), 40_000, ever=0.6, span=60 * DAY))
    assert found.ever == pytest.approx(0.6, abs=0.02)
    assert found.settled
    assert found.age_of(0.5) == pytest.approx(stats.expon(scale=5 * DAY).ppf(0.5), rel=0.06)


def test_a_curve_that_still_rises_is_not_settled():
    found = maturity(*cohort(np.random.default_rng(5), 20_000, mean=60 * DAY))
    assert not found.settled


def test_the_share_that_should_have_come_is_what_comes():
    rng = np.random.default_rng(6)
    curve = maturity(*cohort(rng, 50_000))
    inside = 0
    for _ in range(100):
        ages, took = cohort(rng, 400, span=7 * DAY)
        due = expected_share(curve, ages)
        inside += due.lower <= np.isfinite(took).mean() <= due.upper
    assert inside >= 88


@pytest.mark.parametrize("build", ["all at once", "none", "before", "nan ages"])
def test_odd_columns_are_states_not_errors(build):
    ages, took = np.linspace(0, 10, 100), np.full(100, np.nan)
    if build == "all at once":
        took = np.zeros(100)
    if build == "before":
        took = np.full(100, -5.0)
    if build == "nan ages":
        ages = np.full(100, np.nan)
    for found in (maturity(ages, took), maturity_now(ages, np.isfinite(took))):
        if build == "nan ages":
            assert found.reason == Reason.TOO_FEW_ROWS
            continue
        assert found.ever == (0 if build == "none" else 1)
        assert (found.age_of(0.5) is None) == (build == "none")
        assert found.by(1e9) == found.ever


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0.1, 9)), min_size=1, max_size=40),
)
@settings(max_examples=60, deadline=None)
def test_the_nearest_rising_curve_rises_keeps_the_mean_and_beats_its_neighbours(points):
    values, weights = (np.array(side) for side in zip(*points, strict=True))
    found = pool_adjacent(values, weights)
    assert (np.diff(found) >= -1e-12).all()
    assert np.average(found, weights=weights) == pytest.approx(np.average(values, weights=weights))
    ordered = np.sort(values)
    assert (weights * (found - values) ** 2).sum() <= (weights * (ordered - values) ** 2).sum() + 1e-9
