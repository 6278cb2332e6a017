"""What is shown of a call hides its secrets, and stays the same call."""

import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.actions.calls import Happened, digest, make, missing, shown
from bot.actions.messages import code
from bot.catalog.config import HttpCall

SECRET = "hunter2hunter2"


def http(**more):
    return HttpCall.model_validate({"url": "https://gateway.example/routes", **more})


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://g.example/a?mode=rules", "https://g.example/a?mode=rules"),
        (f"https://ada:{SECRET}@g.example:8443/a", "https://***@g.example:8443/a"),
        (f"https://g.example/a?api_key={SECRET}&x=1", "https://g.example/a?api_key=***&x=1"),
        (f"https://g.example/?access_token={SECRET}", "https://g.example/?access_token=***"),
        (f"https://hooks.slack.com/services/{SECRET}", "https://***"),
    ],
)
def test_addresses_are_shown_without_secrets(url, says):
    assert shown(http(url=url)).url == says


def test_headers_and_bodies_are_shown_without_secrets():
    call = http(
        headers={"Authorization": {"env": "TOKEN"}, "X-Api-Key": SECRET, "X-Team": "ml"},
        json={"variant": "rules", "auth": {"password": SECRET}, "list": [{"secret": SECRET}]},
    )
    text = shown(call).calls
    assert SECRET not in text
    assert "Authorization: (from $TOKEN)" in text
    assert "X-Team: ml" in text
    assert '"variant": "rules"' in text


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8) | st.integers(), max_size=4))
def test_what_is_shown_of_a_harmless_body_is_the_body(body):
    body = {f"k{key}": value for key, value in body.items()}
    text = shown(http(json=body)).body
    assert (json.loads(text) if text else {}) == body


def test_any_change_of_the_call_is_another_call():
    calls = [
        http(),
        http(method="PUT"),
        http(url="https://gateway.example/other"),
        http(json={"a": 1}),
        http(timeout="9s"),
    ]
    calls.append(http(headers={"A": {"env": "X"}}))
    assert len({digest(call) for call in calls}) == len(calls)
    assert digest(http()) == digest(http())


def test_variables_that_hold_nothing_are_named(monkeypatch):
    monkeypatch.setenv("FULL", "x")
    monkeypatch.setenv("EMPTY", "")
    call = http(headers={"A": {"env": "FULL"}, "B": {"env": "EMPTY"}, "C": {"env": "GONE_FOR_GOOD"}})
    assert missing(call) == ["EMPTY", "GONE_FOR_GOOD"]


@pytest.mark.parametrize("url", ["ftp://x/y", "no address", "http://[", "http://127.0.0.1:1/"])
def test_what_can_not_be_called_changed_nothing(url):
    outcome = make(http(url=url, timeout="2s"), "k")
    assert outcome.happened is Happened.NO
    assert "nothing was changed" in outcome.sentence


def test_a_header_that_breaks_the_request_is_not_sent(monkeypatch):
    monkeypatch.setenv("BROKEN", "a\r\nX-Evil: 1")
    assert make(http(url="http://127.0.0.1:9/", headers={"A": {"env": "BROKEN"}}), "k").happened is Happened.NO


@pytest.mark.parametrize("error", [httpx.ReadTimeout("x"), httpx.RemoteProtocolError("x"), httpx.WriteError("x")])
def test_once_it_was_sent_silence_is_not_failure(monkeypatch, error):
    def send(*_args, **_more):
        raise error

    monkeypatch.setattr(httpx.Client, "send", send)
    outcome = make(http(), "k")
    assert outcome.happened is Happened.UNKNOWN
    assert "before trying again" in outcome.sentence


def test_no_text_leaves_its_code_block():
    shown_text = code("```\n<!channel> & `x`")
    assert shown_text.count("```") == 2
    assert "<!channel>" not in shown_text
