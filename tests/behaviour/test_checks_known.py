"""Checks that need what the database knows: alerts near in time, and the incidents whose rows are bad to learn from."""

from datetime import UTC, datetime

import pytest

from bot.catalog.load import load_catalog
from tests.unit.checks import flights

FAULT = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)


@pytest.fixture
def world(make_world, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    world = make_world(load_catalog(flights.write(tmp_path)))
    world.fire(model="eta", severity="page", title="dep_delay moved", feature="dep_delay", starts_at=FAULT.isoformat())
    return world


def ask(world, line):
    where = world.slack.channel("inc-1-")
    before = len(where.messages)
    world.command(f"check {line}", channel=where.id)
    [answer] = [one["text"] for one in where.messages[before:] if "evidence E-" in one["text"]]
    return answer


def test_an_incident_sees_alerts_of_others_and_its_rows_are_left_out_of_training(world):
    assert "No other alert within 6 h belongs to eta" in ask(world, "related_alerts")
    world.fire(model="fares", severity="page", title="delays look wrong", feature="dep_delay")
    world.fire(model="chat", severity="page", title="slow", kind="latency")
    related = ask(world, "related_alerts")
    assert "1 alert within 6 h, 1 still firing; it is delays look wrong" in related
    assert "slow" not in related
    trained = ask(world, "fit_to_train window=24h")
    assert "600 of 14,400 rows are left out as they lie in INC-1" in trained
    assert "multiplied by" not in trained
