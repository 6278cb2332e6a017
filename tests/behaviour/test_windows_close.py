"""When windows close, and what becomes of rows that come after that."""

from datetime import timedelta

import numpy as np
import pytest

from bot.catalog.load import parse_catalog
from bot.core.errors import ConfigError
from bot.tables import Alert, MonitorResult
from tests.behaviour.test_monitoring import RANGE, SHARE, Stream
from tests.unit.monitoring.flights import HOUR, START, hours, naive, since

DAY = timedelta(days=1)


class Delivered(Stream):
    """Rows are seen from the moment they were delivered, which may be long after their own time."""

    def __init__(self, make_world, *monitors, columns, delivered, **data):
        self.delivered = delivered
        super().__init__(make_world, *monitors, columns=columns, **data)

    def open(self, *args):
        whole = self.columns
        here = self.delivered <= naive(self.world.clock.now())
        self.columns = {name: cells[here] for name, cells in whole.items()}
        try:
            return super().open(*args)
        finally:
            self.columns = whole


def test_rows_that_come_late_replace_what_was_found_without_them(make_world):
    """The late flights of one hour arrive two hours after it: the share is judged anew, and pages then."""
    columns = hours(60)
    hour = since(columns, START + 38 * HOUR) & ~since(columns, START + 39 * HOUR)
    columns["answer"][hour & (columns["origin"] == "EWR")] = "late"
    late = hour & (columns["answer"] == "late") & (np.arange(hour.size) % 4 != 0)
    delivered = np.where(late, naive(START + 40.5 * HOUR), columns["at"])
    stream = Delivered(make_world, {**SHARE, "min_rows": 100}, columns=columns, delivered=delivered)
    stream.at(hours=38, minutes=1)
    stream.at(hours=39, minutes=1)
    first = stream.read(MonitorResult)[-1]
    assert (first.state, stream.read(Alert)) == ("ok", [])
    stream.at(hours=41, minutes=1)
    (again,) = [one for one in stream.read(MonitorResult) if one.window_end == START + 39 * HOUR]
    assert again.rows > first.rows
    assert again.state == "firing"
    assert again.data["revised"][0]["state"] == "ok"
    assert again.data["revised"][0]["rows"] == first.rows
    (alert,) = stream.read(Alert)
    assert START + 37.5 * HOUR <= alert.starts_at <= START + 39 * HOUR
    assert stream.state("late").last_window_end == START + 41 * HOUR, "an old window moves nothing"
    stream.at(hours=41, minutes=30)
    assert len(stream.read(MonitorResult)) == 4


def test_a_day_delivered_twice_is_judged_again_and_said(make_world):
    columns = hours(60)
    hour = since(columns, START + 38 * HOUR) & ~since(columns, START + 39 * HOUR)
    twice = {name: np.concatenate([cells, cells[hour]]) for name, cells in columns.items()}
    delivered = np.concatenate([columns["at"], np.full(int(hour.sum()), naive(START + 39.5 * HOUR))])
    order = np.argsort(twice["at"], kind="stable")
    twice = {name: cells[order] for name, cells in twice.items()}
    count = {"name": "rows", "metric": "row_count"}
    stream = Delivered(make_world, count, columns=twice, delivered=delivered[order])
    stream.at(hours=39, minutes=1)
    assert stream.read(MonitorResult)[-1].state == "ok"
    stream.at(hours=40, minutes=1)
    (again,) = [one for one in stream.read(MonitorResult) if one.window_end == START + 39 * HOUR]
    assert again.state == "firing"
    assert again.rows == 2 * again.data["revised"][0]["rows"]


def daily(count=60):
    """A table that is loaded once a day, whole, at two in the morning."""
    columns = hours(count * 24, a_window=40)
    day = ((columns["at"] - naive(START)) // np.timedelta64(1, "D")).astype(int)
    return columns, naive(START) + (day + 1) * np.timedelta64(1, "D") + np.timedelta64(2, "h")


def test_a_table_loaded_once_a_day_is_judged_on_the_day_not_a_day_later(make_world):
    columns, delivered = daily(16)
    stream = Delivered(make_world, {**SHARE, "window": "1d", "min_rows": 100}, columns=columns, delivered=delivered)
    stream.at(days=13, hours=12)
    assert stream.state("late").last_window_end == START + 12 * DAY, "without a judged window its own time decides"
    stream.at(days=13, hours=13)
    stream.at(days=13, hours=14)
    assert stream.state("late").last_window_end == START + 13 * DAY
    stream.at(days=14, hours=3)
    assert stream.state("late").last_window_end == START + 13 * DAY, "the first look after the load"
    stream.at(days=14, hours=3, minutes=30)
    assert stream.state("late").last_window_end == START + 14 * DAY, "two looks found the same, as full as other days"


def test_a_load_half_done_closes_nothing(make_world):
    columns, delivered = daily(16)
    day = since(columns, START + 13 * DAY) & ~since(columns, START + 14 * DAY)
    delivered[day & (np.arange(day.size) % 2 == 0)] = naive(START + 14 * DAY + 9 * HOUR)
    stream = Delivered(make_world, {**SHARE, "window": "1d", "min_rows": 100}, columns=columns, delivered=delivered)
    stream.at(days=13, hours=12)
    for minutes in (180, 210, 300, 500):
        stream.at(days=14, minutes=minutes)
        assert stream.state("late").last_window_end <= START + 13 * DAY
    stream.at(days=14, hours=10)
    stream.at(days=14, hours=10, minutes=30)
    assert stream.state("late").last_window_end == START + 14 * DAY


def test_a_window_may_be_judged_more_often_than_it_is_long(make_world):
    columns = hours(60)
    hit = since(columns, START + 40 * HOUR)
    columns["answer"][hit & (columns["origin"] == "EWR")] = "late"
    stream = Stream(make_world, {**SHARE, "window": "3h", "every": "1h", "baseline": 12}, columns=columns)
    for hour in range(38, 43):
        stream.at(hours=hour, minutes=1)
    results = stream.read(MonitorResult)
    assert [one.window_end for one in results] == [START + hour * HOUR for hour in range(38, 43)]
    assert {one.window_end - one.window_start for one in results} == {3 * HOUR}
    assert [one.state for one in results][:3] == ["ok", "ok", "ok"]
    assert "firing" in [one.state for one in results][3:]


def test_a_clock_that_jumps_judges_no_window_twice_and_none_too_early(make_world):
    stream = Stream(make_world, SHARE, RANGE)
    stream.at(hours=30, minutes=1)
    stream.at(hours=45, minutes=1)
    stream.at(hours=31, minutes=1)
    stream.at(hours=46, minutes=1)
    ends = [one.window_end for one in stream.read(MonitorResult, MonitorResult.key == "eta/late")]
    assert len(ends) == len(set(ends))
    assert max(ends) == START + 46 * HOUR


@pytest.mark.parametrize("every", ["2h", "0s", "40m"])
def test_a_step_that_does_not_divide_the_window_is_refused(every):
    with pytest.raises(ConfigError, match="must go into `window` without a rest"):
        parse_catalog(f"models: [{{name: m, monitors: [{{name: r, metric: row_count, window: 3h, every: {every}}}]}}]")
