"""The demo's models from start to stop: their rows, their service, their `muster.yaml`, and the faults they meet."""

import os
import secrets
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from bot.core.clock import Clock, SystemClock
from bot.core.errors import BotError
from bot.core.logging import get_logger
from bot.core.trust import trusted
from bot.demo import arrival, eta, faults
from bot.demo.config import TOKEN_VARIABLE, write_config
from bot.demo.eta import Evaluation, evaluate
from bot.demo.flights import Split, load, split
from bot.demo.rowlog import write_rows
from bot.demo.served import scored
from bot.demo.service import Deployment, ModelService
from bot.demo.slackapp import DemoApp, Places
from bot.demo.traffic import HISTORY, Served, Traffic

ARRIVAL_RATE = 120
TIMEOUT = 12.0
log = get_logger(__name__)


class Demo:
    """Two monitored models. They act on Muster by files and over HTTP alone.

    approver: Slack user id who owns the models. After `start`, `config` is the muster.yaml to serve with, `evaluations`
    what either version of `eta` is worth on the hold-out, `judged` what `arrival-delay` is, and the variable the
    actions' header comes from is set.
    """

    def __init__(
        self, folder: Path, *, approver: str = "U1", channel: str | None = None, clock: Clock | None = None
    ) -> None:
        self.folder = folder
        self.config = folder / "muster.yaml"
        self.evaluations: dict[str, Evaluation] = {}
        self.judged: arrival.Judged | None = None
        self._approver, self._channel = approver, channel
        self._clock = clock or SystemClock()
        self._token = secrets.token_urlsafe(24)
        self._service: ModelService | None = None
        self._muster: tuple[str, str] | None = None
        self._timer: threading.Timer | None = None
        self._app: DemoApp | None = None

    @property
    def url(self) -> str:
        return self._running.url

    @property
    def authorization(self) -> str:
        return f"Bearer {self._token}"

    def start(self, port: int = 0) -> None:
        """Fit, write the time before, serve. About three seconds; port 0 takes a free one."""
        models = self.build()
        self._service = ModelService(models, token=self._token, announce=self._announce, port=port)
        for traffic in models.values():
            traffic.fill_history(HISTORY)
        self._service.start()
        os.environ[TOKEN_VARIABLE] = self.authorization
        self.config = write_config(
            self.folder,
            model_url=self.url,
            approver=self._approver,
            channel=self._channel,
            importance=self._importance,
        )

    def build(self) -> dict[str, Traffic]:
        """Fit both models, write the rows they are compared with; returns their traffic, not begun yet, by name."""
        rows = split(load())
        versions, minutes = eta.both(rows), arrival.fit(rows)
        self.evaluations = {version: evaluate(model, rows.holdout) for version, model in versions.items()}
        self.judged = arrival.evaluate(minutes, arrival.landed(rows.holdout))
        return served_in(self.folder, rows, versions, minutes, self._clock)

    @property
    def _importance(self) -> dict[str, dict[str, float]]:
        assert self.judged is not None
        return {eta.NAME: self.evaluations[eta.ACTIVE].importance, arrival.NAME: self.judged.importance}

    def stop(self) -> None:
        if self._timer:
            self._timer.cancel()
        if self._app:
            self._app.stop()
        if self._service:
            self._service.stop()
        os.environ.pop(TOKEN_VARIABLE, None)

    def report_changes(self, muster_url: str, api_token: str) -> None:
        """Tell Muster of what is deployed from now on: `POST /v1/changes`."""
        self._muster = (muster_url.rstrip("/"), api_token)

    def appear(self, places: Places) -> None:
        """Be an app of a Slack workspace, with a message that breaks and mends; `<url>/slack/events` is its door."""
        self._app = DemoApp(self, places, self._clock)
        self._running.app.include_router(self._app.router())
        self._app.start()

    def inject(self, fault: str = faults.USUAL) -> None:
        """Deploy a faulty version of a part."""
        self._post("/admin/fault", {"name": fault})

    def inject_after(self, seconds: float, fault: str = faults.USUAL) -> None:
        """Deploy it later, unless stopped before."""
        self._timer = threading.Timer(seconds, self._inject_if_serving, [fault])
        self._timer.daemon = True
        self._timer.start()

    def _inject_if_serving(self, fault: str) -> None:
        try:
            self.inject(fault)
        except httpx.HTTPError as error:
            log.warning("demo.fault_not_deployed", problem=str(error))

    def heal(self) -> None:
        """Roll everything back to its sound version."""
        self._post("/admin/fault", {"name": None})

    def state(self) -> dict[str, Any]:
        """`GET /model`, of `eta`: active, late_share and rows of the last minute, fault."""
        found: dict[str, Any] = self._answer(_send("GET", f"{self.url}/model"))
        return found

    def states(self) -> dict[str, dict[str, Any]]:
        """`GET /models`: the state of each, by name."""
        found = self._answer(_send("GET", f"{self.url}/models"))
        return {one["model"]: one for one in found}

    def wait_active(self, version: str, seconds: float) -> bool:
        """Wait until the service itself says that this version answers."""
        deadline = time.monotonic() + seconds
        while self.state()["active"] != version:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.2)
        return True

    @property
    def _running(self) -> ModelService:
        if self._service is None:
            raise BotError("The demo's model is not running; call start() first.")
        return self._service

    def _post(self, path: str, body: dict[str, Any]) -> Any:  # noqa: ANN401
        return self._answer(_send("POST", f"{self.url}{path}", self.authorization, body))

    @staticmethod
    def _answer(response: httpx.Response) -> Any:  # noqa: ANN401
        body = response.json()
        if response.is_error:
            raise BotError(str(body.get("error", body)), status=response.status_code)
        return body

    def _announce(self, told: Deployment) -> None:
        """A deployment is not held up by who is told of it."""
        if self._muster is None:
            return
        url, token = self._muster
        change = {"title": told.title, "kind": told.kind, "model": told.model, "version": told.version}
        change |= {"source": "deploy", "at": self._clock.now().isoformat()}
        try:
            _send("POST", f"{url}/v1/changes", f"Bearer {token}", change).raise_for_status()
        except httpx.HTTPError as error:
            log.warning("demo.change_not_told", problem=str(error))


def _send(method: str, url: str, authorization: str = "", body: dict[str, Any] | None = None) -> httpx.Response:
    headers = {"Authorization": authorization} if authorization else {}
    return httpx.request(method, url, headers=headers, json=body, timeout=TIMEOUT, trust_env=False, verify=trusted())


def served_in(
    folder: Path, rows: Split, versions: Mapping[str, eta.Eta], minutes: arrival.Arrival, clock: Clock
) -> dict[str, Traffic]:
    """Write reference and hold-out rows of both models below a folder; returns their traffic by name."""
    beside = folder / arrival.NAME
    usual = versions[eta.ACTIVE]
    write_rows(folder / "reference.parquet", [scored(usual, rows.reference)])
    write_rows(folder / "holdout.parquet", [scored(usual, eta.labelled(rows.holdout))])
    write_rows(beside / "reference.parquet", [scored(minutes, rows.reference)])
    write_rows(beside / "holdout.parquet", [scored(minutes, arrival.landed(rows.holdout))])
    both = Served(versions, ("score", "answer"), "truth")
    timed = Served({minutes.version: minutes}, ("answer",), "arr_delay", rate=ARRIVAL_RATE, line=True)
    return {
        eta.NAME: Traffic(rows.traffic, both, folder, clock),
        arrival.NAME: Traffic(rows.traffic, timed, beside, clock),
    }
