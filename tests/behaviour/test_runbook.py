"""A responder walks through a runbook: checks run by themselves, answers choose the way, limits call for help."""

import json

import pytest

from bot.catalog.load import load_catalog
from bot.checks.catalogue import CHECKS
from bot.core.shipped import shipped
from tests.unit.checks import flights


@pytest.fixture
def eta(make_world, tmp_path):
    world = make_world(load_catalog(flights.write(tmp_path)), runbooks=shipped("runbooks"))
    world.muster.checks.base = tmp_path
    world.fire(model="eta", severity="page", kind="prediction", feature="dep_delay", role="guardrail")
    return world


@pytest.fixture
def guided(make_world):
    return make_world(runbooks=shipped("runbooks"))


def channel(world):
    return world.slack.channel("inc-1-")


def steps(world):
    return [message for message in channel(world).messages if message["text"].startswith("Step ")]


def shown(message):
    return json.dumps(message["blocks"], ensure_ascii=False)


def test_the_first_step_runs_its_checks_and_suggests_the_answer(eta):
    [step] = steps(eta)
    assert "Step 1 of 10 · Validate the data and the answers" in step["text"]
    text = shown(step)
    assert "✔ *null_rate* ok" in text
    assert "✖ *range* unit change" in text
    assert "divided by 60" in text
    assert "Suggested: *Broken data: missing values or a unit*" in text
    buttons = step["blocks"][-1]["elements"]
    assert [one["text"]["text"] for one in buttons if one.get("style") == "primary"] == [
        "Broken data: missing values or a unit",
    ]
    assert "Step 1 of 10" in shown(channel(eta).messages[0])


def test_an_answer_leads_on_and_the_done_step_is_one_line(eta):
    eta.click("Broken data: missing values or a unit", user="U2")
    first, second = steps(eta)
    assert [block["type"] for block in first["blocks"]] == ["context"]
    assert "*Broken data: missing values or a unit* · <@U2>" in shown(first)
    assert "Isolate the source" in second["text"]
    assert "origin = EWR" in shown(second)
    kinds = [row["kind"] for row in eta.get("/v1/incidents/1/timeline")]
    assert kinds.count("step.opened") == 2
    assert kinds.count("step.done") == 1


def test_of_two_at_once_one_wins_and_the_other_is_told_who(eta):
    [step] = steps(eta)
    before = step["blocks"]
    eta.click("Broken data: missing values or a unit", user="U2")
    step["blocks"] = before
    eta.click("Inputs are as usual", user="U3")
    notice = eta.slack.ephemerals[-1]
    assert notice["user"] == "U3"
    assert "<@U2> chose “Broken data: missing values or a unit” before you." in notice["text"]
    assert len(steps(eta)) == 2


def test_a_press_delivered_many_times_counts_once(eta):
    eta.click("Skip", copies=5)
    assert [step["text"].split(" · ")[1] for step in steps(eta)] == [
        "Validate the data and the answers",
        "Isolate the source",
    ]


def test_a_limit_warns_then_calls_for_help_once_also_after_a_restart(eta):
    eta.advance(minutes=8)
    assert "min left" in shown(steps(eta)[0])
    for _ in range(5):
        eta.advance(minutes=1)
    overdue = [row for row in eta.get("/v1/incidents/1/timeline") if row["kind"] == "step.overdue"]
    assert [row["text"] for row in overdue] == ["“Validate the data and the answers” is not done after 10m"]
    assert "called" in shown(steps(eta)[0])
    called = [row for row in eta.get("/v1/incidents/1/timeline") if row["kind"] == "escalation.called"]
    assert len(called) >= 2


def test_an_input_is_recorded_on_the_timeline_and_ends_its_step(eta):
    eta.click("Broken data: missing values or a unit")
    eta.click("Done")
    eta.click("Record")
    assert eta.submit(affected="") == {"affected": "Please complete this required field."}
    assert eta.submit(affected="4,000 travellers") == {}
    recorded = [row["text"] for row in eta.get("/v1/incidents/1/timeline") if row["kind"] == "step.recorded"]
    assert recorded == ["Who is affected, and how many decisions? 4,000 travellers"]
    assert "Mitigate" in steps(eta)[-1]["text"]


def test_running_checks_over_a_longer_window(eta):
    eta.click("Can't tell")
    asked = [eta.get(f"/v1/checks/{number}")["params"] for number in (5, 6, 7, 8)]
    assert asked == [{"window": "6h"}] * 4
    assert len(steps(eta)) == 1


def test_an_incident_keeps_the_text_it_began_with(eta, tmp_path):
    from bot.runbooks.parser import parse

    library = eta.muster.runbooks.library
    old = library.runbooks["prediction-anomaly"]
    library.runbooks["prediction-anomaly"] = parse(
        "prediction-anomaly", "---\ntitle: New\nmatch: {kind: prediction}\n---\n## Only step\nDo it.\n"
    ).runbook
    eta.click("Broken data: missing values or a unit")
    assert "of 10" in steps(eta)[-1]["text"]
    library.runbooks["prediction-anomaly"] = old


def test_the_end_offers_to_resolve_and_resolving_ends_the_runbook(eta):
    eta.click("Inputs are as usual")
    eta.click("Nothing found")
    eta.click("It was noise")
    assert "nothing is wrong" in channel(eta).messages[-1]["text"]
    eta.click("Close as a false alarm")
    ended = eta.get("/v1/incidents/1")
    assert (ended["status"], ended["resolution"], ended["verdict"]) == ("resolved", "false_alarm", "noise")


def test_resolving_in_the_middle_closes_the_current_step(eta):
    eta.command("resolve INC-1 the feed is back")
    assert [block["type"] for block in steps(eta)[0]["blocks"]] == ["context"]
    eta.advance(hours=3)
    kinds = [row["kind"] for row in eta.get("/v1/incidents/1/timeline")]
    assert "step.overdue" not in kinds


def test_an_unknown_kind_gets_the_general_runbook_also_without_a_channel(guided):
    guided.fire(model="m", severity="warning", title="queue is long")
    thread = guided.slack.channel("incidents").messages
    assert any(message["text"].startswith("Step 1 of 6 · Look at the data") for message in thread)


def test_the_command_shows_lists_and_starts(eta):
    where = channel(eta).id
    assert "Step 1 of 10" in eta.command("runbook", channel=where)
    assert "`data-drift`" in eta.command("runbook list", channel=where)
    assert "`data-drift`" in eta.command("runbook start nope", channel=where)
    eta.command("runbook start data-drift", channel=where)
    assert "Confirm it on the data" in steps(eta)[-1]["text"]


def test_severity_comes_from_the_runbook_when_the_sender_gave_none(guided):
    item = guided.fire(model="m", kind="prediction", role="guardrail")
    assert item["outcome"] == "opened"
    incident = guided.get("/v1/incidents/1")
    assert (incident["severity"], incident["severity_source"]) == ("SEV2", "runbook")


def test_runbooks_are_pages_too(guided):
    page = guided.http.get("/runbooks/prediction-anomaly")
    assert page.status_code == 200
    assert 'id="isolate-the-source"' in page.text
    assert guided.http.get("/runbooks").text.count("<li>") >= 5
    assert guided.http.get("/runbooks/..%2f..%2fetc").status_code == 404


def test_a_step_is_escalated_by_hand(eta):
    [step] = steps(eta)
    menu = step["blocks"][-1]["elements"][-1]
    wanted = next(option for option in menu["options"] if option["text"]["text"] == "Escalate")
    eta.actors.press("U1", channel(eta).id, step["ts"], menu["action_id"], {"selected_option": wanted})
    eta.settle()
    asked = [row["text"] for row in eta.get("/v1/incidents/1/timeline") if row["kind"] == "step.escalated"]
    assert asked == ["<@U1> asked for help with “Validate the data and the answers”"]
    assert "called" in shown(steps(eta)[0])


def test_what_is_not_configured_is_said_once_a_step(guided):
    guided.fire(model="fraud-v3", severity="page", kind="prediction")
    hint = "Muster does not know where fraud-v3's rows lie"
    [step] = steps(guided)
    timeline = guided.get("/v1/incidents/1/timeline")
    ran = [row["text"].partition(":")[0] for row in timeline if row["kind"] == "check.finished"]
    need_rows = list(dict.fromkeys(name for name in ran if CHECKS.find(name).needs_rows))
    assert len(need_rows) > 1
    assert f"? {', '.join(f'*{name}*' for name in need_rows)} not configured: {hint}" in shown(step)
    assert shown(step).count(hint) == 1

    def replies():
        return [one["text"] for one in channel(guided).messages if one.get("thread_ts") == step["ts"]]

    assert sum(hint in text for text in replies()) == 1
    guided.advance(seconds=30)
    guided.click("Run checks again", user="U2")
    assert sum(hint in text for text in replies()) == 2, "who asks again is answered again"
    assert shown(steps(guided)[0]).count(hint) == 1


def test_a_step_shows_how_long_its_check_has_been_running(make_world, tmp_path, monkeypatch):
    world = make_world(load_catalog(flights.write(tmp_path)), runbooks=shipped("runbooks"))
    checks, database = world.muster.checks, world.muster.database
    checks.base = tmp_path

    def line():
        return next(one for one in shown(steps(world)[0]).split("\\n") if one.startswith("… "))

    with monkeypatch.context() as slow:
        slow.setattr(type(checks), "run_next", lambda *_: False)
        world.fire(model="eta", severity="page", kind="prediction", feature="dep_delay", role="guardrail")
        assert line() == "… *predictions* waits for its turn"
        with database.transaction() as session:
            checks._claim(session, world.clock.now())
        world.advance(seconds=1)
        assert "is running" not in shown(steps(world)[0])
        world.advance(seconds=2)
        assert line() == "… *predictions* is running, 3 s of at most 30 s"
        world.advance(seconds=2)
        assert line() == "… *predictions* is running, 3 s of at most 30 s", "an edit every two seconds is too many"
        world.advance(seconds=7)
        assert line() == "… *predictions* is running, 12 s of at most 30 s"
    world.advance(minutes=2)
    assert "… *" not in shown(steps(world)[0])
    assert "✔ *null_rate* ok" in shown(steps(world)[0])
