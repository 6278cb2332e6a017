"""The tick that reads the time limits of steps, and how long their checks have been running."""

from datetime import datetime, timedelta

from sqlmodel import col, select

from bot.core.database import Database
from bot.runbooks.messages import NEAR
from bot.runbooks.service import Runbooks
from bot.tables import CheckRun, CheckState, StepRun, StepState

UNSAID, AGAIN = timedelta(seconds=2), timedelta(seconds=10)
"""A check that runs longer is said to run, and said again this often: nobody shall wonder whether it hangs."""


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
    _show_running(database, runbooks, now)
    return called


def _show_running(database: Database, runbooks: Runbooks, now: datetime) -> None:
    with database.reading() as session:
        running = session.exec(
            select(CheckRun.id, CheckRun.attempts, CheckRun.started_at, CheckRun.step_run_id)
            .join(StepRun, col(StepRun.id) == CheckRun.step_run_id)
            .where(
                CheckRun.state == CheckState.RUNNING,
                col(CheckRun.started_at) <= now - UNSAID,
                StepRun.state == StepState.RUNNING,
            ),
        ).all()
    for check, attempt, started, step in running:
        if started is not None and step is not None:
            with database.transaction() as session:
                runbooks.still_running(session, step, f"{check}:{attempt}:{(now - started) // AGAIN}", now)
