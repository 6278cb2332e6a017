"""What data does when nobody means it, in the monitors' own loop: each has a state and a sentence, and no flood."""

import numpy as np
import pytest

from bot.tables import Alert, MonitorResult
from tests.behaviour.test_baselines import Live
from tests.behaviour.test_late_labels import RIGHT, delayed  # noqa: F401
from tests.behaviour.test_monitoring import COUNT, SHARE
from tests.unit.monitoring.flights import HOUR, START, hours, naive
from tests.unit.monitoring.late import days
from tests.world import API


@pytest.fixture
def database_url(sqlite_url):
    """What is judged does not depend on the engine, and what is kept of it is asked of both in `test_monitoring`."""
    return sqlite_url


def test_a_table_that_doubles_for_good_is_one_alert_and_says_they_are_new_rows(make_world):
    grown = hours(10, a_window=1200, seed=3, start=START + 38 * HOUR)
    columns = {name: np.concatenate([values, grown[name]]) for name, values in hours(38).items()}
    live = Live(make_world, {**COUNT, "name": "late"}, columns=columns)
    live.hour(36)
    assert live.hour(37).state == "ok"
    assert live.hour(44).state == "firing"
    (alert,) = live.read(Alert)
    assert alert.evaluations == 7
    assert "times as many as usual, and they are new rows, not the same ones again" in alert.summary
    assert len(live.world.get("/v1/incidents")) == 1


def test_a_new_category_every_day_stays_calm(make_world):
    columns = hours(24 * 14, a_window=60)
    day = (columns["at"] - naive(START)) // np.timedelta64(1, "D")
    columns["carrier"] = np.array([f"build-{number}" for number in day.tolist()], dtype=object)
    drift = {"name": "late", "metric": "drift", "window": "1d", "reference": "rolling", "feature": "carrier"}
    live = Live(make_world, {**drift, "baseline": 8}, columns=columns)
    live.hour(9 * 24)
    live.hour(13 * 24)
    assert [one.state for one in live.read(MonitorResult)] == ["ok"] * 5
    assert live.read(Alert) == []


def test_a_model_promoted_every_hour_is_still_watched(make_world):
    live = Live(make_world, SHARE, columns=hours(60))
    live.hour(30)
    for hour in range(31, 42):
        at = START + hour * HOUR
        live.world.clock.at = at
        body = {"title": f"eta r{hour}", "kind": "model", "model": "eta", "version": f"r{hour}", "at": at.isoformat()}
        assert live.world.http.post("/v1/changes", json=body, headers={"Authorization": f"Bearer {API}"}).is_success
    live.world.muster.tick()
    state = live.hour(42)
    assert state.state == "ok"
    assert "times in the last 24 h, comparing across versions instead" in state.sentence
    assert live.read(Alert) == []


def test_labels_that_never_come_are_a_state_and_page_nobody(delayed):  # noqa: F811
    columns = days(30)
    columns["known_at"][:] = np.datetime64("2027-06-01")
    flow = delayed(columns, RIGHT)
    for number in (20.01, 26.01):
        flow.at(number)
    found = flow.read(MonitorResult)
    assert {one.state for one in found} == {"no_labels"}
    assert all(one.data["sentence"].startswith("No label of eta has come for ") for one in found)
    assert flow.read(Alert) == []
