"""The Procfile's processes on PostgreSQL: release, web and two workers; one worker is killed, nothing is said twice."""

import os
import shlex
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import httpx
import pytest

from bot.core.clock import SystemClock
from bot.core.trust import trusted
from tests.fake_slack import BOT_TOKEN, FakeSlack
from tests.ports import answers, free_port, until

pytestmark = [pytest.mark.slow, pytest.mark.postgres]

PROCFILE = dict(line.split(": ", 1) for line in Path("Procfile").read_text().strip().splitlines())
ALERTS = 30


def run(name, environment, log):
    command = [sys.executable, "-m", "bot.entrypoints", *shlex.split(PROCFILE[name])[1:]]
    return subprocess.Popen(command, env=environment, stdout=log, stderr=log)


def test_web_and_workers_share_one_database(postgres_databases, tmp_path):
    slack, port, url = FakeSlack(SystemClock()), free_port(), postgres_databases.fresh("template0")
    environment = {
        **os.environ,
        "DATABASE_URL": url.replace("postgresql+psycopg://", "postgres://"),
        "PORT": str(port),
        "SLACK_BOT_TOKEN": BOT_TOKEN,
        "SLACK_SIGNING_SECRET": "secret",
        "SLACK_API_URL": slack.api_url,
        "MUSTER_WEBHOOK_TOKEN": "token",
        "MUSTER_API_TOKEN": "token",
    }
    running = []
    with (tmp_path / "log").open("w") as log:
        try:
            running.append(run("web", environment, log))
            assert running[0].wait(60) == 2  # refused until the schema is there
            assert run("release", environment, log).wait(60) == 0
            running = [run("web", environment, log), run("worker", environment, log), run("worker", environment, log)]
            until(lambda: answers(f"http://127.0.0.1:{port}/readyz"), 60)
            fire(port, range(ALERTS // 2))
            until(lambda: len(incident_channels(slack)) >= 2, 60)
            running[1].kill()
            fire(port, range(ALERTS // 2, ALERTS))
            until(lambda: len(incident_channels(slack)) == 6, 120)
            until(lambda: len(carded(slack)) == 6, 120)
        finally:
            for process in running:
                process.terminate()
            codes = [process.wait(30) for process in running]
    print((tmp_path / "log").read_text()[-3000:])
    said = Counter(
        message["metadata"]["event_payload"]["key"]
        for channel in slack.channels.values()
        for message in channel.messages
        if "metadata" in message
    )
    slack.stop()
    postgres_databases.drop(url)
    assert [key for key, count in said.items() if count > 1] == []
    assert codes[0] in {0, -15}


def fire(port, numbers):
    """Several senders at once: each model is one incident."""

    def one(number):
        alert = {"title": f"alert {number}", "id": str(number), "model": f"m{number % 6}", "severity": "page"}
        answer = httpx.post(
            f"http://127.0.0.1:{port}/webhooks/generic",
            json=alert,
            headers={"Authorization": "Bearer token"},
            timeout=30,
            verify=trusted(),
        )
        assert answer.status_code == 202, answer.text

    threads = [threading.Thread(target=one, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def incident_channels(slack):
    return [channel for channel in list(slack.channels.values()) if channel.name.startswith("inc-")]


def carded(slack):
    return [channel for channel in incident_channels(slack) if any(one.get("blocks") for one in channel.messages)]
