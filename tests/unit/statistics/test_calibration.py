"""Calibration equals its definitions, is 0 for a calibrated model, and its intervals cover."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special

from bot.statistics.calibration import Calibration, calibration
from bot.statistics.shortfall import Reason


def rows(rng, count, *, slope=1.0, level=0.0, spread=1.5):
    """The truth follows logit = level + slope * what was said."""
    x = rng.normal(0, spread, count)
    return special.expit(x), rng.random(count) < special.expit(level + slope * x)


def true_error(bins, slope, level):
    """The error those bins have where the truth is known."""
    return sum(one.rows * abs(special.expit(level + slope * special.logit(one.said)) - one.said) for one in bins) / sum(
        one.rows for one in bins
    )


def test_the_plain_error_and_bins_equal_their_definition():
    rng = np.random.default_rng(0)
    said, truth = rows(rng, 3000)
    found = calibration(said, truth, bins=10)
    order = np.argsort(said)
    parts = np.array_split(order, 10)
    expected = sum(part.size * abs(truth[part].mean() - said[part].mean()) for part in parts) / said.size
    assert found.raw_error == pytest.approx(expected, abs=1e-3)
    assert [one.rows for one in found.bins] == pytest.approx([part.size for part in parts], abs=1)
    assert sum(one.rows for one in found.bins) == 3000
    for one in found.bins:
        assert one.interval.lower <= one.share <= one.interval.upper


def test_slope_intercept_and_their_errors_are_the_likeliest_ones():
    said, truth = rows(np.random.default_rng(1), 4000, slope=0.6, level=-0.4)
    x = special.logit(said)

    def loss(at):
        z = at[0] + at[1] * x
        return np.logaddexp(0, z).sum() - z[truth].sum()

    best = optimize.minimize(loss, [0, 1], method="BFGS", options={"gtol": 1e-8})
    found = calibration(said, truth)
    assert [found.intercept.value, found.slope.value] == pytest.approx(best.x, abs=1e-4)
    chance = special.expit(best.x[0] + best.x[1] * x)
    design = np.stack([np.ones(x.size), x])
    errors = np.sqrt(np.diag(np.linalg.inv((design * chance * (1 - chance)) @ design.T)))
    assert [found.intercept.error, found.slope.error] == pytest.approx(errors, rel=1e-3)
    alone = optimize.minimize_scalar(lambda a: np.logaddexp(0, a + x).sum() - (a + x)[truth].sum())
    assert found.level.value == pytest.approx(alone.x, abs=1e-5)


@pytest.mark.parametrize("count", [300, 2000, 20_000])
def test_a_calibrated_model_has_no_error_on_average_however_few_its_rows(count):
    rng = np.random.default_rng(2)
    found = [calibration(*rows(rng, count)) for _ in range(100)]
    raw, debiased = np.mean([one.raw_error for one in found]), np.mean([one.error for one in found])
    assert debiased < raw / 3
    assert np.mean([one.interval.lower == 0 for one in found]) > 0.95
    assert np.mean([one.slope.interval.lower <= 1 <= one.slope.interval.upper for one in found]) >= 0.88


def test_agreement_of_halves_is_zero_on_average_where_nothing_is_off():
    from bot.statistics.calibration import _agreed

    noise = np.full(400_000, 0.03)
    gap = np.random.default_rng(3).normal(0, 0.03, noise.size)
    assert _agreed(gap, noise).mean() == pytest.approx(0, abs=1e-4)
    assert _agreed(gap + 0.2, noise).mean() == pytest.approx(0.2, abs=1e-3)
    first, second = (np.random.default_rng(seed).normal(0.02, 0.03 * np.sqrt(2), noise.size) for seed in (4, 5))
    halves = (np.sign(first) * second).mean()
    assert _agreed((first + second) / 2, noise).mean() == pytest.approx(halves, abs=3e-4)


@pytest.mark.parametrize(("slope", "level"), [(0.5, 0.0), (2.0, 0.0), (1.0, -0.8), (0.7, 0.5)])
def test_the_error_and_its_interval_find_a_model_that_is_off(slope, level):
    rng = np.random.default_rng(6)
    covered, errors = [], []
    for _ in range(150):
        found = calibration(*rows(rng, 2000, slope=slope, level=level))
        truth = true_error(found.bins, slope, level)
        covered.append(found.interval.lower <= truth <= found.interval.upper)
        errors.append(found.error - truth)
    assert np.mean(covered) >= 0.9
    assert -0.012 < np.mean(errors) < 0.005


def test_overconfidence_timidity_and_level_show_in_slope_and_intercept():
    rng = np.random.default_rng(7)
    assert calibration(*rows(rng, 5000, slope=0.5)).slope.interval.upper < 1
    assert calibration(*rows(rng, 5000, slope=2.0)).slope.interval.lower > 1
    low = calibration(*rows(rng, 5000, level=-1.0))
    assert low.level.interval.upper < 0
    assert low.said > low.share + 0.1


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_the_order_of_rows_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    said, truth = rows(rng, 400)
    said = np.round(said, 1)
    other = rng.permutation(400)
    first, second = calibration(said, truth), calibration(said[other], truth[other])
    assert first.error == pytest.approx(second.error, abs=1e-9)
    assert first.slope.value == pytest.approx(second.slope.value, abs=1e-6)
    assert [one.rows for one in first.bins] == [one.rows for one in second.bins]


@pytest.mark.parametrize("case", ["parted", "one value", "zeros and ones", "two values", "beyond", "nan"])
def test_odd_probabilities_are_measured_without_a_warning(case):
    rng = np.random.default_rng(8)
    truth = rng.random(600) < 0.4
    said = {
        "parted": np.where(truth, 0.9, 0.1),
        "one value": np.full(600, 0.3),
        "zeros and ones": np.where(rng.random(600) < 0.8, truth, ~truth).astype(float),
        "two values": rng.choice([0.2, 0.7], 600),
        "beyond": rng.choice([-1e308, 0.5, 1e308, np.inf], 600),
        "nan": np.where(rng.random(600) < 0.5, np.nan, 0.4),
    }[case]
    found = calibration(said, truth)
    assert isinstance(found, Calibration)
    assert np.isfinite([found.error, found.raw_error, found.slope.value, found.intercept.value]).all()
    assert 0 <= found.interval.lower <= found.error <= found.interval.upper <= 1
    if case == "one value":
        assert found.error == pytest.approx(abs(truth.mean() - 0.3), abs=0.02)
    if case == "nan":
        assert found.rows < 400


def test_too_few_rows_and_one_class_are_said():
    assert calibration(np.full(50, 0.5), np.arange(50) % 2 == 0).reason == Reason.TOO_FEW_ROWS
    assert calibration(np.full(500, 0.5), np.zeros(500, dtype=bool)).reason == Reason.ONE_CLASS
