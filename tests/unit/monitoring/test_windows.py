"""Windows: aligned, complete, in order, none twice."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.errors import BotError
from bot.monitoring.judges.onset import onset
from bot.monitoring.windows import MOST_BEHIND, ORIGIN, Window, newest, waiting

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NONE = timedelta(0)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
lengths = st.sampled_from([timedelta(minutes=5), HOUR, DAY, timedelta(weeks=1), timedelta(seconds=7)])
latenesses = st.sampled_from([NONE, timedelta(minutes=3), DAY])


@given(moments, lengths, latenesses)
def test_the_newest_window_is_aligned_complete_and_the_last_such(latest, length, lateness):
    window = newest(latest, length, lateness)
    assert (window.start - ORIGIN) % length == NONE
    assert window.length == length
    assert window.end + lateness <= latest < window.end + length + lateness


@given(moments, lengths, latenesses, st.integers(0, 400))
def test_what_waits_follows_the_last_window_without_gap(latest, length, lateness, behind):
    last = newest(latest, length, lateness).end - behind * length
    found = waiting(last, latest, length, lateness)
    assert len(found) == min(behind, MOST_BEHIND)
    assert all(before.end == after.start for before, after in pairwise(found))
    if found:
        assert found[-1] == newest(latest, length, lateness)
    if 0 < behind <= MOST_BEHIND:
        assert found[0].start == last


def test_windows_begin_where_people_expect():
    latest = datetime(2026, 11, 25, 10, 59, tzinfo=UTC)
    assert newest(latest, HOUR, NONE).start == datetime(2026, 11, 25, 9, tzinfo=UTC)
    assert newest(latest, DAY, NONE).start == datetime(2026, 11, 24, tzinfo=UTC)
    assert newest(latest, timedelta(weeks=1), NONE).start == datetime(2026, 11, 16, tzinfo=UTC)
    assert newest(latest, HOUR, HOUR).end == datetime(2026, 11, 25, 9, tzinfo=UTC)


def test_a_first_look_judges_one_window_and_a_clock_that_went_back_none():
    latest = datetime(2026, 11, 25, 10, tzinfo=UTC)
    assert waiting(None, latest, HOUR, NONE) == [newest(latest, HOUR, NONE)]
    assert waiting(latest + HOUR, latest, HOUR, NONE) == []


def test_a_window_of_no_length_is_refused():
    with pytest.raises(BotError, match="window"):
        newest(ORIGIN, NONE, NONE)


def test_a_window_says_its_times():
    start = datetime(2026, 11, 25, 23, tzinfo=UTC)
    assert str(Window(start - HOUR, start)) == "2026-11-25 22:00 to 23:00 UTC"
    assert str(Window(start, start + HOUR)) == "2026-11-25 23:00 to 2026-11-26 00:00 UTC"


@given(st.integers(0, 2**31), st.integers(20, 90))
def test_the_onset_is_found_to_the_minute_whatever_the_order_of_rows(seed, at):
    rng = np.random.default_rng(seed)
    minutes = np.arange(1200) / 10
    flags = rng.uniform(size=1200) < np.where(minutes < at, 0.01, 0.6)
    times = np.datetime64("2026-11-25T00:00") + (minutes * 60e6).astype("timedelta64[us]")
    mixed = rng.permutation(1200)
    found = onset(times[mixed], flags[mixed])
    assert found is not None
    assert abs((found - datetime(2026, 11, 25, tzinfo=UTC)).total_seconds() / 60 - at) <= 3


@given(st.integers(0, 2**31))
def test_no_onset_is_named_where_nothing_began(seed):
    rng = np.random.default_rng(seed)
    times = np.datetime64("2026-11-25T00:00") + np.arange(500).astype("timedelta64[s]")
    assert onset(times, np.ones(500)) is None
    assert onset(times, np.zeros(500)) is None
    assert onset(times[:20], rng.uniform(size=20) < 0.5) is None
    assert onset(np.full(500, times[0]), rng.uniform(size=500) < 0.5) is None
