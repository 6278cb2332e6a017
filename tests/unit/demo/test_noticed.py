"""Each fault is noticed by Muster's own loop, told as it should be, and named; without one nobody is paged."""

from contextlib import ExitStack
from datetime import timedelta

import pytest

from bot.catalog.load import load_catalog
from bot.demo.config import write_config
from bot.demo.faults import FAULTS, Kind
from bot.demo.run import served_in
from bot.monitoring.jobs import Monitors
from tests.world import World

STEP_SECONDS = 3
BY_LABELS = {"right", "probably-right", "error", "label_delay"}
EVIDENCE = {"evidence"}


class Watch:
    """Both models and the monitors of the demo's own muster.yaml, on one clock."""

    def __init__(self, folder, world, models):
        self.world, self.models = world, models
        muster = world.muster
        self.monitors = Monitors(muster.database, muster.house, folder, muster.clock)

    def passes(self, seconds):
        """Let time pass and the monitors look; stop when the caller has seen enough."""
        for _ in range(0, seconds, STEP_SECONDS):
            self.world.clock.at += timedelta(seconds=STEP_SECONDS)
            for traffic in self.models.values():
                traffic.step()
            self.monitors.tick()
            yield self.world.clock.at

    def alerts(self):
        return {alert["monitor"]: alert for alert in self.world.get("/v1/alerts")}

    def states(self):
        return {one["state"] for one in self.world.get("/v1/monitors")}


@pytest.fixture
def watching(tmp_path, shipped, models, minutes):
    """Watch both models, or one of them without the monitors that this test has no use for."""
    path = write_config(tmp_path, model_url="http://127.0.0.1:1", approver="U1")
    catalog = load_catalog(path)
    with ExitStack() as open_worlds:

        def made(only=None, without=()):
            kept = [
                model.model_copy(update={"monitors": [one for one in model.monitors if one.name not in without]})
                for model in catalog.models
                if only in {None, model.name}
            ]
            watched = catalog.model_copy(update={"models": kept})
            world = open_worlds.enter_context(World(f"sqlite:///{tmp_path / 'muster.db'}", watched))
            traffic = served_in(tmp_path, shipped, models, minutes, world.clock)
            watch = Watch(tmp_path, world, {model.name: traffic[model.name] for model in kept})
            for one in watch.models.values():
                one.fill_history()
            watch.monitors.tick()
            return watch

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
def test_each_fault_is_noticed_and_named(watching, fault):
    wanted = {monitor: (route, words, most) for name, monitor, route, words, most in SEEN if name == fault}
    assert wanted
    watch = watching(FAULTS[fault].model, BY_LABELS - wanted.keys())
    watch.models[FAULTS[fault].model].deploy(FAULTS[fault])
    latest = max(most for _, _, most in wanted.values())
    for _now in watch.passes(latest):
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


def test_nobody_is_paged_while_nothing_is_broken(watching):
    """A morning of the demo; `python -m tests.benchmarks.demo` does the same for a week."""
    watch = watching()
    for _now in watch.passes(30):
        pass
    assert [alert for alert in watch.world.get("/v1/alerts") if alert["route"] != "evidence"] == []
    assert watch.world.get("/v1/incidents") == []
    assert watch.states() <= {"ok", "waiting", "learning"}
