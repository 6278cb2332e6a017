import os
import re
from pathlib import Path

import pytest

from bot.core.clock import SystemClock
from bot.workspace.blockkit import message_problems, view_problems, with_ids
from bot.workspace.server import LocalWorkspace, furnish
from tests.unit.workspace.listening_app import ListeningApp, plain

CHROMIUM = Path("/usr/bin/chromium")
COMMANDS = (
    ("/incident ack", "[INC-1]", "Acknowledge an incident"),
    ("/incident resolve", "", "Say what fixed it"),
    ("/incident role", "<role> @who", "Give somebody a role"),
)


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


class House:
    """A local workspace with its server, and an app that listens at its socket."""

    def __init__(self):
        self.workspace = furnish(SystemClock())
        self.app = ListeningApp()
        self.general = next(iter(self.workspace.channels.values()))
        self.start()

    def start(self, port=0):
        self.server = LocalWorkspace(
            self.workspace, bot="UBOT", bot_token="xoxb-test", commands=lambda: COMMANDS, port=port
        )
        self.server.dispatcher.links.append(self.app)
        self.server.start()

    def say(self, *blocks, text="said", channel=None, user="UBOT", **more):
        assert message_problems(list(blocks)) == []
        return self.workspace.post(channel or self.general, user, text, blocks=with_ids(blocks), **more)

    def replace(self, message, *blocks):
        with self.workspace.lock:
            message["blocks"] = with_ids(blocks)
        self.workspace.changed(self.general.id)

    def open(self, *blocks, user="U1"):
        view = {"type": "modal", "title": plain("Resolve"), "submit": plain("Send"), "blocks": list(blocks)}
        assert view_problems(view, "modal") == []
        return self.workspace.open_modal(user, {**view, "blocks": with_ids(view["blocks"])})

    def fill(self, count=60):
        for number in range(count):
            self.workspace.post(self.general, "U2", f"number {number}\nand a second line")


@pytest.fixture
def house():
    made = House()
    yield made
    made.server.stop()


@pytest.fixture(scope="session")
def chromium():
    if not CHROMIUM.exists():
        reason = f"{CHROMIUM} is not installed"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def tolerated():
    """Patterns of what the browser may complain of in this test, because the test brings it about."""
    return []


@pytest.fixture
def look(chromium, house, tolerated):
    """Open the page as somebody. What the browser complains of fails the test, unless the test tolerates it."""
    contexts, complaints = [], []

    def opened(user="U1", channel=None, width=1280, height=800, **more):
        context = chromium.new_context(viewport={"width": width, "height": height}, timezone_id="UTC", **more)
        context.set_default_timeout(8000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{house.server.url}/as/{user}" + (f"/c/{(channel or house.general).id}" if channel != "" else ""))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [one for one in complaints if not any(re.fullmatch(pattern, one) for pattern in tolerated)] == []
