"""The postmortem, from the channel's record to the file, the page and the JSON people take away."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
import typer
from sqlmodel import select
from typer.testing import CliRunner

from bot.catalog.config import Catalog
from bot.entrypoints.postmortems import incident_app, postmortem_app
from bot.postmortems.service import draft, latest
from bot.tables import (
    Change,
    CheckRun,
    RunbookRun,
    RunbookVersion,
    StepRun,
)
from tests.world import API, START

CATALOG = Catalog.model_validate(
    {"models": [{"name": "fraud-v3", "tier": 1, "kpi": "declined volume", "data": None}]},
)
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40
WHERE = "/v1/incidents/1/postmortem"


@pytest.fixture
def world(make_world):
    return make_world(CATALOG)


def channel(world):
    return world.slack.channel("inc-1-")


def fetch(world, form="md", **more):
    answer = world.http.get(WHERE, params={"format": form, **more}, headers={"Authorization": f"Bearer {API}"})
    assert answer.status_code == 200, answer.text
    return answer


def incident_with_everything(world):
    """An alert, a change, a runbook with a check, words in the channel, an end."""
    world.fire(model="fraud-v3", severity="page", starts_at="2026-11-02T02:40:00Z", version="3.2", sample_size=18204)
    with world.muster.database.transaction() as session:
        for run in session.exec(select(RunbookRun)).all():  # the one that came by itself makes room
            run.state = "finished"
        for step in session.exec(select(StepRun)).all():
            step.state, step.ended_at, step.due_at = "skipped", START, None
        session.flush()
        session.add(
            Change(
                at=START - timedelta(minutes=29),
                kind="pipeline",
                title="payments-etl 4.2",
                source="ci",
                external_id="1",
                actor="bo",
                received_at=START,
            )
        )
        session.add(RunbookVersion(hash="abc123", runbook_id="drift", title="Data drift", first_used_at=START))
        session.flush()
        run = RunbookRun(incident_id=1, runbook_hash="abc123", runbook_id="drift", started_at=START)
        session.add(run)
        session.flush()
        step = StepRun(
            run_id=run.id,
            incident_id=1,
            step_key="confirm",
            title="Confirm it",
            position=1,
            state="done",
            started_at=START,
            ended_at=START + timedelta(minutes=4),
            ended_by="U1",
            answer="Unit change upstream",
        )
        late = StepRun(
            run_id=run.id,
            incident_id=1,
            step_key="isolate",
            title="Isolate the source",
            position=2,
            state="timed_out",
            started_at=START + timedelta(minutes=4),
            due_at=START + timedelta(minutes=14),
            ended_at=START + timedelta(minutes=14),
        )
        session.add(step)
        session.add(late)
        session.flush()
        result = {
            "columns": ["feature", "now"],
            "rows": [["amount", "97 %"], ["<b>|x", "1 %"]],
            "rows_read": 18204,
            "reference": "2026-10",
            "alt": "amount | far right",
            "window_start": "2026-11-02T02:00:00+00:00",
            "window_end": "2026-11-02T03:00:00+00:00",
        }
        for verdict, sentence in (("outside", "amount: 97 % of rows above 10,000"), ("timed out", "no answer in 30 s")):
            session.add(
                CheckRun(
                    incident_id=1,
                    step_run_id=step.id,
                    name="range",
                    params={"feature": "amount"},
                    state="done",
                    verdict=verdict,
                    sentence=sentence,
                    result=result if verdict == "outside" else {},
                    png=PNG if verdict == "outside" else None,
                    requested_by="U1",
                    requested_at=START,
                    started_at=START,
                    finished_at=START + timedelta(seconds=2),
                )
            )
    world.click("Acknowledge", user="U1", channel=channel(world).id)
    world.clock.at += timedelta(minutes=3)
    world.say("<@U2> the feed is in cents since 02:31 <!channel> | <script>", channel(world).id, user="U1")
    world.clock.at += timedelta(minutes=20)
    world.command("resolve INC-1 <@U2> reverted the feed", user="U1")


def test_the_postmortem_tells_the_whole_story_in_its_order(world):
    incident_with_everything(world)
    fetch(world)
    world.advance(seconds=1)  # the people who took part are named by Slack meanwhile
    text = fetch(world).text
    headings = [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]
    assert headings == [
        "Summary",
        "Impact",
        "Detection",
        "Timeline",
        "What helped, what hindered",
        "Contributing factors",
        "What we change",
        "Metrics",
        "Evidence",
        "Versions",
    ]
    assert "INC-1 (SEV2) began at 02:40 UTC on 2 Nov 2026 and was resolved after 43 min" in text
    assert "detected 20 min after it began" in text
    assert "acknowledged at once" in text
    assert "A pipeline change 9 min before the onset, at 02:31 UTC: payments-etl 4.2." in text
    assert "Step 1 “Confirm it” was done in 4 min, with the answer “Unit change upstream”" in text
    assert "Step 2 “Isolate the source” ran out of time after 10 min (limit 10 min)" in text
    assert "could not tell (timed out)" in text
    assert "Data drift (drift, abc123)" in text
    assert "fraud-v3 3.2" in text
    assert "declined volume; what it lost is not recorded" in text


def test_people_are_named_in_the_timeline_alone(world):
    incident_with_everything(world)
    fetch(world)
    world.advance(seconds=1)
    text = fetch(world).text
    timeline = text.partition("## Timeline")[2].partition("## What helped")[0]
    narrative = text.replace(timeline, "")
    assert "| Ada |" in timeline
    assert "“Bo the feed is in cents since 02:31" in timeline
    for name in ("Ada", "Bo ", "U1", "U2"):
        assert name not in narrative
    assert "a responder reverted the feed" in narrative
    assert "<@U" not in text


def test_foreign_text_breaks_neither_tables_nor_tags(world):
    incident_with_everything(world)
    text = fetch(world).text
    row = next(line for line in text.splitlines() if "in cents" in line)
    assert "\\| &lt;script>" in row
    assert "@\u200bchannel" in row
    page = fetch(world, "html").text
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<b>" not in page


def test_drafting_again_makes_a_version_only_when_there_is_something_new(world):
    world.fire(model="fraud-v3", severity="page")
    versions = [fetch(world, "json").json()["draft"]["version"] for _ in range(3)]
    assert versions == [1, 1, 1]
    world.command("note INC-1 the feed is being reverted")
    world.advance(seconds=1)
    second = fetch(world, "json").json()
    assert second["draft"]["version"] > 1
    assert fetch(world, "json").json()["draft"] == second["draft"]


def test_the_file_comes_to_the_channel_once_with_three_sentences_and_a_link(world):
    incident_with_everything(world)
    here = channel(world).id
    said = world.command("postmortem", channel=here)
    assert "is on its way" in said
    world.advance(seconds=15)
    [file] = [one for one in world.slack.workspace.files.values() if one.name == "INC-1-postmortem.md"]
    assert file.content.decode().startswith("# INC-1 · ")
    assert "![" not in file.content.decode()
    assert here in file.channels
    message = next(one for one in channel(world).messages if "Postmortem of INC-1" in one["text"])
    assert "/v1/incidents/1/postmortem?format=html" in message["text"]
    assert "was resolved after 43 min" in message["text"]
    assert "is shared already" in world.command("postmortem", channel=here)
    world.advance(seconds=15)
    assert len([one for one in world.slack.workspace.files.values() if one.name.endswith(".md")]) == 1


def test_whoever_drafts_is_told_what_reads_like_blame(world):
    world.fire(model="fraud-v3", severity="page")
    here = channel(world).id
    stamp = world.say("<@U2> forgot to pin the unit again", here, user="U1")
    said = world.command("postmortem", channel=here)
    assert "reads like blaming" in said
    assert "forgot to pin the unit again" in said
    world.clock.at += timedelta(minutes=1)
    world.actors.edit("U1", here, stamp, "the contract did not pin the unit")
    world.settle()
    assert "reads like blaming" not in world.command("postmortem", channel=here)


def test_a_storm_fills_no_page(world):
    world.fire(model="fraud-v3", severity="page")
    for number in range(35):
        world.fire(model="fraud-v3", severity="page", id=f"a{number}", title=f"feature {number} moved")
    assert "6 more alerts came; the JSON export lists them all." in fetch(world).text
    assert len(fetch(world, "json").json()["alerts"]) == 36


def test_a_file_slack_refused_can_be_asked_for_again(world):
    incident_with_everything(world)
    world.slack.fail("files.getUploadURLExternal", error="missing_scope")
    world.command("postmortem INC-1")
    world.advance(seconds=15)
    assert not [one for one in world.slack.workspace.files.values() if one.name.endswith(".md")]
    assert "is on its way" in world.command("postmortem INC-1")
    world.advance(seconds=15)
    assert [one for one in world.slack.workspace.files.values() if one.name.endswith(".md")]


def test_action_items_have_an_owner_and_a_day(world):
    world.fire(model="fraud-v3", severity="page")
    here = channel(world).id
    world.command("list", user="U2")
    assert "has no action item yet" in world.command("item", channel=here)
    said = world.command("item pin the unit of amount in the feed's contract <@U2> due 2026-12-01", channel=here)
    assert "pin the unit of amount" in said
    assert "due 2026-12-01" in said
    assert "is not a day" in world.command("item x due soon", channel=here)
    assert "over already" in world.command("item x due 2020-01-01", channel=here)
    assert "does not know `@nobody`" in world.command("item x @nobody", channel=here)
    assert "Say what will be changed" in world.command("item due 2026-12-01", channel=here)
    assert "• pin the unit of amount" in world.command("item", channel=here)
    text = fetch(world).text
    assert "| pin the unit of amount in the feed's contract | Bo | 2026-12-01 | open |" in text


def test_every_format_is_complete_and_a_wrong_one_says_what_exists(world):
    incident_with_everything(world)
    wrong = world.http.get(WHERE, params={"format": "pdf"}, headers={"Authorization": f"Bearer {API}"})
    assert wrong.status_code == 422
    assert "`md`, `html`, `json`" in wrong.json()["error"]
    page = fetch(world, "html")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert 'src="data:image/png;base64,' in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    content = fetch(world, "json").json()
    assert content["schema"] == 1
    assert content["metrics"]["ttd"]["seconds"] == 20 * 60
    assert content["metrics"]["ttr"]["seconds"] == 43 * 60
    charted = [piece for piece in content["evidence"] if piece["chart"]]
    assert [piece["verdict"] for piece in charted] == ["outside"]
    missing = world.http.get("/v1/incidents/99/postmortem", headers={"Authorization": f"Bearer {API}"})
    assert missing.status_code == 404
    assert "INC-99" in missing.json()["error"]


def test_a_link_opens_its_own_page_and_no_other(world):
    world.fire(model="fraud-v3", severity="page")
    with world.muster.database.reading() as session:
        assert latest(session, 1) is None
    url = world.command("postmortem INC-1").partition("<")[2].partition("|")[0].replace("&amp;", "&")
    path = url[url.index("/v1/") :]
    assert world.http.get(path).status_code == 200
    assert world.http.get(path.replace("incidents/1", "incidents/2")).status_code != 200
    assert world.http.get(path[:-1]).status_code != 200


def test_an_incident_that_is_not_over_says_so(world):
    world.fire(model="fraud-v3", severity="page")
    text = fetch(world).text
    assert "is triage, not over yet" in text
    assert "| TTR Time to resolve (onset to resolution) |" in text
    assert "not reached" in text


def test_drafts_of_one_moment_are_one(world):
    world.fire(model="fraud-v3", severity="page")
    with world.muster.database.transaction() as session:
        first = draft(session, CATALOG, 1, world.clock.now(), user="U1")
    with world.muster.database.transaction() as session:
        again = draft(session, CATALOG, 1, world.clock.now() + timedelta(hours=1), user="U2")
        assert (again.id, again.created_by) == (first.id, "U1")


def test_no_secret_of_an_alert_reaches_the_postmortem(world):
    world.fire(model="fraud-v3", severity="page", title="scoring fails with Bearer abc.def and xoxb-1-secret")
    for form in ("md", "html", "json"):
        text = fetch(world, form).text
        assert "abc.def" not in text
        assert "xoxb-1" not in text
    assert json.loads(text)["alerts"][0]["says"] == "scoring fails with Bearer *** and ***"


@pytest.fixture
def terminal(world, database_url, monkeypatch):
    incident_with_everything(world)
    monkeypatch.setenv("DATABASE_URL", database_url)

    app = typer.Typer()
    app.add_typer(postmortem_app, name="postmortem")
    app.add_typer(incident_app, name="incident")

    def run(*words):
        return CliRunner().invoke(app, list(words))

    return run


def test_the_terminal_writes_the_postmortem_with_its_charts_beside_it(terminal, tmp_path):
    printed = terminal("postmortem", "export", "INC-1")
    assert printed.exit_code == 0
    assert printed.output.startswith("# INC-1 · ")
    path = tmp_path / "new" / "INC-1.md"
    written = terminal("postmortem", "export", "inc-1", "--format", "md", "--output", str(path))
    first, chart = written.output.split()
    assert first == str(path)
    assert f"]({chart.rpartition('/')[2]})" in path.read_text()
    assert Path(chart).read_bytes() == PNG
    assert Path(chart).parent == path.parent
    page = terminal("postmortem", "export", "1", "--format", "html", "--output", str(tmp_path / "p.html"))
    assert page.output.split() == [str(tmp_path / "p.html")]
    assert "data:image/png" in (tmp_path / "p.html").read_text()
    wrong = terminal("postmortem", "export", "INC-1", "--format", "docx")
    assert "`md`, `html`, `json`" in str(wrong.exception)
    assert "INC-7" in str(terminal("postmortem", "export", "INC-7").exception)


def test_the_terminal_lists_and_shows_incidents(terminal):
    assert "No incident is open" in terminal("incident", "list").output
    assert "INC-1" in terminal("incident", "list", "--all").output
    shown = terminal("incident", "show", "INC-1").output
    assert "INC-1 SEV2 resolved: fraud-v3 declines 31 % of payments" in shown
    assert "TTD 20 min" in shown
    assert "Ada: Acknowledged" in shown
    content = json.loads(terminal("incident", "show", "INC-1", "--json").output)
    assert content["timeline"][0]["kind"] == "alert.firing"
