"""A mean has moved when it leaves what ordinary batches do, and by enough to matter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.statistics.distances import moments
from bot.statistics.mean_shift import mean_shifts, usual_mean
from bot.statistics.profiles import fit_numeric, profile_like

ROWS = 1000


def batch(rng, between, centre=0.0):
    """Rows of one window whose own mean differs from the next one's with a standard deviation of `between`."""
    return rng.normal(centre + rng.normal(0, between), 1, ROWS)


def shifted(rng, *, between, batches, now, mode="exact", **options):
    parts = [batch(rng, between) for _ in range(batches)]
    reference = fit_numeric(np.concatenate(parts), mode=mode)
    profiles = [profile_like(reference, one) for one in parts]
    (found,) = mean_shifts({"x": reference}, {"x": profile_like(reference, now)}, {"x": profiles}, **options)
    return found


def test_batches_that_differ_by_themselves_alarm_no_more_than_promised():
    rng = np.random.default_rng(20261123)
    runs = 300
    alarms = blind = 0
    for _ in range(runs):
        now = batch(rng, 0.15)
        found = shifted(rng, between=0.15, batches=20, now=now, least_effect=0.0)
        alarms += found.shifted
        blind += abs(found.shift) > 3 / np.sqrt(ROWS)
    assert alarms <= 26  # 15 expected at .05; more than 26 has a chance of one in 300
    assert blind > 0.4 * runs  # three sigma / sqrt(n) would have fired on as many


def test_the_floor_on_the_effect_keeps_a_sure_trifle_quiet():
    rng = np.random.default_rng(1)
    now = rng.normal(0.06, 1, 100_000)
    reference = fit_numeric(rng.normal(size=100_000), mode="exact")
    (found,) = mean_shifts({"x": reference}, {"x": profile_like(reference, now)})
    assert found.p_value < 1e-6
    assert not found.shifted
    (found,) = mean_shifts({"x": reference}, {"x": profile_like(reference, now)}, least_effect=0.05)
    assert found.shifted


@pytest.mark.parametrize("mode", ["exact", "sketch"])
def test_a_real_shift_is_seen_and_measured(mode):
    rng = np.random.default_rng(2)
    found = shifted(rng, between=0.1, batches=30, now=rng.normal(0.6, 1, ROWS), mode=mode)
    assert found.shifted
    assert found.batches == 30
    assert found.shift == pytest.approx(0.6, abs=0.12)
    assert found.effect == pytest.approx(0.6, abs=0.12)
    assert 3.5 < found.sigmas < 9


def test_few_batches_fall_back_to_the_noise_of_the_rows():
    rng = np.random.default_rng(3)
    found = shifted(rng, between=0.0, batches=5, now=rng.normal(0.3, 1, ROWS))
    assert found.batches == 0
    assert found.sigmas == pytest.approx(0.3 * np.sqrt(5 * ROWS / 6), rel=0.2)


def test_all_features_share_one_alpha():
    rng = np.random.default_rng(4)
    then = {f"x{at}": fit_numeric(rng.normal(size=500), mode="exact") for at in range(200)}
    alarms = 0
    for _ in range(20):
        now = {name: profile_like(one, rng.normal(size=500)) for name, one in then.items()}
        alarms += any(one.shifted for one in mean_shifts(then, now, least_effect=0.0))
    assert alarms <= 8  # the same references in all 20 runs, so more than 20 x .05 is no surprise


def test_what_has_no_mean_is_left_out():
    full, blank = fit_numeric(np.arange(50.0), mode="exact"), fit_numeric(np.full(50, np.nan), mode="exact")
    flat = fit_numeric(np.full(50, 7.0), mode="exact")
    then = {"gone": full, "blank": full, "flat": flat, "x": full}
    assert [one.feature for one in mean_shifts(then, {"blank": blank, "flat": full, "x": full})] == ["x"]


EXTREMES = [
    [1e308, 8e307, 5e307, 1e307],
    [np.inf, 1.0, 2.0, -np.inf],
    [5e-324, 0.0, 1e-300],
    [2.0**60, 2.0**60 + 512],
]


@pytest.mark.parametrize("mode", ["exact", "sketch"])
@pytest.mark.parametrize("values", EXTREMES)
def test_moments_of_extreme_values_are_finite_and_right(values, mode):
    found = moments(fit_numeric(np.array(values), mode=mode))
    finite = np.array([value for value in values if np.isfinite(value)])
    size = np.abs(finite).max()
    assert found.rows == finite.size
    assert found.mean / size == pytest.approx((finite / size).mean(), abs=0.01)
    assert found.sigma / size == pytest.approx((finite / size).std(), abs=0.01)


def test_moments_no_float64_can_hold_are_none_not_infinite():
    values = np.array([1e308, -1e308, 1e308, 1e307])
    assert moments(fit_numeric(values, mode="exact")).mean == pytest.approx(2.75e307)
    assert moments(fit_numeric(values, mode="sketch")) is None


@given(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=40), st.floats(0.0001, 0.4))
@settings(deadline=None)
def test_usual_limits_hold_the_centre_and_widen_with_caution(means, rate):
    found, wider = usual_mean(means, false_alarm_rate=rate), usual_mean(means, false_alarm_rate=rate / 2)
    assert found.lower <= found.centre <= found.upper
    assert wider.lower <= found.lower
    assert wider.upper >= found.upper
    assert found.centre == pytest.approx(np.mean(means), rel=1e-9, abs=1e-6)


def test_the_next_batch_leaves_its_limits_as_often_as_said():
    rng = np.random.default_rng(5)
    outside = 0
    for _ in range(4000):
        limits = usual_mean(rng.normal(size=7).tolist(), false_alarm_rate=0.05)
        outside += not limits.lower <= rng.normal() <= limits.upper
    assert 0.039 < outside / 4000 < 0.061


def test_too_few_means_give_no_limits():
    assert usual_mean([1.0, 2.0]) is None
    assert usual_mean([1.0, 2.0, np.nan, np.inf]) is None
