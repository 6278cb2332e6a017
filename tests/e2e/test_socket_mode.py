"""Socket Mode against the workspace's own socket server: it knows no address of Muster, all goes down the line."""

import os
import subprocess
import sys

import httpx
import pytest

from bot.core.clock import SystemClock
from bot.core.trust import trusted
from bot.workspace.looking import find_control
from bot.workspace.server import LocalWorkspace, furnish
from tests.ports import answers, free_port, until

pytestmark = pytest.mark.slow


@pytest.fixture
def slack():
    server = LocalWorkspace(furnish(SystemClock()), bot="UBOT", bot_token="xoxb-socket", app_token="xapp-socket")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def muster(slack, tmp_path):
    port = free_port()
    environment = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{tmp_path}/muster.db",
        "PORT": str(port),
        "SLACK_BOT_TOKEN": "xoxb-socket",
        "SLACK_APP_TOKEN": "xapp-socket",
        "SLACK_API_URL": slack.api_url,
        "MUSTER_WEBHOOK_TOKEN": "token",
        "MUSTER_API_TOKEN": "token",
    }
    with (tmp_path / "serve.log").open("w") as log:
        command = [sys.executable, "-m", "bot.entrypoints", "serve"]
        running = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    until(lambda: answers(f"http://127.0.0.1:{port}/healthz"), 60)
    yield f"http://127.0.0.1:{port}"
    running.terminate()
    assert running.wait(30) in {0, -15}
    print((tmp_path / "serve.log").read_text())


def test_presses_commands_forms_and_messages_go_down_the_socket(slack, muster):
    workspace, actors = slack.workspace, slack.actors
    until(lambda: slack.dispatcher.links, 30)
    assert "open" in actors.command("U1", "C0001", "/incident help")["text"]
    alert = {"title": "fraud-v3 declines 31 %", "model": "fraud-v3", "severity": "page"}
    call("POST", f"{muster}/webhooks/generic", json=alert)
    button = until(lambda: find_control(workspace, "Acknowledge", channel_of(workspace)), 30)
    actors.press("U1", button.channel, button.ts, button.action_id)
    until(lambda: status(muster)["acknowledged_by"] == "U1", 30)
    actors.post("U2", button.channel, "the feed of DE looks odd")
    until(lambda: "the feed of DE looks odd" in timeline(muster), 30)
    resolve = until(lambda: find_control(workspace, "Resolve", button.channel), 30)
    actors.press("U1", resolve.channel, resolve.ts, resolve.action_id)
    modal = until(lambda: workspace.modals.get("U1"), 30)[-1]
    assert actors.submit("U1", modal.id, {"fix": "rolled back"}) == {}
    until(lambda: status(muster)["status"] == "resolved", 30)


def channel_of(workspace):
    return next((one.id for one in list(workspace.channels.values()) if one.name.startswith("inc-1-")), "none")


def call(method, address, **more):
    headers = {"Authorization": "Bearer token"}
    return httpx.request(method, address, headers=headers, verify=trusted(), **more).raise_for_status()


def status(muster):
    return call("GET", f"{muster}/v1/incidents/1").json()


def timeline(muster):
    return call("GET", f"{muster}/v1/incidents/1/timeline").text
