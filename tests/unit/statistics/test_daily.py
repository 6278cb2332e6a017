"""Windows shorter than a day: what the time of day and the day let expect of the next one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.statistics.bands import ShareBand, share_band
from bot.statistics.daily import DAY, Times, expected_at
from bot.statistics.mean_shift import usual_level
from bot.statistics.volumes import CountBand, count_band

HOUR = 3600.0
SEED = 20261201


def hours(days: float, *, first: int = 0) -> np.ndarray:
    return (first + np.arange(round(24 * days))) * HOUR


def of(seconds: np.ndarray) -> Times:
    return Times(seconds[:-1], float(seconds[-1]))


@pytest.mark.parametrize(("of_days", "wave", "days"), [(0.0, 0.0, 7), (2.0, 0.0, 7), (1.0, 3.0, 7), (0.0, 3.0, 4)])
def test_ordinary_windows_of_any_hour_lie_beyond_as_rarely_as_said(of_days: float, wave: float, days: int) -> None:
    rng = np.random.default_rng(SEED)
    chances = []
    for _ in range(300):
        at = hours(days + 1 / 24, first=int(rng.integers(24)))
        levels = wave * np.sin(2 * np.pi * at / DAY) + rng.normal(0, of_days, days + 2)[(at // DAY).astype(int)]
        levels += rng.normal(size=at.size)
        chances.append(expected_at(levels[:-1], of(at)).beyond(float(levels[-1])))
    beyond = np.array([np.mean(np.array(chances) < rate) for rate in (0.5, 0.1, 0.02)])
    assert np.all(np.abs(beyond - (0.5, 0.1, 0.02)) < 4 * np.sqrt(np.array([0.25, 0.09, 0.02]) / 300))


def test_a_new_day_may_be_unlike_the_last_and_an_hour_of_it_may_not() -> None:
    rng = np.random.default_rng(SEED)
    level_of = np.array([0.0, 3.0, -3.0, 2.0, -2.0, 1.0, -3.0, 3.0])
    at = hours(7.5)
    levels = level_of[(at // DAY).astype(int)] + rng.normal(0, 0.3, at.size)
    midnight, noon = 7 * 24, at.size - 1
    first = expected_at(levels[:midnight], Times(at[:midnight], float(at[midnight])))
    later = expected_at(levels[:noon], Times(at[:noon], float(at[noon])))
    assert first.beyond(3.0) > 0.1
    assert later.beyond(3.0) > 0.1
    assert later.beyond(0.0) < 1e-6
    assert later.centre == pytest.approx(3.0, abs=0.3)
    assert expected_at(levels[:noon], None).beyond(0.0) > 0.5


def test_rush_hours_are_expected_and_their_level_at_night_is_not() -> None:
    rng = np.random.default_rng(SEED)
    at = hours(7)
    wave = 5 * np.sin(2 * np.pi * at / DAY)
    levels = wave + rng.normal(0, 0.5, at.size)
    rush = expected_at(levels, Times(at, 7 * DAY + 6 * HOUR))
    night = expected_at(levels, Times(at, 7 * DAY + 18 * HOUR))
    assert rush.by_day
    assert rush.beyond(5.0) > 0.1
    assert night.beyond(5.0) < 1e-6


@pytest.mark.parametrize("days", [1, 2])
def test_too_few_days_tell_nothing_of_days(days: int) -> None:
    levels = np.random.default_rng(SEED).normal(size=24 * days)
    found = expected_at(levels, Times(hours(days), days * DAY))
    assert found == expected_at(levels, None)
    assert not found.by_day


@given(st.lists(st.integers(-50, 50), min_size=72, max_size=100), st.integers(-300, 300), st.integers(0, 23))
@settings(max_examples=20, deadline=None)
def test_the_unit_makes_no_difference(values: list[int], power: int, first: int) -> None:
    levels, scale = np.array(values, dtype=np.float64), 2.0**power
    at = (first + np.arange(levels.size)) * HOUR
    times = Times(at, float(at[-1]) + HOUR)
    plain, other = expected_at(levels, times), expected_at(scale * levels, times)
    assert other.centre == pytest.approx(scale * plain.centre, rel=1e-9)
    assert other.reach == pytest.approx(scale * plain.reach, rel=1e-9)
    assert other.freedom == pytest.approx(plain.freedom)


def test_equal_levels_expect_the_same_and_no_other() -> None:
    found = expected_at(np.full(96, 4.0), Times(hours(4), 4 * DAY))
    assert found.centre == pytest.approx(4.0)
    assert found.beyond(4.0) == pytest.approx(1.0)
    assert found.beyond(4.5) < 1e-9


def test_holes_and_short_days_are_borne() -> None:
    rng = np.random.default_rng(SEED)
    at = np.sort(rng.choice(hours(9), 60, replace=False))
    found = expected_at(rng.normal(size=60), Times(at, 9 * DAY + 5 * HOUR))
    assert found.by_day
    assert 0.5 < found.reach < 2.5


def test_shares_counts_and_means_follow_the_hours_of_a_day() -> None:
    rng = np.random.default_rng(SEED)
    at = hours(7)
    times = Times(at, 7 * DAY + 18 * HOUR)
    busy = 1 + 0.8 * np.sin(2 * np.pi * at / DAY)
    counts = rng.poisson(500 * busy).tolist()
    shares = [(int(rng.binomial(500, 0.1 + 0.2 * part)), 500) for part in busy]
    now = share_band(shares, 500, times=times), share_band(shares, 500)
    assert all(isinstance(band, ShareBand) for band in now)
    assert now[0].upper < 0.25 < now[1].upper
    rows = count_band(counts, false_alarm_rate=0.001, times=times), count_band(counts, false_alarm_rate=0.001)
    assert all(isinstance(band, CountBand) for band in rows)
    assert rows[0].upper < 250 < rows[1].upper
    level = usual_level((1e300 * busy).tolist(), times=times)
    assert level.upper < 0.5e300
    assert level.two_sided(1e300) < 1e-6
