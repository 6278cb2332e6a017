"""`metric` on histograms: percentiles over time from a counter's buckets, or from their rates."""

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import numpy as np
import pytest

from bot.catalog.config import Catalog, PrometheusServer
from bot.checks.contract import CheckRequest
from bot.checks.service import Checks

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
EDGES = ("0.1", "0.25", "0.5", "1", "+Inf")
USUAL = np.array([0.70, 0.90, 0.97, 0.995, 1.0])
SLOW = np.array([0.20, 0.40, 0.60, 0.90, 1.0])
RATE = 7.0


def growth(at, *, slow_since):
    """Answers a second in each bucket, cumulative; slow from a moment on."""
    return RATE * (SLOW if at >= slow_since else USUAL)


def bursts(count, *, few=False):
    """A counter: every other moment 990 answers within 0.1 s and 10 within 0.25 s, between them 10 within 1 s; or of
    these one, now and then."""
    busy, quiet = np.array([990, 1000, 1000, 1000, 1000]), np.array([0, 0, 0, 10, 10])
    grown = np.where(np.arange(count)[:, None] % 2 == 0, busy, quiet)
    if few:
        grown = np.where(np.arange(count)[:, None] % 10 == 0, quiet // 10, 0)
    return np.cumsum(grown, axis=0)


@pytest.fixture
def server():
    slow_since = (NOW - timedelta(hours=1)).timestamp()

    class Stub(BaseHTTPRequestHandler):
        def do_POST(self):
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            query, start, end, step = (form[name][0] for name in ("query", "start", "end", "step"))
            times = np.arange(float(start), float(end) + 1, float(step))
            rates = np.array([growth(at, slow_since=slow_since) for at in times])
            values = rates if query.startswith("rate") else np.cumsum(rates * float(step), axis=0)
            if query.startswith("rate"):  # as where a series begins, what lies before it is guessed
                values = values * (1 - 0.01 / (1 + np.arange(len(times))[:, None]))
            if query.startswith("sum"):
                values = np.round(values)
            if query.startswith("bursts"):
                values = bursts(len(times), few=query == "bursts_few_bucket")
            if query == "restarted_bucket":  # the process began anew in the middle of each answer
                half = len(times) // 2
                values[half:] -= values[half - 1]
            edges = EDGES[:-1] if query == "endless_bucket" else EDGES
            result = [
                {
                    "metric": {"le": edge} if "(" in query else {"__name__": query, "le": edge},
                    "values": [[at, str(value)] for at, value in zip(times, values[:, place], strict=True)],
                }
                for place, edge in enumerate(edges)
            ]
            body = json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Stub) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield Checks(Catalog(prometheus=PrometheusServer(url=f"http://127.0.0.1:{running.server_port}")), base=None)
        running.shutdown()


def ask(checks, query, at=NOW):
    return checks.run(CheckRequest("metric", {"query": query}, "fraud-v3", at))


@pytest.mark.parametrize(
    "query", ["seconds_bucket", "rate(seconds_bucket[5m])", "restarted_bucket", "sum by (le) (seconds_bucket)"]
)
def test_buckets_become_percentiles_now_and_as_they_usually_are(server, query):
    found = ask(server, query)
    assert found.verdict == "changed", found.sentence
    shown = {row[0]: (float(row[1]), row[2]) for row in found.rows}
    assert shown["p50"][0] == pytest.approx(0.25 + 0.25 * (0.5 - 0.4) / 0.2, rel=0.06)
    assert shown["p99"][0] == pytest.approx(1.0, rel=0.02)
    assert float(shown["p50"][1].split(" to ")[0]) == pytest.approx(0.5 / 0.7 * 0.1, rel=0.03)
    assert {row[0]: row[4] for row in found.rows}["p50"] == "0.25 to 0.5"
    assert found.data["p50"]["surely"] == [0.25, 0.5]
    assert found.data["p50"]["answers"] == pytest.approx(3600 * RATE, rel=0.04)
    assert found.png.startswith(b"\x89PNG")


def test_without_its_last_bucket_a_histogram_tells_no_total(server):
    found = ask(server, "endless_bucket")
    assert found.verdict == "failed"
    assert 'le="+Inf"' in found.sentence


def test_an_ordinary_hour_is_as_usual(server):
    assert ask(server, "seconds_bucket", at=NOW - timedelta(hours=3)).verdict == "as usual"


def test_a_window_is_judged_by_all_its_answers_and_not_by_the_mean_of_its_minutes(server):
    """Of 15 x 1,000 and 15 x 10 answers 14,850 took up to 0.1 s, 150 up to 0.25 s, 150 up to 1 s."""
    found = ask(server, "bursts_bucket")
    assert found.verdict == "as usual"
    shown = {row[0]: row for row in found.rows}
    assert float(shown["p50"][1]) == pytest.approx(0.1 * 7575 / 14_850, rel=1e-2)
    assert float(shown["p95"][1]) == pytest.approx(0.1 * 14_392.5 / 14_850, rel=1e-2)
    assert float(shown["p99"][1]) == pytest.approx(0.1 + 0.15 * (14_998.5 - 14_850) / 150, rel=1e-2)
    assert shown["p50"][4] == "0 to 0.1"
    assert shown["p99"][4] == "0.1 to 1", "which of the two buckets, so many answers do not tell"
    assert found.data["p99"]["answers"] == 15_150
    assert found.sentence.startswith("p50 of bursts_bucket: 0.051 (surely 0 to 0.1) from 02:00 to 03:00 UTC")


def test_of_few_answers_it_says_how_few(server):
    found = ask(server, "bursts_few_bucket")
    assert {row[4] for row in found.rows} == {"unknown: 3 answers"}
    assert "of 3 answers" in found.sentence
    assert found.data["p50"]["surely"] is None
