import numpy as np
import pytest

from bot.core.errors import BotError
from bot.demo.faults import FAULTS, fault_named
from bot.demo.flights import take


@pytest.fixture
def rows(shipped):
    return take(shipped.traffic, np.arange(4_000))


def delivered(name, rows):
    return fault_named(name).begin(np.random.default_rng(5))(rows)


def changed(before, after):
    def text(column):
        return column.astype(str)

    return {name for name in before if not np.array_equal(text(before[name]), text(after[name]))}


def test_delays_of_one_airport_come_in_seconds(rows):
    after = delivered("delay-in-seconds", rows)
    there = rows["origin"] == "EWR"
    assert np.array_equal(after["dep_delay"][there], rows["dep_delay"][there] * 60)
    assert np.array_equal(after["dep_delay"][~there], rows["dep_delay"][~there])
    assert changed(rows, after) == {"dep_delay"}


def test_some_delays_are_lost(rows):
    after = delivered("null-burst", rows)
    assert 0.35 < np.mean(np.isnan(after["dep_delay"])) < 0.45
    assert changed(rows, after) == {"dep_delay"}


def test_two_carriers_are_swapped(rows):
    after = delivered("swapped-carriers", rows)
    assert np.count_nonzero(after["carrier"] == "US") == np.count_nonzero(rows["carrier"] == "UA") > 0
    assert changed(rows, delivered("swapped-carriers", after)) == set()


def test_the_weather_stands_still(rows):
    deliver = fault_named("stale-weather").begin(np.random.default_rng(5))
    first, second = deliver(take(rows, np.arange(100))), deliver(take(rows, np.arange(100, 4_000)))
    assert np.unique(np.concatenate([first["wind_speed"], second["wind_speed"]])).size == 1
    assert changed(take(rows, np.arange(100)), first) <= {"wind_speed", "visibility", "precipitation"}


def test_what_came_in_is_left_as_it_was(rows):
    before = {name: column.copy() for name, column in rows.items()}
    for name in FAULTS:
        delivered(name, rows)
    assert changed(before, rows) == set()


def test_an_unknown_fault_is_told_of_the_known_ones():
    with pytest.raises(BotError, match=r"no fault `delay-in-second`\. Did you mean `delay-in-seconds`"):
        fault_named("delay-in-second")
