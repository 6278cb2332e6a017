"""`POST /v1/checks` runs a check and answers; `GET /v1/checks/{id}` shows one that was kept."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from bot.checks.contract import CheckRequest
from bot.checks.service import Checks
from bot.core.clock import Clock
from bot.core.database import Database
from bot.core.errors import NotFoundError
from bot.tables import CheckRun


class Wanted(BaseModel):
    """check: its name. params: as in `feature=amount`. at: where the window ends; default now."""

    model_config = ConfigDict(extra="forbid")

    check: str = Field(min_length=1, max_length=100)
    model: str | None = Field(None, max_length=200)
    params: dict[str, str] = {}
    at: AwareDatetime | None = None


def routes(database: Database, clock: Clock, checks: Checks, token: Callable[..., None]) -> APIRouter:
    router = APIRouter(prefix="/v1/checks", tags=["checks"], dependencies=[Depends(token)])

    @router.get("", summary="What checks there are")
    def listed() -> list[dict[str, Any]]:
        return [
            {
                "name": check.name,
                "summary": check.summary,
                "params": sorted(check.params.model_fields),
                "verdicts": list(check.verdicts),
            }
            for check in checks.registry.by_name.values()
        ]

    @router.post("", summary="Run a check now")
    def run(wanted: Wanted) -> dict[str, Any]:
        now = clock.now()
        request = CheckRequest(wanted.check, wanted.params, wanted.model, wanted.at or now, now)
        with database.reading() as session:
            known = checks.known(session, request.name, request.model, request.at)
        return checks.run(request, known).as_json()

    @router.get("/{number}", summary="One answer that was kept")
    def shown(number: int) -> dict[str, Any]:
        found = _get(database, number)
        return {**found.model_dump(exclude={"png", "lease_until", "attempts"}), "id": f"E-{found.id}"}

    @router.get("/{number}/chart.png", summary="Its chart")
    def chart(number: int) -> Response:
        found = _get(database, number)
        if not found.png:
            raise NotFoundError(f"E-{number} has no chart.")
        return Response(found.png, media_type="image/png")

    return router


def _get(database: Database, number: int) -> CheckRun:
    with database.reading() as session:
        found = session.get(CheckRun, number)
    if found is None:
        raise NotFoundError(f"There is no evidence E-{number}.")
    return found
