"""A feature drifts when the change matters and is beyond chance, and only then."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.statistics.distances import ks_statistic
from bot.statistics.drift import (
    DriftPolicy,
    compare_frames,
    compare_profiles,
    fit_frame,
    profile_frame,
    rows_to_see_shift,
    shift_seen_by_rows,
    spread_of_batches,
)
from bot.statistics.multiplicity import adjust, benjamini_hochberg, holm
from bot.statistics.profiles import fit_numeric, profile_like
from bot.statistics.shortfall import Reason


def frame(rng, rows, features=10):
    return {f"x{number}": rng.normal(size=rows) for number in range(features)}


@pytest.mark.parametrize("mode", ["auto", "exact"])
def test_the_features_that_moved_come_first_and_no_other_is_named(mode):
    rng = np.random.default_rng(0)
    then, now = frame(rng, 20_000), frame(rng, 5_000)
    now["x3"] = now["x3"] + 0.3
    now["x7"] = now["x7"] * 100
    found = compare_frames(then, now, mode=mode)
    assert [one.feature for one in found if one.drifted] == ["x7", "x3"]
    assert {one.feature for one in found} == set(then)


def test_a_tiny_shift_is_significant_at_a_million_rows_and_still_does_not_matter():
    rng = np.random.default_rng(1)
    (found,) = compare_frames({"x": rng.normal(size=1_000_000)}, {"x": rng.normal(0.02, 1, 1_000_000)})
    assert found.adjusted < 1e-6
    assert not found.drifted
    (found,) = compare_frames(
        {"x": rng.normal(size=300_000)}, {"x": rng.normal(0.02, 1, 300_000)}, policy=DriftPolicy(least_wasserstein=0.01)
    )
    assert found.drifted


def test_false_alarms_over_many_clean_features_stay_below_alpha():
    rng = np.random.default_rng(2)
    loose = DriftPolicy(least_wasserstein=0.0, least_ks=1e-9)
    alarms = sum(
        any(one.drifted for one in compare_frames(frame(rng, 2000, 30), frame(rng, 1000, 30), policy=loose))
        for _ in range(60)
    )
    assert alarms <= 8  # 60 families at .05: more than 8 has a chance of one in 200


def test_batches_that_differ_by_themselves_widen_the_test():
    rng = np.random.default_rng(3)

    def batch():
        return rng.normal(rng.normal(0, 0.15), 1, 1000)

    with_history = without = 0
    for _ in range(20):
        batches = [batch() for _ in range(30)]
        then, now = {"x": np.concatenate(batches)}, {"x": batch()}
        policy = DriftPolicy(least_wasserstein=0.0, least_ks=1e-9)
        without += compare_frames(then, now, policy=policy)[0].drifted
        (found,) = compare_frames(then, now, policy=policy, batches={"x": batches})
        with_history += found.drifted
        assert found.spread.factor > 1.5
    assert without >= 8
    assert with_history <= 2


def test_the_spread_of_independent_batches_is_sampling_noise():
    rng = np.random.default_rng(4)
    batches = [rng.normal(size=500) for _ in range(40)]
    reference = fit_numeric(np.concatenate(batches))
    assert spread_of_batches(reference, [profile_like(reference, one) for one in batches]).factor < 1.25


def test_leaving_a_batch_out_needs_no_merging():
    rng = np.random.default_rng(5)
    batches = [rng.normal(size=200) for _ in range(4)]
    everything = fit_numeric(np.concatenate(batches), mode="exact")
    others = fit_numeric(np.concatenate(batches[1:]), mode="exact")
    first = profile_like(everything, batches[0])
    assert ks_statistic(everything, first) / (1 - 200 / 800) == pytest.approx(ks_statistic(others, first))


def test_a_null_burst_is_drift_though_the_values_stay():
    rng = np.random.default_rng(6)
    now = rng.normal(size=5000)
    now[rng.random(5000) < 0.3] = np.nan
    (found,) = compare_frames({"amount": rng.normal(size=5000)}, {"amount": now})
    assert found.drifted
    assert found.sentence.startswith("amount: nulls 0 % → ")
    assert found.adjusted > 0.05


def test_categories_drift_by_their_shares_and_new_ones_count():
    rng = np.random.default_rng(7)
    then = rng.choice(["DE", "FR", "US"], 10_000, p=[0.5, 0.3, 0.2])
    same, moved = rng.choice(["DE", "FR", "US"], 4000, p=[0.5, 0.3, 0.2]), rng.choice(["DE", "FR", "XX"], 4000)
    found = compare_frames({"a": then, "b": then}, {"a": same, "b": moved})
    assert [(one.feature, one.drifted) for one in found] == [("b", True), ("a", False)]
    assert found[0].categorical.new_share == pytest.approx(1 / 3, abs=0.03)
    assert "XX 0 % → 3" in found[0].sentence


def test_codes_are_categories_where_one_says_so():
    codes = np.arange(1000) % 7
    found = compare_frames({"a": codes, "b": codes}, {"a": codes, "b": codes}, categorical=["a"])
    assert {one.feature: one.categorical is not None for one in found} == {"a": True, "b": False}


def test_weights_change_the_order_only():
    rng = np.random.default_rng(8)
    then = {"a": rng.normal(size=3000), "b": rng.normal(size=3000)}
    now = {"a": rng.normal(1, 1, 3000), "b": rng.normal(0.8, 1, 3000)}
    plain, weighted = (compare_frames(then, now, weights=weights) for weights in (None, {"b": 5}))
    assert [one.feature for one in plain] == ["a", "b"]
    assert [one.feature for one in weighted] == ["b", "a"]


@pytest.mark.parametrize(
    ("then", "now", "reason"),
    [
        (np.array([]), np.array([]), Reason.TOO_FEW_ROWS),
        (np.arange(100.0), np.array([1.0]), Reason.TOO_FEW_ROWS),
        (np.arange(100.0), np.full(100, "x"), Reason.WRONG_TYPE),
        (np.full(10, None), np.full(10, None), Reason.TOO_FEW_ROWS),
        (np.full(100, np.nan), np.full(100, np.nan), Reason.ALL_NULL),
    ],
)
def test_what_can_not_be_judged_says_why(then, now, reason):
    (found,) = compare_frames({"x": then}, {"x": now})
    assert (found.state, found.shortfall.reason) == ("not_judged", reason)
    assert found.sentence


def test_a_missing_column_says_so_and_an_unknown_one_is_left_out():
    (found,) = compare_frames({"x": np.arange(100.0)}, {"y": np.arange(100.0)})
    assert (found.feature, found.shortfall.reason) == ("x", Reason.MISSING_COLUMN)


def test_a_window_of_nothing_but_nulls_is_drift():
    (found,) = compare_frames({"x": np.arange(100.0)}, {"x": np.full(100, np.nan)})
    assert found.drifted
    assert found.sentence == "x: nulls 0 % → 100 %"


def test_extreme_values_leak_neither_warnings_nor_nan():
    rng = np.random.default_rng(9)
    pool = [0.0, -0.0, 1e308, -1e308, np.inf, -np.inf, 5e-324, 2.0**53, np.nan, 1.0]
    for _ in range(40):
        then, now = rng.choice(pool, 200), rng.choice(pool, 120)
        for mode in ("auto", "exact", "sketch"):
            (found,) = compare_frames({"x": then}, {"x": now}, mode=mode)
            numbers = [found.p_value, found.adjusted, found.strength]
            numbers += [found.numeric.ks, found.numeric.psi, found.numeric.wasserstein, found.numeric.mean_shift]
            assert np.isfinite([number for number in numbers if number is not None]).all()


def test_profiles_made_once_give_the_same_answer_as_frames():
    rng = np.random.default_rng(10)
    then, now = frame(rng, 3000), frame(rng, 2000)
    reference = fit_frame(then)
    assert compare_profiles(reference, profile_frame(reference, now)) == compare_frames(then, now)


@pytest.mark.parametrize("sigmas", [0.1, 0.25, 0.5])
def test_the_rows_promised_for_a_shift_do_show_it(sigmas):
    rows = rows_to_see_shift(sigmas, reference_rows=20_000)
    rng = np.random.default_rng(11)
    policy = DriftPolicy(least_wasserstein=0.0, least_ks=0.0, least_rows=10)
    seen = sum(
        compare_frames({"x": rng.normal(size=20_000)}, {"x": rng.normal(sigmas, 1, rows)}, policy=policy)[0].drifted
        for _ in range(60)
    )
    assert 0.65 <= seen / 60 <= 0.95


def test_more_rows_show_smaller_shifts():
    assert rows_to_see_shift(0.25) == 176
    assert rows_to_see_shift(0.0) is None
    assert rows_to_see_shift(0.1, reference_rows=500) is None
    assert shift_seen_by_rows(176) == pytest.approx(0.25, abs=0.001)
    assert shift_seen_by_rows(41) > 0.5
    assert rows_to_see_shift(0.25, features=120) > rows_to_see_shift(0.25)


PS = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(PS)
@settings(deadline=None)
def test_corrections_never_lower_a_p_value_and_keep_the_order(p_values):
    p = np.array(p_values)
    for correction in ("holm", "bh"):
        adjusted = adjust(p, correction)
        assert (adjusted >= p - 1e-15).all()
        assert (adjusted <= 1).all()
        order = np.argsort(p, kind="stable")
        assert (np.diff(adjusted[order]) >= -1e-15).all()
    assert (holm(p) >= benjamini_hochberg(p) - 1e-15).all()


@given(PS)
@settings(deadline=None)
def test_benjamini_hochberg_equals_scipy(p_values):
    from scipy import stats

    np.testing.assert_allclose(benjamini_hochberg(np.array(p_values)), stats.false_discovery_control(p_values))


def test_holm_by_hand():
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03])), [0.03, 0.06, 0.06])
    assert holm(np.array([])).size == 0
