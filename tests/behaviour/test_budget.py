"""What a team was promised, what its monitors page at, and what came of it."""

import json
import math
from datetime import timedelta

import numpy as np
import pytest
from sqlmodel import col, select
from typer.testing import CliRunner

from bot.catalog.config import Catalog, Model, Team
from bot.entrypoints.cli import app
from bot.monitoring.budgets.budget import alarm_rates
from bot.monitoring.budgets.limits import pools, rates, teams
from bot.monitoring.due import introduce
from bot.monitoring.finding import score_of
from bot.statistics.budget import Kept
from bot.tables import Incident, MonitorResult, Resolution
from tests.behaviour.test_monitor_files import configured, folder  # noqa: F401
from tests.behaviour.test_monitoring import SHARE, Stream, faulty
from tests.unit.monitoring.flights import START

DAY = timedelta(days=1)
FLEET, DAYS = 12, 60


def score(surprise, day):
    return score_of(10**-surprise, 0.2, 0.1 if day % 2 else 0.3)


def fleet(make_world, scale, days=DAYS):
    """A dozen models of one team, each watched daily for two months; their surprises are `scale` times as long.

    Single windows have half of the team's budget. Scores are as surprising, half of them above what is usual.
    """
    one = {"name": "late", "metric": "class_share", "value": "late", "window": "1d", "shadow": False}
    models = [Model.model_validate({"name": f"m{at}", "team": "risk", "monitors": [one]}) for at in range(FLEET)]
    catalog = Catalog(models=models, teams=[Team(name="risk", budget="1/week")])
    world = make_world(catalog)
    rng = np.random.default_rng(1)
    with world.muster.database.transaction() as session:
        for model in models:
            introduce(session, f"{model.name}/late", START, shadow=False)
            for day in range(days):
                session.add(
                    MonitorResult(
                        key=f"{model.name}/late",
                        window_start=START + day * DAY,
                        window_end=START + (day + 1) * DAY,
                        rows=500,
                        state="ok",
                        value=0.2,
                        surprise=(surprise := float(rng.exponential(scale / math.log(10)))),
                        data={"before": [0] * min(day, 30), "sentence": "", "score": score(surprise, day)},
                        evaluated_at=START + (day + 1) * DAY,
                    )
                )
    return world, catalog, START + days * DAY


def test_a_fleet_learns_its_limit_from_what_all_of_it_saw(make_world):
    world, catalog, now = fleet(make_world, scale=1.0)
    with world.muster.database.reading() as session:
        pool, _ = pools(session, catalog, now)
    assert (pool.team, pool.name, len(pool.keys)) == ("risk", "class_share every 1d", FLEET)
    assert pool.limit.exact == pytest.approx(math.log10(12 * 7 / 0.5), abs=0.01)
    assert pool.limit.surprise == pytest.approx(pool.limit.exact, abs=0.4)
    assert pool.limit.certified
    assert START < pool.certified_at(now) < now
    with world.muster.database.transaction() as session:
        for result in session.exec(select(MonitorResult)):
            result.surprise *= 2
    with world.muster.database.reading() as session:
        wild, _ = pools(session, catalog, now)
        learnt = rates(session, catalog, now)
    assert wild.limit.surprise > 1.5 * pool.limit.surprise, "what is twice as surprising on ordinary days pages later"
    assert learnt["m0/late"].window == pytest.approx(10**-wild.limit.surprise)
    assert learnt["m0/late"].window < alarm_rates(catalog)["m0/late"] / 10


def test_runs_of_windows_are_a_pool_of_their_own(make_world):
    world, catalog, now = fleet(make_world, scale=1.0)
    with world.muster.database.reading() as session:
        single, lasting = pools(session, catalog, now)
    assert (single.lasting, lasting.lasting, lasting.keys) == (False, True, single.keys)
    assert single.limit.budget + lasting.limit.budget == 1.0
    assert lasting.limit.certified
    assert lasting.limit.surprise < single.limit.surprise, "sides that alternate leave nothing that lasts"
    with world.muster.database.transaction() as session:
        for result in session.exec(select(MonitorResult).where(MonitorResult.window_end > now - 8 * DAY)):
            result.data = {**result.data, "score": {**result.data["score"], "score": 1.5, "usual": 0.1}}
    with world.muster.database.reading() as session:
        _, moved = pools(session, catalog, now)
        learnt = rates(session, catalog, now)
    assert moved.limit.surprise > lasting.limit.surprise + 0.5, "what lasted on ordinary days is learnt from"
    assert learnt["m0/late"].lasting == pytest.approx(moved.alarm_rate)


def test_a_young_fleet_says_when_it_will_have_learnt(make_world):
    world, catalog, now = fleet(make_world, scale=1.0, days=14)
    with world.muster.database.reading() as session:
        pool, _ = pools(session, catalog, now)
    assert not pool.limit.certified
    assert pool.limit.wanted == 6.0
    assert pool.certified_at(now) > now


def test_what_happened_in_an_incident_is_not_learnt_from(make_world):
    world, catalog, now = fleet(make_world, scale=1.0)
    with world.muster.database.transaction() as session:
        for result in session.exec(select(MonitorResult).where(MonitorResult.key == "m3/late")):
            if START + 20 * DAY <= result.window_start < START + 30 * DAY:
                result.surprise = 40.0
    with world.muster.database.reading() as session:
        spoilt, _ = pools(session, catalog, now)
    with world.muster.database.transaction() as session:
        session.add(
            Incident(
                title="m3 was wrong",
                slug="m3-was-wrong",
                model="m3",
                severity="SEV2",
                severity_source="rule",
                kind="prediction",
                status="resolved",
                resolution=Resolution.FIXED,
                onset_at=START + 20 * DAY,
                opened_at=START + 20 * DAY,
                detected_at=START + 20 * DAY,
                resolved_at=START + 30 * DAY,
            )
        )
    with world.muster.database.reading() as session:
        learnt, _ = pools(session, catalog, now)
    assert learnt.limit.surprise < spoilt.limit.surprise


def test_pages_and_their_verdicts_are_counted(make_world):
    stream = Stream(make_world, SHARE, columns=faulty())
    for hour in range(36, 41):
        stream.at(hours=hour, minutes=1)
    now = stream.world.clock.now()
    with stream.world.muster.database.reading() as session:
        (team,) = teams(session, stream.catalog, now)
    assert (team.pages, team.unjudged, team.realised.pages) == (1, 1, 0)
    stream.world.click("Resolve")
    stream.world.submit(how="false_alarm")
    with stream.world.muster.database.reading() as session:
        (team,) = teams(session, stream.catalog, now)
    assert (team.pages, team.unjudged, team.realised.pages) == (1, 0, 1)
    assert team.realised.kept in {Kept.EARLY, Kept.ABOVE}
    assert 0 < team.realised.weeks < 0.1


@pytest.mark.usefixtures("configured")
def test_the_command_says_it_in_words_and_for_scripts():
    shown = CliRunner().invoke(app, ["budget"])
    assert shown.exit_code == 0, shown.output
    assert "Team default: at most 1 false page a week." in shown.output
    assert "eta/late" in shown.output
    assert "learning" in shown.output
    assert "lasts" in shown.output, "runs of windows have a line of their own"
    (team,) = json.loads(CliRunner().invoke(app, ["budget", "--json"]).output)
    assert team["pools"][0]["monitors"] == ["eta/late"]
    assert team["pools"][0]["certified"] is False
    assert [pool["lasting"] for pool in team["pools"]] == [False, True]
    assert sum(pool["budget"] for pool in team["pools"]) == 1.0


def test_hours_set_no_limit_for_days(make_world):
    """A day's mix stays for all of its hours, so that an hourly monitor's ordinary windows surprise by far more."""
    world, _, now = fleet(make_world, scale=1.0)
    hourly = {"name": "late", "metric": "class_share", "value": "late", "window": "1h", "shadow": False}
    daily = {**hourly, "window": "1d"}
    models = [
        Model.model_validate({"name": f"m{at}", "team": "risk", "monitors": [hourly if at < 2 else daily]})
        for at in range(FLEET)
    ]
    catalog = Catalog(models=models, teams=[Team(name="risk", budget="1/week")])
    with world.muster.database.transaction() as session:
        for result in session.exec(select(MonitorResult).where(col(MonitorResult.key).in_(["m0/late", "m1/late"]))):
            result.surprise *= 8
    with world.muster.database.reading() as session:
        found = {pool.name: pool for pool in pools(session, catalog, now) if not pool.lasting}
    assert {name: len(pool.keys) for name, pool in found.items()} == {
        "class_share every 1h": 2,
        "class_share every 1d": FLEET - 2,
    }
    days = found["class_share every 1d"].limit
    assert days.surprise == pytest.approx(days.exact, abs=0.4)
    assert found["class_share every 1h"].limit.surprise > 2 * days.surprise
