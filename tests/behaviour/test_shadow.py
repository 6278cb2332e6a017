"""New monitors record and tell nobody until somebody accepts them."""

import pytest

from bot.core.errors import BotError, ConflictError
from bot.monitoring.shadow.service import accept, hide, record_of
from bot.monitoring.watched import watched
from bot.tables import Alert, MonitorResult, MonitorState
from tests.behaviour.test_monitoring import COUNT, RANGE, SHARE, Stream, faulty

NEW = {"shadow": None}


def new(*monitors):
    return [{**one, **NEW} for one in monitors]


def said(stream):
    messages = [message for channel in stream.world.slack.channels.values() for message in channel.messages]
    return next(message for message in messages if "onitor" in str(message["text"]))


def test_in_shadow_everything_is_kept_and_nobody_is_told(make_world):
    stream = Stream(make_world, *new(SHARE, RANGE), columns=faulty())
    stream.at(hours=38, minutes=1)
    stream.at(hours=39, minutes=1)
    assert {result.state for result in stream.read(MonitorResult)} == {"ok", "firing"}
    assert stream.read(Alert) == []
    assert stream.world.get("/v1/incidents") == []
    shown = said(stream)
    assert "2 monitors of eta in shadow" in shown["text"].replace("*", "")
    assert "late (guardrail): share of late, every 1h" in str(shown["blocks"])


def test_accepting_lets_them_speak_from_the_next_window_on(make_world):
    stream = Stream(make_world, *new(SHARE, RANGE), columns=faulty())
    stream.at(hours=39, minutes=1)
    stream.world.click("Look at the record")
    reply = stream.world.slack.ephemerals[-1]["text"]
    assert "late: would have fired in 1 of 1 window, last: eta calls 30 % of flights late" in reply
    stream.world.click("Accept all", user="U3")
    stream.world.deliver()
    assert "<@U3> accepted them" in str(said(stream))
    assert stream.read(Alert) == [], "what was found in shadow stays there"
    stream.at(hours=40, minutes=1)
    (incident,) = stream.world.get("/v1/incidents")
    assert incident["title"].startswith("eta calls ")
    assert {state.changed_by for state in stream.read(MonitorState)} == {"U3"}
    with pytest.raises(AssertionError, match="nothing 'Accept all' is shown"):
        stream.world.click("Accept all")


def test_muster_yaml_decides_where_it_says_so(make_world):
    stream = Stream(make_world, {**SHARE, "shadow": False}, {**RANGE, "shadow": True}, {**COUNT, **NEW})
    stream.at(hours=38, minutes=1)
    assert {state.key: state.shadow for state in stream.read(MonitorState)} == {
        "eta/late": False,
        "eta/delay-range": True,
        "eta/rows": True,
    }
    every = watched(stream.catalog)
    with stream.world.muster.database.transaction() as session:
        now = stream.world.clock.now()
        with pytest.raises(BotError, match=r"muster\.yaml keeps eta/delay-range in shadow"):
            accept(session, every.values(), ["eta/delay-range"], "U1", now)
        with pytest.raises(BotError, match="Did you mean"):
            accept(session, every.values(), ["eta/row"], "U1", now)
        assert accept(session, every.values(), ["eta/rows"], "U1", now) == ["eta/rows"]
        with pytest.raises(ConflictError, match="was accepted by U1"):
            accept(session, every.values(), ["eta/rows"], "U2", now)
        hide(session, every["eta/rows"], "U2", now)
        with pytest.raises(BotError, match="`shadow: false`"):
            hide(session, every["eta/late"], "U2", now)


def test_a_monitor_whose_alert_fires_is_not_hidden(make_world):
    stream = Stream(make_world, SHARE, columns=faulty())
    stream.at(hours=38, minutes=1)
    with stream.world.muster.database.transaction() as session:
        state = session.get_one(MonitorState, "eta/late")
        state.shadow = False
    stream.at(hours=39, minutes=1)
    one = watched(stream.catalog)["eta/late"]
    with stream.world.muster.database.reading() as session:
        assert record_of(session, one).fired == 1
    free = type(one)(one.model, one.monitor.model_copy(update={"shadow": None}))
    with (
        stream.world.muster.database.transaction() as session,
        pytest.raises(BotError, match="has an alert that fires"),
    ):
        hide(session, free, "U1", stream.world.clock.now())


def test_the_invitation_waits_until_the_channel_is_known(make_world):
    """The monitors may look before Slack has been met."""
    stream = Stream(make_world, *new(SHARE))
    house = stream.world.muster.house
    announce, house.announce = house.announce, lambda _model: None
    stream.at(hours=38, minutes=1)
    house.announce = announce
    stream.world.advance(minutes=5)
    assert "1 monitor of eta in shadow" in said(stream)["text"].replace("*", "")
