"""The models as a service on loopback: what any serving platform offers, and two switches for whoever runs it."""

import math
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

import uvicorn
from fastapi import APIRouter, Depends, FastAPI, Header, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from bot.core.errors import BotError, unknown
from bot.core.logging import get_logger
from bot.demo import arrival, eta
from bot.demo.faults import Fault, fault_named
from bot.demo.traffic import Traffic

LOOPBACK = "127.0.0.1"
STEP_SECONDS = 1.0
SETTLE, SETTLE_TIMEOUT = timedelta(seconds=2.5), 8.0
ROLLOUT_SECONDS = 2.0
log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Deployment:
    """What is told of one, before it is rolled out. kind: of the change."""

    title: str
    version: str
    model: str
    kind: str


Announce = Callable[[Deployment], None]


class Flight(BaseModel):
    """A flight as the airport reports it; a number that is not known is null."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    carrier: str = Field(min_length=1, max_length=3)
    origin: str = Field(min_length=1, max_length=4)
    dest: str = Field(min_length=1, max_length=4)
    dep_delay: float | None = Field(ge=-1440, le=10_000)
    distance: float | None = Field(ge=0, le=20_000)
    hour: float | None = Field(ge=0, le=24)
    wind_speed: float | None = Field(None, ge=0, le=300)
    visibility: float | None = Field(None, ge=0, le=100)
    precipitation: float | None = Field(None, ge=0, le=100)


class Version(BaseModel):
    version: str = Field(max_length=100)


class Deployed(BaseModel):
    """name: a fault of the next version of a part; null: the sound version again, of one model or of all."""

    name: str | None = Field(max_length=100)
    model: str | None = Field(None, max_length=100)


def create_app(
    models: Mapping[str, Traffic], token: str, announce: Announce, *, rollout_seconds: float = ROLLOUT_SECONDS
) -> FastAPI:
    """models: their traffic by name. announce: called with what is about to be deployed."""
    app = FastAPI(title="flights", docs_url=None, redoc_url=None)
    app.include_router(_switches(models, token, announce, rollout_seconds))
    traffic, timed = models[eta.NAME], models[arrival.NAME]

    @app.exception_handler(BotError)
    def refused(_request: Request, error: BotError) -> JSONResponse:
        return JSONResponse({"error": error.message}, status_code=error.status)

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/model")
    def model() -> dict[str, Any]:
        return _state(eta.NAME, traffic)

    @app.get("/models")
    def both() -> list[dict[str, Any]]:
        return [_state(name, one) for name, one in models.items()]

    @app.post("/predict")
    def predict(flight: Flight) -> dict[str, Any]:
        return traffic.ask(_columns(flight))

    @app.post("/arrival-delay/predict")
    def predict_minutes(flight: Flight) -> dict[str, Any]:
        """Answer after as long as the line before the worker makes everybody wait."""
        answer = timed.ask(_columns(flight))
        time.sleep(answer["took"] / 1000)
        return answer

    return app


def _columns(flight: Flight) -> dict[str, Any]:
    return {name: math.nan if value is None else value for name, value in flight.model_dump().items()}


def _switches(models: Mapping[str, Traffic], token: str, announce: Announce, rollout_seconds: float) -> APIRouter:
    def admin(authorization: Annotated[str, Header()] = "") -> None:
        if not secrets.compare_digest(authorization.encode(), f"Bearer {token}".encode()):
            raise BotError("This needs the header Authorization: Bearer <the model's admin token>.", status=401)

    router = APIRouter(prefix="/admin", dependencies=[Depends(admin)])
    traffic = models[eta.NAME]

    @router.post("/active-model")
    def active_model(new: Version) -> dict[str, Any]:
        """Answer once the version has really served traffic, so that who asked can look at its answers at once."""
        if new.version != traffic.active:
            traffic.switch(new.version)
            traffic.settle(SETTLE, SETTLE_TIMEOUT)
            log.info("demo.model_switched", version=new.version)
        return _state(eta.NAME, traffic)

    @router.post("/fault")
    def fault(new: Deployed) -> list[dict[str, Any]]:
        """Tell of the deployments, roll them out, and answer when they deliver."""
        chosen = fault_named(new.name) if new.name else None
        of = chosen.model if chosen else new.model
        if of is not None and of not in models:
            raise unknown("model", of, models)
        changing = {name: one for name, one in models.items() if of in {None, name} and one.fault != chosen}
        for name, one in changing.items():
            announce(deployment(name, chosen, one.fault))
        if changing:
            time.sleep(rollout_seconds)
        for one in changing.values():
            one.deploy(chosen)
        return [_state(name, one) for name, one in models.items()]

    return router


def _state(name: str, traffic: Traffic) -> dict[str, Any]:
    recent = traffic.recent()
    share = None if recent.share is None else round(recent.share, 4)
    fault = traffic.fault.name if traffic.fault else None
    said = {"late_share": share} if name == eta.NAME else {}
    since = traffic.deployed_at.isoformat() if traffic.deployed_at else None
    return {"model": name, "active": traffic.active, **said, "rows": recent.rows, "fault": fault, "since": since}


def deployment(model: str, new: Fault | None, old: Fault | None) -> Deployment:
    """Say what is deployed: a faulty version, or the sound one of the part that was faulty."""
    if new is not None:
        return Deployment(new.title, new.version, model, new.change)
    assert old is not None
    return Deployment(f"{old.part} rolled back to {old.sound}", old.sound, model, old.change)


class ModelService:
    """The app with its server and its traffic, each in a thread of its own."""

    def __init__(self, models: Mapping[str, Traffic], *, token: str, announce: Announce, port: int = 0) -> None:
        """Take the port; OSError says when it is taken already. 0 takes a free one."""
        self.models = models
        self.app = create_app(models, token, announce)
        self._socket = socket.create_server((LOOPBACK, port))
        self.url = f"http://{LOOPBACK}:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            self.app,
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=2,
        )
        self._server = uvicorn.Server(config)
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._server.run, args=([self._socket],), name="demo-model", daemon=True),
            threading.Thread(target=self._replay, name="demo-traffic", daemon=True),
        ]

    def start(self) -> None:
        """Start both; calls are answered as soon as the server is up, and wait until then."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._server.should_exit = True
        for thread in self._threads:
            thread.join(10)
        self._socket.close()

    def _replay(self) -> None:
        while not self._stopping.wait(STEP_SECONDS):
            for traffic in self.models.values():
                try:
                    traffic.step()
                except OSError as error:  # a full disk; the next step may find room
                    log.warning("demo.traffic_not_written", problem=str(error))
