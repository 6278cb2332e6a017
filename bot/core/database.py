"""Transactions: one edge, one transaction; the services inside never commit."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from bot.core.errors import BusyError

WAKE = "muster_wake"
LOCK_SECONDS = 5.0
_WRITER = "muster_writer"


class FairLock:
    """First come, first served: a busy intake can't starve a click."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._held = False

    def acquire(self, timeout: float) -> bool:
        with self._guard:
            if not self._held and not self._waiting:
                self._held = True
                return True
            turn = threading.Event()
            self._waiting.append(turn)
        if turn.wait(timeout):
            return True
        with self._guard:
            if turn.is_set():
                return True
            self._waiting.remove(turn)
            return False

    def release(self) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._held = False


class Database:
    """An engine with Muster's rules for transactions on it.

    On SQLite one process writes, one transaction at a time, each `BEGIN IMMEDIATE`;
    on PostgreSQL the server arbitrates. `on_wake` callbacks run after a commit that queued work.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.on_sqlite = url.startswith("sqlite")
        self.engine = _sqlite_engine(url) if self.on_sqlite else _postgres_engine(url)
        self._writing = self.engine.execution_options(**{_WRITER: True})
        self._lock = FairLock()
        self._inside = threading.local()
        self._on_wake: list[Callable[[], None]] = []

    def on_wake(self, callback: Callable[[], None]) -> None:
        self._on_wake.append(callback)

    @contextmanager
    def transaction(self, *, wait: float = LOCK_SECONDS) -> Iterator[Session]:
        """Open the write transaction of one edge; commits at the end, rolls back on an error."""
        if getattr(self._inside, "open", False):
            raise RuntimeError("a transaction is open already: pass its session down")
        if self.on_sqlite and not self._lock.acquire(wait):
            raise BusyError("The database is busy; try again in a few seconds.")
        self._inside.open = True
        try:
            with Session(self._writing, expire_on_commit=False) as session:
                yield session
                session.commit()
                wake = bool(session.info.get(WAKE))
        except OperationalError as error:
            if self.on_sqlite and "locked" in str(error.orig):
                raise BusyError("The database is busy; try again in a few seconds.") from error
            raise
        finally:
            self._inside.open = False
            if self.on_sqlite:
                self._lock.release()
        if wake:
            for callback in self._on_wake:
                callback()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a session that only reads; nothing of it is kept."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    def close(self) -> None:
        self.engine.dispose()


def wake_after_commit(session: Session) -> None:
    """Let the senders of this and other processes know, once this commits."""
    if session.info.get(WAKE):
        return
    session.info[WAKE] = True
    if session.get_bind().dialect.name == "postgresql":
        session.connection().exec_driver_sql(f"NOTIFY {WAKE}")


def _sqlite_engine(url: str) -> Engine:
    engine = create_engine(
        url,
        connect_args={"check_same_thread": False, "timeout": LOCK_SECONDS},
        pool_size=8,
        max_overflow=24,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:  # noqa: ANN401
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITER)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgres_engine(url: str) -> Engine:
    return create_engine(url, pool_size=8, max_overflow=8, pool_pre_ping=True, pool_recycle=1800)
