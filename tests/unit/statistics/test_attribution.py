"""The segment that moved the metric is found, and none when everything moved alike."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.statistics.attribution import affected_share, attribute
from bot.statistics.shortfall import Reason

RATE = 0.1


def window(rng, rows, shares=(0.5, 0.3, 0.2)):
    return {
        "country": rng.choice(["DE", "FR", "US"], rows, p=shares).astype(object),
        "device": rng.choice(["phone", "desk"], rows),
        "age": rng.integers(18, 80, rows),
        "amount": rng.lognormal(3, 1, rows),
    }


def outcome(rng, frame, extra=None):
    chance = np.full(frame["age"].size, RATE)
    if extra is not None:
        chance = np.where(extra(frame), 0.6, chance)
    return (rng.random(chance.size) < chance).astype(float)


def found(rng, extra, *, pairs=False, rows=10_000, shares=(0.5, 0.3, 0.2)):
    then, now = window(rng, rows), window(rng, rows, shares)
    return attribute(then, outcome(rng, then), now, outcome(rng, now, extra), pairs=pairs)


def test_the_segment_whose_rate_changed_is_named():
    result = found(np.random.default_rng(0), lambda frame: frame["country"] == "FR")
    assert str(result.culprit.segment) == "country = FR"
    assert result.culprit.explained == pytest.approx(1, abs=0.15)
    assert abs(result.culprit.rate) > 5 * abs(result.culprit.mix)
    assert result.culprit.current_mean == pytest.approx(0.6, abs=0.03)
    assert result.culprit.interval.lower > 0
    assert "country = FR explains" in result.sentence


def test_a_range_of_a_number_can_be_the_segment():
    result = found(np.random.default_rng(1), lambda frame: frame["amount"] > np.quantile(frame["amount"], 0.8))
    assert result.culprit.segment.conditions[0][0] == "amount"
    assert result.culprit.segment.conditions[0][1].endswith("or more")


def test_two_conditions_together_beat_either_alone():
    def extra(frame):
        return (frame["country"] == "DE") & (frame["device"] == "phone")

    result = found(np.random.default_rng(2), extra, pairs=True)
    assert dict(result.culprit.segment.conditions) == {"country": "DE", "device": "phone"}


def test_a_pair_is_not_named_where_one_condition_will_do():
    result = found(np.random.default_rng(3), lambda frame: frame["country"] == "DE", pairs=True)
    assert str(result.culprit.segment) == "country = DE"


def test_a_change_of_mix_is_told_from_a_change_of_rate():
    rng = np.random.default_rng(4)

    def risky(frame):
        return frame["country"] == "US"

    then, now = window(rng, 20_000), window(rng, 20_000, (0.3, 0.1, 0.6))
    result = attribute(then, outcome(rng, then, risky), now, outcome(rng, now, risky))
    assert result.change > 0.15
    assert str(result.culprit.segment) == "country = US"
    assert abs(result.culprit.mix) > 5 * abs(result.culprit.rate)
    assert result.sentence.endswith("(from 20 % to 60 % of rows)")


def test_nothing_is_blamed_when_all_rows_change_alike():
    rng = np.random.default_rng(5)
    blamed = sum(
        found(rng, lambda frame: np.full(frame["age"].size, True), rows=3000).culprit is not None for _ in range(20)
    )
    assert blamed <= 1


def test_nothing_is_blamed_when_nothing_changed():
    rng = np.random.default_rng(6)
    assert sum(found(rng, None, rows=3000).culprit is not None for _ in range(40)) <= 4


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_mix_and_rate_of_one_feature_add_up_to_the_change(seed):
    rng = np.random.default_rng(seed)
    rows, rows_now = rng.integers(200, 2000, 2)
    then = {"group": rng.choice(["a", "b", "c"], rows)}
    now = {"group": rng.choice(["a", "b", "c"], rows_now, p=[0.2, 0.2, 0.6])}
    values, values_now = rng.normal(size=rows), rng.normal(1, 2, rows_now)
    result = attribute(then, values, now, values_now, least_rows=1)
    total = sum(one.contribution for one in result.segments)
    assert total == pytest.approx(values_now.mean() - values.mean(), abs=1e-9)


def test_a_new_category_is_a_segment():
    rng = np.random.default_rng(7)
    then = {"shop": rng.choice(["a", "b"], 5000).astype(object)}
    now = {"shop": rng.choice(["a", "b", "new"], 5000).astype(object)}
    result = attribute(then, outcome_of(rng, then), now, np.where(now["shop"] == "new", 1.0, outcome_of(rng, now)))
    assert str(result.culprit.segment) == "shop = new"
    assert result.culprit.rows == 0


def outcome_of(rng, frame):
    return (rng.random(frame["shop"].size) < RATE).astype(float)


def test_the_affected_share_counts_the_rows_of_the_segment():
    rng = np.random.default_rng(8)
    then, now = window(rng, 10_000), window(rng, 5000)
    result = attribute(
        then,
        outcome(rng, then),
        now,
        outcome(rng, now, lambda frame: frame["amount"] > np.quantile(then["amount"], 0.8)),
    )
    affected = affected_share(now, then, result.culprit.segment)
    assert affected.of == 5000
    assert affected.value == pytest.approx(0.2, abs=0.02)
    assert affected.rows == result.culprit.current_rows
    assert affected.rule == str(result.culprit.segment)


def test_rows_without_an_outcome_do_not_count():
    rng = np.random.default_rng(9)
    then, now = window(rng, 8000), window(rng, 8000)
    late = outcome(rng, now, lambda frame: frame["country"] == "FR")
    late[rng.random(8000) < 0.5] = np.nan
    assert str(attribute(then, outcome(rng, then), now, late).culprit.segment) == "country = FR"


@pytest.mark.parametrize(
    ("outcome_now", "reason"),
    [
        (np.full(100, np.nan), Reason.ALL_NULL),
        (np.ones(7), Reason.UNEQUAL_LENGTH),
        (np.array([1.0, *[np.nan] * 99]), Reason.TOO_FEW_ROWS),
    ],
)
def test_what_can_not_be_attributed_says_why(outcome_now, reason):
    frame = {"x": np.arange(100.0)}
    assert attribute(frame, np.ones(100), frame, outcome_now).reason == reason


def test_adversarial_columns_leak_neither_warnings_nor_nan():
    rng = np.random.default_rng(10)
    pool = [0.0, 1e308, -1e308, np.inf, -np.inf, np.nan, 2.0**53]
    for _ in range(20):
        then, now = ({"x": rng.choice(pool, 300), "none": np.full(300, None)} for _ in range(2))
        result = attribute(then, rng.choice(pool, 300), now, rng.choice(pool, 300))
        assert all(
            np.isfinite([one.mix, one.rate, one.explained, one.lift, one.p_value]).all() for one in result.segments
        )
