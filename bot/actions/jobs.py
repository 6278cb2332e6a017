"""Calling what was approved, once; and ending what nobody decided or heard of again."""

import threading
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, select

from bot.actions import calls
from bot.actions.policy import DECIDED_WITHIN
from bot.actions.service import Actions
from bot.core.clock import Clock
from bot.core.database import Database
from bot.core.errors import BusyError
from bot.core.logging import get_logger
from bot.tables import ActionRun, ActionState

IDLE_SECONDS = 1.0
KEEP_ATTEMPTS = 10
log = get_logger(__name__)


def tick(database: Database, actions: Actions, now: datetime) -> int:
    """End requests nobody decided and calls whose end was never kept; return how many."""
    with database.reading() as session:
        asked = select(ActionRun.id).where(
            ActionRun.state == ActionState.REQUESTED, col(ActionRun.requested_at) <= now - DECIDED_WITHIN
        )
        lost = select(ActionRun.id).where(ActionRun.state == ActionState.RUNNING, col(ActionRun.lease_until) <= now)
        due = [*session.exec(asked).all(), *session.exec(lost).all()]
    ended = 0
    for number in due:
        with database.transaction() as session:
            ended += number is not None and actions.sweep(session, number, now)
    return ended


class ActionWorker:
    """Makes the calls, one at a time. That a call begins is committed before it is made: none is made twice."""

    def __init__(self, actions: Actions, database: Database, clock: Clock) -> None:
        self.actions = actions
        self.database = database
        self.clock = clock
        self._stopped = threading.Event()
        self._wake = threading.Event()
        database.on_wake(self._wake.set)

    def run(self) -> None:
        while not self._stopped.is_set():
            self._wake.clear()
            try:
                worked = self.run_next()
            except (SQLAlchemyError, BusyError) as error:
                log.warning("actions.database", problem=type(error).__name__)
                worked = False
                self._stopped.wait(IDLE_SECONDS)
            if not worked:
                self._wake.wait(IDLE_SECONDS)

    def stop(self) -> None:
        self._stopped.set()
        self._wake.set()

    def run_next(self) -> bool:
        """Make the oldest approved call; False: none waits."""
        with self.database.reading() as session:
            if session.exec(select(ActionRun.id).where(ActionRun.state == ActionState.APPROVED)).first() is None:
                return False
        with self.database.transaction() as session:
            claimed = self.actions.claim(session, self.clock.now())
        if claimed is None:
            return False
        number, action = claimed
        outcome = calls.make(action.http, f"muster-action-{number}")
        log.info("action.called", action=number, name=action.name, happened=outcome.happened, status=outcome.status)
        self._keep(number, outcome)
        return True

    def _keep(self, number: int, outcome: calls.Outcome) -> None:
        """A database that is busy now must not make a known outcome unknown."""
        for attempt in range(1, KEEP_ATTEMPTS + 1):
            try:
                with self.database.transaction() as session:
                    self.actions.finish(session, number, outcome, self.clock.now())
            except (SQLAlchemyError, BusyError) as error:
                log.warning("action.outcome_not_kept", action=number, problem=type(error).__name__, attempt=attempt)
                if attempt == KEEP_ATTEMPTS:
                    raise
                self._stopped.wait(IDLE_SECONDS)
            else:
                return
