"""The demo's model as it runs: its service on loopback, its files, and what it tells Muster."""

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from bot.actions.calls import Happened, make, missing
from bot.catalog.load import load_catalog
from bot.checks.contract import CheckRequest
from bot.checks.service import Checks
from bot.core.clock import SystemClock
from bot.core.errors import BotError
from bot.demo.eta import ACTIVE, FALLBACK
from bot.demo.run import Demo
from bot.tables import ChangeKind
from tests.ports import free_port, until

FLIGHT = {"carrier": "UA", "origin": "EWR", "dest": "IAH", "dep_delay": 95, "distance": 1400, "hour": 17}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    made = Demo(tmp_path_factory.mktemp("demo") / "model", approver="U7", channel="C0LOBBY")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def muster():
    """Something that listens where Muster would, and keeps what it was told."""
    told = []

    class Door(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.append((self.path, self.headers["Authorization"], body))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", told
    server.shutdown()
    thread.join()
    server.server_close()


def get(demo, path):
    return httpx.get(f"{demo.url}{path}", trust_env=False)


def post(demo, path, body, **headers):
    return httpx.post(f"{demo.url}{path}", json=body, headers=headers, timeout=15, trust_env=False)


def test_its_configuration_is_accepted_and_complete(demo):
    catalog = load_catalog(demo.config)
    model = catalog.model("eta")
    assert model.owner == "U7"
    assert catalog.team_of("eta").channel == "C0LOBBY"
    assert [action.name for action in catalog.actions] == ["fallback", "restore", "rollback"]
    assert all(action.approvers == ["U7"] for action in catalog.actions)
    assert all(action.http.url.startswith(demo.url) and missing(action.http) == [] for action in catalog.actions)
    assert demo.authorization not in demo.config.read_text()
    assert catalog.model("arrival-delay").owner == "U7"
    assert {one.metric for one in catalog.model("arrival-delay").monitors} >= {"latency", "performance", "drift"}
    assert model.data.features["dep_delay"].unit == "min"
    assert model.data.features["dep_delay"].importance > 0.8


def test_it_serves_and_traffic_goes_on(demo):
    assert get(demo, "/healthz").json() == {"status": "ok"}
    first = demo.state()
    assert first["active"] == ACTIVE
    until(lambda: demo.state()["rows"] > first["rows"], 5)
    assert 0.1 < until(lambda: demo.state()["late_share"], 5) < 0.19


def test_it_answers_for_a_flight(demo):
    said = post(demo, "/predict", FLIGHT).json()
    assert (said["answer"], said["version"]) == ("late", ACTIVE)
    assert 0.5 < said["score"] < 1


def test_the_second_model_takes_its_time(demo):
    said = post(demo, "/arrival-delay/predict", FLIGHT).json()
    assert said["version"] == "1.4"
    assert 60 < said["answer"] < 130
    assert 0 < said["took"] < 50


@pytest.mark.parametrize(
    "wrong", [{"dep_delay": "soon"}, {"dep_delay": 1e9}, {"origin": ""}, {"hour": None, "extra": 1}]
)
def test_a_flight_it_cannot_read_is_refused(demo, wrong):
    assert post(demo, "/predict", FLIGHT | wrong).status_code == 422


@pytest.mark.parametrize("path", ["/admin/active-model", "/admin/fault"])
@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer guess"}, {"Authorization": "Basic ünknown".encode()}])
def test_the_switches_need_the_token(demo, path, header):
    answer = post(demo, path, {"version": FALLBACK, "name": None}, **header)
    assert answer.status_code == 401
    assert demo.state()["active"] == ACTIVE


def test_an_unknown_version_or_fault_is_a_sentence(demo):
    answer = post(demo, "/admin/active-model", {"version": "9"}, Authorization=demo.authorization)
    assert (answer.status_code, answer.json()) == (
        404,
        {"error": f"There is no version `9`. Known: `{ACTIVE}`, `{FALLBACK}`."},
    )
    with pytest.raises(BotError, match="no fault `flood`"):
        demo.inject("flood")


def test_checks_answer_before_during_and_after(demo, muster):
    catalog = load_catalog(demo.config)
    checks = Checks(catalog, demo.folder, isolated=False)
    url, told = muster
    demo.report_changes(url, "api-token")

    def verdict(line):
        check, params = checks.registry.read_line(line)
        return checks.run(CheckRequest(check.name, params, "eta", SystemClock().now()))

    assert verdict("holdout").verdict == "holds"
    assert verdict("segments").verdict == "no change"
    demo.inject()
    path, authorization, change = told[-1]
    assert (path, authorization) == ("/v1/changes", "Bearer api-token")
    assert change["title"].startswith("flights-etl 4.2 deployed")
    assert change["kind"] == ChangeKind.PIPELINE
    assert demo.state()["fault"] == "delay-in-seconds"
    found = until(lambda: (one := verdict("range feature=dep_delay window=5s")).verdict == "unit change" and one, 15, 1)
    assert "multiplied by 60" in found.sentence
    found = until(lambda: (one := verdict("segments window=5s")).verdict == "concentrated" and one, 15, 1)
    assert "origin = EWR" in found.sentence
    call = catalog.action("fallback").http
    outcome = make(call, "key-1")
    assert outcome.happened is Happened.YES, outcome.sentence
    assert demo.wait_active(FALLBACK, 0)
    assert verdict(catalog.action("fallback").verify.strip()).verdict == "no change"
    assert make(catalog.action("rollback").http, "key-2").happened is Happened.YES
    assert demo.state()["fault"] is None
    assert told[-1][2]["title"] == "flights-etl rolled back to 4.1"
    assert make(catalog.action("restore").http, "key-3").happened is Happened.YES
    assert demo.wait_active(ACTIVE, 0)


def test_a_deployment_goes_on_when_nobody_listens(demo):
    demo.report_changes(f"http://127.0.0.1:{free_port()}", "api-token")
    demo.inject("swapped-carriers")
    assert demo.state()["fault"] == "swapped-carriers"
    demo.heal()


def test_each_model_has_its_own_fault_and_its_own_changes(demo, muster):
    url, told = muster
    demo.report_changes(url, "api-token")
    demo.inject("slow-lookups")
    demo.inject("null-burst")
    assert {name: one["fault"] for name, one in demo.states().items()} == {
        "eta": "null-burst",
        "arrival-delay": "slow-lookups",
    }
    headers = {"Authorization": demo.authorization}
    post(demo, "/admin/fault", {"name": None, "model": "eta"}, **headers)
    assert [one["fault"] for one in demo.states().values()] == [None, "slow-lookups"]
    demo.heal()
    assert [(one["model"], one["kind"], one["title"]) for _, _, one in told] == [
        ("arrival-delay", "deployment", "weather-lookup 5.1 deployed (weather asked from the archive)"),
        ("eta", "pipeline", "flights-etl 4.3 deployed (departure delays from the cache)"),
        ("eta", "pipeline", "flights-etl rolled back to 4.1"),
        ("arrival-delay", "deployment", "weather-lookup rolled back to 5.0"),
    ]
    refused = post(demo, "/admin/fault", {"name": None, "model": "eto"}, **headers)
    assert (refused.status_code, refused.json()["error"]) == (
        404,
        "There is no model `eto`. Did you mean `eta`? Known: `arrival-delay`, `eta`.",
    )


def test_it_does_not_wait_for_what_does_not_happen(demo):
    assert not demo.wait_active("3.1", 0.1)


def test_stopped_it_leaves_nothing_behind(tmp_path):
    made = Demo(tmp_path / "model")
    with pytest.raises(BotError, match="call start"):
        made.state()
    variable = os.environ.pop("MUSTER_DEMO_AUTHORIZATION", None)
    try:
        made.start()
        made.inject_after(0.1)
        url = made.url
        made.stop()
        assert "MUSTER_DEMO_AUTHORIZATION" not in os.environ
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/healthz", trust_env=False)
    finally:
        if variable:
            os.environ["MUSTER_DEMO_AUTHORIZATION"] = variable


def test_a_taken_port_is_said(demo, tmp_path):
    with pytest.raises(OSError, match="in use"):
        Demo(tmp_path / "model").start(port=int(demo.url.rpartition(":")[2]))
