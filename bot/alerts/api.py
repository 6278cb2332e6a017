"""`GET /v1/deliveries`: every POST has a visible outcome."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from sqlmodel import col, select

from bot.core.database import Database
from bot.tables import Delivery


def routes(database: Database, token: Any) -> APIRouter:  # noqa: ANN401
    router = APIRouter(prefix="/v1", tags=["alerts"], dependencies=[Depends(token)])

    @router.get("/deliveries", summary="What became of each webhook")
    def deliveries(limit: Annotated[int, Query(ge=1, le=500)] = 50, outcome: str | None = None) -> list[dict[str, Any]]:
        with database.reading() as session:
            wanted = select(Delivery).order_by(col(Delivery.id).desc()).limit(limit)
            if outcome:
                wanted = wanted.where(Delivery.outcome == outcome)
            return [delivery.model_dump(mode="json") for delivery in session.exec(wanted)]

    return router
