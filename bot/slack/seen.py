"""Each request of Slack has one effect, however often it arrives."""

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlmodel import Session, col

from bot.tables import SeenRequest

KEPT = timedelta(days=1)


def first_time(session: Session, key: str, now: datetime) -> bool:
    if session.get(SeenRequest, key) is not None:
        return False
    session.add(SeenRequest(key=key, seen_at=now))
    session.flush()
    return True


def forget_old(session: Session, now: datetime) -> None:
    session.execute(delete(SeenRequest).where(col(SeenRequest.seen_at) < now - KEPT))
