"""`GET /v1/incidents`: what Slack shows, for scripts."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from sqlmodel import col, select

from bot.core.database import Database
from bot.core.ids import incident_label
from bot.incidents import service
from bot.tables import Alert, Incident, IncidentMember
from bot.timeline.mentioned import by_number
from bot.timeline.moments import moments
from bot.timeline.service import events


def routes(database: Database, token: Any) -> APIRouter:  # noqa: ANN401
    router = APIRouter(prefix="/v1", tags=["incidents"], dependencies=[Depends(token)])

    @router.get("/incidents", summary="Incidents, newest first")
    def list_incidents(
        limit: Annotated[int, Query(ge=1, le=500)] = 50, status: str | None = None
    ) -> list[dict[str, Any]]:
        with database.reading() as session:
            wanted = select(Incident).order_by(col(Incident.id).desc()).limit(limit)
            if status:
                wanted = wanted.where(Incident.status == status)
            return [_incident(incident) for incident in session.exec(wanted)]

    @router.get("/incidents/{number}", summary="One incident")
    def one_incident(number: int) -> dict[str, Any]:
        with database.reading() as session:
            incident = by_number(session, number)
            members = session.exec(
                select(IncidentMember).where(IncidentMember.incident_id == number, col(IncidentMember.until).is_(None)),
            )
            return {
                **_incident(incident),
                "roles": [{"role": member.role, "user": member.user_id} for member in members],
                "alerts": [alert.id for alert in service.alerts_of(session, number)],
            }

    @router.get("/incidents/{number}/timeline", summary="What happened, in the time it happened")
    def timeline(number: int) -> list[dict[str, Any]]:
        with database.reading() as session:
            by_number(session, number)
            return [
                {
                    "seq": moment.seq,
                    "at": moment.happened_at,
                    "kind": moment.kind,
                    "actor": moment.actor,
                    "text": moment.text,
                    "key_moment": moment.key,
                    "edited": moment.edited,
                }
                for moment in moments(events(session, number))
            ]

    @router.get("/alerts", summary="Alerts, newest first", tags=["alerts"])
    def list_alerts(limit: Annotated[int, Query(ge=1, le=500)] = 50) -> list[dict[str, Any]]:
        with database.reading() as session:
            found = session.exec(select(Alert).order_by(col(Alert.id).desc()).limit(limit))
            return [alert.model_dump(mode="json", exclude={"payload"}) for alert in found]

    return router


def _incident(incident: Incident) -> dict[str, Any]:
    return {"label": incident_label(incident.id or 0), **incident.model_dump(mode="json")}
