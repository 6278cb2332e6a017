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
            if query == "restarted_bucket":  # the process began anew in the middle of each answer
                half = len(times) // 2
                values[half:] -= values[half - 1]
            edges = EDGES[:-1] if query == "endless_bucket" else EDGES
            result = [
                {
                    "metric": {"__name__": query, "le": edge},
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


@pytest.mark.parametrize("query", ["seconds_bucket", "rate(seconds_bucket[5m])", "restarted_bucket"])
def test_buckets_become_percentiles_now_and_as_they_usually_are(server, query):
    found = ask(server, query)
    assert found.verdict == "changed", found.sentence
    shown = {row[0]: (float(row[1]), row[2]) for row in found.rows}
    assert shown["p50"][0] == pytest.approx(0.25 + 0.25 * (0.5 - 0.4) / 0.2, rel=0.06)
    assert shown["p99"][0] == pytest.approx(1.0, rel=0.02)
    assert float(shown["p50"][1].split(" to ")[0]) == pytest.approx(0.5 / 0.7 * 0.1, rel=0.03)
    assert "p50 lies in the bucket 0.25 to 0.5" in found.notes
    assert found.png.startswith(b"\x89PNG")


def test_without_its_last_bucket_a_histogram_tells_no_total(server):
    found = ask(server, "endless_bucket")
    assert found.verdict == "failed"
    assert 'le="+Inf"' in found.sentence


def test_an_ordinary_hour_is_as_usual(server):
    assert ask(server, "seconds_bucket", at=NOW - timedelta(hours=3)).verdict == "as usual"
