"""One alert from webhook to resolved incident, through the doors people use."""

import json

import pytest
from sqlalchemy.exc import DBAPIError

from bot.timeline.service import events, first_broken


def open_channel(world):
    return world.slack.channel("inc-1-")


def test_a_paging_alert_opens_a_channel_with_one_pinned_card(world):
    item = world.fire(model="fraud-v3", severity="page", feature="amount")
    assert item["outcome"] == "opened"
    channel = open_channel(world)
    card = channel.messages[0]
    assert card["ts"] in channel.pins
    assert "fraud-v3 declines 31 % of payments" in card["text"]
    assert channel.topic.startswith("INC-1 · SEV2")
    assert channel.topic.endswith("nobody has it yet")
    world.click("Acknowledge")
    assert channel.topic.endswith("has a commander")
    set_before = len(world.slack.calls("conversations.setTopic"))
    world.command("note nothing that the topic tells", channel=channel.id)
    assert len(world.slack.calls("conversations.setTopic")) == set_before
    announced = world.slack.channel("incidents").messages
    assert len(announced) == 1
    assert channel.id in json.dumps(announced[0]["blocks"])


def test_two_slack_calls_lie_between_the_alert_and_the_buttons(world):
    world.slack.ledger.clear()
    world.fire(model="fraud-v3", severity="page")
    methods = [name for name, _ in world.slack.ledger]
    first_card = next(
        place
        for place, (name, arguments) in enumerate(world.slack.ledger)
        if name == "chat.postMessage" and arguments["channel"] == open_channel(world).id
    )
    assert methods[: first_card + 1].count("conversations.create") == 1
    assert len([name for name in methods[: first_card + 1] if name != "chat.postMessage"]) == 1


def test_acknowledging_makes_you_commander_and_the_second_is_told_who_won(world):
    world.fire(model="fraud-v3", severity="page")
    card = open_channel(world).messages[0]
    before = card["blocks"]
    world.click("Acknowledge", user="U1")
    assert "<@U1>" in json.dumps(card["blocks"])
    card["blocks"] = before  # the screen of somebody who has not yet seen the edit
    world.click("Acknowledge", user="U2")
    notice = world.slack.ephemerals[-1]
    assert notice["user"] == "U2"
    assert "acknowledged INC-1 already" in notice["text"]


def test_one_press_delivered_eleven_times_has_one_effect(world):
    world.fire(model="fraud-v3", severity="page")
    world.click("Acknowledge", copies=11)
    kinds = [row["kind"] for row in world.get("/v1/incidents/1/timeline")]
    assert kinds.count("incident.acknowledged") == 1
    assert world.slack.ephemerals == []


def test_a_repeat_and_a_second_alert_of_the_model_join_the_incident(world):
    world.fire(model="fraud-v3", severity="page", feature="amount", starts_at="2026-11-02T02:40:00Z")
    again = world.fire(model="fraud-v3", severity="page", feature="amount", starts_at="2026-11-02T02:40:00Z")
    other = world.fire(model="fraud-v3", severity="page", feature="age")
    assert (again["outcome"], other["outcome"]) == ("repeat", "joined")
    assert len(world.get("/v1/incidents")) == 1
    assert len([name for name in world.slack.channels.values() if name.name.startswith("inc-")]) == 1


def test_a_resolution_that_overtakes_its_firing_opens_nothing(world):
    body = {"model": "m", "severity": "page", "starts_at": "2026-11-02T02:00:00Z"}
    world.fire(**body, status="resolved", ends_at="2026-11-02T02:10:00Z")
    late = world.fire(**body)
    assert late["outcome"] == "out_of_order"
    assert world.get("/v1/incidents") == []


def test_when_all_alerts_are_resolved_the_incident_is_watched_and_asks(world):
    world.fire(model="m", severity="page")
    world.advance(minutes=5)
    world.fire(model="m", severity="page", status="resolved")
    assert world.get("/v1/incidents/1")["status"] == "monitoring"
    assert "Is it over?" in open_channel(world).messages[-1]["text"]


def test_resolving_by_button_and_form_ends_it_everywhere(world):
    world.fire(model="m", severity="page")
    world.click("Acknowledge")
    world.advance(minutes=12)
    world.click("Resolve", channel=open_channel(world).id)
    world.submit(how="mitigated", verdict="actionable")
    incident = world.get("/v1/incidents/1")
    assert (incident["status"], incident["verdict"]) == ("resolved", "actionable")
    assert open_channel(world).messages[0]["text"].startswith("✅")
    assert "resolved after 12 min" in json.dumps(world.slack.channel("incidents").messages[0]["blocks"])


def test_a_lower_severity_is_a_line_with_a_thread_and_no_channel(world):
    world.fire(model="m", severity="warning")
    assert [channel.name for channel in world.slack.channels.values()] == ["incidents", "lobby"]
    line, alert = world.slack.channel("incidents").messages
    assert alert["thread_ts"] == line["ts"]


def test_a_diagnostic_without_severity_wakes_nobody(world):
    item = world.fire(title="PSI drift on amount", model="m", kind="drift")
    assert (item["outcome"], item["route"]) == ("stored", "evidence")
    assert world.get("/v1/incidents") == []


def test_messages_are_captured_with_edits_deletes_and_marks(world):
    world.fire(model="m", severity="page")
    channel = open_channel(world).id
    stamp = world.clock.now().timestamp()
    first, second = f"{stamp + 1:.6f}", f"{stamp + 2:.6f}"
    world.event(type="message", channel=channel, user="U1", text="feed is in cents", ts=first, copies=3)
    world.event(type="message", channel=channel, user="U2", text="wrong channel", ts=second)
    world.event(
        type="message",
        subtype="message_changed",
        channel=channel,
        message={"user": "U1", "ts": first, "text": "feed sends cents since 02:31"},
        previous_message={"text": "feed is in cents"},
    )
    world.event(type="message", subtype="message_deleted", channel=channel, deleted_ts=second)
    world.event(
        type="reaction_added", reaction="pushpin", user="U2", item={"type": "message", "channel": channel, "ts": first}
    )
    said = [row for row in world.get("/v1/incidents/1/timeline") if row["kind"] == "message"]
    assert [(row["text"], row["edited"], row["key_moment"]) for row in said] == [
        ("feed sends cents since 02:31", True, True)
    ]


def test_the_timeline_is_chained_and_refuses_to_be_rewritten(world):
    world.fire(model="m", severity="page")
    world.click("Acknowledge")
    with world.muster.database.reading() as session:
        rows = events(session, 1)
    assert len(rows) >= 4
    assert first_broken(rows) is None
    rows[1].text = "nothing happened"
    assert first_broken(rows) == 2
    for statement in ("UPDATE timeline_event SET text = 'x'", "DELETE FROM timeline_event"):
        with pytest.raises(DBAPIError, match="append-only"), world.muster.database.transaction() as session:
            session.connection().exec_driver_sql(statement)


def test_commands_say_what_exists(world):
    assert "`/incident ack" in world.command("help")
    assert "I don't know `frobnicate`" in world.command("frobnicate now")
    assert "There is no incident `INC-7`" in world.command("status INC-7")
    world.fire(model="m", severity="page")
    assert "Did you mean `commander`" in world.command("role comander")
    assert "is SEV1" in world.command("severity sev1 money is lost")
    assert "is mitigating" in world.command("status mitigating rolling back")
    assert world.get("/v1/incidents/1")["severity"] == "SEV1"


def test_an_incident_can_be_declared_by_hand(world):
    assert "Opened *INC-1*" in world.command("open the ranker answers nonsense", user="U2")
    assert "U2" in open_channel(world).members


def test_guests_and_other_workspaces_may_not_respond(world):
    world.fire(model="m", severity="page")
    world.click("Acknowledge", user="U1", team="T2")
    assert world.get("/v1/incidents/1")["acknowledged_at"] is None
    world.command("list", user="U9")
    assert "Only full members" in world.command("ack", user="U9")
    assert world.get("/v1/incidents/1")["acknowledged_at"] is None


def test_foreign_text_can_ping_nobody(world):
    world.fire(title="<!channel> <@U1> *bold* & <https://evil|ok>", model="<!here>", severity="page")
    for channel in world.slack.channels.values():
        for message in channel.messages:
            shown = json.dumps(message.get("blocks"), ensure_ascii=False)
            for trick in ("<!channel>", "<!here>", "<https://evil"):
                assert trick not in json.dumps(
                    [block for block in message["blocks"] if block["type"] != "header"], ensure_ascii=False
                ), shown


def test_what_went_away_by_itself_and_nobody_touched_closes_itself(world):
    world.fire(model="m", severity="page", id="a")
    world.fire(model="m", severity="page", id="b")
    world.fire(model="m", status="resolved", id="a")
    world.advance(hours=1)
    assert world.get("/v1/incidents/1")["status"] == "triage"
    world.fire(model="m", status="resolved", id="b")
    world.advance(minutes=29)
    assert world.get("/v1/incidents/1")["status"] == "monitoring"
    world.advance(minutes=2)
    ended = world.get("/v1/incidents/1")
    assert (ended["status"], ended["resolution"]) == ("resolved", "untouched")
    assert "Resolved untouched" in json.dumps(open_channel(world).messages[0])


def test_what_somebody_touched_waits_for_them(world):
    world.fire(model="m", severity="page", id="a")
    world.click("Acknowledge", channel=open_channel(world).id)
    world.fire(model="m", status="resolved", id="a")
    world.advance(hours=9)
    assert world.get("/v1/incidents/1")["status"] == "monitoring"


def test_evidence_seen_before_comes_in_and_names_the_cause(world):
    world.fire(model="m", title="amount looks 100 times too large", feature="amount", role="diagnostic", id="e")
    assert world.get("/v1/incidents") == []
    world.fire(model="m", severity="page", id="a")
    world.fire(model="m", title="country moved", feature="country", role="diagnostic", kind="drift", id="f")
    channel = open_channel(world)
    assert "*Probable cause:* amount looks 100 times too large" in json.dumps(channel.messages[0])
    first = next(
        message
        for message in channel.messages
        if "declines" in message["text"] and message["ts"] != channel.messages[0]["ts"]
    )
    assert "2 more alerts* in the thread: amount, country" in json.dumps(first["blocks"])
    in_thread = [
        message["text"] for message in channel.messages if message.get("thread_ts") == first["ts"] != message["ts"]
    ]
    assert in_thread == ["amount looks 100 times too large", "country moved"]


def test_a_worse_alert_raises_the_severity_but_not_over_a_person(world):
    world.fire(model="m", severity="warning", id="a")
    world.fire(model="m", severity="page", id="b")
    assert world.get("/v1/incidents/1")["severity"] == "SEV2"
    assert open_channel(world)
    world.command("severity INC-1 SEV3 only the shadow model")
    world.fire(model="m", severity="SEV1", id="c")
    assert world.get("/v1/incidents/1")["severity"] == "SEV3"
