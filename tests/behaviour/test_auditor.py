"""The auditor sees what is broken, and its heartbeat stops then."""

import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from bot.catalog.config import Catalog
from bot.catalog.values import SecretRef
from bot.entrypoints.auditor import audit, beat


@pytest.fixture
def heartbeat(monkeypatch):
    beats = []

    class Watcher(BaseHTTPRequestHandler):
        def do_GET(self):
            beats.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_args):
            return

    server = HTTPServer(("127.0.0.1", 0), Watcher)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    monkeypatch.setenv("HEARTBEAT", f"http://127.0.0.1:{server.server_port}/beat")
    yield beats
    server.shutdown()
    server.server_close()


def test_the_heartbeat_beats_while_all_holds(world, heartbeat):
    world.fire(model="m", severity="page")
    assert beat(world.muster.database, Catalog(heartbeat=SecretRef(env="HEARTBEAT")), world.clock.now())
    assert heartbeat == ["/beat"]


def test_an_overdue_escalation_stops_the_heartbeat(world, heartbeat):
    world.fire(model="m", severity="page")
    later = world.clock.now() + timedelta(hours=1)
    with world.muster.database.reading() as session:
        assert audit(session, later)["escalation_late"] == 1
    assert not beat(world.muster.database, Catalog(heartbeat=SecretRef(env="HEARTBEAT")), later)
    assert heartbeat == []


def test_a_row_set_aside_is_counted(world):
    world.slack.fail("chat.postMessage", error="channel_not_found")
    world.slack.fail("chat.postMessage", error="channel_not_found")
    world.fire(model="m", severity="page")
    with world.muster.database.reading() as session:
        assert audit(session, world.clock.now())["outbox_dead"] >= 1
