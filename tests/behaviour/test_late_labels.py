"""Labels a day late: the page comes from the estimate, the verdict when the labels are there."""

import json
from datetime import timedelta

import numpy as np
import pytest
from sqlmodel import col, select

from bot.catalog.config import Catalog
from bot.data import open_model
from bot.monitoring.jobs import Monitors
from bot.monitoring.truth.verdicts import follow_incidents
from bot.monitoring.watched import Watched
from bot.tables import Alert, Incident, MonitorResult, OutboxRow, TimelineEvent
from tests.unit.monitoring.flights import START, naive, write
from tests.unit.monitoring.late import DAY, days, model

ESTIMATE = {"name": "probably", "metric": "estimate", "window": "1d", "severity": "SEV2", "shadow": False}
RIGHT = {"name": "right", "metric": "performance", "window": "1d", "shadow": False}
BROKE = 30


def flights(*, truly_worse=True):
    """Scores that mean what they say. From day 30 on they hug the middle: because the flights are harder to tell, or
    only because they lost their scale. Labels take a day."""
    columns = days(40, a_day=400)
    hit = columns["at"] >= naive(START + BROKE * DAY)
    rng = np.random.default_rng(8)
    score = rng.beta(0.4, 0.4, hit.size)
    if truly_worse:
        score = np.where(hit, rng.beta(3, 3, hit.size), score)
    columns["late"] = np.where(rng.uniform(size=hit.size) < score, "late", "on time").astype(object)
    if not truly_worse:
        score = np.where(hit, 0.5 + (score - 0.5) * 0.4, score)
    columns["score"] = score
    columns["answer"] = np.where(score >= 0.5, "late", "on time").astype(object)
    columns["known_at"] = columns["at"] + np.timedelta64(1, "D")
    return columns


class Delayed:
    """A folder that fills as time goes by, and the world that watches it."""

    def __init__(self, make_world, folder, columns, *monitors):
        self.folder, self.columns = folder, columns
        labels = {"path": "labels.parquet", "key": "id", "column": "late", "time": "known_at"}
        made = model(*monitors, score="score", predictions="flights.parquet", labels=labels).model_copy(
            update={"tier": 1}
        )
        self.model = made
        self.world = make_world(Catalog(models=[made]))
        muster = self.world.muster
        self.monitors = Monitors(muster.database, muster.house, folder, muster.clock, open_model)

    def at(self, number):
        """Go to a moment, write what is there by then, and let the monitors look."""
        now = self.world.clock.at = START + number * DAY
        columns = self.columns
        self._write("flights.parquet", columns["at"] < naive(now), ("at", "id", "answer", "score"))
        self._write("labels.parquet", columns["known_at"] <= naive(now), ("id", "late", "known_at"))
        self.monitors.tick()
        one = Watched(self.model, next(one for one in self.model.monitors if one.metric == "performance"))
        rows = open_model(self.model, self.folder, self.world.muster.house.catalog.limits)
        follow_incidents(self.world.muster.database, one, rows, now)
        self.world.deliver()

    def _write(self, name, which, columns):
        write(self.folder / name, {column: self.columns[column][which] for column in columns})

    def read(self, table):
        with self.world.muster.database.reading() as session:
            return session.exec(select(table).order_by(col(table.id))).all()

    def said(self):
        place = next(one for one in self.world.slack.channels.values() if one.name.startswith("inc-1-"))
        return [message["text"] for message in place.messages if message["text"].startswith("Labels for ")]


@pytest.fixture
def delayed(make_world, tmp_path):
    return lambda columns, *monitors: Delayed(make_world, tmp_path, columns, *monitors)


def test_the_estimate_pages_and_the_labels_have_the_last_word(delayed):
    flow = delayed(flights(), ESTIMATE, RIGHT)
    flow.at(BROKE + 0.01)
    assert flow.read(Alert) == []
    flow.at(BROKE + 1.01)
    (alert,) = flow.read(Alert)
    assert (alert.monitor, alert.role, alert.route, alert.kind) == ("probably", "guardrail", "page", "performance")
    assert "before their labels, valid under covariate shift only" in alert.summary
    results = {one.key: one.state for one in flow.read(MonitorResult) if one.window_start == START + BROKE * DAY}
    assert results == {"eta/probably": "firing", "eta/right": "waiting"}
    (incident,) = flow.read(Incident)
    assert incident.onset_at == START + BROKE * DAY
    assert flow.said() == []
    flow.world.click("Acknowledge")
    flow.at(BROKE + 1.9)
    assert flow.said() == []
    flow.at(BROKE + 2.1)
    (line,) = flow.said()
    assert line.startswith("Labels for 2 Dec arrived (")
    assert "later): AUC really fell from 9" in line
    assert "labels, 100 % of those that come); we estimated 7" in line
    assert " rows were missed, where " in line
    (event,) = [one for one in flow.read(TimelineEvent) if one.kind == "labels.came"]
    assert event.text == line.replace("\u200b", "")
    kept = flow.read(Incident)[0].impact["labels"]
    assert kept["fell"] is True
    assert kept["value"] < kept["usual"]
    assert kept["estimated"] == pytest.approx(kept["value"], abs=0.06)
    flow.at(BROKE + 2.2)
    assert flow.said() == [line]
    drawn = [row for row in flow.read(OutboxRow) if row.kind == "incident.alert_chart"]
    assert [row.state for row in drawn] == ["done", "done"]


def test_labels_that_say_nothing_was_lost(delayed):
    flow = delayed(flights(truly_worse=False), {**ESTIMATE, "measure": "auc", "rule": {"drop": "5%"}}, RIGHT)
    flow.at(BROKE + 1.01)
    assert len(flow.read(Incident)) == 1
    flow.at(BROKE + 2.1)
    (line,) = flow.said()
    assert "they say nothing was lost, AUC 9" in line
    assert "; we estimated " in line


def test_the_postmortem_shows_the_verdict_and_where_the_time_went(delayed):
    flow = delayed(flights(), ESTIMATE, RIGHT)
    flow.at(BROKE + 1.01)
    flow.world.click("Acknowledge")
    flow.at(BROKE + 2.1)
    made = flow.world.get("/v1/incidents/1/postmortem?format=json")
    facts = {fact["name"]: fact["value"] for fact in made["impact"]}
    assert facts["Labels"].startswith("Labels for 2 Dec arrived (")
    assert any(moment["kind"] == "labels.came" for moment in made["timeline"])
    metrics = {key: one["seconds"] for key, one in made["metrics"].items()}
    assert metrics["data"] + metrics["detection"] == pytest.approx(metrics["ttd"])
    assert metrics["data"] == pytest.approx(0.01 * 86400)
    assert metrics["human"] == metrics["tta"]
    json.dumps(made)


def test_an_outcome_seen_late_has_begun_in_the_past(delayed):
    """Only labels show it: the incident opens two days after its onset, most of them spent waiting for labels."""
    columns = flights()
    flow = delayed(columns, {**RIGHT, "severity": "SEV2"})
    flow.at(BROKE + 0.99)
    for moment in (31.01, 32.01):
        flow.at(moment)
    (incident,) = flow.read(Incident)
    assert incident.onset_at == START + BROKE * DAY
    assert incident.detected_at == START + timedelta(days=32.01)
    made = flow.world.get("/v1/incidents/1/postmortem?format=json")
    metrics = {key: one["seconds"] / 86400 for key, one in made["metrics"].items() if one["seconds"] is not None}
    assert metrics["ttd"] == pytest.approx(2.01)
    assert 0.4 < metrics["data"] < 1.0
    assert metrics["detection"] == pytest.approx(metrics["ttd"] - metrics["data"])
