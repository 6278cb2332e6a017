"""`POST /v1/batches`: rows of a window, kept as a JSON Lines file that `predictions:` of the model can point at."""

import hashlib
import json
import os
import re
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, NaiveDatetime, ValidationError, model_validator
from starlette.concurrency import run_in_threadpool

from bot.alerts.webhooks import read_body
from bot.catalog.config import Catalog
from bot.core.errors import BotError, unknown
from bot.core.payload import read_json

MOST_ROWS, MOST_COLUMNS = 100_000, 2_000
Cell = str | int | float | bool | None
_PLAIN = re.compile(r"[^A-Za-z0-9_.-]+")


class BatchWindow(BaseModel):
    """The event time the rows cover; naive is UTC."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: AwareDatetime | NaiveDatetime
    end: AwareDatetime | NaiveDatetime

    @model_validator(mode="after")
    def _forward(self) -> "BatchWindow":
        if utc(self.end) <= utc(self.start):
            raise ValueError("`end` must be later than `start`")
        return self


class NewBatch(BaseModel):
    """Rows of one model and window. The same rows sent twice are kept once; a window may come in several batches."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(min_length=1, max_length=200)
    window: BatchWindow
    rows: list[Annotated[dict[str, Cell], Field(min_length=1, max_length=MOST_COLUMNS)]] = Field(
        min_length=1, max_length=MOST_ROWS
    )


def utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def routes(catalog: Catalog, spool: Path, token: Any) -> APIRouter:  # noqa: ANN401
    """`spool` is a directory that the process which runs the monitors can read."""
    router = APIRouter(prefix="/v1", tags=["monitoring"], dependencies=[Depends(token)])
    schema = {"requestBody": {"content": {"application/json": {"schema": NewBatch.model_json_schema()}}}}

    @router.post("/batches", status_code=202, summary="Push rows of a window", openapi_extra=schema)
    async def batches(request: Request) -> JSONResponse:
        body = await read_body(request)
        return JSONResponse(await run_in_threadpool(_take, body), status_code=202)

    def _take(body: bytes) -> dict[str, Any]:
        batch = parse(body, catalog)
        path, is_new = keep(spool, batch)
        return {"rows": len(batch.rows), "file": path.relative_to(spool).as_posix(), "new": is_new}

    return router


def parse(body: bytes, catalog: Catalog) -> NewBatch:
    """Read a body strictly, and check each row's time against the window where the model names a time column."""
    try:
        batch = NewBatch.model_validate(read_json(body))
    except ValidationError as error:
        first = error.errors()[0]
        kinds = {"datetime", "constrained-datetime", "str", "int", "float", "bool", "none"}
        place = "/".join(str(part) for part in first["loc"] if part not in kinds)
        raise BotError(f"/{place}: {first['msg'].removeprefix('Value error, ')}") from error
    model = catalog.model(batch.model)
    if catalog.models and model is None:
        raise unknown("model", batch.model, [model.name for model in catalog.models])
    if model is not None and model.data is not None:
        for index, row in enumerate(batch.rows):
            _check_time(row.get(model.data.time), batch.window, f"/rows/{index}/{model.data.time}")
    return batch


def _check_time(value: Cell, window: BatchWindow, place: str) -> None:
    if not isinstance(value, str):
        raise BotError(f"{place}: the event time is missing; send it as ISO 8601 text.")
    try:
        moment = utc(datetime.fromisoformat(value))
    except ValueError as error:
        raise BotError(f"{place}: {value[:40]!r} is no ISO 8601 time.") from error
    if not utc(window.start) <= moment < utc(window.end):
        raise BotError(f"{place}: {moment:%Y-%m-%d %H:%M:%S} UTC lies outside the window.")


def keep(spool: Path, batch: NewBatch) -> tuple[Path, bool]:
    """Write the rows once, whole or not at all: `<spool>/<model>/<start>-<digest>.jsonl`."""
    lines = "".join(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in batch.rows).encode()
    name = _PLAIN.sub("-", batch.model).strip(".-") or "model"
    marked = name if name == batch.model else f"{name}-{hashlib.sha256(batch.model.encode()).hexdigest()[:8]}"
    folder = spool / marked
    folder.mkdir(parents=True, exist_ok=True)
    stamp = f"{utc(batch.window.start):%Y%m%dT%H%M%S}-{utc(batch.window.end):%Y%m%dT%H%M%S}"
    path = folder / f"{stamp}-{hashlib.sha256(lines).hexdigest()[:16]}.jsonl"
    if path.exists():
        return path, False
    handle, temporary = tempfile.mkstemp(dir=folder, suffix=".part")
    with os.fdopen(handle, "wb") as file:
        file.write(lines)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).replace(path)
    return path, True
