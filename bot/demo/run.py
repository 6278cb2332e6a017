"""The demo's model from start to stop: its rows, its service, its `muster.yaml`, and the fault that befalls it."""

import os
import secrets
import threading
import time
from pathlib import Path
from typing import Any

import httpx

from bot.core.clock import Clock, SystemClock
from bot.core.errors import BotError
from bot.core.logging import get_logger
from bot.demo import faults
from bot.demo.config import TOKEN_VARIABLE, write_config
from bot.demo.eta import ACTIVE, NAME, Evaluation, both, evaluate, labelled, scored
from bot.demo.flights import load, split
from bot.demo.rowlog import write_rows
from bot.demo.service import ModelService
from bot.demo.traffic import Traffic

TIMEOUT = 12.0
log = get_logger(__name__)


class Demo:
    """A monitored model. It acts on Muster by files and over HTTP alone.

    approver: Slack user id who owns the model. After `start`, `config` is the muster.yaml to serve with, `evaluations`
    what either version is worth on the hold-out, and the variable the action's header comes from is set.
    """

    def __init__(
        self, folder: Path, *, approver: str = "U1", channel: str | None = None, clock: Clock | None = None
    ) -> None:
        self.folder = folder
        self.config = folder / "muster.yaml"
        self.evaluations: dict[str, Evaluation] = {}
        self._approver, self._channel = approver, channel
        self._clock = clock or SystemClock()
        self._token = secrets.token_urlsafe(24)
        self._service: ModelService | None = None
        self._muster: tuple[str, str] | None = None
        self._timer: threading.Timer | None = None

    @property
    def url(self) -> str:
        return self._running.url

    @property
    def authorization(self) -> str:
        return f"Bearer {self._token}"

    def start(self, port: int = 0) -> None:
        """Fit, write five minutes of history, serve. About two seconds; port 0 takes a free one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        rows = split(load())
        models = both(rows)
        self.evaluations = {version: evaluate(model, rows.holdout) for version, model in models.items()}
        write_rows(self.folder / "reference.parquet", [scored(models[ACTIVE], rows.reference)])
        write_rows(self.folder / "holdout.parquet", [scored(models[ACTIVE], labelled(rows.holdout))])
        traffic = Traffic(rows.traffic, models, self.folder, self._clock)
        self._service = ModelService(traffic, token=self._token, announce=self._announce, port=port)
        traffic.fill_history()
        self._service.start()
        os.environ[TOKEN_VARIABLE] = self.authorization
        self.config = write_config(
            self.folder,
            model_url=self.url,
            approver=self._approver,
            channel=self._channel,
            importance=self.evaluations[ACTIVE].importance,
        )

    def stop(self) -> None:
        if self._timer:
            self._timer.cancel()
        if self._service:
            self._service.stop()
        os.environ.pop(TOKEN_VARIABLE, None)

    def report_changes(self, muster_url: str, api_token: str) -> None:
        """Tell Muster of what is deployed from now on: `POST /v1/changes`."""
        self._muster = (muster_url.rstrip("/"), api_token)

    def inject(self, fault: str = faults.USUAL) -> None:
        """Deploy a faulty version of the pipeline."""
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
        """Roll the pipeline back to its sound version."""
        self._post("/admin/fault", {"name": None})

    def state(self) -> dict[str, Any]:
        """`GET /model`: active, late_share and rows of the last minute, fault."""
        return self._answer(httpx.get(f"{self.url}/model", timeout=TIMEOUT, trust_env=False))

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

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": self.authorization}
        address = f"{self.url}{path}"
        return self._answer(httpx.post(address, json=body, headers=headers, timeout=TIMEOUT, trust_env=False))

    @staticmethod
    def _answer(response: httpx.Response) -> dict[str, Any]:
        body: dict[str, Any] = response.json()
        if response.is_error:
            raise BotError(str(body.get("error", body)), status=response.status_code)
        return body

    def _announce(self, title: str, version: str) -> None:
        """A deployment is not held up by who is told of it."""
        if self._muster is None:
            return
        url, token = self._muster
        change = {"title": title, "kind": "pipeline", "model": NAME, "version": version, "source": "deploy"}
        change["at"] = self._clock.now().isoformat()
        headers = {"Authorization": f"Bearer {token}"}
        try:
            answer = httpx.post(f"{url}/v1/changes", json=change, headers=headers, timeout=TIMEOUT, trust_env=False)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            log.warning("demo.change_not_told", problem=str(error))
