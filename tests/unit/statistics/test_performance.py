"""Measures equal their definitions, intervals cover, drops are told from noise."""

import numpy as np
import pytest
from scipy import stats

from bot.statistics.performance import Measure, classification, compare_performance, regression
from bot.statistics.shortfall import Reason, Shortfall


def scored(rng, rows, quality=1.0, base=0.3):
    truth = rng.random(rows) < base
    logit = rng.normal(size=rows) + quality * np.where(truth, 1, -1)
    return truth.astype(int), 1 / (1 + np.exp(-logit))


def test_measures_equal_their_definitions():
    truth, chance = scored(np.random.default_rng(0), 500)
    chance = np.round(chance, 2)  # ties
    scores = classification(truth, probabilities=chance)
    said = chance >= 0.5
    hits = np.sum(said & (truth == 1))
    expected = {
        Measure.ACCURACY: np.mean(said == (truth == 1)),
        Measure.PRECISION: hits / said.sum(),
        Measure.RECALL: hits / truth.sum(),
        Measure.F1: 2 * hits / (said.sum() + truth.sum()),
        Measure.AUC: np.mean([(a > b) + (a == b) / 2 for a in chance[truth == 1] for b in chance[truth == 0]]),
        Measure.BRIER: np.mean((chance - truth) ** 2),
        Measure.LOG_LOSS: -np.mean(np.log(np.clip(np.where(truth == 1, chance, 1 - chance), 1e-15, 1))),
    }
    assert {measure: score.value for measure, score in scores.items()} == {
        measure: pytest.approx(value) for measure, value in expected.items()
    }
    for score in scores.values():
        assert score.interval.lower <= score.value <= score.interval.upper


def test_auc_is_the_mann_whitney_statistic():
    truth, chance = scored(np.random.default_rng(1), 2000)
    whitney = stats.mannwhitneyu(chance[truth == 1], chance[truth == 0]).statistic
    expected = whitney / (truth.sum() * (1 - truth).sum())
    assert classification(truth, probabilities=chance)[Measure.AUC].value == pytest.approx(expected)


@pytest.mark.parametrize("measure", list(Measure)[:7])
def test_intervals_cover_the_truth_about_as_often_as_they_say(measure):
    rng = np.random.default_rng(2)
    true = classification(*named(scored(rng, 400_000)))[measure].value
    covered = 0
    for _ in range(200):
        interval = classification(*named(scored(rng, 300)))[measure].interval
        covered += interval.lower <= true <= interval.upper
    assert 0.89 <= covered / 200 <= 1.0


def named(pair):
    truth, chance = pair
    return truth, None, chance


def test_regression_measures_and_their_intervals():
    rng = np.random.default_rng(3)
    truth = rng.normal(100, 20, 400)
    said = truth + rng.normal(0, 5, 400)
    scores = regression(truth, said)
    assert scores[Measure.MAE].value == pytest.approx(np.mean(np.abs(said - truth)))
    assert scores[Measure.RMSE].value == pytest.approx(np.sqrt(np.mean((said - truth) ** 2)))
    assert scores[Measure.RMSE].interval.lower < 5 < scores[Measure.RMSE].interval.upper


def test_a_real_drop_is_worse_and_noise_is_not():
    rng = np.random.default_rng(4)
    reference = classification(*named(scored(rng, 5000)))
    worse = compare_performance(reference, classification(*named(scored(rng, 2000, quality=0.4))))
    assert all(change.worse and change.drop > 0 and change.interval.lower > 0 for change in worse.values())
    assert worse[Measure.AUC].sentence.startswith("auc 0.9")
    called = [
        change.worse
        for _ in range(40)
        for change in compare_performance(reference, classification(*named(scored(rng, 2000)))).values()
    ]
    assert np.mean(called) < 0.15


def test_labels_may_be_words_and_rows_without_a_label_do_not_count():
    labels = np.array(["fraud", "ok", None, "ok"] * 20, dtype=object)
    said = np.array(["fraud", "ok", "ok", "fraud"] * 20)
    scores = classification(labels, said, positive="fraud")
    assert scores[Measure.ACCURACY].rows == 60
    assert scores[Measure.PRECISION].value == pytest.approx(0.5)
    assert scores[Measure.RECALL].value == 1


def test_one_class_only_is_a_state_of_its_own():
    scores = classification(np.zeros(50), probabilities=np.linspace(0, 0.4, 50))
    assert scores[Measure.ACCURACY].value == 1
    for measure in (Measure.AUC, Measure.PRECISION, Measure.RECALL, Measure.F1):
        assert scores[measure].reason == Reason.ONE_CLASS


def test_a_perfect_order_has_an_interval_still():
    truth = np.repeat([0, 1], 50)
    auc = classification(truth, probabilities=np.linspace(0, 1, 100))[Measure.AUC]
    assert auc.value == 1
    assert 0.8 < auc.interval.lower < 1
    assert auc.interval.upper == 1


def test_too_few_rows_and_unequal_lengths_are_said():
    assert regression(np.arange(5.0), np.arange(5.0))[Measure.MAE].reason == Reason.TOO_FEW_ROWS
    assert regression(np.arange(50.0), np.arange(49.0))[Measure.RMSE].reason == Reason.UNEQUAL_LENGTH
    assert classification(np.ones(50), np.ones(40))[Measure.F1].reason == Reason.UNEQUAL_LENGTH
    assert classification(np.full(50, np.nan), np.ones(50))[Measure.F1].need == 30
    few, enough = regression(np.arange(5.0), np.arange(5.0)), regression(np.arange(50.0), np.arange(50.0))
    assert isinstance(compare_performance(enough, few)[Measure.MAE], Shortfall)


def test_extreme_values_leak_neither_warnings_nor_nan():
    rng = np.random.default_rng(5)
    pool = [0.0, 1e308, -1e308, np.inf, np.nan, 1.0]
    scores = regression(rng.choice(pool, 300), rng.choice(pool, 300))
    scores |= classification(rng.integers(0, 2, 300), probabilities=rng.choice([0.0, 1.0, 2.0, np.nan, np.inf], 300))
    for score in scores.values():
        assert np.isfinite([score.value, score.error, score.interval.lower, score.interval.upper]).all()
