"""Averages over classes equal their definitions, and their intervals cover; how many rows a drop takes to be seen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.statistics.performance import (
    Measure,
    classification,
    compare_performance,
    multiclass,
    regression,
    rows_to_see_drop,
)
from bot.statistics.shortfall import Reason

AVERAGED = [measure for measure in Measure if measure.startswith(("macro", "weighted"))]


def by_definition(truth, said):
    names = sorted({*truth, *said})
    per = []
    for name in names:
        hits = sum(a == b == name for a, b in zip(truth, said, strict=True))
        trues, answers = list(truth).count(name), list(said).count(name)
        precision, recall = hits / answers if answers else 0, hits / trues if trues else 0
        f1 = 2 * hits / (trues + answers)
        per.append((precision, recall, f1, trues / len(truth)))
    found = {}
    for place, name in enumerate(("precision", "recall", "f1")):
        found[f"macro_{name}"] = np.mean([one[place] for one in per])
        found[f"weighted_{name}"] = sum(one[place] * one[3] for one in per)
    return found


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abce")), min_size=30, max_size=80))
@settings(max_examples=60, deadline=None)
def test_averages_equal_their_definitions(pairs):
    truth, said = (np.array(side) for side in zip(*pairs, strict=True))
    scores = multiclass(truth, said)
    for measure, value in by_definition(truth.tolist(), said.tolist()).items():
        one = scores[Measure(measure)]
        assert one.value == pytest.approx(value)
        assert 0 <= one.interval.lower <= one.value + 1e-12
        assert one.value - 1e-12 <= one.interval.upper <= 1
        assert one.error > 0
    assert scores[Measure.WEIGHTED_RECALL].value == pytest.approx(scores[Measure.ACCURACY].value)


def test_a_table_of_three_classes_has_the_averages_worked_by_hand():
    table = np.array([[7, 8, 9], [1, 2, 3], [3, 2, 1]])
    truth = np.repeat(*zip(*[(place // 3, size) for place, size in enumerate(table.ravel())], strict=True))
    said = np.repeat(*zip(*[(place % 3, size) for place, size in enumerate(table.ravel())], strict=True))
    scores = multiclass(truth, said)
    precision, recall = np.diag(table) / table.sum(0), np.diag(table) / table.sum(1)
    assert scores[Measure.MACRO_PRECISION].value == pytest.approx(precision.mean())
    assert scores[Measure.MACRO_RECALL].value == pytest.approx(recall.mean())
    assert scores[Measure.MACRO_F1].value == pytest.approx((2 * precision * recall / (precision + recall)).mean())


def draw(rng, rows):
    truth = rng.choice(4, rows, p=[0.5, 0.3, 0.15, 0.05])
    said = np.where(rng.random(rows) < 0.7, truth, rng.choice(4, rows))
    return truth, said


@pytest.mark.parametrize("measure", AVERAGED)
def test_intervals_cover_the_truth_about_as_often_as_they_say(measure):
    rng = np.random.default_rng(11)
    true = multiclass(*draw(rng, 400_000))[measure].value
    found = [multiclass(*draw(rng, 500))[measure] for _ in range(200)]
    covered = np.mean([one.interval.lower <= true <= one.interval.upper for one in found])
    assert 0.9 <= covered <= 0.99
    assert np.mean([one.error for one in found]) == pytest.approx(np.std([one.value for one in found]), rel=0.2)


def test_two_classes_agree_with_the_two_class_measures():
    rng = np.random.default_rng(12)
    truth, said = rng.integers(0, 2, 400), rng.integers(0, 2, 400)
    both = [classification(truth, said, positive=one)[Measure.F1].value for one in (0, 1)]
    assert multiclass(truth, said)[Measure.MACRO_F1].value == pytest.approx(np.mean(both))


def test_numbers_and_their_text_are_one_class_and_nulls_do_not_count():
    truth = np.array([1, 2, 3, None] * 20, dtype=object)
    said = np.array([1.0, 2.0, 3.0, 1.0] * 20)
    scores = multiclass(truth, said)
    assert scores[Measure.ACCURACY].value == scores[Measure.MACRO_F1].value == 1
    assert scores[Measure.ACCURACY].rows == 60
    assert 0.8 < scores[Measure.MACRO_F1].interval.lower < 1


def test_too_few_rows_and_unequal_lengths_are_said():
    assert multiclass(np.arange(5), np.arange(5))[Measure.MACRO_F1].reason == Reason.TOO_FEW_ROWS
    assert multiclass(np.arange(50), np.arange(40))[Measure.ACCURACY].reason == Reason.UNEQUAL_LENGTH


def test_the_rows_said_to_be_needed_are_the_rows_that_see_the_drop():
    rng = np.random.default_rng(13)
    reference = multiclass(np.ones(50_000), (rng.random(50_000) < 0.9).astype(int))[Measure.ACCURACY]
    need = rows_to_see_drop(reference, 0.03, alpha=0.01, power=0.8)
    seen = [_p(reference, rng.random(need) < 0.87) < 0.01 for _ in range(400)]
    assert 0.7 < np.mean(seen) < 0.9
    calm = [_p(reference, rng.random(need) < 0.9) < 0.01 for _ in range(400)]
    assert np.mean(calm) < 0.03


def _p(reference, right):
    then = {Measure.ACCURACY: reference}
    return compare_performance(then, multiclass(np.ones(right.size), right.astype(int)))[Measure.ACCURACY].p_value


def test_a_reference_too_small_to_compare_with_needs_no_number():
    rng = np.random.default_rng(14)
    small = regression(rng.normal(size=40), rng.normal(size=40))[Measure.MAE]
    assert rows_to_see_drop(small, 0.02 * small.value) is None
    assert rows_to_see_drop(small, 0.0) is None
    assert rows_to_see_drop(small, 5.0) < 40
    assert rows_to_see_drop(regression(np.zeros(40), np.zeros(40))[Measure.MAE], 1.0) == 1
