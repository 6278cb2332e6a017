"""The tick that reads the time limits of steps."""

from datetime import datetime

from sqlmodel import col, select

from bot.core.database import Database
from bot.runbooks.messages import NEAR
from bot.runbooks.service import Runbooks
from bot.tables import StepRun, StepState


def tick(database: Database, runbooks: Runbooks, now: datetime) -> int:
    """Warn of limits that are near and call for help at those that are past; return how many were past."""
    with database.reading() as session:
        near = session.exec(
            select(StepRun.id, StepRun.due_at).where(
                StepRun.state == StepState.RUNNING,
                col(StepRun.escalated_at).is_(None),
                col(StepRun.due_at) <= now + NEAR,
            ),
        ).all()
    called = 0
    for number, due in near:
        if number is None or due is None:
            continue
        with database.transaction() as session:
            if due <= now:
                called += runbooks.overdue(session, number, now)
            else:
                runbooks.near(session, number, now)
    return called
