"""Muster's own monitors, from rows of a stream to an incident with its evidence, and back to calm."""

import json
import threading
from datetime import timedelta

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from sqlmodel import col, select
from starlette.testclient import TestClient

from bot.catalog.config import Catalog
from bot.core.errors import BotError
from bot.monitoring.api import routes
from bot.monitoring.due import LEASE, claim, held
from bot.monitoring.jobs import Monitors
from bot.monitoring.pictures import chart_of
from bot.tables import Alert, Delivery, Incident, MonitorResult, MonitorState, Observation
from tests.unit.monitoring.flights import HOUR, START, Table, hours, model, naive, since

SHARE = {"name": "late", "metric": "class_share", "value": "late"}
RANGE = {"name": "delay-range", "metric": "range", "feature": "dep_delay"}
NULLS = {"name": "nulls", "metric": "null_rate", "feature": "distance"}
COUNT = {"name": "rows", "metric": "row_count"}
BROKE, MENDED = START + timedelta(hours=38, minutes=40), START + 41 * HOUR
REFERENCE = hours(150, seed=9)


class Stream:
    """A world whose model gets rows as time goes by: nobody sees a row before its time."""

    def __init__(self, make_world, *monitors, columns=None, **data):
        self.columns = hours(60) if columns is None else columns
        told = [{"shadow": False, **one} for one in monitors]
        self.catalog = Catalog(models=[model(*told, **data)])
        self.world = make_world(self.catalog)
        self.problem = None
        self.monitors = self.another()

    def another(self):
        muster = self.world.muster
        return Monitors(muster.database, muster.house, None, muster.clock, self.open)

    def open(self, _model, _base, _limits):
        if self.problem:
            raise self.problem
        seen = self.columns["at"] < naive(self.world.clock.now())
        return Table({name: values[seen] for name, values in self.columns.items()}, REFERENCE)

    def at(self, **since_start):
        """Go to a moment of the stream and let the monitors look."""
        self.world.clock.at = START + timedelta(**since_start)
        judged = self.monitors.tick()
        self.world.deliver()
        return judged

    def read(self, table, *where):
        with self.world.muster.database.reading() as session:
            return session.exec(
                select(table).where(*where).order_by(col(next(iter(table.__table__.primary_key))))
            ).all()

    def state(self, name):
        return self.read(MonitorState, MonitorState.key == f"eta/{name}")[0]


def faulty():
    """From 14:40 until 17:00 one airport's delays come in seconds, and the model calls those flights late."""
    columns = hours(60)
    hit = since(columns, BROKE) & ~since(columns, MENDED) & (columns["origin"] == "EWR")
    columns["dep_delay"][hit] *= 60
    columns["answer"][hit] = "late"
    return columns


def test_a_shifted_share_opens_an_incident_with_its_cause_at_once(make_world):
    stream = Stream(make_world, SHARE, RANGE, NULLS, columns=faulty())
    assert stream.at(hours=38, minutes=1) == 3
    assert stream.read(Alert) == []
    stream.at(hours=39, minutes=1)
    (incident,) = stream.world.get("/v1/incidents")
    assert incident["title"].startswith("eta calls 30 % of flights late (usually ")
    assert incident["severity"] == "SEV2"
    share, cause = stream.read(Alert)
    assert (share.source, share.role, share.route, share.severity) == ("muster", "guardrail", "page", "SEV2")
    assert abs(share.starts_at - BROKE) < timedelta(minutes=5)
    assert cause.incident_id == share.incident_id
    assert (cause.role, cause.route, cause.kind, cause.segment) == (
        "diagnostic",
        "evidence",
        "data_quality",
        "origin=EWR",
    )
    assert cause.evidence["cause"].startswith("dep_delay looks 60 times too large at origin=EWR since 14:40 UTC")
    kept = stream.read(Incident)[0]
    assert kept.cause == cause.evidence["cause"]
    assert kept.impact["share"] == "14 %"
    card = next(place.messages[0] for place in stream.world.slack.channels.values() if place.name.startswith("inc-1-"))
    assert "looks 60 times too large at origin=EWR" in json.dumps(card, ensure_ascii=False)
    assert [one["outcome"] for one in stream.world.get("/v1/deliveries")[0]["items"]] == ["joined"]


def test_a_diagnostic_alone_is_evidence_and_waits_for_its_incident(make_world):
    stream = Stream(make_world, RANGE, columns=faulty())
    stream.at(hours=39, minutes=1)
    (alert,) = stream.read(Alert)
    assert (alert.route, alert.incident_id) == ("evidence", None)
    assert stream.world.get("/v1/incidents") == []


def test_an_alert_is_over_after_two_clean_windows(make_world):
    stream = Stream(make_world, SHARE, RANGE, columns=faulty())
    for hour in (38, 39, 40, 41, 42):
        stream.at(hours=hour, minutes=1)
    assert {alert.state for alert in stream.read(Alert)} == {"firing"}
    assert [alert.evaluations for alert in stream.read(Alert)] == [3, 3]
    stream.at(hours=43, minutes=1)
    assert {(alert.state, alert.resolved_at) for alert in stream.read(Alert)} == {("resolved", MENDED)}
    assert stream.read(Incident)[0].status == "monitoring"
    stream.at(hours=44, minutes=1)
    assert len(stream.read(Alert)) == 2


def test_a_window_is_judged_when_no_row_can_fall_into_it_any_more(make_world):
    stream = Stream(make_world, {**SHARE, "lateness": "10m"})
    assert stream.at(hours=30, minutes=10) == 1
    assert stream.state("late").last_window_end == START + 29 * HOUR
    assert stream.at(hours=30, minutes=12) == 1
    assert stream.state("late").last_window_end == START + 30 * HOUR
    assert stream.at(hours=30, minutes=50) == 0


def test_a_row_dated_ahead_of_the_clock_closes_no_window(make_world):
    columns = hours(60)
    stream = Stream(make_world, SHARE, columns=columns)
    at = np.searchsorted(columns["at"], naive(START + 30 * HOUR))
    columns["at"][at - 1] = naive(START + 29 * HOUR)
    stream.open = lambda *_: Table(
        {**columns, "at": np.append(columns["at"][:at], np.datetime64("2099-01-01"))}, REFERENCE
    )
    stream.monitors = stream.another()
    for name, values in columns.items():
        columns[name] = values[: at + 1]
    assert stream.at(hours=30, minutes=20) == 1
    assert stream.state("late").last_window_end == START + 30 * HOUR


def test_missed_windows_are_judged_in_order_after_a_pause(make_world):
    stream = Stream(make_world, SHARE, columns=faulty())
    stream.at(hours=20, minutes=1)
    assert stream.at(hours=41, minutes=5) == 21
    ends = [result.window_end for result in stream.read(MonitorResult)]
    assert ends == [START + hour * HOUR for hour in range(20, 42)]
    states = [result.state for result in stream.read(MonitorResult)]
    assert states == ["ok"] * 19 + ["firing"] * 3
    (alert,) = stream.read(Alert)
    assert alert.evaluations == 3


def test_trouble_is_not_learnt_from_unless_it_was_none(make_world):
    """Hours out of band widen no band; once a person calls them a false alarm, they do."""
    columns = hours(60)
    trouble = since(columns, START + 30 * HOUR)
    columns["answer"] = np.where(
        trouble & (np.random.default_rng(8).uniform(size=trouble.size) < 0.15), "late", columns["answer"]
    )
    stream = Stream(make_world, {**SHARE, "baseline": 24}, columns=columns)
    stream.at(hours=30, minutes=1)
    stream.at(hours=50, minutes=1)
    results = stream.read(MonitorResult)
    assert results[-1].state == "firing"
    assert results[-1].upper == pytest.approx(results[0].upper, abs=0.03)
    channel = stream.read(Incident)[0].channel_id
    with stream.world.muster.database.transaction() as session:
        incident = session.exec(select(Incident)).one()
        incident.status, incident.resolution, incident.resolved_at = "resolved", "expected", stream.world.clock.now()
    assert channel
    stream.at(hours=51, minutes=1)
    assert stream.read(MonitorResult)[-1].upper > results[0].upper + 0.03


def test_what_cannot_be_read_is_a_state_and_never_an_alert(make_world):
    stream = Stream(make_world, SHARE, {**NULLS, "name": "gone", "feature": "no_such_column"}, columns=faulty())
    stream.at(hours=39, minutes=1)
    assert stream.state("gone").state == "broken"
    assert "no_such_column" in stream.state("gone").sentence
    assert stream.state("late").state == "firing"
    stream.problem = BotError("flights.csv can't be read: permission denied.")
    stream.at(hours=40, minutes=3)
    assert stream.state("late").state == "broken"
    assert stream.state("late").sentence == "flights.csv can't be read: permission denied."
    assert len(stream.read(Alert)) == 1
    stream.problem = None
    assert stream.at(hours=40, minutes=6) == 1
    assert stream.state("late").state == "firing"


def test_learning_and_too_few_rows_alert_nobody(make_world):
    stream = Stream(make_world, SHARE, {**RANGE, "min_rows": 5000}, columns=faulty())
    stream.at(hours=5, minutes=1)
    assert stream.state("late").state == "learning"
    assert stream.state("late").sentence.endswith("to go.")
    assert stream.state("delay-range").state == "too_few"
    assert stream.read(Delivery) == []


def test_a_diagnostic_of_another_length_is_asked_for_the_guardrails_window(make_world):
    stream = Stream(make_world, SHARE, {**RANGE, "window": "1d"}, columns=faulty())
    stream.at(hours=38, minutes=1)
    stream.at(hours=39, minutes=1)
    asked = stream.read(MonitorResult, MonitorResult.key == "eta/delay-range")[-1]
    assert (asked.window_start, asked.window_end) == (START + 38 * HOUR, START + 39 * HOUR)
    assert asked.data["asked_by"] == "eta/late"
    assert {alert.monitor for alert in stream.read(Alert)} == {"late", "delay-range"}
    assert stream.state("delay-range").last_window_end == START + 24 * HOUR


def test_rows_that_stop_coming_fire_a_row_count(make_world):
    columns = hours(60)
    came = ~since(columns, START + timedelta(hours=38, minutes=10))
    stream = Stream(make_world, COUNT, NULLS, columns={name: values[came] for name, values in columns.items()})
    for hour in (36, 37, 38):
        stream.at(hours=hour, minutes=2)
    assert stream.state("rows").state == "ok"
    stream.at(hours=39, minutes=30)
    assert stream.state("nulls").state == "ok"
    stream.at(hours=40, minutes=1)
    (alert,) = stream.read(Alert)
    assert alert.summary.startswith("eta got 93 rows from 2026-11-03 14:00 to 15:00 UTC (usually ")
    assert stream.state("nulls").sentence == "Only 93 rows; 200 needed."
    stream.at(hours=41, minutes=1)
    assert stream.read(MonitorResult, MonitorResult.key == "eta/rows")[-1].value == 0
    assert stream.state("nulls").state == "no_data"
    assert len(stream.read(Alert)) == 1


def test_a_stream_that_stops_is_said_of_each_monitor(make_world):
    columns = hours(60)
    came = ~since(columns, START + timedelta(hours=38, minutes=10))
    stream = Stream(make_world, SHARE, columns={name: values[came] for name, values in columns.items()})
    stream.at(hours=38, minutes=2)
    stream.at(hours=41, minutes=1)
    assert stream.state("late").state == "no_data"
    assert stream.state("late").sentence == "No rows of eta since 2026-11-03 14:09 UTC."


def test_two_processes_judge_each_window_once(make_world):
    stream = Stream(make_world, SHARE, RANGE, NULLS, columns=faulty())
    stream.at(hours=30, minutes=1)
    stream.world.clock.at = START + timedelta(hours=40, minutes=1)
    judged = []
    pair = [stream.another(), stream.another()]
    threads = [threading.Thread(target=lambda one=one: judged.append(one.tick())) for one in pair]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stream.monitors.tick()
    results = stream.read(MonitorResult)
    assert len(results) == 3 * 11
    assert len({(result.key, result.window_end) for result in results}) == len(results)
    assert len(stream.read(Alert)) == 2
    assert len(stream.read(Incident)) == 1


def test_a_holder_that_slept_through_its_lease_keeps_nothing(make_world):
    stream = Stream(make_world, SHARE)
    stream.monitors._introduce()
    database, now = stream.world.muster.database, stream.world.clock.now()
    with database.transaction() as session:
        slow = claim(session, ["eta/late"], now)
    with database.transaction() as session:
        assert claim(session, ["eta/late"], now) is None
    with database.transaction() as session:
        quick = claim(session, ["eta/late"], now + LEASE)
        assert (slow.epoch, quick.epoch) == (1, 2)
        assert held(session, slow, now) is None
        assert held(session, quick, now) is not None


def test_the_chart_of_an_alert_shows_what_it_says(make_world):
    stream = Stream(make_world, SHARE, RANGE, columns=faulty())
    stream.at(hours=39, minutes=1)
    with stream.world.muster.database.reading() as session:
        share, cause = session.exec(select(Alert).order_by(col(Alert.id)))
        drawn, values = chart_of(session, share), chart_of(session, cause)
        foreign = chart_of(session, Alert(source="grafana", model="eta", monitor="late", summary="x", fingerprint="f"))
    assert foreign is None
    assert drawn.png.startswith(b"\x89PNG")
    assert "share answered late" in drawn.alt
    assert "31 points" in drawn.alt
    assert "1 outside" in drawn.alt
    assert f"15:00 fired 15:00; 2026-11-03 {share.starts_at:%H:%M} began {share.starts_at:%H:%M}" in drawn.alt
    assert "Histograms of dep_delay" in values.alt
    assert "reference: median 17" in values.alt


@pytest.fixture
def pushed(make_world):
    """The monitoring routes over a world's database: pushes a body, and reads."""
    stream = Stream(make_world, SHARE, RANGE, columns=faulty())
    muster = stream.world.muster
    app = FastAPI()
    app.include_router(routes(muster.database, stream.catalog, muster.clock, lambda: None))

    @app.exception_handler(BotError)
    async def said(_request, error):
        return JSONResponse({"error": error.message}, status_code=error.status)

    with TestClient(app) as client:
        yield stream, client


def push(client, body):
    return client.post("/v1/observations", content=body if isinstance(body, bytes) else json.dumps(body).encode())


def test_pushed_points_are_kept_once_and_corrected(pushed):
    stream, client = pushed
    point = {"at": "2026-11-02T01:00:00Z", "value": 0.91, "rows": 1200}
    body = {"model": "eta", "metric": "auc", "points": [point, {"at": "2026-11-02T02:00:00", "value": 0.9}]}
    answer = push(client, body)
    assert answer.status_code == 202
    assert answer.json() == {"received": 2, "stored": 2, "unchanged": 0, "corrected": 0}
    assert push(client, body).json() == {"received": 2, "stored": 0, "unchanged": 2, "corrected": 0}
    body["points"][0]["value"] = 0.78
    body["points"][1]["segment"] = "EWR"
    assert push(client, body).json() == {"received": 2, "stored": 1, "unchanged": 0, "corrected": 1}
    kept = [(row.segment, row.at, row.value) for row in stream.read(Observation)]
    assert kept == [("", START + HOUR, 0.78), ("", START + 2 * HOUR, 0.9), ("EWR", START + 2 * HOUR, 0.9)]


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"{", 400, "line 1"),
        (b'{"model": "eta", "metric": "auc", "points": [{"at": "2026-11-02T01:00:00Z", "value": NaN}]}', 400, "NaN"),
        ({"model": "eta", "metric": "auc", "points": []}, 400, "/points"),
        ({"model": "eta", "metric": "auc", "points": [{"at": "soon", "value": 1}]}, 400, "/points/0/at"),
        ({"model": "eta", "metric": "auc", "points": [{"at": "2026-11-02", "value": "1"}]}, 400, "/points/0"),
        ({"model": "eta", "metric": "a", "points": [{"at": "2027-01-01T00:00:00Z", "value": 1}]}, 400, "ahead of now"),
        ({"model": "eta", "metric": "a", "points": [{"at": "2026-11-02T00:00:00", "value": 1}], "x": 1}, 400, "/x"),
        ({"model": "eat", "metric": "a", "points": [{"at": "2026-11-02T00:00:00", "value": 1}]}, 404, "`eta`"),
    ],
)
def test_bad_points_are_refused_with_their_place(pushed, body, status, says):
    stream, client = pushed
    answer = push(client, body)
    assert answer.status_code == status
    assert says in answer.text
    assert stream.read(Observation) == []


def test_what_is_watched_is_shown(pushed):
    stream, client = pushed
    assert {one["state"] for one in client.get("/v1/monitors").json()} == {"waiting"}
    stream.at(hours=39, minutes=1)
    shown = client.get("/v1/monitors").json()
    assert [(one["monitor"], one["role"], one["state"]) for one in shown] == [
        ("late", "guardrail", "firing"),
        ("delay-range", "diagnostic", "firing"),
    ]
    assert shown[0]["window_end"] == "2026-11-03T15:00:00+00:00"
