"""The model as a service on loopback: what any serving platform offers, and two switches for whoever runs it."""

import math
import secrets
import threading
import time
from collections.abc import Callable
from typing import Annotated, Any

import uvicorn
from fastapi import APIRouter, Depends, FastAPI, Header, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from bot.core.errors import BotError
from bot.core.logging import get_logger
from bot.demo.eta import NAME
from bot.demo.faults import PIPELINE, SOUND, Fault, fault_named
from bot.demo.traffic import RATE, Traffic

LOOPBACK = "127.0.0.1"
STEP_SECONDS = 0.5
SETTLE_SECONDS = 2.5
SETTLE_TIMEOUT = 8.0
SETTLE_ROWS = math.ceil(SETTLE_SECONDS * RATE * 0.9)
log = get_logger(__name__)
Announce = Callable[[str, str, str], None]


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


def create_app(traffic: Traffic, token: str, announce: Announce) -> FastAPI:
    app = FastAPI(title=NAME, docs_url=None, redoc_url=None)
    app.include_router(_switches(traffic, token, announce))

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


def _switches(traffic: Traffic, token: str, announce: Announce) -> APIRouter:
    def admin(authorization: Annotated[str, Header()] = "") -> None:
        if not secrets.compare_digest(authorization.encode(), f"Bearer {token}".encode()):
            raise BotError("This needs the header Authorization: Bearer <the model's admin token>.", status=401)

    router = APIRouter(prefix="/admin", dependencies=[Depends(admin)])

    @router.post("/active-model")
    def active_model(new: Version) -> dict[str, Any]:
        """Answer once the version has really served traffic, so that who asked can look at its answers at once."""
        if new.version != traffic.active:
            traffic.switch(new.version)
            traffic.wait_for_rows(SETTLE_ROWS, SETTLE_TIMEOUT)
            log.info("demo.model_switched", version=new.version)
        return _state(traffic)

    @router.post("/fault")
    def fault(new: Deployed) -> dict[str, Any]:
        chosen = fault_named(new.name) if new.name else None
        if chosen != traffic.fault:
            since = traffic.deploy(chosen)
            announce(*_told(chosen), since.isoformat())
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
        self.traffic = traffic
        self.url = ""
        config = uvicorn.Config(
            create_app(traffic, token, announce),
            host=LOOPBACK,
            port=port,
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=2,
        )
        self._port = port
        self._server = uvicorn.Server(config)
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._server.run, name="demo-model", daemon=True),
            threading.Thread(target=self._replay, name="demo-traffic", daemon=True),
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started:
            if not self._threads[0].is_alive() or time.monotonic() > deadline:
                self.stop()
                raise OSError(f"The demo's model could not listen on port {self._port}.")
            time.sleep(0.01)
        self.url = f"http://{LOOPBACK}:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def stop(self) -> None:
        self._stopping.set()
        self._server.should_exit = True
        for thread in self._threads:
            thread.join(10)

    def _replay(self) -> None:
        while not self._stopping.wait(STEP_SECONDS):
            try:
                self.traffic.step()
            except OSError as error:  # a full disk; the next step may find room
                log.warning("demo.traffic_not_written", problem=str(error))
