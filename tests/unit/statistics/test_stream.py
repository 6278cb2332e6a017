"""The monitor of a metric series: what it tells, how seldom it is wrong, and what it must not depend on."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bot.statistics.stream.detector import StreamDetector
from bot.statistics.stream.extremes import Extremes
from bot.statistics.stream.period import DAY, WEEK, autocorrelation, find_period
from bot.statistics.stream.reading import QUIET, Reading, StreamPolicy, Tier
from bot.statistics.stream.rolling import Ring, RollingExtremes, centre_and_sigma, middle

SEED = 20261123
FIVE_MINUTES = 300.0
Floats = NDArray[np.float64]


def autoregressive(random: np.random.Generator, rows: int, memory: float, *, heavy: bool = False) -> Floats:
    noise = random.standard_t(3, rows) / np.sqrt(3) if heavy else random.normal(size=rows)
    noise *= np.sqrt(1 - memory**2)
    found, last = np.empty(rows), 0.0
    for at in range(rows):
        last = found[at] = memory * last + noise[at]
    return found


def daily(rows: int, size: float, step: float = FIVE_MINUTES) -> Floats:
    found: Floats = size * np.sin(2 * np.pi * np.arange(rows) * step / DAY)
    return found


def feed(detector: StreamDetector, values: Floats, *, start: int = 0, step: float = FIVE_MINUTES) -> list[Reading]:
    return [detector.update((start + at) * step, value) for at, value in enumerate(values.tolist())]


def alerts(readings: list[Reading]) -> list[tuple[int, Reading]]:
    return [(at, reading) for at, reading in enumerate(readings) if reading.alert]


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=80),
    st.integers(1, 20),
    st.integers(1, 80),
)
def test_rolling_extremes_are_those_of_the_last_values(values: list[float], window: int, restart: int) -> None:
    extremes, ring = RollingExtremes(window), Ring(window)
    for at, value in enumerate(values, start=1):
        extremes.push(value)
        ring.push(value)
        last = values[max(0, at - window) : at]
        assert (extremes.lowest, extremes.highest, extremes.size) == (min(last), max(last), len(last))
        assert ring.values().tolist() == last
        if at == restart:
            kept = json.loads(json.dumps(extremes.state()))
            extremes = RollingExtremes(window)
            extremes.restore(kept)


@given(
    st.lists(st.integers(-4, 4), min_size=1, max_size=90),
    st.integers(1, 25),
    st.integers(1, 7),
    st.integers(1, 12),
    st.integers(0, 90),
)
def test_a_new_extreme_is_held_against_the_last_rows_but_the_newest(
    values: list[int], window: int, block: int, every: int, restart: int
) -> None:
    extremes = Extremes(window, block)
    for at, value in enumerate(values):
        seen = values[: max(0, at - block)][-window:]
        if seen:
            assert (extremes.low, extremes.high) == (min(seen), max(seen))
        if at % every == 0:
            found = extremes.look(100.0, least_rows=1, margin=0.0, per_week=1.0, step=WEEK)
            told = (found.lowest, found.highest, found.rows) if found else None
            assert told == ((min(seen), max(seen), len(seen)) if seen else None)
        if at == restart:
            kept = json.loads(json.dumps(extremes.state()))
            extremes = Extremes(window, block)
            extremes.restore(kept)
        extremes.push(float(value))


@given(st.lists(st.one_of(st.integers(0, 2), st.floats(-1e6, 1e6)), min_size=1, max_size=80))
def test_the_middle_is_the_median_whether_values_are_equal_or_not(values: list[float]) -> None:
    assert middle(np.array(values, dtype=np.float64)) == np.median(values)


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_the_autocorrelation_is_the_mean_product_of_pairs(missing: float) -> None:
    random = np.random.default_rng(SEED)
    places = np.flatnonzero(random.random(300) >= missing)
    places -= places[0]
    values = random.normal(size=places.size)
    found = autocorrelation(values, places, 100)
    grid = np.full(int(places[-1]) + 1, np.nan)
    grid[places] = values - values.mean()
    for lag in (0, 1, 7, 100):
        assert found[lag] == pytest.approx(np.nanmean(grid[lag:] * grid[: grid.size - lag]) / values.var(), abs=1e-9)
    assert found.shape == (101,)


def test_the_robust_sigma_is_that_of_a_normal_sample_and_lives_through_ties() -> None:
    normal = np.random.default_rng(SEED).normal(10, 2, 20_000)
    assert centre_and_sigma(normal) == pytest.approx((10, 2), abs=0.05)
    assert centre_and_sigma(np.array([0.0] * 9 + [10.0]))[1] > 0
    assert centre_and_sigma(np.full(9, 3.0)) == (3.0, 0.0)


@pytest.mark.parametrize(
    ("step", "rows", "period"), [(300.0, 2000, DAY), (3600.0, 400, DAY), (60.0, 4000, DAY), (1800.0, 500, DAY)]
)
def test_a_day_is_found_whatever_the_step(step: float, rows: int, period: float) -> None:
    random = np.random.default_rng(SEED)
    found = find_period(daily(rows, 3.0, step) + random.normal(size=rows), step)
    assert found == round(period / step)


def test_a_week_is_found_over_its_days_where_the_weekend_differs() -> None:
    random = np.random.default_rng(SEED)
    at = np.arange(24 * 7 * 8)
    values = daily(at.size, 3.0, 3600.0) * np.where((at // 24) % 7 >= 5, 0.3, 1.0) + 0.3 * random.normal(size=at.size)
    assert find_period(values, 3600.0) == WEEK / 3600


@pytest.mark.parametrize("memory", [0.0, 0.7, 0.95])
def test_noise_has_no_period(memory: float) -> None:
    random = np.random.default_rng(SEED)
    found = [find_period(autoregressive(random, 2000, memory), FIVE_MINUTES) for _ in range(20)]
    assert sum(one is not None for one in found) <= 2


def test_a_value_never_seen_before_pages_once_and_says_what_it_is() -> None:
    random = np.random.default_rng(SEED)
    values = 40 + random.normal(size=3000)
    values[2500:2520] = 60.0
    told = alerts(feed(StreamDetector(), values))
    ((at, reading),) = [one for one in told if one[0] >= 2500 and one[0] < 2600]
    assert at == 2500
    assert reading.tier is Tier.PAGE
    assert reading.score > 0.9
    assert reading.reason.startswith("60 is the highest in 9 days (before: 4")


def test_a_lasting_small_shift_pages_by_its_mean() -> None:
    random = np.random.default_rng(SEED)
    values = 40 + daily(4000, 5.0) + random.normal(size=4000)
    values[3500:] += 2.0
    told = [(at, one) for at, one in alerts(feed(StreamDetector(), values)) if at >= 3500]
    assert told[0][0] < 3560
    assert "rows lie" in told[0][1].reason
    assert told[0][1].tier is Tier.PAGE


def test_noon_at_midnight_is_told_although_the_value_is_ordinary() -> None:
    random = np.random.default_rng(SEED)
    values = 100 + daily(4000, 40.0) + random.normal(size=4000)
    night = 3500 + int(np.argmin(values[3500:3788]))
    values[night] = 85.0
    detector = StreamDetector()
    told = dict(alerts(feed(detector, values)))
    assert detector.period == DAY
    assert told[night].tier is Tier.NOTIFY
    assert "is usual at this time" in told[night].reason


def test_a_constant_says_nothing_until_it_changes() -> None:
    readings = feed(StreamDetector(), np.full(2000, 7.0))
    assert not alerts(readings)
    changed = feed(StreamDetector(), np.append(np.full(2000, 7.0), 8.0))[-1]
    assert changed.alert
    assert changed.tier is Tier.PAGE


def test_nothing_is_told_before_a_day_was_seen() -> None:
    values = np.append(np.zeros(250), 1000.0)
    assert feed(StreamDetector(), values)[-1] == QUIET


def test_what_is_no_number_says_nothing_and_changes_nothing() -> None:
    values = np.random.default_rng(SEED).normal(size=1500)
    plain, holed = StreamDetector(), StreamDetector()
    feed(plain, values)
    for at, value in enumerate(values.tolist()):
        assert holed.update(at * FIVE_MINUTES, float("nan")) == QUIET
        holed.update(at * FIVE_MINUTES, value)
        assert holed.update(at * FIVE_MINUTES, float("inf")) == QUIET
    assert holed.state() == plain.state()


def test_a_restart_changes_nothing() -> None:
    random = np.random.default_rng(SEED)
    values = 100 + daily(5000, 10.0) + autoregressive(random, 5000, 0.7)
    values[4700] = 150.0
    whole = feed(StreamDetector(), values)
    for cut in (10, 50, 61, 777, 4210):
        first = StreamDetector()
        before = feed(first, values[:cut])
        second = StreamDetector.restore(json.loads(json.dumps(first.state())))
        assert before + feed(second, values[cut:], start=cut) == whole


def test_a_state_of_another_version_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="version 99; version 1 can be read"):
        StreamDetector.restore({"version": 99})


def test_memory_does_not_grow_with_the_series() -> None:
    random = np.random.default_rng(SEED)
    policy = StreamPolicy(memory=500)
    detector = StreamDetector(policy)
    feed(detector, daily(2000, 3.0) + random.normal(size=2000))
    size = len(json.dumps(detector.state()))
    feed(detector, daily(12_000, 3.0) + random.normal(size=12_000), start=2000)
    assert len(json.dumps(detector.state())) < 1.6 * size


@settings(max_examples=8, deadline=None)
@given(st.integers(-20, 20), st.integers(0, 2**32 - 1))
def test_the_unit_of_the_metric_does_not_matter(power: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    values = daily(900, 2.0) + autoregressive(random, 900, 0.5)
    values[800] += 20
    plain, scaled = (feed(StreamDetector(), some) for some in (values, values * 2.0**power))
    assert [one.score for one in plain] == [one.score for one in scaled]


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=60), st.floats(-1e308, 1e308))
def test_no_value_breaks_it_and_every_score_lies_between_0_and_1(values: list[float], last: float) -> None:
    detector = StreamDetector(StreamPolicy(warm_up=10, refresh=10, look_for_period=20, memory=50, long_enough=10))
    for reading in feed(detector, np.array([*values, *values, last])):
        assert 0 <= reading.score <= 1
        assert reading.alert == (reading.tier is not Tier.NONE)
        assert reading.alert == (reading.score >= 0.5)


def test_after_an_alert_it_is_quiet_unless_something_worse_comes() -> None:
    random = np.random.default_rng(SEED)
    values = 40 + random.normal(size=3000)
    values[2500:2600:7] = 60.0
    values[2560] = 61.0
    assert [at for at, _ in alerts(feed(StreamDetector(), values)) if 2500 <= at < 2600] == [2500]


def test_rows_of_a_confirmed_incident_hide_no_second_one() -> None:
    random = np.random.default_rng(SEED)
    values = 40 + random.normal(size=3000)
    values[2000:2020] = 80.0
    again = np.append(40 + random.normal(size=300), 75.0)
    detector = StreamDetector()
    feed(detector, values)
    assert feed(StreamDetector.restore(detector.state()), again, start=3000)[-1].tier is not Tier.PAGE
    cleaned = detector.without(2000 * FIVE_MINUTES, 2020 * FIVE_MINUTES)
    assert feed(cleaned, again, start=3000)[-1].tier is Tier.PAGE


@pytest.mark.parametrize("heavy", [False, True])
def test_ordinary_series_keep_the_budget(*, heavy: bool) -> None:
    """Twelve series of eight weeks: neighbours alike or not, with a day's rhythm or without."""
    random = np.random.default_rng(SEED)
    step, rows = 1800.0, 8 * 7 * 48
    pages = told = 0
    for memory in (0.0, 0.5, 0.8):
        for size in (0.0, 1.0, 2.0, 4.0):
            values = daily(rows, size, step) + autoregressive(random, rows, memory, heavy=heavy)
            found = alerts(feed(StreamDetector(), values, step=step))
            pages += sum(one.tier is Tier.PAGE for _, one in found)
            told += len(found)
    weeks = 12 * 8
    print(f"seed {SEED}: {told / weeks:.2f} alerts and {pages / weeks:.2f} pages a week")
    assert told / weeks < 1.2
    assert pages / weeks < 0.5
