"""`POST /v1/observations` takes in metric points; `/v1/monitors` and `/v1/baselines` show what is watched, and how."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, NaiveDatetime, ValidationError
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select
from starlette.concurrency import run_in_threadpool

from bot.alerts.webhooks import read_body
from bot.catalog.config import Catalog
from bot.core.clock import Clock
from bot.core.database import Database
from bot.core.errors import BotError, unknown
from bot.core.payload import read_json
from bot.monitoring.baselines import accept, accept_for, as_json, listed, undo
from bot.monitoring.deliveries import show_again
from bot.monitoring.overview import overview
from bot.monitoring.watched import key_of
from bot.tables import Baseline, Observation

MOST_POINTS = 10_000
AHEAD = timedelta(days=1)
_AT_ONCE = 500


class Point(BaseModel):
    """One value of a metric. at: event time, naive is UTC. rows: how many it was computed from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: AwareDatetime | NaiveDatetime
    value: Annotated[float, Field(strict=True, allow_inf_nan=False)]
    rows: Annotated[int | None, Field(ge=0, le=2**53, strict=True)] = None
    segment: str = Field("", max_length=500)

    @property
    def moment(self) -> datetime:
        return self.at.replace(tzinfo=UTC) if self.at.tzinfo is None else self.at.astimezone(UTC)


class NewObservations(BaseModel):
    """Points of one metric of one model. The same point sent twice is kept once; the last value sent holds."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(min_length=1, max_length=200)
    metric: str = Field(min_length=1, max_length=200)
    points: list[Point] = Field(min_length=1, max_length=MOST_POINTS)


class NewBaseline(BaseModel):
    """What is ordinary from now on: of an incident (its number), or of a model or one monitor of it, since `start`.

    start: event time, naive is UTC. by: who decided it.
    """

    model_config = ConfigDict(extra="forbid")

    incident: Annotated[int | None, Field(ge=1)] = None
    model: str | None = Field(None, max_length=200)
    monitor: str | None = Field(None, max_length=64)
    start: AwareDatetime | NaiveDatetime | None = None
    reason: str = Field("", max_length=500)
    by: str = Field("api", min_length=1, max_length=200)


def routes(database: Database, catalog: Catalog, clock: Clock, token: Any) -> APIRouter:  # noqa: ANN401
    router = APIRouter(prefix="/v1", tags=["monitoring"], dependencies=[Depends(token)])
    schema = {"requestBody": {"content": {"application/json": {"schema": NewObservations.model_json_schema()}}}}

    @router.post("/observations", status_code=202, summary="Push points of a metric", openapi_extra=schema)
    async def observations(request: Request) -> JSONResponse:
        body = await read_body(request)
        return JSONResponse(await run_in_threadpool(_take, body), status_code=202)

    def _take(body: bytes) -> dict[str, int]:
        new = parse(body, catalog, clock.now())
        try:
            with database.transaction() as session:
                return store(session, new, clock.now())
        except IntegrityError:
            # Another process stored one of the points between our look and our insert: now it is known.
            with database.transaction() as session:
                return store(session, new, clock.now())

    @router.get("/monitors", summary="What is watched, and what was found last")
    def monitors() -> list[dict[str, Any]]:
        with database.reading() as session:
            return overview(session, catalog)

    @router.get("/baselines", summary="Baselines that were accepted or promoted, newest first")
    def every(model: str | None = None) -> list[dict[str, Any]]:
        with database.reading() as session:
            return [as_json(one) for one in listed(session, model)]

    @router.post("/baselines", status_code=201, summary="Accept a new baseline")
    def new_baseline(new: NewBaseline) -> dict[str, Any]:
        with database.transaction() as session:
            return as_json(take_baseline(session, catalog, new, clock.now()))

    @router.delete("/baselines/{number}", summary="Undo a baseline")
    def no_baseline(number: int, by: str = "api") -> dict[str, Any]:
        with database.transaction() as session:
            found = undo(session, number, by[:200], clock.now())
            if found.incident_id is not None:
                show_again(session, found.incident_id, clock.now())
            return as_json(found)

    return router


def take_baseline(session: Session, catalog: Catalog, new: NewBaseline, now: datetime) -> Baseline:
    """Accept what a body says. Raises BotError where it says too little, or two things."""
    if new.incident is not None:
        if new.model or new.monitor or new.start:
            raise BotError("Send `incident` alone, or `model` with `start`: an incident has its own model and onset.")
        found = accept_for(session, catalog, new.incident, new.by, now, reason=new.reason)
        show_again(session, new.incident, now)
        return found
    if new.model is None or new.start is None:
        raise BotError("Send `incident`, or `model` and `start` (and `monitor` for one monitor of the model).")
    start = new.start.replace(tzinfo=UTC) if new.start.tzinfo is None else new.start.astimezone(UTC)
    keys = [key_of(new.model, new.monitor)] if new.monitor else []
    return accept(session, catalog, now, model=new.model, keys=keys, start=start, by=new.by, reason=new.reason)


def parse(body: bytes, catalog: Catalog, now: datetime) -> NewObservations:
    """Read a body strictly. Raises BotError (400) with the place of the first problem, 404 for an unknown model."""
    try:
        new = NewObservations.model_validate(read_json(body))
    except ValidationError as error:
        first = error.errors()[0]
        place = "/".join(str(part) for part in first["loc"] if part not in {"constrained-datetime", "datetime"})
        raise BotError(f"/{place}: {first['msg']}") from error
    if catalog.models and catalog.model(new.model) is None:
        raise unknown("model", new.model, [model.name for model in catalog.models])
    for index, point in enumerate(new.points):
        if point.moment > now + AHEAD:
            raise BotError(f"/points/{index}/at: {point.moment:%Y-%m-%d %H:%M} UTC lies more than a day ahead of now.")
    return new


def store(session: Session, new: NewObservations, now: datetime) -> dict[str, int]:
    """Keep each point once; says how many were new, the same as before, and corrected."""
    points = {(point.segment, point.moment): point for point in new.points}
    known = _known(session, new, list(points))
    counts = {"received": len(new.points), "stored": 0, "unchanged": 0, "corrected": 0}
    for place, point in points.items():
        row = known.get(place)
        if row is None:
            segment, at = place
            session.add(
                Observation(
                    model=new.model,
                    metric=new.metric,
                    segment=segment,
                    at=at,
                    value=point.value,
                    rows=point.rows,
                    received_at=now,
                )
            )
            counts["stored"] += 1
        elif (row.value, row.rows) == (point.value, point.rows):
            counts["unchanged"] += 1
        else:
            row.value, row.rows, row.received_at = point.value, point.rows, now
            counts["corrected"] += 1
    session.flush()
    counts["unchanged"] += len(new.points) - len(points)
    return counts


def _known(
    session: Session, new: NewObservations, places: list[tuple[str, datetime]]
) -> dict[tuple[str, datetime], Observation]:
    moments = sorted({at for _, at in places})
    found: dict[tuple[str, datetime], Observation] = {}
    for begin in range(0, len(moments), _AT_ONCE):
        rows = session.exec(
            select(Observation)
            .where(
                Observation.model == new.model,
                Observation.metric == new.metric,
                col(Observation.at).in_(moments[begin : begin + _AT_ONCE]),
            )
            .with_for_update()
        )
        found.update({(row.segment, row.at): row for row in rows})
    return found
