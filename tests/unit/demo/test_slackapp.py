"""The demo's own app in a workspace: pressed by people, and telling what Muster said of it over HTTP."""

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from fastapi import FastAPI, Request
from starlette.testclient import TestClient

from bot.core.clock import SystemClock
from bot.core.errors import BotError
from bot.demo import panel
from bot.demo.faults import FAULTS
from bot.demo.slackapp import DemoApp, Places
from bot.workspace.apps import HttpApp, Installed
from bot.workspace.dispatch import Dispatcher
from bot.workspace.looking import find_control, text_of
from bot.workspace.server import LocalWorkspace, furnish
from tests.ports import until

SINCE = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
ADA = "U1"


class Models:
    """Both models as the app acts on them: what was asked of them, and how they stand."""

    def __init__(self):
        self.faults = dict.fromkeys(panel.ABOUT)
        self.since = None

    def inject(self, fault):
        self.since = SINCE
        self.faults[FAULTS[fault].model] = fault

    def heal(self):
        self.faults = dict.fromkeys(panel.ABOUT)

    def states(self):
        since = self.since and self.since.isoformat()
        return {name: {"fault": fault, "since": since} for name, fault in self.faults.items()}


class Muster:
    """Answers `/v1` as Muster does."""

    def __init__(self):
        self.answers = {"alerts": [], "monitors": [], "incidents/3": {"channel_id": "C0001"}}
        muster = self

        class Door(BaseHTTPRequestHandler):
            def do_GET(self):
                assert self.headers["Authorization"] == "Bearer api"
                path = self.path.removeprefix("/v1/").partition("?")[0]
                body = json.dumps(muster.answers[path]).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Door)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def says(self, model, monitor, route, summary, after, incident=None):
        seen = (SINCE + timedelta(seconds=after)).isoformat()
        told = {"model": model, "monitor": monitor, "route": route, "summary": summary}
        self.answers["alerts"].append({**told, "first_seen_at": seen, "incident_id": incident})

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class House:
    """A workspace with the app in it. Nothing happens by itself: `look` is called by the test."""

    def __init__(self):
        self.models, self.muster = Models(), Muster()
        clock = SystemClock()
        self.server = LocalWorkspace(
            furnish(clock), bot="UBOT", bot_token="xoxb-muster", dispatcher=Dispatcher(clock, HttpApp("/muster", "s"))
        )
        self.server.start()
        door = HttpApp("/slack/events", "demo-secret")
        self.server.install(Installed("A2", "UFLIGHTS", "xoxb-demo", door, panel.commands()), "flights", "Flights")
        places = Places(self.server.api_url, "xoxb-demo", "demo-secret", self.muster.url, "api")
        self.app = DemoApp(self.models, places)
        served = FastAPI()
        served.include_router(self.app.router())
        self.asked = []

        @served.post("/muster")
        def muster(request: Request):
            if "urlencoded" in request.headers["content-type"]:  # a press or a command; events come as JSON
                self.asked.append(request)
            return {}

        self.http = TestClient(served)
        self.server.dispatcher.http.close()
        self.server.dispatcher.http = self.http
        self.channel = next(one for one in self.server.workspace.channels.values() if one.name == "general")

    def message(self):
        return next(one for one in self.channel.messages if one["user"] == "UFLIGHTS" and one.get("blocks"))

    def press(self, label):
        at = find_control(self.server.workspace, label, self.channel.id)
        self.server.actors.press(ADA, at.channel, at.ts, at.action_id, at.choice)

    def stop(self):
        self.app.stop()
        self.server.stop()
        self.muster.stop()


@pytest.fixture
def house():
    made = House()
    made.app.look()
    yield made
    made.stop()


def test_it_says_and_pins_one_message_with_a_button_a_fault(house):
    message = house.message()
    assert house.channel.pins == [message["ts"]]
    for fault in FAULTS.values():
        assert find_control(house.server.workspace, fault.kind.capitalize(), house.channel.id)
    house.app.look()
    assert [one["user"] for one in house.channel.messages if one.get("blocks")] == ["UFLIGHTS"]
    assert text_of(message).count("is sound") == 2


def test_a_press_goes_to_the_app_whose_message_it_is_and_not_to_muster(house):
    house.press("Latency")
    until(lambda: house.models.faults["arrival-delay"] == "slow-lookups", 5)
    house.app.look()
    said = text_of(house.message())
    assert "arrival-delay*: latency since 12:00:00 UTC, by weather-lookup 5.1 deployed" in said
    assert "Muster has not noticed yet. Expect: " in said
    assert house.asked == []
    house.press("Mend everything")
    until(lambda: house.models.faults["arrival-delay"] is None, 5)
    house.app.look()
    assert "arrival-delay* is sound again since" in text_of(house.message())


def test_it_tells_what_muster_noticed_and_where_to_go(house):
    house.models.inject("null-burst")
    house.muster.says("eta", "dep-delay-nulls", "evidence", "dep_delay is missing in 41 % of rows", 7.4, 3)
    house.muster.says("eta", "late-share", "page", "eta calls 8 % of flights late <b>", 7.2, 3)
    house.muster.says("eta", "late-share", "page", "an older one", -60, 3)
    house.muster.says("arrival-delay", "slow", "page", "of the other", 5, 3)
    house.app.look()
    said = text_of(house.message())
    assert said.index("After 7 s, it *pages*: eta calls 8 % of flights late &lt;b&gt;") < said.index(
        "dep_delay is missing"
    )
    assert "Open <#C0001>, press *Acknowledge*" in said
    assert "an older one" not in said
    assert "of the other" not in said


def test_evidence_alone_calls_nobody_and_says_what_to_ask(house):
    house.models.inject("regional-flights")
    house.muster.says("arrival-delay", "inputs-drift", "evidence", "distance: median 937 → 544", 12)
    house.app.look()
    assert "type `/incident open arrival-delay looks odd`" in text_of(house.message())


def test_a_monitor_that_cannot_judge_is_told_with_when_it_was_first_seen(house):
    house.models.inject("labels-held")
    house.models.since = SystemClock().now() - timedelta(seconds=20)
    state = {"model": "eta", "monitor": "right", "state": "no_labels", "sentence": "No labels for 20 seconds"}
    house.muster.answers["monitors"] = [state]
    house.app.look()
    first = text_of(house.message())
    assert "After 20 s, `right` can't judge: No labels for 20 seconds" in first
    house.app.look()
    assert text_of(house.message()) == first


def test_the_command_says_what_there_is_and_does_it(house):
    actors = house.server.actors
    assert "`/demo null-burst`: null burst, of eta" in actors.command(ADA, house.channel.id, "/demo")["text"]
    assert actors.command(ADA, house.channel.id, "/demo flood")["text"].startswith("There is no fault `flood`.")
    told = actors.command(ADA, house.channel.id, "/demo stale-weather")["text"]
    assert told.startswith("flights-etl 4.5 deployed (weather read once an hour). Expect: ")
    until(lambda: house.models.faults["eta"] == "stale-weather", 5)
    actors.command(ADA, house.channel.id, "/demo mend")
    until(lambda: house.models.faults["eta"] is None, 5)
    assert house.asked == []


def test_what_is_not_signed_is_refused(house):
    body = "payload=" + json.dumps({"actions": [{"action_id": "demo.break.null-burst", "value": "null-burst"}]})
    for headers in ({}, {"X-Slack-Request-Timestamp": "1", "X-Slack-Signature": "v0=0"}):
        assert house.http.post("/slack/events", content=body, headers=headers).status_code == 401
    assert house.models.faults["eta"] is None


def test_without_its_channel_it_says_so(house):
    places = Places(house.server.api_url, "xoxb-demo", "demo-secret", house.muster.url, "api", "nowhere")
    lost = DemoApp(house.models, places)
    with pytest.raises(BotError, match="no channel #nowhere"):
        lost.look()
    lost.stop()
