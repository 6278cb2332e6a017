"""Nothing is lost and nothing is said twice, whatever Slack does."""

import json
from collections import Counter

import pytest
from sqlmodel import select

from bot.tables import OutboxRow


def keys_said(world):
    said = Counter()
    for channel in world.slack.channels.values():
        for message in channel.messages:
            said[message["metadata"]["event_payload"]["key"]] += 1
    return said


@pytest.mark.parametrize(
    "fault",
    [
        {"error": "fatal_error", "applies": True},
        {"status": 500, "applies": True},
        {"reset": True, "applies": True},
        {"error": "internal_error"},
        {"status": 503},
        {"reset": True},
    ],
)
def test_an_unclear_answer_is_looked_into_before_anything_is_said_again(world, fault):
    world.slack.fail("chat.postMessage", **fault)
    world.fire(model="m", severity="page")
    for _ in range(6):
        world.advance(seconds=20)
    said = keys_said(world)
    assert set(said.values()) == {1}
    assert "card:1" in said


def test_a_channel_created_behind_a_lost_answer_is_found_again(world):
    world.slack.fail("conversations.create", reset=True, applies=True)
    world.fire(model="m", severity="page")
    for _ in range(3):
        world.advance(seconds=20)
    assert [channel.name for channel in world.slack.channels.values()].count("inc-1-m-prediction") == 1
    assert world.get("/v1/incidents/1")["channel_id"] == world.slack.channel("inc-1-").id


def test_a_strangers_channel_of_the_same_name_is_left_alone(world):
    world.slack.workspace.add_channel("inc-1-m-prediction", "U1")
    stranger = world.slack.channel("inc-1-")
    stranger.creator = "U3"
    world.fire(model="m", severity="page")
    assert world.get("/v1/incidents/1")["channel_name"] == "inc-1-m-prediction-2"
    assert stranger.messages == []


def test_retry_after_rests_one_bucket_and_drops_nothing(world):
    world.slack.fail("conversations.create", status=429, error="ratelimited", retry_after=30)
    world.fire(model="m", severity="page")
    assert len(world.slack.calls("conversations.create")) == 2  # the announcement channel's own, and this one
    world.advance(seconds=29)
    assert len(world.slack.calls("conversations.create")) == 2
    world.advance(seconds=2)
    assert world.get("/v1/incidents/1")["channel_id"]


def test_refused_blocks_do_not_lose_the_words(world):
    world.slack.fail("chat.postMessage", error="invalid_blocks")
    world.slack.fail("chat.postMessage", error="invalid_blocks")
    world.fire(model="m", severity="page")
    for _ in range(3):
        world.advance(seconds=5)
    assert "declines 31 %" in json.dumps(world.slack.channel("inc-1-").messages[0])


def test_a_revoked_token_pauses_the_outbox_without_loss(world):
    for _ in range(40):
        world.slack.fail("conversations.create", error="token_revoked")
    world.fire(model="m", severity="page")
    for _ in range(10):
        world.advance(seconds=31)
    world.slack.faults.clear()
    world.advance(seconds=31)
    assert world.get("/v1/incidents/1")["channel_id"]


def test_a_row_that_can_never_be_said_is_set_aside_and_the_rest_go_on(world):
    world.fire(model="m", severity="page")
    world.slack.channel("inc-1-").archived = True
    world.fire(model="m", severity="page", feature="b")
    world.fire(model="other", severity="page")
    for _ in range(3):
        world.advance(seconds=5)
    with world.muster.database.reading() as session:
        dead = [row for row in session.exec(select(OutboxRow)) if row.state == "dead"]
    assert {row.problem.partition(":")[0] for row in dead} <= {"chat.postMessage", "chat.update"}
    assert world.slack.channel("inc-2-").messages


@pytest.mark.parametrize(
    "second",
    [{"status": 429, "error": "ratelimited", "retry_after": 2}, {"error": "not_in_channel"}, {"error": "invalid_auth"}],
)
def test_a_look_that_fails_leaves_the_question_open(world, second):
    world.slack.fail("chat.postMessage", reset=True, applies=True)
    world.slack.fail("conversations.history", **second)
    world.fire(model="m", severity="page")
    for _ in range(8):
        world.advance(seconds=31)
    assert set(keys_said(world).values()) == {1}
