"""A real Prometheus sees a metric cross its threshold; a real Alertmanager tells Muster; the channel opens."""

import os
import shutil
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import uvicorn

from bot.entrypoints.web import create_app
from tests.ports import free_port, process, until
from tests.world import WEBHOOK

pytestmark = [pytest.mark.alertmanager, pytest.mark.slow]

RULES = """
groups:
  - name: ml
    rules:
      - alert: PredictedClassShare
        expr: ml_declined_share > 0.2
        for: 1s
        labels: {severity: page, model: fraud-v3}
        annotations: {summary: "fraud-v3 declines {{ $value | humanizePercentage }} of payments"}
"""


class Gauge:
    """A model's metric page."""

    def __init__(self):
        self.value = 0.04
        gauge = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = f"ml_declined_share {gauge.value}\n".encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args):
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@contextmanager
def served(world):
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(create_app(world.muster), host="127.0.0.1", port=port, lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join(10)


def write_configuration(folder, *, muster, gauge, alertmanager):
    (folder / "rules.yml").write_text(RULES)
    (folder / "prometheus.yml").write_text(
        f"""
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{alertmanager}']}}]}}]}}
scrape_configs: [{{job_name: ml, static_configs: [{{targets: ['127.0.0.1:{gauge}']}}]}}]
"""
    )
    (folder / "alertmanager.yml").write_text(
        f"""
route: {{receiver: muster, group_by: [alertname, model], group_wait: 1s, group_interval: 2s, repeat_interval: 3s}}
receivers:
  - name: muster
    webhook_configs:
      - url: http://127.0.0.1:{muster}/webhooks/alertmanager
        http_config: {{authorization: {{type: Bearer, credentials: {WEBHOOK}}}}}
"""
    )


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_real_alertmanager_opens_and_clears_an_incident(world, tmp_path):
    absent = [name for name in ("prometheus", "prometheus-alertmanager") if shutil.which(name) is None]
    if absent:
        assert not os.environ.get("CI"), f"{absent} must be installed in CI"
        pytest.skip(f"{' and '.join(absent)} not installed")
    gauge, prometheus, alertmanager = Gauge(), free_port(), free_port()
    with served(world) as muster:
        write_configuration(tmp_path, muster=muster, gauge=gauge.port, alertmanager=alertmanager)
        manager = (
            "prometheus-alertmanager",
            "--config.file=alertmanager.yml",
            "--cluster.listen-address=",
            f"--web.listen-address=127.0.0.1:{alertmanager}",
            "--storage.path=am",
        )
        watcher = (
            "prometheus",
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=tsdb",
            f"--web.listen-address=127.0.0.1:{prometheus}",
        )
        with process(*manager, cwd=tmp_path), process(*watcher, cwd=tmp_path):
            gauge.value = 0.31
            until(lambda: world.get("/v1/incidents"), 40)
            world.deliver()
            assert "fraud-v3 declines 31% of payments" in world.slack.channel("inc-1-").messages[0]["text"]
            until(lambda: len(world.get("/v1/deliveries")) > 1, 40)
            assert world.get("/v1/deliveries")[0]["items"][0]["outcome"] == "repeat"
            gauge.value = 0.04
            until(lambda: world.get("/v1/incidents/1")["status"] == "monitoring", 40)
    gauge.stop()
    assert len(world.get("/v1/incidents")) == 1
