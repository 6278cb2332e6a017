from datetime import UTC, datetime, timedelta

import pytest

from bot.demo import eta, flights
from bot.demo.traffic import Traffic


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
    return Traffic(shipped.traffic, models, tmp_path, clock)
