"""`POST /v1/changes`: deployments, promotions, pipeline changes."""

from typing import Any

from fastapi import APIRouter, Depends, Response

from bot.changes.service import NewChange, add
from bot.core.clock import Clock
from bot.core.database import Database


def routes(database: Database, clock: Clock, token: Any) -> APIRouter:  # noqa: ANN401
    router = APIRouter(prefix="/v1", tags=["changes"], dependencies=[Depends(token)])

    @router.post("/changes", status_code=201, summary="Tell of a change")
    def post_change(new: NewChange, response: Response) -> dict[str, Any]:
        with database.transaction() as session:
            change, is_new = add(session, new, clock.now())
        response.status_code = 201 if is_new else 200
        return change.model_dump(mode="json")

    return router
