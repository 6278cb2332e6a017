from datetime import UTC, datetime, timedelta

import pytest

from bot.demo import arrival, eta, flights
from bot.demo.run import ARRIVAL_RATE
from bot.demo.traffic import Served, Traffic


class Clock:
    """Time that is moved by hand."""

    def __init__(self):
        self.at = datetime(2026, 11, 23, 14, 0, 3, tzinfo=UTC)

    def now(self):
        return self.at

    def forward(self, seconds):
        self.at += timedelta(seconds=seconds)


@pytest.fixture(scope="session")
def shipped():
    return flights.split(flights.load())


@pytest.fixture(scope="session")
def models(shipped):
    return eta.both(shipped)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def traffic(shipped, models, tmp_path, clock):
    return Traffic(shipped.traffic, Served(models, ("score", "answer"), "truth"), tmp_path, clock)


@pytest.fixture(scope="session")
def minutes(shipped):
    return arrival.fit(shipped)


@pytest.fixture
def timed(shipped, minutes, tmp_path, clock):
    """The traffic of the second model, whose requests wait in a line."""
    served = Served({minutes.version: minutes}, ("answer",), "arr_delay", rate=ARRIVAL_RATE, line=True)
    return Traffic(shipped.traffic, served, tmp_path, clock)
