"""The tick that ends incidents nobody needed."""

from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from bot.core.database import Database
from bot.incidents import service
from bot.incidents.house import House
from bot.tables import Alert, Incident, IncidentStatus, Resolution, TimelineEvent

QUIET = timedelta(minutes=30)


def tick(database: Database, house: House, now: datetime) -> int:
    """Close what went away by itself and no person ever touched; return how many."""
    with database.reading() as session:
        quiet = [number for number in _watched(session) if _untouched(session, number, now)]
    for number in quiet:
        with database.transaction() as session:
            if _untouched(session, number, now):
                why = "nobody was needed: every alert resolved by itself and stayed so"
                service.resolve(session, house, number, None, now, resolution=Resolution.UNTOUCHED, fix=why)
    return len(quiet)


def _watched(session: Session) -> list[int]:
    wanted = select(Incident.id).where(
        Incident.status == IncidentStatus.MONITORING, col(Incident.acknowledged_at).is_(None)
    )
    return [number for number in session.exec(wanted).all() if number is not None]


def _untouched(session: Session, number: int, now: datetime) -> bool:
    alerts = session.exec(select(Alert.resolved_at).where(Alert.incident_id == number)).all()
    ended = [at for at in alerts if at is not None]
    if not ended or len(ended) < len(alerts) or max(ended) + QUIET > now:
        return False
    touched = select(TimelineEvent.id).where(TimelineEvent.incident_id == number, col(TimelineEvent.actor).is_not(None))
    return session.exec(touched.limit(1)).first() is None
