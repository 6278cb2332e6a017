"""The demo must not cry wolf, and must not miss its fault: with the band the monitors really use."""

from datetime import timedelta

import numpy as np
import pytest

from bot.catalog.load import load_catalog
from bot.data import open_model
from bot.demo.config import write_config
from bot.demo.eta import ACTIVE, FALLBACK
from bot.demo.faults import FAULTS
from bot.demo.flights import LATE
from bot.demo.rowlog import write_rows
from bot.demo.served import scored
from bot.demo.traffic import BASELINE, RATE, WINDOW, Shuffled
from bot.monitoring.budgets.budget import alarm_rates
from bot.monitoring.finding import State
from bot.monitoring.judges.judging import judge
from bot.monitoring.judges.terms import Terms
from bot.monitoring.watched import watched
from bot.monitoring.windows import newest
from bot.statistics.bands import class_share

QUIET_WINDOWS = 3_000


def counts(late, windows, seed):
    rng = np.random.default_rng(seed)
    order = Shuffled(late.size, rng)
    sizes = rng.poisson(RATE * WINDOW.total_seconds(), windows)
    return [(int(late[order.next(size)].sum()), int(size)) for size in sizes]


@pytest.fixture(scope="module")
def rate(tmp_path_factory):
    config = write_config(tmp_path_factory.mktemp("demo"), model_url="http://127.0.0.1:1", approver="U1")
    return alarm_rates(load_catalog(config))["eta/late-share"]


@pytest.fixture(scope="module")
def quiet(shipped, models):
    return counts(scored(models[ACTIVE], shipped.traffic)["answer"] == LATE, QUIET_WINDOWS + BASELINE, 1)


def outside(baseline, window, rate):
    return class_share(baseline, *window, false_alarm_rate=rate).outside


def test_three_thousand_quiet_windows_raise_no_alarm(quiet, rate):
    alarms = sum(outside(quiet[k - BASELINE : k], quiet[k], rate) for k in range(BASELINE, len(quiet)))
    assert alarms == 0


@pytest.mark.parametrize(("version", "fault", "alarm"), [(ACTIVE, True, True), (FALLBACK, True, False)])
def test_the_first_full_window_decides(shipped, models, quiet, rate, version, fault, alarm):
    rows = FAULTS["delay-in-seconds"].begin(np.random.default_rng(0))(shipped.traffic) if fault else shipped.traffic
    now = counts(scored(models[version], rows)["answer"] == LATE, 500, 2)
    said = [outside(quiet[k : k + BASELINE], window, rate) for k, window in enumerate(now)]
    assert all(said) if alarm else not any(said)


@pytest.fixture
def watch(traffic, clock, shipped, models, tmp_path, rate):
    """Judge the newest complete window by every monitor of `eta` in the demo's own muster.yaml that needs no labels."""
    write_rows(tmp_path / "reference.parquet", [scored(models[ACTIVE], shipped.reference)])
    catalog = load_catalog(write_config(tmp_path, model_url="http://127.0.0.1:1", approver="U1"))

    def look():
        rows = open_model(catalog.models[0], tmp_path, catalog.limits)
        window = newest(rows.latest("predictions"), WINDOW, timedelta(0))
        return {
            one.monitor.name: judge(one, rows, window, Terms(lambda past: past.start >= window.start, rate))
            for one in watched(catalog).values()
            if one.model.name == "eta" and one.monitor.window == WINDOW
        }

    traffic.fill_history()
    return look


def forward(traffic, clock, seconds):
    for _ in range(seconds):
        clock.forward(1)
        traffic.step()


def test_monitors_are_calm_before(watch):
    assert {finding.state for finding in watch().values()} == {State.OK}


def test_monitors_see_the_share_leave_and_name_the_cause(watch, traffic, clock):
    traffic.deploy(FAULTS["delay-in-seconds"])
    since = clock.now()
    forward(traffic, clock, 8)
    found = watch()
    assert {name for name, finding in found.items() if finding.state is State.FIRING} == {
        "late-share",
        "dep-delay-range",
        "inputs-drift",
    }
    assert found["late-share"].sentence.startswith("eta calls 2")
    assert "dep_delay looks 60 times too large at origin=EWR" in found["dep-delay-range"].sentence
    assert abs(found["dep-delay-range"].onset - since) <= timedelta(seconds=2)
    assert found["inputs-drift"].sentence.startswith("dep_delay")


@pytest.mark.parametrize(
    ("fault", "monitor", "words"),
    [
        ("null-burst", "dep-delay-nulls", "dep_delay is missing in 4"),
        ("swapped-carriers", "inputs-drift", "UA and US are swapped"),
        ("stale-weather", "inputs-drift", "in all rows (usually"),
    ],
)
def test_the_other_faults_are_seen_too(watch, traffic, clock, fault, monitor, words):
    traffic.deploy(FAULTS[fault])
    forward(traffic, clock, 10)
    finding = watch()[monitor]
    assert finding.state is State.FIRING
    assert words in finding.sentence


def test_after_the_fallback_the_share_is_back_while_the_input_is_still_broken(watch, traffic, clock):
    traffic.deploy(FAULTS["delay-in-seconds"])
    traffic.switch(FALLBACK)
    forward(traffic, clock, 10)
    found = watch()
    assert found["late-share"].state is State.OK
    assert found["dep-delay-range"].state is State.FIRING
