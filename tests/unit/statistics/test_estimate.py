"""The estimate without labels: near the truth under covariate shift, blind to concept drift, and fast."""

import time

import numpy as np
import pytest
from scipy.optimize import isotonic_regression

from bot.statistics.estimate import ASSUMPTION, ScoreCurve, estimate_performance
from bot.statistics.performance import Measure, classification
from bot.statistics.shortfall import Reason

MEASURES = [Measure.ACCURACY, Measure.PRECISION, Measure.RECALL, Measure.F1, Measure.AUC]


def rows(rng, count, *, shift=0.0, spread=2.0, rare=0.0, turned=0.0):
    """A score that is badly calibrated; `turned` is the part of rows whose truth has nothing to do with it."""
    x = rng.normal(shift, spread, count)
    truth = rng.random(count) < 1 / (1 + np.exp(-(0.7 * x + 0.3 - rare)))
    return 1 / (1 + np.exp(-x)), np.where(rng.random(count) < turned, rng.random(count) < 0.5, truth)


@pytest.mark.parametrize(
    "drift", [{}, {"shift": 0.5, "spread": 1.0}, {"shift": 1.0, "spread": 0.5}, {"shift": -2.0}, {"spread": 0.3}]
)
def test_under_covariate_shift_it_is_near_the_truth(drift):
    rng = np.random.default_rng(0)
    found = estimate_performance(*rows(rng, 50_000), (now := rows(rng, 50_000, **drift))[0])
    real = classification(now[1].astype(int), probabilities=now[0])
    assert list(found.measures) == MEASURES
    for measure, one in found.measures.items():
        assert one.value == pytest.approx(real[measure].value, abs=0.012)
        assert one.drop == pytest.approx(one.usual - one.value)


def test_it_beats_saying_that_nothing_changed():
    rng = np.random.default_rng(1)
    reference = rows(rng, 20_000)
    usual = np.mean((reference[0] >= 0.5) == reference[1])
    errors, constant = [], []
    for shift in np.linspace(-2, 2, 9):
        now = rows(rng, 5000, shift=shift, spread=1.0)
        real = np.mean((now[0] >= 0.5) == now[1])
        errors.append(abs(estimate_performance(*reference, now[0]).measures[Measure.ACCURACY].value - real))
        constant.append(abs(usual - real))
    assert np.mean(errors) < 0.01
    assert np.mean(errors) < np.mean(constant) / 3


def test_intervals_hold_the_truth_that_comes_later():
    rng = np.random.default_rng(2)
    inside = dict.fromkeys(MEASURES, 0)
    for _ in range(150):
        reference, now = rows(rng, 1500), rows(rng, 800, shift=0.5, spread=1.0)
        found = estimate_performance(*reference, now[0]).measures
        real = classification(now[1].astype(int), probabilities=now[0])
        for measure, one in found.items():
            inside[measure] += one.interval.lower <= real[measure].value <= one.interval.upper
    for held in inside.values():
        assert 0.87 <= held / 150 <= 0.995


def test_concept_drift_is_what_it_cannot_see():
    """Nobody may read the estimate as a measurement: here the truth falls far and the estimate stays."""
    rng = np.random.default_rng(3)
    reference, now = rows(rng, 50_000), rows(rng, 50_000, turned=0.6)
    one = estimate_performance(*reference, now[0]).measures[Measure.ACCURACY]
    real = np.mean((now[0] >= 0.5) == now[1])
    assert one.usual - real > 0.1
    assert abs(one.drop) < 0.01
    assert not one.interval.lower <= real <= one.interval.upper
    assert "covariate shift only" in ASSUMPTION


def test_the_curve_is_isotonic_regression_to_the_detail_of_its_cells():
    rng = np.random.default_rng(4)
    scores, truth = rows(rng, 20_000, rare=3.0)
    order = np.argsort(scores)
    exact = isotonic_regression(truth[order].astype(float)).x
    assert np.abs(ScoreCurve(scores, truth).of(scores[order]) - exact).mean() < 0.004
    small, hits = rows(rng, 200)
    order = np.argsort(small)
    np.testing.assert_allclose(
        ScoreCurve(small, hits).of(small[order]), isotonic_regression(hits[order].astype(float)).x, atol=1e-12
    )


def test_estimates_from_cells_agree_with_those_row_by_row():
    rng = np.random.default_rng(5)
    scores, truth = rows(rng, 20_000)
    now, _ = rows(rng, 3000, shift=1.0)
    chance = ScoreCurve(scores, truth).of(now)
    said = now >= 0.5
    found = {measure: one.value for measure, one in estimate_performance(scores, truth, now).measures.items()}
    hits = chance[said].sum()
    assert found[Measure.ACCURACY] == pytest.approx(np.where(said, chance, 1 - chance).mean())
    assert found[Measure.PRECISION] == pytest.approx(chance[said].mean())
    assert found[Measure.RECALL] == pytest.approx(hits / chance.sum())
    order = np.argsort(now)
    p = chance[order]
    below = np.cumsum(1 - p) - (1 - p)
    auc = (p * (below + (1 - p) / 2)).sum() / (p.sum() * (1 - p).sum())
    assert found[Measure.AUC] == pytest.approx(auc, abs=0.002)


def test_answers_may_differ_from_the_threshold():
    rng = np.random.default_rng(6)
    scores, truth = rows(rng, 20_000)
    now, later = rows(rng, 20_000)
    found = estimate_performance(scores, truth, now, reference_said=scores > 0.9, said=now > 0.9)
    assert found.measures[Measure.RECALL].value == pytest.approx(np.mean(now[later] > 0.9), abs=0.02)


def test_scores_nobody_ever_labelled_are_counted():
    rng = np.random.default_rng(7)
    scores, truth = rng.random(5000) * 0.5, rng.random(5000) < 0.3
    now = np.concatenate([np.full(700, 0.2), np.full(300, 0.9)])
    assert estimate_performance(scores, truth, now).outside == pytest.approx(0.3)


def test_the_fit_is_fast():
    rng = np.random.default_rng(8)
    scores, truth = rows(rng, 100_000)
    ScoreCurve(scores, truth).chance  # noqa: B018
    best = min(timed(lambda: ScoreCurve(scores, truth).chance) for _ in range(5))
    assert best < 0.1


def timed(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def test_the_same_rows_give_the_same_answer():
    rng = np.random.default_rng(9)
    scores, truth = rows(rng, 1000)
    assert estimate_performance(scores, truth, scores) == estimate_performance(scores, truth, scores)


def test_what_cannot_be_estimated_is_said():
    scores, truth = np.linspace(0, 1, 500), np.arange(500) % 2 == 0
    assert estimate_performance(scores[:100], truth[:100], scores).reason == Reason.TOO_FEW_ROWS
    assert estimate_performance(scores, truth, scores[:10]).need == 30
    assert estimate_performance(scores, truth, np.full(500, np.nan)).have == 0
    assert estimate_performance(scores, np.ones(500, dtype=bool), scores).reason == Reason.ONE_CLASS


@pytest.mark.parametrize("odd", [0.0, 1.0, 0.5, -1e308, 1e308, np.inf, np.nan])
def test_odd_scores_leak_neither_warnings_nor_nan(odd):
    rng = np.random.default_rng(10)
    scores, truth = rows(rng, 1000)
    scores[rng.random(1000) < 0.3] = odd
    for found in (
        estimate_performance(scores, truth, np.where(rng.random(1000) < 0.9, odd, 0.4)),
        estimate_performance(np.full(1000, 0.5), truth, scores),
    ):
        for one in getattr(found, "measures", {}).values():
            assert np.isfinite([one.value, one.drop, one.interval.lower, one.interval.upper]).all()
            assert 0 <= one.interval.lower <= one.value <= one.interval.upper <= 1
