"""Kill -9 again and again under load, with a Slack that fails: nothing acknowledged is lost, nothing is said twice."""

import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter

import httpx
import pytest

from bot.core.clock import SystemClock
from bot.workspace.faults import Fault, Faults
from tests.fake_slack import BOT_TOKEN, FakeSlack
from tests.ports import answers, free_port, until

pytestmark = pytest.mark.slow

SEED = 20261123
SECONDS = float(os.environ.get("CRASH_SECONDS", "60" if os.environ.get("CI") else "20"))
MODELS = 12


class Chaos(Faults):
    """Refuses, resets, or answers badly after doing what was asked, a few calls in a hundred."""

    def __init__(self, dice):
        super().__init__()
        self.dice = dice
        self.calm = False
        self.injected = 0

    def meet(self, method, arguments):
        if not self.calm and self.dice.random() < 0.14:
            kinds = [
                Fault(reset=True),
                Fault(reset=True, applies=True),
                Fault(error="fatal_error", applies=True),
                Fault(status=429, error="ratelimited", retry_after=1),
            ]
            self.injected += 1
            return self.dice.choice(kinds)
        return super().meet(method, arguments)


class Sender(threading.Thread):
    """Posts alerts until told to stop, each until it is taken in."""

    def __init__(self, port, dice):
        super().__init__(daemon=True)
        self.port = port
        self.dice = dice
        self.taken = set()
        self.done = threading.Event()

    def run(self):
        number = 0
        with httpx.Client(timeout=3) as client:
            while not self.done.is_set():
                number += 1
                alert = {
                    "title": f"alert {number}",
                    "id": str(number),
                    "model": f"m{self.dice.randrange(MODELS)}",
                    "severity": "page",
                }
                while not self.done.is_set():
                    try:
                        answer = client.post(
                            f"http://127.0.0.1:{self.port}/webhooks/generic",
                            json=alert,
                            headers={"Authorization": "Bearer crash"},
                        )
                    except httpx.HTTPError:
                        time.sleep(0.05)
                        continue
                    if answer.status_code == 202:
                        self.taken.add(answer.json()["items"][0]["alert"])
                        break
                time.sleep(0.02)


def start(folder, port, slack):
    environment = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{folder}/muster.db",
        "PORT": str(port),
        "SLACK_BOT_TOKEN": BOT_TOKEN,
        "SLACK_API_URL": slack.api_url,
        "MUSTER_WEBHOOK_TOKEN": "crash",
        "MUSTER_API_TOKEN": "crash",
    }
    command = [sys.executable, "-m", "bot.entrypoints", "serve"]
    with (folder / "serve.log").open("a") as log:
        return subprocess.Popen(command, env=environment, stdout=log, stderr=log)


def up(port):
    try:
        return answers(f"http://127.0.0.1:{port}/healthz", 0.5)
    except httpx.HTTPError:
        return False


def rows(folder, statement):
    with sqlite3.connect(f"file:{folder}/muster.db?mode=ro", uri=True) as connection:
        return connection.execute(statement).fetchall()


def test_killed_again_and_again_it_loses_nothing_and_repeats_nothing(tmp_path):
    dice = random.Random(SEED)
    chaos = Chaos(random.Random(SEED + 1))
    slack, port = FakeSlack(SystemClock(), faults=chaos), free_port()
    sender = Sender(port, random.Random(SEED + 2))
    running = start(tmp_path, port, slack)
    until(lambda: up(port), 60)
    sender.start()
    kills, deadline = 0, time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        time.sleep(dice.uniform(0.1, 2.5))
        running.kill()
        running.wait()
        kills += 1
        running = start(tmp_path, port, slack)
        until(lambda: up(port), 60)
    sender.done.set()
    sender.join(10)
    chaos.calm = True
    try:
        until(lambda: not rows(tmp_path, "SELECT 1 FROM outbox WHERE state = 'pending' LIMIT 1"), 240)
    finally:
        running.terminate()
        code = running.wait(30)
    said = Counter(
        message["metadata"]["event_payload"]["key"]
        for channel in slack.channels.values()
        for message in channel.messages
    )
    kept = {number for (number,) in rows(tmp_path, "SELECT id FROM alert")}
    dead = rows(tmp_path, "SELECT kind, problem FROM outbox WHERE state = 'dead'")
    twins = Counter(channel.name for channel in slack.channels.values() if channel.name.startswith("inc-"))
    print(
        f"seed {SEED} | faults survived {kills} kills, {chaos.injected} of Slack | alerts taken {len(sender.taken)}"
        f" | lost {len(sender.taken - kept)} | said twice {sum(count - 1 for count in said.values())}"
    )
    slack.stop()
    assert sender.taken
    assert sender.taken <= kept
    assert [key for key, count in said.items() if count > 1] == []
    assert len(twins) == len(rows(tmp_path, "SELECT id FROM incident"))
    assert dead == []
    assert rows(tmp_path, "PRAGMA integrity_check") == [("ok",)]
    assert rows(tmp_path, "SELECT model, count(*) FROM incident GROUP BY model HAVING count(*) > 1") == []
    assert code in {0, -15}
