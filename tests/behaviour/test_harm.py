"""Drift is not harm, and what no single feature shows: through the monitors' own loop, to an incident and its card."""

import numpy as np
import pytest

from bot.monitoring.pictures import chart_of
from bot.tables import Alert, Incident, MonitorResult
from tests.behaviour.test_monitoring import SHARE, Stream
from tests.unit.monitoring.flights import HOUR, START, hours, since
from tests.unit.monitoring.test_relation_causes import LEARNT, answered, more_of
from tests.unit.monitoring.test_relations import FEATURES, TOGETHER, air, wrongly_joined

DRIFT = {"name": "drift", "metric": "drift"}
PLAIN = {name: {} for name in ("dep_delay", "distance", "carrier")}


@pytest.fixture
def database_url(sqlite_url):
    """What is judged does not depend on the engine, and what is kept of it is asked of both in `test_monitoring`."""
    return sqlite_url


def test_a_wrong_join_opens_an_incident_while_no_single_feature_moves(make_world):
    columns = wrongly_joined(air(22), START + 20 * HOUR)
    ranges = [{"name": f"{name}-range", "metric": "range", "feature": name} for name in ("air_time", "distance")]
    together = {**TOGETHER, "severity": "SEV2"}
    stream = Stream(make_world, together, DRIFT, *ranges, columns=columns, features=FEATURES, reference=None)
    stream.at(hours=20, minutes=1)
    assert stream.read(Alert) == []
    assert {stream.state(name).state for name in ("together", "drift", "air_time-range", "distance-range")} == {"ok"}
    stream.at(hours=21, minutes=1)
    (alert,) = stream.read(Alert)
    assert (alert.monitor, alert.role, alert.route, alert.kind) == ("together", "guardrail", "page", "drift")
    assert stream.state("drift").state == "ok"
    (incident,) = stream.world.get("/v1/incidents")
    assert incident["title"].startswith("eta: air_time and distance no longer belong together (correlation 0.9")
    with stream.world.muster.database.reading() as session:
        chart = chart_of(session, alert)
    assert "sigmas from the windows before" in chart.alt


def scored(count=40, seed=1):
    """The score follows the delay at departure, and nothing else."""
    columns = hours(count, seed=seed)
    noise = np.random.default_rng(seed + 50).normal(0, 0.03, columns["at"].size)
    columns["score"] = np.clip(columns["dep_delay"] / 80, 0, 1) + noise
    return columns


def test_a_drift_without_harm_is_evidence_that_says_so_and_names_no_cause(make_world):
    columns = scored()
    moved = since(columns, START + 36 * HOUR)
    columns["distance"][moved] += 200
    later = since(columns, START + 37 * HOUR)
    columns["answer"][later & (np.random.default_rng(4).uniform(size=later.size) < 0.3)] = "late"
    worse = since(columns, START + 38 * HOUR)
    columns["dep_delay"][worse] = np.round(columns["dep_delay"][worse] * 1.3 + 3)
    columns["score"][worse] = np.clip(columns["dep_delay"][worse] / 80, 0, 1)
    stream = Stream(make_world, DRIFT, SHARE, columns=columns, features=PLAIN, reference=None, score="score")
    stream.at(hours=36, minutes=1)
    assert stream.state("drift").state == "ok"
    stream.at(hours=37, minutes=1)
    (alert,) = stream.read(Alert)
    assert (alert.role, alert.route, alert.incident_id) == ("diagnostic", "evidence", None)
    assert alert.summary.startswith("distance: median ")
    assert "; the scores it leads to moved " in alert.summary
    assert alert.summary.endswith(": no harm expected")
    stream.at(hours=38, minutes=1)
    (incident,) = stream.read(Incident)
    assert stream.read(Alert)[0].incident_id is not None
    assert not incident.cause
    stream.at(hours=39, minutes=1)
    assert stream.state("drift").sentence.startswith("dep_delay: ")
    assert " sigma): harm expected; 2 of 3 features of eta moved" in stream.state("drift").sentence
    result = stream.read(MonitorResult, MonitorResult.key == "eta/drift")[-1]
    assert [one.split(":")[0] for one in result.data["moved"]] == ["dep_delay", "distance"]


def test_given_importances_decide_the_order_of_what_may_harm(make_world):
    columns = scored()
    moved = since(columns, START + 36 * HOUR)
    columns["distance"][moved] += 200
    columns["dep_delay"][moved] = np.round(columns["dep_delay"][moved] * 1.3 + 3)
    columns["carrier"][moved] = "UA"
    columns["score"][moved] = np.clip(columns["dep_delay"][moved] / 80, 0, 1)
    given = {"distance": {"importance": 0.9}, "carrier": {"importance": 0.8}, "dep_delay": {"importance": 0.1}}
    stream = Stream(make_world, DRIFT, columns=columns, features=given, reference=None, score="score")
    stream.at(hours=37, minutes=1)
    assert stream.state("drift").state == "firing"
    result = stream.read(MonitorResult)[-1]
    assert [one.split(":")[0] for one in result.data["moved"]] == ["dep_delay", "distance", "carrier"]


def test_a_campaign_pages_nobody_and_the_monitor_says_what_came_otherwise(make_world):
    columns = more_of(answered(count=17), "carrier", "AA")
    stream = Stream(make_world, TOGETHER, columns=columns, **{**LEARNT, "reference": None})
    stream.at(hours=16, minutes=1)
    assert stream.read(Alert) == []
    assert stream.state("together").state == "ok"
    assert stream.state("together").sentence.startswith("eta: carrier came in another mix, and all else is as")


def test_a_mix_that_moves_the_answers_is_the_cause_on_the_card(make_world):
    columns = more_of(answered(count=17, on_carrier=3.0), "carrier", "AA")
    stream = Stream(make_world, {**TOGETHER, "severity": "SEV2"}, columns=columns, **{**LEARNT, "reference": None})
    stream.at(hours=16, minutes=1)
    (incident,) = stream.read(Incident)
    assert incident.cause.startswith("eta: carrier came in another mix")
    assert incident.cause.endswith("; the answers moved with it")


def test_a_fault_with_a_name_is_the_cause_though_a_fit_of_the_answers_hardly_needs_it(make_world):
    columns = scored()
    moved = since(columns, START + 37 * HOUR)
    columns["distance"][moved] /= 1000
    columns["answer"][moved & (np.random.default_rng(4).uniform(size=moved.size) < 0.3)] = "late"
    stream = Stream(make_world, DRIFT, SHARE, columns=columns, features=PLAIN, reference=None, score="score")
    stream.at(hours=38, minutes=1)
    (incident,) = stream.read(Incident)
    assert incident.cause.startswith("distance looks 1,000 times too small")
    assert "no harm expected" not in incident.cause
