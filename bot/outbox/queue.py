"""Putting words in the outbox, in the transaction of the change they speak of."""

from datetime import datetime
from enum import IntEnum
from typing import Any
from uuid import uuid4

from sqlalchemy import update
from sqlmodel import Session, col, select

from bot.core.database import wake_after_commit
from bot.tables import OutboxRow, OutboxState


class Priority(IntEnum):
    PAGE = 10
    INCIDENT = 20
    STEP = 30
    EDIT = 40
    DIGEST = 50


def put(
    session: Session,
    now: datetime,
    *,
    kind: str,
    key: str,
    lane: str,
    priority: Priority,
    payload: dict[str, Any] | None = None,
    incident_id: int | None = None,
    due_at: datetime | None = None,
) -> None:
    """Queue one thing to say, once for each `key`."""
    if session.exec(select(OutboxRow.id).where(OutboxRow.key == key)).first() is not None:
        return
    session.add(
        OutboxRow(
            key=key,
            kind=kind,
            lane=lane,
            priority=priority,
            payload=payload or {},
            incident_id=incident_id,
            created_at=now,
            due_at=due_at or now,
        )
    )
    session.flush()
    wake_after_commit(session)


def hasten(session: Session, now: datetime, lane: str) -> None:
    """What a lane waited for is there: look at its rows now, not at their next turn."""
    session.execute(
        update(OutboxRow)
        .where(
            col(OutboxRow.lane) == lane,
            col(OutboxRow.state) == OutboxState.PENDING,
            col(OutboxRow.ambiguous).is_(other=False),
            col(OutboxRow.lease_until).is_(None),
            col(OutboxRow.attempts) == 0,
        )
        .values(due_at=now)
        .execution_options(synchronize_session=False),
    )
    wake_after_commit(session)


def put_latest(
    session: Session,
    now: datetime,
    *,
    kind: str,
    lane: str,
    priority: Priority = Priority.EDIT,
    payload: dict[str, Any] | None = None,
    incident_id: int | None = None,
) -> None:
    """Queue an edit that shows the newest state when it is sent; one that waits already will do."""
    waiting = session.exec(
        select(OutboxRow.id).where(
            OutboxRow.kind == kind,
            OutboxRow.lane == lane,
            OutboxRow.state == OutboxState.PENDING,
            col(OutboxRow.lease_until).is_(None),
            col(OutboxRow.ambiguous).is_(other=False),
        ),
    ).first()
    if waiting is None:
        key = f"{kind}:{lane}:{uuid4().hex}"
        put(session, now, kind=kind, key=key, lane=lane, priority=priority, payload=payload, incident_id=incident_id)


def supersede(session: Session, *, kind: str, key_prefix: str, now: datetime) -> int:
    """Withdraw what nobody has begun to say."""
    done = session.execute(
        update(OutboxRow)
        .where(
            col(OutboxRow.kind) == kind,
            col(OutboxRow.key).startswith(key_prefix, autoescape=True),
            col(OutboxRow.state) == OutboxState.PENDING,
            col(OutboxRow.lease_until).is_(None),
        )
        .values(state=OutboxState.SUPERSEDED, done_at=now),
    )
    return int(getattr(done, "rowcount", 0))
