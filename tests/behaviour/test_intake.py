"""Webhooks: what is stored, what is refused, and what the sender is told."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.errors import BotError
from bot.core.payload import read_json
from tests.world import SECRET


@pytest.mark.parametrize("token", ["", "wrong", "wébhook", "webhook-token "[:-2]])
def test_a_wrong_token_stores_nothing(world, token):
    answer = world.http.post(
        "/webhooks/generic", content=b'{"title": "x"}', headers={"Authorization": f"Bearer {token}".encode()}
    )
    assert answer.status_code == 401
    assert world.post("no-such-source", {"title": "x"}).status_code == 401
    assert world.get("/v1/deliveries") == []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty"),
        (b"{", "line 1"),
        (b'{"title": NaN}', "NaN"),
        (b'{"title": "x", "observed": 1e999}', "too large"),
        (b"[" * 100_000, "nested"),
        (b'{"title": "x", "n": ' + b"9" * 5000 + b"}", "digits"),
        (b'"text"', "title"),
        (b"[]", "title"),
        (b"\xff\xfe", "UTF-8"),
        (b'{"title": "x", "status": "maybe"}', "/status"),
        (b'{"title": 3}', "/title"),
        (b'{"title": "x", "observed": "high"}', "/observed"),
    ],
)
def test_bad_bodies_are_refused_with_the_place(world, body, says):
    answer = world.post("generic", body)
    assert answer.status_code == 400
    assert says in answer.text
    assert world.get("/v1/incidents") == []


def test_a_body_over_the_limit_is_refused(world):
    assert world.post("generic", b'{"title": "' + b"x" * (16 * 1024 * 1024) + b'"}').status_code == 413


def test_nul_and_lone_surrogates_are_kept_as_replacement_marks(world):
    answer = world.post("generic", b'{"title": "a\\u0000b\\ud800c", "model": "m", "severity": "page"}')
    assert answer.status_code == 202
    assert world.get("/v1/alerts")[0]["summary"] == "a\ufffdb\ufffdc"


def test_a_good_item_is_stored_and_its_bad_neighbour_quarantined(world):
    answer = world.post("generic", [{"title": "good", "model": "m", "severity": "page"}, {"status": "firing"}])
    assert answer.status_code == 202
    assert [item["outcome"] for item in answer.json()["items"]] == ["opened", "quarantined"]
    kept = world.get("/v1/deliveries")[0]
    assert kept["outcome"] == "partly"
    assert kept["items"][1]["why"] == "/1/title: every alert needs a title"
    assert kept["items"][1]["raw"] == {"status": "firing"}


@pytest.mark.parametrize("stamp", ["abc", "", "nan", "1e9", "١٢٣", "-5", "9" * 30])
def test_malformed_signature_times_are_401(world, stamp):
    headers = {"X-Slack-Request-Timestamp": stamp.encode(), "X-Slack-Signature": "v0=00"}
    assert world.http.post("/slack/events", content=b"x=1", headers=headers).status_code == 401


@pytest.mark.parametrize("age", [-301, 301])
def test_an_old_or_future_request_is_401(world, age):
    stamp = str(int(world.clock.now().timestamp()) + age)
    assert world.signed(b"x=1", stamp=stamp).status_code == 401
    assert world.signed(b"x=1", secret=SECRET + "x").status_code == 401


def test_unheard_events_are_acknowledged(world):
    said = {place.id: len(place.messages) for place in world.slack.channels.values()}
    world.event(type="team_join", user={"id": "U5"})  # asserts its 200
    assert {place.id: len(place.messages) for place in world.slack.channels.values()} == said, "nothing comes of it"


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_json_or_a_clear_refusal(body):
    refusal = None
    try:
        read_json(body)
    except BotError as error:
        refusal = error
    assert refusal is None or (refusal.status == 400 and refusal.message)
