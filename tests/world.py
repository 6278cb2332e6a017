"""The whole of Muster on a frozen clock, with a real database, signed requests in and a stateful Slack out."""

import json
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import event, inspect
from starlette.testclient import TestClient

from bot.catalog.config import Catalog
from bot.core.migrations import migrate
from bot.core.settings import Settings
from bot.entrypoints.web import create_app
from bot.entrypoints.wiring import build
from bot.outbox.claims import Timing
from bot.slack.signature import sign
from bot.workspace.apps import HttpApp
from bot.workspace.dispatch import Dispatcher
from tests.fake_slack import BOT_TOKEN, TEAM, FakeSlack

START = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)
NO_RUNBOOKS = Path(__file__).parent / "no_runbooks"
WEBHOOK, API, SECRET = "webhook-token", "api-token", "signing-secret"


class FrozenClock:
    def __init__(self):
        self.at = START

    def now(self):
        return self.at


class World:
    def __init__(self, database_url, catalog=None, *, runbooks=NO_RUNBOOKS, paced=False):
        self.clock = FrozenClock()
        self.door = Door(self.clock, HttpApp("/slack/events", SECRET))
        self.slack = FakeSlack(self.clock, dispatcher=self.door)
        self.settings = Settings(
            database_url=database_url,
            slack_api_url=self.slack.api_url,
            slack_signing_secret=SecretStr(SECRET),
            runbooks=runbooks,
        )
        self.muster = build(
            self.settings,
            catalog or Catalog(),
            bot_token=BOT_TOKEN,
            webhook_token=WEBHOOK,
            api_token=API,
            clock=self.clock,
        )
        event.listen(self.muster.database.engine, "connect", _not_waiting_for_the_disk)
        if not inspect(self.muster.database.engine).has_table("incident"):
            migrate(self.muster.database)
        self.muster.meet_slack()
        self.muster.checks.isolated = False
        self.sender = self.muster.sender(Timing(paced=paced))
        self.http = TestClient(create_app(self.muster), raise_server_exceptions=False)
        self.door.http = self.http
        self.actors = self.slack.actors
        self.lobby = self.slack.workspace.add_channel("lobby", "U1", members=["U2", "U3", "U9"])
        self._clicks = 0

    def __enter__(self):
        self.http.__enter__()
        return self

    def __exit__(self, *_):
        self.http.__exit__(None, None, None)
        self.slack.stop()
        self.muster.database.close()

    def post(self, source, body, token=WEBHOOK):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.http.post(f"/webhooks/{source}", content=content, headers={"Authorization": f"Bearer {token}"})

    def fire(self, **alert):
        answer = self.post("generic", {"title": "fraud-v3 declines 31 % of payments", **alert})
        assert answer.status_code == 202, answer.text
        self.deliver()
        return answer.json()["items"][0]

    def deliver(self):
        """Run the sender and the checks until nothing is due."""
        deadline = time.monotonic() + 60
        while self.sender.deliver_one() or self.muster.checks.run_next(self.muster.database, self.clock):
            assert time.monotonic() < deadline, "the outbox never empties"

    def advance(self, **length):
        self.clock.at += timedelta(**length)
        self.muster.tick()
        self.deliver()

    def get(self, path):
        answer = self.http.get(path, headers={"Authorization": f"Bearer {API}"})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def signed(self, content, kind="application/x-www-form-urlencoded", stamp=None, secret=SECRET):
        stamp = str(int(self.clock.now().timestamp())) if stamp is None else stamp
        headers = {
            "Content-Type": kind,
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": sign(secret, content, stamp),
        }
        return self.http.post("/slack/events", content=content, headers=headers)

    def command(self, text, user="U1", channel=None):
        """Type `/incident <text>`; returns what was answered to this person alone."""
        answer = self.actors.command(user, channel or self.lobby.id, f"/incident {text}")
        self.settle()
        return answer.get("text", "")

    def click(self, label, user="U1", channel=None, team=TEAM, copies=1):
        """Press the newest button of this label, or choose it in a menu."""
        where, message, action_id, choice = self._shown(label, channel)
        self.slack.channels[where].members.add(user)  # who presses has joined, or was invited
        self.door.team, self.door.copies = team, copies
        answer = self.actors.press(user, where, message["ts"], action_id, choice)
        self.door.team, self.door.copies = TEAM, 1
        self.settle()
        return answer.get("text", "")

    def submit(self, user="U1", **values):
        """Send off the modal on top; returns the problems by field."""
        modal = self.slack.workspace.modals[user][-1]
        problems = self.actors.submit(user, modal.id, values)
        self.settle()
        return problems

    def say(self, text, channel, user="U1", thread_ts=None):
        message = self.actors.post(user, channel, text, thread_ts)
        self.settle()
        return message["ts"]

    def settle(self):
        self.door.settle()
        self.deliver()

    def event(self, copies=1, **event):
        self._clicks += 1
        stamp = f"{self.clock.now().timestamp():.6f}"
        body = {"type": "event_callback", "team_id": TEAM, "event": {"event_ts": stamp, **event}}
        for copy in range(copies):
            content = json.dumps({**body, "event_id": f"Ev{self._clicks}-{copy}"}).encode()
            assert self.signed(content, "application/json").status_code == 200
        self.deliver()

    def _shown(self, label, channel):
        """Find what is pressed: channel, message, action and choice; the newest message wins."""
        places = [place for place in self.slack.channels.values() if channel in (None, place.id)]
        shown = [(message["ts"], place.id, message) for place in places for message in place.messages]
        for _, place, message in sorted(shown, key=lambda one: one[0], reverse=True):
            for block in message.get("blocks", []):
                for element in [*block.get("elements", []), block.get("accessory") or {}]:
                    if element.get("type") == "button" and element["text"]["text"] == label:
                        return place, message, element["action_id"], None
                    for option in element.get("options", []):
                        if option["text"]["text"] == label:
                            return place, message, element["action_id"], {"selected_option": option}
        raise AssertionError(f"nothing {label!r} is shown")


def _not_waiting_for_the_disk(connection, _record):
    """No test cuts the power."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous=OFF")


class Door(Dispatcher):
    """Sends what people do through the signed door of the app, on demand also twice or from another workspace.

    Events wait until `settle`: the test drives the clock.
    """

    copies, team = 1, TEAM

    def start(self):
        return

    def stop(self):
        return

    def interact(self, payload):
        other = {"id": self.team, "domain": "elsewhere"}
        user = {**payload["user"], "team_id": self.team}
        payload = {**payload, **({"team": other, "user": user} if self.team != TEAM else {})}
        return super().interact(payload)

    def post(self, app, body, content_type, **headers):
        for _ in range(self.copies):
            answer = super().post(app, body, content_type, **headers)
        return answer
