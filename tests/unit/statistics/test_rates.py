"""Shares, ranges, bands and the series chart: intervals that hold what they promise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bot.statistics.bands import class_share, share_band
from bot.statistics.profiles import fit_numeric
from bot.statistics.ranges import check_range, plausible_range
from bot.statistics.rates import compare_nulls, compare_shares, jeffreys, share_of, share_seen_by_rows, wilson
from bot.statistics.shortfall import Reason, Shortfall

COUNTS = st.integers(1, 10**6).flatmap(lambda rows: st.tuples(st.integers(0, rows), st.just(rows)))


@given(COUNTS, st.sampled_from([0.5, 0.9, 0.95, 0.999]))
@settings(deadline=None)
def test_wilson_equals_scipy_and_holds_the_share(counts, confidence):
    count, rows = counts
    expected = stats.binomtest(count, rows).proportion_ci(confidence, method="wilson")
    found = wilson(count, rows, confidence)
    assert (found.lower, found.upper) == (pytest.approx(expected.low, abs=1e-9), pytest.approx(expected.high, abs=1e-9))
    assert found.lower <= count / rows <= found.upper


@given(COUNTS)
@settings(deadline=None)
def test_jeffreys_has_equal_tails_of_its_beta(counts):
    count, rows = counts
    found = jeffreys(count, rows)
    beta = stats.beta(count + 0.5, rows - count + 0.5)
    assert found.lower == (0 if count == 0 else pytest.approx(beta.ppf(0.025), rel=1e-6))
    assert found.upper == (1 if count == rows else pytest.approx(beta.ppf(0.975), rel=1e-6))


def test_no_rows_say_nothing():
    assert (wilson(0, 0).lower, wilson(0, 0).upper, jeffreys(0, 0).upper) == (0, 1, 1)
    change = compare_shares(0, 0, 5, 10)
    assert (change.p_value, change.reference.value) == (1.0, 0.0)


@pytest.mark.parametrize("counts", [(56, 70, 48, 80), (9, 10, 3, 10), (0, 100, 10, 100)])
def test_share_changes_equal_the_corrected_chi_square(counts):
    count, rows, now, rows_now = counts
    found = compare_shares(count, rows, now, rows_now)
    table = [[count, rows - count], [now, rows_now - now]]
    assert found.p_value == pytest.approx(stats.chi2_contingency(table, correction=True).pvalue, rel=1e-6)
    assert found.interval.lower <= found.difference <= found.interval.upper


def test_newcombes_published_example():
    found = compare_shares(48, 80, 56, 70)  # 56/70 - 48/80, Newcombe (1998), table II, method 10
    assert (found.interval.lower, found.interval.upper) == (
        pytest.approx(0.0524, abs=1e-4),
        pytest.approx(0.3339, abs=1e-4),
    )


def test_nulls_of_every_kind_are_counted():
    then = np.array([1.0, np.nan, np.inf, 2.0])
    now = np.array(["a", None, float("nan"), "b"], dtype=object)
    change = compare_nulls(np.array(["a", "b", None, "c"], dtype=object), now)
    assert (change.reference.count, change.current.count) == (1, 2)
    change = compare_nulls(then, now)  # text where numbers are expected is no value
    assert (change.reference.count, change.current.count) == (1, 4)


def test_rows_beyond_the_usual_range_are_counted_then_and_now():
    rng = np.random.default_rng(0)
    then, now = rng.lognormal(3, 1, 20_000), rng.lognormal(3, 1, 3000) * 100
    found = check_range(then, now)
    assert found.above.reference.value == pytest.approx(0.005, abs=0.001)
    assert found.above.current.value > 0.95
    assert found.never_seen.current.count == np.sum(now > then.max())
    assert found.sentence.startswith("98 % of rows above ")
    assert found.sentence.endswith("(usually 0.5 %)")


def test_a_clean_window_stays_in_range():
    rng = np.random.default_rng(1)
    found = check_range(rng.normal(size=20_000), rng.normal(size=5000))
    assert found.outside.p_value > 0.001
    assert found.outside.current.interval.lower < 0.01


def test_ranges_come_from_sketches_too():
    values = np.random.default_rng(2).normal(size=20_000)
    exact, sketch = (plausible_range(fit_numeric(values, mode=mode)) for mode in ("exact", "sketch"))
    assert sketch.upper == pytest.approx(exact.upper, rel=0.01)
    assert sketch.observed_lowest == pytest.approx(values.min(), rel=0.01)


@pytest.mark.parametrize(
    ("then", "now", "reason"),
    [
        (np.arange(3.0), np.arange(3.0), Reason.TOO_FEW_ROWS),
        (np.full(100, np.nan), np.arange(3.0), Reason.ALL_NULL),
        (np.arange(100.0), np.full(9, np.nan), Reason.ALL_NULL),
        (np.arange(100.0), np.array([]), Reason.TOO_FEW_ROWS),
        (np.full(100, np.inf), np.arange(9.0), Reason.TOO_FEW_ROWS),
    ],
)
def test_ranges_that_can_not_be_had_say_why(then, now, reason):
    assert check_range(then, now).reason == reason


def test_infinities_are_outside_every_range():
    found = check_range(np.arange(1000.0), np.array([np.inf, -np.inf, 500.0]))
    assert (found.outside.current.count, found.never_seen.current.count) == (2, 2)


def windows(rng, count, rows=1000, centre=0.3, spread=0.0):
    shares = np.clip(rng.normal(centre, spread, count), 0.01, 0.99)
    return [(int(rng.binomial(rows, share)), rows) for share in shares]


@pytest.mark.parametrize(("spread", "rows"), [(0.0, 1000), (0.03, 1000), (0.03, 20_000)])
def test_a_band_holds_ordinary_windows_also_when_they_vary_by_more_than_chance(spread, rows):
    rng = np.random.default_rng(3)
    outside = tried = 0
    for _ in range(300):
        baseline = windows(rng, 20, rows, spread=spread)
        for count, size in windows(rng, 5, rows, spread=spread):
            outside += class_share(baseline, count, size).outside
            tried += 1
    assert outside / tried <= 0.008


def test_a_share_that_jumps_leaves_the_band_and_says_how_far():
    baseline = windows(np.random.default_rng(4), 30, 2000, centre=0.04, spread=0.005)
    found = class_share(baseline, 620, 2000, label="declined")
    assert found.outside
    assert found.distance > 3
    assert found.sentence.startswith("31 % of rows are declined (usually ")
    assert found.band.lower < 0.04 < found.band.upper


def test_a_band_is_learning_until_it_has_seen_enough_windows():
    baseline = windows(np.random.default_rng(5), 9)
    found = class_share(baseline, 500, 1000)
    assert isinstance(found, Shortfall)
    assert (found.reason, found.have, found.need) == (Reason.TOO_FEW_WINDOWS, 9, 10)
    assert found.sentence == "Learning: 9 of 10 baseline windows seen."
    baseline = windows(np.random.default_rng(5), 12)
    assert class_share(baseline, 3, 5).reason == Reason.TOO_FEW_ROWS


@pytest.mark.parametrize("count", [0, 1000])
def test_a_class_never_or_always_seen_has_a_band(count):
    band = share_band([(count, 1000)] * 12, 1000)
    assert 0 <= band.lower <= band.centre <= band.upper <= 1
    assert not class_share([(count, 1000)] * 12, count, 1000).outside
    assert class_share([(count, 1000)] * 12, 500, 1000).outside


def test_a_smaller_window_has_a_wider_band():
    baseline = windows(np.random.default_rng(6), 30)
    wide, narrow = (share_band(baseline, rows) for rows in (50, 5000))
    assert wide.upper - wide.lower > narrow.upper - narrow.lower


def test_share_of_keeps_its_rows():
    assert share_of(1, 4).value == 0.25


@pytest.mark.parametrize(("share", "rows", "reference"), [(0.2, 500, 5000), (0.5, 2000, None), (0.05, 4000, 4000)])
def test_a_move_that_is_said_to_be_seen_is_seen_four_times_in_five(share, rows, reference):
    moved = share + share_seen_by_rows(share, rows, reference_rows=reference)
    rng = np.random.default_rng(11)
    seen = 0
    for _ in range(600):
        before = rng.binomial(reference, share) if reference else round(share * 10**7)
        found = compare_shares(int(before), reference or 10**7, int(rng.binomial(rows, moved)), rows)
        seen += found.p_value < 0.05
    assert 0.72 < seen / 600 < 0.88


def test_a_share_never_seen_needs_some_rows_too():
    assert 0 < share_seen_by_rows(0.0, 1000) < 0.01
    assert share_seen_by_rows(0.3, 0) == 1.0


def test_of_very_many_rows_a_change_that_matters_to_nobody_stays_inside():
    rng = np.random.default_rng(6)
    baseline = [(int(rng.binomial(144_000, 0.1)), 144_000) for _ in range(30)]
    assert class_share(baseline, 15_200, 144_000).outside
    for count, outside in ((15_200, False), (13_500, False), (16_000, True), (12_800, True)):
        found = class_share(baseline, count, 144_000, least_effect=0.1)
        assert found.outside is outside
        assert (found.p_value < 0.01) is outside
    often = [(size - count, size) for count, size in baseline]
    assert class_share(often, 144_000 - 16_000, 144_000, least_effect=0.1).outside
