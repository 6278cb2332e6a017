"""The model as a service on loopback: what any serving platform offers, and two switches for whoever runs it."""

import math
import secrets
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any

import uvicorn
from fastapi import APIRouter, Depends, FastAPI, Header, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from bot.core.errors import BotError
from bot.core.logging import get_logger
from bot.demo.eta import NAME
from bot.demo.faults import PIPELINE, SOUND, Fault, fault_named
from bot.demo.traffic import Traffic

LOOPBACK = "127.0.0.1"
STEP_SECONDS = 0.5
SETTLE, SETTLE_TIMEOUT = timedelta(seconds=2.5), 8.0
ROLLOUT_SECONDS = 2.0
log = get_logger(__name__)
Announce = Callable[[str, str], None]


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
    """name: a fault of the pipeline's next version; null: the sound version again."""

    name: str | None = Field(max_length=100)


def create_app(
    traffic: Traffic, token: str, announce: Announce, *, rollout_seconds: float = ROLLOUT_SECONDS
) -> FastAPI:
    """announce: called with the title and the version of what is about to be deployed."""
    app = FastAPI(title=NAME, docs_url=None, redoc_url=None)
    app.include_router(_switches(traffic, token, announce, rollout_seconds))

    @app.exception_handler(BotError)
    def refused(_request: Request, error: BotError) -> JSONResponse:
        return JSONResponse({"error": error.message}, status_code=error.status)

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/model")
    def model() -> dict[str, Any]:
        return _state(traffic)

    @app.post("/predict")
    def predict(flight: Flight) -> dict[str, Any]:
        given = flight.model_dump()
        return traffic.ask({name: math.nan if value is None else value for name, value in given.items()})

    return app


def _switches(traffic: Traffic, token: str, announce: Announce, rollout_seconds: float) -> APIRouter:
    def admin(authorization: Annotated[str, Header()] = "") -> None:
        if not secrets.compare_digest(authorization.encode(), f"Bearer {token}".encode()):
            raise BotError("This needs the header Authorization: Bearer <the model's admin token>.", status=401)

    router = APIRouter(prefix="/admin", dependencies=[Depends(admin)])

    @router.post("/active-model")
    def active_model(new: Version) -> dict[str, Any]:
        """Answer once the version has really served traffic, so that who asked can look at its answers at once."""
        if new.version != traffic.active:
            traffic.switch(new.version)
            traffic.settle(SETTLE, SETTLE_TIMEOUT)
            log.info("demo.model_switched", version=new.version)
        return _state(traffic)

    @router.post("/fault")
    def fault(new: Deployed) -> dict[str, Any]:
        """Tell of the deployment, roll it out, and answer when it delivers."""
        chosen = fault_named(new.name) if new.name else None
        if chosen != traffic.fault:
            announce(*_told(chosen))
            time.sleep(rollout_seconds)
            traffic.deploy(chosen)
        return _state(traffic)

    return router


def _state(traffic: Traffic) -> dict[str, Any]:
    recent = traffic.recent()
    share = None if recent.share is None else round(recent.share, 4)
    fault = traffic.fault.name if traffic.fault else None
    return {"model": NAME, "active": traffic.active, "late_share": share, "rows": recent.rows, "fault": fault}


def _told(fault: Fault | None) -> tuple[str, str]:
    return (fault.title, fault.version) if fault else (f"{PIPELINE} rolled back to {SOUND}", SOUND)


class ModelService:
    """The app with its server and its traffic, each in a thread of its own."""

    def __init__(self, traffic: Traffic, *, token: str, announce: Announce, port: int = 0) -> None:
        """Take the port; OSError says when it is taken already. 0 takes a free one."""
        self.traffic = traffic
        self._socket = socket.create_server((LOOPBACK, port))
        self.url = f"http://{LOOPBACK}:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            create_app(traffic, token, announce),
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
            try:
                self.traffic.step()
            except OSError as error:  # a full disk; the next step may find room
                log.warning("demo.traffic_not_written", problem=str(error))
