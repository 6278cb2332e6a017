"""A real Prometheus with eight days of a model's metrics, asked by the client and by the check `metric`."""

import math
import os
import shutil
import subprocess
from datetime import timedelta

import numpy as np
import pytest

from bot.catalog.config import Catalog, PrometheusServer
from bot.checks.contract import CheckRequest
from bot.checks.service import Checks
from bot.core.clock import SystemClock
from bot.core.errors import BotError
from bot.data.prometheus import Prometheus, PrometheusError, histograms
from tests.ports import answers, free_port, process, until

pytestmark = [pytest.mark.alertmanager, pytest.mark.slow]
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def history(at):
    """OpenMetrics of the four hours up to `at`, today and on seven days before: today's last hour declines too many."""
    rng = np.random.default_rng(20261123)
    gauges = {"ml_declined_share": ("fraud-v3", "fraud-v2"), "ml_rows": ("fraud-v3",)}
    lines = []
    for name, models in gauges.items():
        lines.append(f"# TYPE {name} gauge")
        for model in models:
            for day in range(7, -1, -1):
                level = 0.04 * (1 + 0.05 * rng.normal())
                wrong = (day, model, name) == (0, "fraud-v3", "ml_declined_share")
                for minute in range(240, -1, -1):
                    value = (0.31 if wrong and minute < 60 else level) + 0.001 * rng.normal()
                    when = (at - day * DAY - minute * MINUTE).timestamp()
                    lines.append(f'{name}{{model="{model}"}} {value:.5f} {when:.0f}')
    lines.append("# TYPE ml_seconds histogram")
    for edge, count in (("0.1", 50), ("0.5", 90), ("+Inf", 100)):
        lines += [
            f'ml_seconds_bucket{{le="{edge}"}} {count * (60 - minute)} {(at - minute * MINUTE).timestamp():.0f}'
            for minute in range(60, -1, -1)
        ]
    return "\n".join([*lines, "# EOF", ""])


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    absent = [name for name in ("prometheus", "promtool") if shutil.which(name) is None]
    if absent:
        assert not os.environ.get("CI"), f"{absent} must be installed in CI"
        pytest.skip(f"{' and '.join(absent)} not installed")
    folder = tmp_path_factory.mktemp("prometheus")
    at = (SystemClock().now() - 4 * HOUR).replace(second=0, microsecond=0)
    (folder / "history.txt").write_text(history(at))
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", "history.txt", "tsdb"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    (folder / "prometheus.yml").write_text("global: {scrape_interval: 1h}\n")
    port = free_port()
    command = ("--config.file=prometheus.yml", "--storage.tsdb.path=tsdb", f"--web.listen-address=127.0.0.1:{port}")
    url = f"http://127.0.0.1:{port}"
    with process("prometheus", *command, cwd=folder):
        until(lambda: answers(f"{url}/-/ready"), 40)
        yield url, at


def test_series_are_read_as_they_are(server):
    url, at = server
    with Prometheus(url) as prometheus:
        found = prometheus.query_range("ml_declined_share", at - HOUR, at, MINUTE)
        assert sorted(one.labels["model"] for one in found) == ["fraud-v2", "fraud-v3"]
        jumped = next(one for one in found if one.labels["model"] == "fraud-v3")
        assert jumped.times.size == 61
        assert jumped.values[0] < 0.06
        assert jumped.values[1:].mean() == pytest.approx(0.31, rel=0.01)
        (nothing,) = prometheus.query_range("0 * ml_rows / 0", at - HOUR, at, MINUTE)
        assert np.isnan(nothing.values).all()
        assert prometheus.query_range("no_such_metric", at - HOUR, at, MINUTE) == []
        (seconds,) = histograms(prometheus.query_range("ml_seconds_bucket", at - HOUR, at, MINUTE))
        np.testing.assert_array_equal(seconds.edges, [0.1, 0.5, math.inf])
        np.testing.assert_array_equal(seconds.counts[-1], [3000, 5400, 6000])


def test_a_query_it_refuses_is_told_in_its_own_words(server):
    url, at = server
    with Prometheus(url) as prometheus, pytest.raises(PrometheusError, match=r"refuses the query: .*parse error"):
        prometheus.query_range("sum(", at - HOUR, at, MINUTE)


def ask(url, at, line):
    checks = Checks(Catalog(prometheus=PrometheusServer(url=url) if url else None), base=None)
    check, params = checks.registry.read_line(line)
    return checks.run(CheckRequest(check.name, params, "fraud-v3", at))


def test_the_check_says_what_changed_and_what_is_usual(server):
    found = ask(*server, "metric query=ml_declined_share window=1h")
    assert found.verdict == "changed"
    assert found.sentence.startswith('ml_declined_share{model="fraud-v3"}: 0.')
    assert "(usually 0.0" in found.sentence
    assert "1 of 2 series changed" in found.sentence
    assert found.rows[0][0] == 'ml_declined_share{model="fraud-v3"}'
    assert found.rows[0][3] == "7"
    assert found.png.startswith(b"\x89PNG")
    calm = ask(*server, "metric 'query=sum(ml_declined_share{model=\"fraud-v2\"})'")
    assert calm.verdict == "as usual"
    assert calm.sentence.startswith('sum(ml_declined_share{model="fraud-v2"}): 0.0')


def test_the_check_has_a_sentence_for_everything_else(server):
    url, at = server
    assert ask(url, at, "metric query=no_such_metric").verdict == "no data"
    assert "divides by zero" in ask(url, at, "metric query=0*ml_rows/0").sentence
    young = ask(url, at - 5 * DAY, "metric query=ml_rows")
    assert (young.verdict, "2 of the days before have values, 3 are needed" in young.sentence) == ("too few days", True)
    for buckets in ("ml_seconds_bucket", "rate(ml_seconds_bucket[5m])"):
        found = ask(url, at, f"metric query={buckets}")
        assert {row[0].partition("{")[0] for row in found.rows} == {"p50", "p95", "p99"}
        assert {row[0].partition("{")[0]: row[4] for row in found.rows}["p99"] == "above 0.5"
        assert "(surely " in found.sentence
    quantile = ask(url, at, "metric 'query=histogram_quantile(0.9, rate(ml_seconds_bucket[5m]))'")
    assert "0.5 on average" in quantile.sentence
    refused = ask(url, at, "metric query=sum(")
    assert (refused.verdict, "parse error" in refused.sentence) == ("failed", True)
    assert ask(f"http://127.0.0.1:{free_port()}", at, "metric query=up").verdict == "failed"
    assert ask(None, at, "metric query=up").verdict == "not configured"
    with pytest.raises(BotError, match="`query` of metric"):
        ask(url, at, "metric")
