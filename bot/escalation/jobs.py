"""The tick that reads timers. Each due escalation goes up in a transaction of its own."""

from datetime import datetime

from sqlmodel import col, select

from bot.core.database import Database
from bot.escalation.service import advance, expire
from bot.tables import Escalation, EscalationState


def tick(database: Database, now: datetime) -> int:
    """Advance what is due; return how many levels were called."""
    with database.reading() as session:
        due = session.exec(
            select(Escalation.id, Escalation.version)
            .where(Escalation.state == EscalationState.ACTIVE, col(Escalation.due_at) <= now)
            .order_by(col(Escalation.due_at)),
        ).all()
    called = 0
    for number, version in due:
        with database.transaction() as session:
            called += number is not None and advance(session, number, version, now)
    with database.reading() as session:
        held = session.exec(
            select(Escalation.id).where(
                Escalation.state == EscalationState.ACKNOWLEDGED, col(Escalation.due_at) <= now
            ),
        ).all()
    for number in held:
        with database.transaction() as session:
            called += number is not None and expire(session, number, now)
    return called
