"""The thread that runs queued checks, one at a time."""

import threading

from sqlalchemy.exc import SQLAlchemyError

from bot.checks.launch import WARM
from bot.checks.service import Checks
from bot.core.clock import Clock
from bot.core.database import Database
from bot.core.errors import BusyError
from bot.core.logging import get_logger

IDLE_SECONDS = 1.0
log = get_logger(__name__)


class CheckWorker:
    def __init__(self, checks: Checks, database: Database, clock: Clock) -> None:
        self.checks = checks
        self.database = database
        self.clock = clock
        self._stopped = threading.Event()
        self._wake = threading.Event()
        database.on_wake(self._wake.set)

    def run(self) -> None:
        WARM.start()
        while not self._stopped.is_set():
            self._wake.clear()
            try:
                worked = self.checks.run_next(self.database, self.clock)
            except (SQLAlchemyError, BusyError) as error:
                log.warning("checks.database", problem=type(error).__name__)
                worked = False
                self._stopped.wait(IDLE_SECONDS)
            if not worked:
                self._wake.wait(IDLE_SECONDS)

        WARM.stop()

    def stop(self) -> None:
        self._stopped.set()
        self._wake.set()
