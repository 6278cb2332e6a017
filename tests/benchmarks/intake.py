"""How many single POSTs a second are taken in durably, and how long an alert takes to become a channel with buttons.

    uv run python -m tests.benchmarks.intake [--seconds 10] [--clients 16] [--database URL]

The server is `muster serve` in a process of its own; Slack is a stand-in that answers at once, so the second figure is
Muster's own time, without Slack's.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import httpx

from bot.core.clock import SystemClock
from tests.fake_slack import BOT_TOKEN, FakeSlack
from tests.ports import free_port, until

TOKEN = {"Authorization": "Bearer bench"}


def serve(folder: str, port: int, slack: FakeSlack, database: str | None) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "DATABASE_URL": database or f"sqlite:///{folder}/muster.db",
        "PORT": str(port),
        "SLACK_BOT_TOKEN": BOT_TOKEN,
        "SLACK_API_URL": slack.api_url,
        "MUSTER_WEBHOOK_TOKEN": "bench",
        "MUSTER_API_TOKEN": "bench",
        "MUSTER_LOG_LEVEL": "ERROR",
    }
    return subprocess.Popen([sys.executable, "-m", "bot.entrypoints", "serve"], env=environment)


def post_for(seconds: float, clients: int, address: str, severity: str) -> list[float]:
    """Post single alerts from several clients at once; return each answer's seconds."""
    took: list[float] = []
    end = time.monotonic() + seconds

    def client(number: int) -> None:
        count = 0
        with httpx.Client(timeout=30, headers=TOKEN) as http:
            while time.monotonic() < end:
                count += 1
                alert = {"title": "x", "id": f"{number}-{count}", "model": f"m{number}", "severity": severity}
                start = time.perf_counter()
                assert http.post(address, json=alert).status_code == 202
                took.append(time.perf_counter() - start)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took


def to_buttons(address: str, slack: FakeSlack, repeat: int) -> list[float]:
    """Seconds from the POST to the card with its buttons standing in the new channel."""
    took = []
    for number in range(repeat):
        start = time.perf_counter()
        body = {"title": "y", "id": f"b{number}", "model": f"buttons{number}", "severity": "page"}
        incident = httpx.post(address, json=body, headers=TOKEN).json()["items"][0]["incident"]
        until(lambda incident=incident: carded(slack, incident), 30, pause=0.001)
        took.append(time.perf_counter() - start)
        time.sleep(1.5)  # the limiter's pace of channel creation is Slack's, not ours
    return took


def carded(slack: FakeSlack, incident: int) -> bool:
    channels = [place for place in list(slack.channels.values()) if place.name.startswith(f"inc-{incident}-")]
    return any(message.get("blocks") for place in channels for message in place.messages)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--database", default=None, help="a migrated PostgreSQL; default: a fresh SQLite file")
    chosen = parser.parse_args()
    slack, port = FakeSlack(SystemClock()), free_port()
    address = f"http://127.0.0.1:{port}/webhooks/generic"
    with tempfile.TemporaryDirectory() as folder:
        server = serve(folder, port, slack, chosen.database)
        try:
            until(lambda: httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200, 60)
            buttons = to_buttons(address, slack, chosen.repeat)
            took = post_for(chosen.seconds, chosen.clients, address, "info")
        finally:
            server.terminate()
            server.wait(30)
            slack.stop()
    took.sort()
    print(f"{chosen.clients} clients, {chosen.seconds:g} s, one alert a POST, committed before the answer")
    print(f"{'POST/s':>8}{'p50 ms':>9}{'p99 ms':>9}")
    print(
        f"{len(took) / chosen.seconds:8.0f}{1000 * took[len(took) // 2]:9.1f}{1000 * took[len(took) * 99 // 100]:9.1f}"
    )
    print(f"alert to channel with buttons, own time: median {1000 * statistics.median(buttons):.0f} ms", end=", ")
    print(f"worst of {len(buttons)} {1000 * max(buttons):.0f} ms")


if __name__ == "__main__":
    main()
