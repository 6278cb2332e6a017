"""Shares of answers, spikes and swings against exact counts, on adversarial columns."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bot.statistics.predictions import (
    are_classes,
    changed_type,
    class_shifts,
    default_change,
    judged_by,
    robust_swing,
    swing_of,
    value_spike,
)
from bot.statistics.rates import compare_shares
from bot.statistics.shortfall import Reason, Shortfall

CELLS = st.one_of(st.none(), st.sampled_from(["a", "b", "c"]), st.integers(-2, 2), st.just(2**60 + 1))
WILD = st.floats(allow_nan=True, allow_infinity=True, width=64)


def objects(cells):
    column = np.empty(len(cells), dtype=object)
    column[:] = cells
    return column


@given(st.lists(CELLS, min_size=60, max_size=120), st.lists(CELLS, min_size=60, max_size=120), st.randoms())
@settings(deadline=None)
def test_shares_are_counts_whatever_the_order(then, now, shuffle):
    found = class_shifts(objects(then), objects(now))
    if isinstance(found, Shortfall):
        assert sum(cell is not None for cell in then) < 50 or sum(cell is not None for cell in now) < 50
        return
    known = [cell for cell in now if cell is not None]
    assert sum(one.change.current.count for one in found) == len(known)
    by_name = {one.name: one.change.current.count for one in found}
    names = Counter(str(cell) for cell in known)
    assert {name: count for name, count in by_name.items() if count} == dict(names)
    shuffle.shuffle(now)
    assert class_shifts(objects(then), objects(now)) == found


def test_p_values_are_corrected_and_small_changes_do_not_count():
    then = np.array(["a"] * 50_000 + ["b"] * 50_000, dtype=object)
    now = np.array(["a"] * 49_000 + ["b"] * 51_000, dtype=object)
    found = class_shifts(then, now)
    assert all(one.adjusted < 1e-4 and not one.moved for one in found)
    assert found[0].adjusted == pytest.approx(2 * compare_shares(50_000, 100_000, 49_000, 100_000).p_value, rel=1e-9)


@given(st.lists(st.sampled_from([0.0, 0.5, 1e308, -1e308, np.inf, np.nan, 3.0]), min_size=60, max_size=200))
@settings(deadline=None)
def test_a_spike_is_the_value_whose_share_rose_most(now):
    then = np.arange(100, dtype=np.float64)
    found = value_spike(then, np.array(now))
    known = [value for value in now if value == value]
    counts = Counter(known)
    usual = {value: float(np.sum(then == value)) / 100 for value in counts}
    best = max(
        (size / len(known) - usual[value] for value, size in counts.items() if size >= 5 and len(known) >= 50),
        default=None,
    )
    if best is None:
        assert found is None
    else:
        assert found.change.difference == pytest.approx(best)


def test_continuous_scores_have_no_spike_and_clipped_ones_do():
    rng = np.random.default_rng(0)
    then, now = rng.random(20_000), rng.random(5000)
    assert value_spike(then, now) is None
    found = value_spike(then, np.minimum(now, 0.9))
    assert (found.value, found.moved) == (0.9, True)
    assert not value_spike(np.minimum(then, 0.9), np.minimum(now, 0.9)).moved


@pytest.mark.parametrize(
    ("column", "classes"),
    [
        (np.array([0, 1, 1]), True),
        (np.array([0.5, 1.0]), False),
        (np.array([True, False]), True),
        (np.arange(30), False),
        (np.array(["x", None], dtype=object), True),
        (np.array([1.0, np.inf]), False),
        (np.array([np.nan, np.nan]), True),
        (np.array([]), True),
    ],
)
def test_what_counts_as_classes(column, classes):
    assert are_classes(column, column) is classes


def test_the_default_is_found_by_value_or_by_text():
    numbers = np.array([0.0] * 30 + [7.5] * 70)
    assert default_change(numbers, numbers, 0).current.count == 30
    assert default_change(numbers, numbers, "0").current.count == 30
    assert default_change(numbers, numbers, "none").current.count == 0
    words = np.array(["0"] * 30 + ["x"] * 70 + [None] * 10, dtype=object)
    change = default_change(words, words, 0.0)
    assert (change.current.count, change.current.rows) == (30, 100)
    assert default_change(words, np.full(60, None, dtype=object), 0).reason is Reason.ALL_NULL
    assert default_change(words, words[:10], 0).reason is Reason.TOO_FEW_ROWS


def test_text_where_numbers_were_is_told_apart_from_nothing():
    numbers, words = np.array([1.0, 2.0]), np.array(["1", "2"], dtype=object)
    assert changed_type(numbers, words)
    assert not changed_type(numbers, np.array([np.nan]))
    assert not changed_type(words, np.array([None], dtype=object))


def test_windows_that_swing_hold_back_a_change():
    assert robust_swing([5] * 9, [100] * 9) is None
    assert robust_swing([5] * 30, [100] * 30) == 0
    swinging = robust_swing([10, 30] * 15, [100] * 30)
    assert swinging == pytest.approx(4 * 1.4826 * 0.1)
    moved = class_shifts(objects(["a", "b"] * 500), objects(["a"] * 700 + ["b"] * 300))[0]
    assert moved.moved
    assert not judged_by(moved, swinging).moved
    assert judged_by(moved, 0.0).moved
    assert judged_by(moved, None).moved


def test_a_swing_is_students_prediction_interval():
    values = np.random.default_rng(0).normal(0.2, 0.05, 30)
    expected = stats.t.ppf(0.9995, 29) * values.std(ddof=1) * np.sqrt(1 + 1 / 30)
    assert swing_of(values.tolist()) == pytest.approx(expected)
    assert swing_of([0.1] * 9) is None
    assert swing_of([0.1] * 10) == pytest.approx(0, abs=1e-12)


@given(st.lists(WILD, max_size=80), st.lists(WILD, max_size=80))
@settings(deadline=None)
def test_any_numbers_get_an_answer(then, now):
    found = value_spike(np.array(then), np.array(now))
    assert found is None or 0 <= found.adjusted <= 1
