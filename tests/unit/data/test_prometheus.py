"""What a server can answer, and what it is made of; the real one is in tests/e2e/test_prometheus.py."""

import json
import math
from datetime import UTC, datetime, timedelta

import httpx
import numpy as np
import pytest

from bot.data import prometheus
from bot.data.prometheus import MetricSeries, Prometheus, PrometheusError, histograms
from tests.ports import free_port

END = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)
BROKEN = {"resultType": "matrix", "result": [{"values": 3}]}
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def asked(answer, *, token=None):
    """The series of a stand-in's answer, and the requests it got."""
    seen = []

    def handle(request):
        seen.append(request)
        return answer(request) if callable(answer) else answer

    with Prometheus("http://prometheus:9090/", token, transport=httpx.MockTransport(handle)) as server:
        return server.query_range("up", END - HOUR, END, MINUTE), seen


def matrix(*series):
    result = [{"metric": labels, "values": values} for labels, values in series]
    return httpx.Response(200, json={"status": "success", "data": {"resultType": "matrix", "result": result}})


def test_values_and_labels_are_read_with_nan_and_infinity():
    points = [[1, "0.5"], [61, "NaN"], [121.5, "+Inf"]]
    found, seen = asked(matrix(({"__name__": "up", "job": "ml"}, points)), token="x")
    assert found[0].name == 'up{job="ml"}'
    np.testing.assert_array_equal(found[0].times, [1, 61, 121.5])
    np.testing.assert_array_equal(found[0].values, [0.5, np.nan, np.inf])
    assert seen[0].headers["Authorization"] == "Bearer x"
    form = dict(httpx.QueryParams(seen[0].content.decode()))
    assert (form["query"], form["step"], float(form["end"]) - float(form["start"])) == ("up", "60", 3600)


def test_no_series_is_an_empty_list():
    assert asked(matrix())[0] == []
    assert asked(matrix(({}, [])))[0] == []


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (httpx.Response(400, json={"status": "error", "error": "parse error: unexpected }"}), "unexpected }"),
        (httpx.Response(401, text="no"), "credentials"),
        (httpx.Response(502, text="<html>"), "does not answer like Prometheus"),
        (httpx.Response(200, json=[1]), "does not answer like Prometheus"),
        (httpx.Response(200, json={"status": "success", "data": {"resultType": "scalar"}}), "no series over time"),
        (
            httpx.Response(200, json={"status": "success", "data": BROKEN}),
            "can't be read",
        ),
        (matrix(({"a": "b"}, [[1, "many"]])), "can't be read"),
    ],
)
def test_every_other_answer_is_told_in_words(answer, says):
    with pytest.raises(PrometheusError, match=says):
        asked(answer)


def test_a_server_that_is_not_there_or_does_not_answer():
    with (
        Prometheus(f"http://127.0.0.1:{free_port()}") as server,
        pytest.raises(PrometheusError, match=r"can't be reached.*prometheus\.url"),
    ):
        server.query_range("up", END - HOUR, END, MINUTE)

    def slow(request):
        raise httpx.ReadTimeout("", request=request)

    with pytest.raises(PrometheusError, match="within 10 s"):
        asked(slow)


def test_an_answer_is_bounded_in_points_and_bytes(monkeypatch):
    with pytest.raises(PrometheusError, match="too many"), Prometheus("http://prometheus") as server:
        server.query_range("up", END - HOUR, END, timedelta(milliseconds=100))
    monkeypatch.setattr(prometheus, "MOST_POINTS", 2)
    with pytest.raises(PrometheusError, match=r"1 series with 3 points.*sum by"):
        asked(matrix(({}, [[1, "1"], [2, "1"], [3, "1"]])))
    monkeypatch.setattr(prometheus, "MOST_BYTES", 1024 * 1024)
    endless = httpx.Response(200, text=json.dumps("x" * 2**21))
    with pytest.raises(PrometheusError, match="more than 1 MiB"):
        asked(endless)


def test_buckets_of_a_histogram_come_together():
    def bucket(edge, times, values, model="a"):
        labels = {"model": model, **({"le": edge} if edge else {})}
        return MetricSeries(labels, np.array(times, dtype=float), np.array(values, dtype=float))

    found = histograms(
        [
            bucket("+Inf", [1, 2, 3], [10, 20, 30]),
            bucket("0.1", [1, 3], [4, 9]),
            bucket("0.05", [1, 2, 3], [1, 2, 3]),
            bucket("0.1", [1], [5], model="without a total"),
            bucket("wide", [1], [5]),
            bucket(None, [1], [5]),
        ]
    )
    assert [dict(one.labels) for one in found] == [{"model": "a"}]
    np.testing.assert_array_equal(found[0].edges, [0.05, 0.1, math.inf])
    np.testing.assert_array_equal(found[0].times, [1, 3])
    np.testing.assert_array_equal(found[0].counts, [[1, 4, 10], [3, 9, 30]])
