"""Checks as responders ask for them: in Slack, by the API and in the terminal, with one and the same answer."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from bot.catalog.load import load_catalog
from bot.entrypoints.cli import app
from bot.slack.text import escape
from tests.unit.checks import flights
from tests.world import API

NOW = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)


@pytest.fixture
def faulty(make_world, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MUSTER_CONFIG", str(flights.write(tmp_path)))
    world = make_world(load_catalog(tmp_path / "muster.yaml"))
    world.fire(model="eta", severity="page")
    return world


def channel(world):
    return world.slack.channel("inc-1-")


def said(world):
    return [message for message in channel(world).messages if "evidence E-" in message["text"]]


def test_slack_api_and_terminal_say_the_same(faulty):
    assert "Running `range feature=dep_delay`" in faulty.command(
        "check range feature=dep_delay", channel=channel(faulty).id
    )
    [answer] = said(faulty)
    body = {"check": "range", "model": "eta", "params": {"feature": "dep_delay"}, "at": NOW.isoformat()}
    by_api = faulty.http.post("/v1/checks", json=body, headers={"Authorization": f"Bearer {API}"}).json()
    told = CliRunner().invoke(app, ["check", "run", "range", "feature=dep_delay", "--at", NOW.isoformat(), "--json"])
    by_terminal = json.loads(told.stdout)
    assert by_api["sentence"] == by_terminal["sentence"]
    assert escape(by_api["sentence"]) in answer["text"]
    assert by_api["verdict"] == by_terminal["verdict"] == "unit change"
    assert "Window 2 Nov 02:00–03:00 UTC · 600 rows" in answer["text"]


def test_the_chart_follows_and_evidence_is_kept(faulty):
    faulty.command("check drift", channel=channel(faulty).id)
    said(faulty)
    [picture] = [message for message in channel(faulty).messages if message.get("files")]
    assert picture["files"][0]["name"] == "drift-E1.png"
    assert picture["files"][0]["alt_txt"]
    kept = faulty.get("/v1/checks/1")
    assert (kept["id"], kept["verdict"]) == ("E-1", "drifted")
    kinds = [row["kind"] for row in faulty.get("/v1/incidents/1/timeline")]
    assert kinds.count("check.asked") == kinds.count("check.finished") == 1


def test_the_button_opens_a_form_whose_mistakes_are_shown_at_the_field(faulty):
    faulty.click("Run a check")
    problems = faulty.submit(name="drift", params="featur=x")
    assert "There is no parameter of drift" in problems["params"] or "feature" in problems["params"]
    assert faulty.submit(name="drift", params="feature=distance") == {}
    assert "stable" in said(faulty)[0]["text"]


@pytest.mark.parametrize(
    ("line", "says"), [("drfit", "drift"), ("drift window=1y", "1h"), ("range featrue=x", "feature")]
)
def test_a_wrong_line_is_answered_with_what_exists(faulty, line, says):
    assert says in faulty.command(f"check {line}", channel=channel(faulty).id)
    assert faulty.muster.checks.run_next(faulty.muster.database, faulty.clock) is False


def test_a_model_muster_has_no_data_of_still_gets_an_answer(faulty):
    faulty.fire(model="other", severity="page")
    where = faulty.slack.channel("inc-2-")
    faulty.command("check drift", channel=where.id)
    [answer] = [message["text"] for message in where.messages if "evidence E-" in message["text"]]
    assert "not configured" in answer
    assert "muster.yaml" in answer


def test_a_check_whose_worker_died_is_run_again_and_then_given_up(faulty):
    database, checks = faulty.muster.database, faulty.muster.checks
    with database.transaction() as session:
        checks.ask(session, faulty.clock.now(), name="drift", params={}, model="eta", incident_id=1)
    for _ in range(3):
        with database.transaction() as session:
            claimed = checks._claim(session, faulty.clock.now())
        faulty.clock.at += timedelta(minutes=2)
    assert claimed is None
    assert "interrupted 2 times" in faulty.get("/v1/checks/1")["sentence"]


def test_a_check_that_takes_longer_than_two_seconds_is_said_to_run(faulty, monkeypatch):
    """It is asked for while the worker is busy: somebody waits at the other end."""
    world = faulty
    with monkeypatch.context() as busy:
        busy.setattr(type(world.muster.checks), "run_next", lambda *_: False)
        world.command("check range feature=dep_delay", channel=channel(world).id)
        assert not any("still running" in message["text"] for message in channel(world).messages)
        world.advance(seconds=3)
    [notice] = [message for message in channel(world).messages if "still running" in message["text"]]
    assert "30 s at most" in notice["text"]
    world.advance(seconds=1)
    assert len(said(world)) == 1


def test_a_quick_check_is_not_announced(faulty):
    faulty.command("check range feature=dep_delay", channel=channel(faulty).id)
    faulty.advance(seconds=5)
    assert len(said(faulty)) == 1
    assert not any("still running" in message["text"] for message in channel(faulty).messages)


def test_of_a_moment_that_is_past_nothing_lies_in_the_future(faulty):
    past = (NOW - timedelta(hours=2)).isoformat()
    body = {"check": "freshness", "model": "eta", "at": past}
    by_api = faulty.http.post("/v1/checks", json=body, headers={"Authorization": f"Bearer {API}"}).json()
    told = CliRunner().invoke(app, ["check", "run", "freshness", "--at", past, "--json"])
    by_terminal = json.loads(told.stdout)
    assert by_api["sentence"] == by_terminal["sentence"]
    assert by_api["verdict"] == by_terminal["verdict"] == "fresh"
    assert "only rows up to 2 Nov 01:00:00 UTC count; there are later ones" in by_api["notes"]


def test_the_terminal_says_that_a_check_still_runs_and_keeps_its_output_clean(faulty, monkeypatch):
    line = ["check", "run", "drift", "--at", NOW.isoformat(), "--json"]
    monkeypatch.setattr("bot.entrypoints.checks.UNSAID", 0.0)
    told = CliRunner().invoke(app, line)
    assert told.stderr == "drift is still running, 30 s at most …\n"
    assert json.loads(told.stdout)["verdict"] == "drifted"
    monkeypatch.setattr("bot.entrypoints.checks.UNSAID", 300.0)
    assert CliRunner().invoke(app, line).stderr == ""
