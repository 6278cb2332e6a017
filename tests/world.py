"""The whole of Muster on a frozen clock, with a real database, signed requests in and a stateful Slack out."""

import json
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from pydantic import SecretStr
from starlette.testclient import TestClient

from bot.catalog.config import Catalog
from bot.core.migrations import migrate
from bot.core.settings import Settings
from bot.entrypoints.web import create_app
from bot.entrypoints.wiring import build
from bot.slack.signature import sign
from tests.fake_slack import TEAM, FakeSlack

START = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)
WEBHOOK, API, SECRET = "webhook-token", "api-token", "signing-secret"


class FrozenClock:
    def __init__(self):
        self.at = START

    def now(self):
        return self.at


class World:
    def __init__(self, database_url, catalog=None):
        self.clock = FrozenClock()
        self.slack = FakeSlack(self.clock)
        self.settings = Settings(
            database_url=database_url,
            slack_api_url=self.slack.url,
            slack_signing_secret=SecretStr(SECRET),
        )
        self.muster = build(
            self.settings,
            catalog or Catalog(),
            bot_token="xoxb-test",
            webhook_token=WEBHOOK,
            api_token=API,
            clock=self.clock,
        )
        migrate(self.muster.database)
        self.muster.meet_slack()
        self.sender = self.muster.sender()
        self.http = TestClient(create_app(self.muster), raise_server_exceptions=False)
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
        """Run the sender until nothing is due."""
        deadline = time.monotonic() + 20
        while self.sender.deliver_one():
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

    def command(self, text, user="U1", channel="C9999"):
        self._clicks += 1
        fields = {
            "command": "/incident",
            "text": text,
            "user_id": user,
            "team_id": TEAM,
            "channel_id": channel,
            "trigger_id": f"trigger{self._clicks}",
        }
        answer = self.signed(urlencode(fields).encode())
        assert answer.status_code == 200, answer.text
        self.deliver()
        return answer.json()["text"] if answer.text.startswith("{") else answer.text

    def click(self, label, user="U1", channel=None, team=TEAM, copies=1):
        """Press the newest button of this label."""
        where, message, button = self._button(label, channel)
        self._clicks += 1
        payload = {
            "type": "block_actions",
            "user": {"id": user, "team_id": team},
            "team": {"id": team},
            "channel": {"id": where},
            "message": {"ts": message["ts"]},
            "container": {"channel_id": where, "message_ts": message["ts"]},
            "trigger_id": f"trigger{self._clicks}",
            "actions": [{**button, "block_id": "b", "action_ts": str(self._clicks)}],
        }
        content = urlencode({"payload": json.dumps(payload)}).encode()
        for _ in range(copies):
            answer = self.signed(content)
            assert answer.status_code == 200, answer.text
        self.deliver()

    def submit(self, user="U1", **values):
        view = self.slack.views[-1]
        self._clicks += 1
        state = {
            block: {block: {"type": "static_select", "selected_option": {"value": value}}}
            for block, value in values.items()
        }
        payload = {
            "type": "view_submission",
            "user": {"id": user, "team_id": TEAM},
            "team": {"id": TEAM},
            "view": {**view, "id": f"V{self._clicks}", "state": {"values": state}},
        }
        answer = self.signed(urlencode({"payload": json.dumps(payload)}).encode())
        assert answer.status_code == 200, answer.text
        self.deliver()
        return answer.json() if answer.content else None

    def event(self, copies=1, **event):
        self._clicks += 1
        stamp = f"{self.clock.now().timestamp():.6f}"
        body = {"type": "event_callback", "team_id": TEAM, "event": {"event_ts": stamp, **event}}
        for copy in range(copies):
            content = json.dumps({**body, "event_id": f"Ev{self._clicks}-{copy}"}).encode()
            assert self.signed(content, "application/json").status_code == 200
        self.deliver()

    def _button(self, label, channel):
        for place in self.slack.channels.values():
            if channel not in (None, place.id):
                continue
            for message in reversed(place.messages):
                for block in message.get("blocks", []):
                    for button in block.get("elements", []) if block["type"] == "actions" else []:
                        if button.get("text", {}).get("text") == label:
                            return place.id, message, {"action_id": button["action_id"], "value": button["value"]}
        raise AssertionError(f"no button {label!r} is shown")
