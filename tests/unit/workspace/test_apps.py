"""Two apps in one workspace: each is asked what is its own, speaks as itself, and can't do as the other."""

import json
from urllib.parse import parse_qs

import httpx
import pytest

from bot.workspace.apps import HttpApp, Installed
from bot.workspace.dispatch import Dispatcher
from bot.workspace.server import LocalWorkspace, furnish
from tests.unit.workspace.listening_app import StandingClock, button, mrkdwn, plain

ADA = "U1"
VIEW = {"type": "modal", "title": plain("Form"), "submit": plain("Send"), "blocks": [{"type": "divider"}]}


class Answers:
    """Stands for both apps' addresses: keeps what each was sent."""

    def __init__(self):
        self.sent = []
        self.answer = {}

    def post(self, url, *, content, headers):
        form = parse_qs(content.decode())
        fields = {name: values[0] for name, values in form.items()}
        payload = json.loads(fields["payload"]) if "payload" in fields else fields
        if "urlencoded" in headers["Content-Type"]:
            self.sent.append((url, payload))
        return httpx.Response(200, json=self.answer)

    def close(self):
        pass


@pytest.fixture
def answers():
    return Answers()


@pytest.fixture
def house(answers):
    clock = StandingClock()
    made = LocalWorkspace(
        furnish(clock),
        bot="UBOT",
        bot_token="xoxb-first",
        dispatcher=Dispatcher(clock, HttpApp("first", "s1"), http=answers),
    )
    other = Installed("A2", "UWEATHER", "xoxb-second", HttpApp("second", "s2"), (("/weather", "", "The weather"),))
    made.install(other, "weather", "Weather")
    made.general = next(one for one in made.workspace.channels.values() if one.name == "general")
    made.call("conversations.join", {"channel": made.general.id}, "A2")
    return made


def say(house, app):
    blocks = [{"type": "actions", "elements": [button("Press", "press")]}]
    answer = house.call("chat.postMessage", {"channel": house.general.id, "text": "hi", "blocks": blocks}, app)
    assert answer["ok"], answer
    return answer


@pytest.mark.parametrize(("app", "bot", "url"), [("A1", "UBOT", "first"), ("A2", "UWEATHER", "second")])
def test_a_press_goes_to_the_app_whose_message_it_is(house, answers, app, bot, url):
    said = say(house, app)
    assert (said["message"]["user"], said["message"]["app_id"]) == (bot, app)
    house.actors.press(ADA, house.general.id, said["ts"], "press")
    (asked,) = answers.sent
    assert asked[0] == url
    assert asked[1]["api_app_id"] == app


def test_a_command_goes_to_its_owner_and_the_answer_is_shown_as_its_own(house, answers):
    answers.answer = {"text": "sunny"}
    house.actors.command(ADA, house.general.id, "/weather today")
    house.actors.command(ADA, house.general.id, "/incident list")
    assert [(url, sent["command"], sent["text"]) for url, sent in answers.sent] == [
        ("second", "/weather", "today"),
        ("first", "/incident", "list"),
    ]
    assert [one.app for one in house.workspace.ephemerals] == ["A2", "A1"]


def test_what_is_answered_in_the_channel_is_said_by_the_app_that_was_asked(house, answers):
    answers.answer = {"text": "sunny", "response_type": "in_channel"}
    house.actors.command(ADA, house.general.id, "/weather")
    assert house.general.messages[-1]["user"] == "UWEATHER"


def test_a_form_is_sent_to_the_app_that_opened_it(house, answers):
    trigger = house.actors.new_trigger(ADA)
    opened = house.call("views.open", {"trigger_id": trigger, "view": VIEW}, "A2")
    assert opened["view"]["app_id"] == "A2"
    house.actors.submit(ADA, opened["view"]["id"], {})
    (asked,) = answers.sent
    assert (asked[0], asked[1]["type"]) == ("second", "view_submission")


def test_neither_edits_what_the_other_said(house):
    said = say(house, "A1")
    wanted = {"channel": house.general.id, "ts": said["ts"], "text": "other"}
    assert house.call("chat.update", wanted, "A2")["error"] == "cant_update_message"


def test_a_response_address_answers_as_the_app_it_was_given_to(house, answers):
    house.actors.command(ADA, house.general.id, "/weather")
    token = answers.sent[0][1]["response_url"].rpartition("/")[2]
    assert house.actors.respond(token, {"text": "rain", "response_type": "in_channel"})
    assert house.general.messages[-1]["user"] == "UWEATHER"


def test_the_home_is_the_first_apps_alone(house):
    home = {"type": "home", "blocks": [{"type": "section", "text": mrkdwn("mine")}]}
    assert house.call("views.publish", {"user_id": ADA, "view": home}, "A2")["error"] == "not_enabled"


def test_a_token_of_either_app_opens_the_web_api_as_its_bot(house):
    house.start()
    try:
        for token, bot in (("xoxb-first", "UBOT"), ("xoxb-second", "UWEATHER")):
            answer = httpx.post(f"{house.api_url}auth.test", headers={"Authorization": f"Bearer {token}"}).json()
            assert answer["user_id"] == bot
        refused = httpx.post(f"{house.api_url}auth.test", headers={"Authorization": "Bearer xoxb-third"}).json()
        assert refused["error"] == "invalid_auth"
    finally:
        house.stop()


def test_what_is_said_to_the_other_bot_alone_is_not_told_to_the_first(house):
    told = []
    house.dispatcher.event = lambda event, *_, **__: told.append(event)
    private = house.workspace.direct(ADA, "UWEATHER")
    house.actors.post(ADA, private.id, "hello")
    house.actors.post(ADA, house.general.id, "hello all")
    assert [event["text"] for event in told] == ["hello all"]
