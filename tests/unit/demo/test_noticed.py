"""Each fault is noticed by Muster's own loop, told as it should be, and named; without one nobody is paged."""

from datetime import timedelta

import pytest

from bot.catalog.load import load_catalog
from bot.demo.config import write_config
from bot.demo.faults import FAULTS, Kind
from bot.demo.run import served_in
from bot.monitoring.jobs import Monitors
from tests.world import World

LOOK_SECONDS = 2
EVIDENCE = {"evidence"}


class Watch:
    """Both models and the monitors of the demo's own muster.yaml, on one clock."""

    def __init__(self, folder, world, models):
        self.world, self.models = world, models
        muster = world.muster
        self.monitors = Monitors(muster.database, muster.house, folder, muster.clock)

    def passes(self, seconds):
        """Let time pass and the monitors look; stop when the caller has seen enough."""
        for second in range(1, seconds + 1):
            self.world.clock.at += timedelta(seconds=1)
            for traffic in self.models.values():
                traffic.step()
            if second % LOOK_SECONDS == 0:
                self.monitors.tick()
                yield second

    def alerts(self):
        return {alert["monitor"]: alert for alert in self.world.get("/v1/alerts")}

    def states(self):
        return {one["state"] for one in self.world.get("/v1/monitors")}


@pytest.fixture
def watch(tmp_path, shipped, models, minutes):
    path = write_config(tmp_path, model_url="http://127.0.0.1:1", approver="U1")
    with World(f"sqlite:///{tmp_path / 'muster.db'}", load_catalog(path)) as world:
        traffic = served_in(tmp_path, shipped, models, minutes, world.clock)
        for one in traffic.values():
            one.fill_history()
        made = Watch(tmp_path, world, traffic)
        made.monitors.tick()
        yield made


# fault: the monitor that tells, how it is routed, words that name it, within how many seconds
SEEN = [
    ("delay-in-seconds", "late-share", "page", "of flights late (usually", 12),
    ("delay-in-seconds", "dep-delay-range", "evidence", "dep_delay looks 60 times too large at origin=EWR", 12),
    ("null-burst", "late-share", "page", "of flights late (usually", 12),
    ("null-burst", "dep-delay-nulls", "evidence", "dep_delay is missing in", 12),
    ("swapped-carriers", "inputs-drift", "evidence", "carrier: UA and US are swapped", 12),
    ("stale-weather", "inputs-drift", "evidence", "filled with", 12),
    ("labels-held", "label_delay", "ticket", "were due, the newest", 70),
    ("regional-flights", "inputs-drift", "evidence", "distance: median", 24),
    ("slow-lookups", "slow", "page", "p95 latency of arrival-delay is", 24),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_noticed_and_named(watch, fault):
    wanted = {monitor: (route, words, most) for name, monitor, route, words, most in SEEN if name == fault}
    assert wanted
    watch.models[FAULTS[fault].model].deploy(FAULTS[fault])
    latest = max(most for _, _, most in wanted.values())
    for _second in watch.passes(latest):
        if wanted.keys() <= watch.alerts().keys():
            break
    told = watch.alerts()
    for monitor, (route, words, _) in wanted.items():
        assert told[monitor]["model"] == FAULTS[fault].model
        assert told[monitor]["route"] == route
        assert words in told[monitor]["summary"]
    if {route for route, _, _ in wanted.values()} == EVIDENCE:
        assert watch.world.get("/v1/incidents") == []


def test_there_is_a_fault_of_each_kind():
    assert {fault.kind for fault in FAULTS.values()} == set(Kind)


def test_nobody_is_paged_while_nothing_is_broken(watch):
    for _second in watch.passes(90):
        pass
    assert watch.world.get("/v1/alerts") == []
    assert watch.states() <= {"ok", "waiting", "learning"}
