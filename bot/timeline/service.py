"""The one log that everything reads: append-only, in sequence, each row chained to the one before."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from bot.core.errors import unknown
from bot.tables import Incident, TimelineEvent

GENESIS = "0" * 64


def record(
    session: Session,
    incident_id: int,
    now: datetime,
    *,
    kind: str,
    text: str,
    actor: str | None = None,
    happened_at: datetime | None = None,
    data: dict[str, Any] | None = None,
    source_key: str | None = None,
) -> TimelineEvent:
    """Append one row. A `source_key` that is there already is the same happening: its row is returned."""
    _lock(session, incident_id)
    if source_key is not None:
        known = session.exec(
            select(TimelineEvent).where(
                TimelineEvent.incident_id == incident_id, TimelineEvent.source_key == source_key
            ),
        ).first()
        if known is not None:
            return known
    last = session.exec(
        select(TimelineEvent)
        .where(TimelineEvent.incident_id == incident_id)
        .order_by(col(TimelineEvent.seq).desc())
        .limit(1),
    ).first()
    event = TimelineEvent(
        incident_id=incident_id,
        seq=last.seq + 1 if last else 1,
        kind=kind,
        happened_at=happened_at or now,
        recorded_at=now,
        actor=actor,
        text=text,
        data=data or {},
        source_key=source_key,
        prev_hash=last.hash if last else GENESIS,
        hash="",
    )
    event.hash = digest(event)
    session.add(event)
    session.flush()
    return event


def _lock(session: Session, incident_id: int) -> None:
    """Sequence numbers are handed out under the incident's row lock (SQLite has one writer anyway)."""
    found = session.exec(select(Incident.id).where(Incident.id == incident_id).with_for_update()).first()
    if found is None:
        raise unknown("incident", f"INC-{incident_id}", [])


def digest(event: TimelineEvent) -> str:
    """SHA-256 over the row's content and the hash before it."""
    content = [
        event.incident_id,
        event.seq,
        event.kind,
        event.happened_at.isoformat(),
        event.recorded_at.isoformat(),
        event.actor,
        event.text,
        event.data,
        event.source_key,
        event.prev_hash,
    ]
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def events(session: Session, incident_id: int, *, up_to: int | None = None) -> Sequence[TimelineEvent]:
    """Return the rows in the order they were recorded."""
    wanted = select(TimelineEvent).where(TimelineEvent.incident_id == incident_id)
    if up_to is not None:
        wanted = wanted.where(TimelineEvent.seq <= up_to)
    return session.exec(wanted.order_by(col(TimelineEvent.seq))).all()


def first_broken(rows: Sequence[TimelineEvent]) -> int | None:
    """Return the sequence number at which the chain no longer holds; None: it holds."""
    before = GENESIS
    for expected, row in enumerate(rows, start=1):
        if row.seq != expected or row.prev_hash != before or row.hash != digest(row):
            return expected
        before = row.hash
    return None
