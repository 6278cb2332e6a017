"""Intake's one writer: requests queue and wait; what waits is received in one transaction and answered after COMMIT."""

import queue
import threading
from concurrent.futures import Future
from dataclasses import dataclass

from sqlalchemy.exc import OperationalError

from bot.alerts.service import Received, receive
from bot.alerts.signals import Item
from bot.catalog.config import Source
from bot.core.clock import Clock
from bot.core.database import Database
from bot.core.errors import BusyError
from bot.core.logging import get_logger
from bot.incidents.house import House

log = get_logger(__name__)
MOST_AT_ONCE = 50
_TRIES = 3


@dataclass(frozen=True, slots=True)
class _Waiting:
    source: Source
    items: list[Item]
    size: int
    answer: "Future[Received]"


class Writer:
    """A thread of its own. `submit` returns a future that is done once the delivery is committed."""

    def __init__(self, database: Database, house: House, clock: Clock) -> None:
        self.database = database
        self.house = house
        self.clock = clock
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join(10)

    def submit(self, source: Source, items: list[Item], size: int) -> "Future[Received]":
        answer: Future[Received] = Future()
        self._queue.put(_Waiting(source, items, size, answer))
        return answer

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch = [first]
            last = False
            while len(batch) < MOST_AT_ONCE and not self._queue.empty():
                more = self._queue.get()
                if more is None:
                    last = True
                    break
                batch.append(more)
            self._receive(batch)
            if last:
                return

    def _receive(self, batch: list[_Waiting]) -> None:
        for attempt in range(1, _TRIES + 1):
            try:
                results = self._commit(batch)
            except OperationalError as error:
                # A deadlock or lost connection: the batch is whole or not at all, so it can be tried again.
                log.warning("intake.retry", attempt=attempt, error=type(error.orig).__name__)
                if attempt == _TRIES:
                    _fail(batch, BusyError("The database did not answer; nothing was stored, send it again."))
            except BusyError as error:
                _fail(batch, error)
                return
            except Exception as error:  # the writer outlives whatever one batch does to it
                log.exception("intake.failed")
                _fail(batch, error)
                return
            else:
                for waiting, result in zip(batch, results, strict=True):
                    if isinstance(result, Exception):
                        waiting.answer.set_exception(result)
                    else:
                        waiting.answer.set_result(result)
                return

    def _commit(self, batch: list[_Waiting]) -> list[Received | Exception]:
        results: list[Received | Exception] = []
        now = self.clock.now()
        with self.database.transaction() as session:
            for waiting in batch:
                try:
                    with session.begin_nested():
                        results.append(receive(session, self.house, waiting.source, waiting.items, waiting.size, now))
                except OperationalError:
                    raise
                except Exception as error:  # one bad delivery fails alone; its sender is told
                    log.exception("intake.delivery_failed", source=waiting.source.name)
                    results.append(error)
        return results


def _fail(batch: list[_Waiting], error: Exception) -> None:
    for waiting in batch:
        waiting.answer.set_exception(error)
