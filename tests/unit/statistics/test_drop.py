"""The guarded drop seldom cries wolf and sees what is large; limits keep their promise; laws of both."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.statistics.drop import cohort_limit, guarded_drop, smaller_of, varies_by, worse_by
from bot.statistics.performance import Measure, Performance
from bot.statistics.performance.measures import mean_measure, share_measure
from bot.statistics.shortfall import Shortfall

YEAR, MONTH = 365, 30


def share(count, rows, measure=Measure.ACCURACY):
    return share_measure(measure, int(count), int(rows), 0.95)


def alarms_a_year(right, rows, fall, seeds=60):
    """How often a day fires, calm days and days that truly fell, per year and per day."""
    rng = np.random.default_rng(rows)
    calm = seen = looked = 0
    for _ in range(seeds):
        counts = rng.binomial(rows, right, 120)
        for day in range(MONTH, counts.size, 3):
            past = [share(count, rows) for count in counts[day - MONTH : day]]
            usual = share(counts[day - MONTH : day].sum(), MONTH * rows)
            varies = varies_by([one.value for one in past], [one.error for one in past])
            calm += guarded_drop(usual, share(counts[day], rows), varies=varies).sure
            lower = share(rng.binomial(rows, right * (1 - fall)), rows)
            seen += guarded_drop(usual, lower, varies=varies).sure
            looked += 1
    return calm / looked * YEAR, seen / looked


@pytest.mark.parametrize(("rows", "power"), [(50, 0.1), (100, 0.3), (200, 0.65), (500, 0.95)])
def test_under_one_and_a_half_false_alarms_a_year_and_a_true_drop_of_a_tenth_is_seen(rows, power):
    a_year, seen = alarms_a_year(0.9, rows, 0.1)
    assert a_year < 1.5
    assert seen > power


def test_unguarded_it_would_call_every_other_week():
    rng = np.random.default_rng(0)
    counts = rng.binomial(100, 0.9, 20_000)
    assert (counts / 100 < 0.95 * 0.9).mean() * YEAR > 20


def test_days_that_differ_by_nature_make_no_alarm():
    """Weekends are harder: the guard knows by how much days vary beyond chance."""
    rng = np.random.default_rng(2)
    plain = guarded = looked = 0
    for _ in range(30):
        level = np.clip(0.9 + rng.normal(0, 0.03, 200), 0, 1)
        counts = rng.binomial(1000, level)
        for day in range(MONTH, 200, 3):
            past = [share(count, 1000) for count in counts[day - MONTH : day]]
            usual = share(counts[day - MONTH : day].sum(), MONTH * 1000)
            varies = varies_by([one.value for one in past], [one.error for one in past])
            plain += guarded_drop(usual, share(counts[day], 1000)).sure
            guarded += guarded_drop(usual, share(counts[day], 1000), varies=varies).sure
            looked += 1
    assert plain / looked * YEAR > 10
    assert guarded / looked * YEAR < 1.5


def test_the_rows_a_drop_needs_are_those_at_which_it_is_sure():
    usual = share(5400, 6000)
    need = guarded_drop(usual, share(180, 200)).need
    assert 430 < need < 540
    enough, few = 2 * need, need // 2
    assert guarded_drop(usual, share(round(0.854 * enough), enough)).sure
    assert not guarded_drop(usual, share(round(0.85 * few), few)).sure
    assert guarded_drop(share(27, 30), share(27, 30)).need is None
    assert guarded_drop(usual, share(90, 100)).seen > guarded_drop(usual, share(900, 1000)).seen >= 0.05


def test_losses_fall_by_rising():
    rng = np.random.default_rng(4)
    usual = mean_measure(Measure.MAE, rng.exponential(5, 5000), 0.95)
    worse = mean_measure(Measure.MAE, rng.exponential(7, 500), 0.95)
    better = mean_measure(Measure.MAE, rng.exponential(4, 500), 0.95)
    assert guarded_drop(usual, worse).sure
    assert guarded_drop(usual, better).fall < 0
    assert not guarded_drop(usual, better).sure
    assert worse_by(Measure.AUC, 0.9, 0.8) == pytest.approx(0.1)


@settings(max_examples=200, deadline=None)
@given(st.integers(30, 3000), st.integers(30, 100_000), st.floats(0.05, 0.99), st.data())
def test_worse_is_never_less_sure(rows, past, right, data):
    usual = share(round(past * right), past)
    counts = sorted(data.draw(st.lists(st.integers(0, rows), min_size=2, max_size=2)))
    low, high = (guarded_drop(usual, share(count, rows)) for count in counts)
    assert low.fall >= high.fall
    assert low.p_value <= high.p_value + 1e-12 or low.z >= high.z
    assert 0 <= low.p_value <= 1
    assert not (high.sure and not low.sure)


@pytest.mark.parametrize("kind", ["share", "loss", "varying"])
def test_limits_are_left_as_seldom_as_promised(kind):
    rng = np.random.default_rng(6)
    rate, out, trials = 0.01, 0, 3000
    for _ in range(trials):
        if kind == "loss":
            every = [mean_measure(Measure.MAE, rng.exponential(5, 200), 0.95) for _ in range(31)]
        else:
            level = np.clip(0.85 + rng.normal(0, 0.03 if kind == "varying" else 0, 31), 0, 1)
            every = [share(count, 300) for count in rng.binomial(300, level)]
        found = cohort_limit(every[:30], every[30], alarm_rate=rate)
        fired = worse_by(every[30].measure, found.limit, every[30].value) > 0
        assert fired == (found.p_value < rate)
        out += fired
    assert 0.3 * rate < out / trials < 2 * rate


def test_too_few_cohorts_are_learning():
    assert isinstance(cohort_limit([share(90, 100)] * 9, share(90, 100), alarm_rate=0.01), Shortfall)
    assert cohort_limit([share(100, 100)] * 10, share(100, 100), alarm_rate=0.01).limit < 1


def test_a_perfect_or_useless_past_makes_no_error():
    for count in (0, 100):
        past = [share(count, 100)] * 30
        assert 0 <= cohort_limit(past, share(50, 100), alarm_rate=0.001).limit <= 1
        assert 0 <= guarded_drop(share(30 * count, 3000), share(50, 100)).p_value <= 1
    nothing = Performance(Measure.MAE, 0.0, share(1, 2).interval, 0.0, 50)
    assert guarded_drop(nothing, nothing).sure is False


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_several_looks_are_paid_for(chances):
    assert min(chances) <= smaller_of(*chances) <= 1
