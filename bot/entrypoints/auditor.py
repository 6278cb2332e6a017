"""Looks every minute whether what must always hold does hold, and tells an outside watcher only then."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
from prometheus_client import Gauge
from sqlalchemy import func
from sqlmodel import Session, col, select

from bot.catalog.config import Catalog
from bot.core.database import Database
from bot.core.logging import get_logger
from bot.core.trust import trusted
from bot.tables import (
    Bucket,
    CheckRun,
    CheckState,
    Escalation,
    EscalationState,
    Incident,
    OutboxRow,
    OutboxState,
    TimelineEvent,
)
from bot.timeline.service import events, first_broken

LATE, STUCK = timedelta(seconds=60), timedelta(seconds=120)
RECENT = timedelta(hours=1)
log = get_logger(__name__)
BROKEN = Gauge("muster_invariant_broken", "Rows that break what must always hold", ["name"])


@dataclass(frozen=True, slots=True)
class Invariant:
    """`broken` counts the rows for which it does not hold."""

    name: str
    broken: Callable[[Session, datetime], int]


def audit(session: Session, now: datetime) -> dict[str, int]:
    """Count what breaks each invariant; nothing is changed."""
    found = {invariant.name: invariant.broken(session, now) for invariant in INVARIANTS}
    for name, count in found.items():
        BROKEN.labels(name).set(count)
    return found


def beat(database: Database, catalog: Catalog, now: datetime) -> bool:
    """Audit, and tell the heartbeat's address when all holds: its silence is the alarm."""
    with database.reading() as session:
        broken = {name: count for name, count in audit(session, now).items() if count}
    if broken:
        log.error("audit.broken", **broken)
        return False
    url = catalog.heartbeat.read() if catalog.heartbeat else None
    if url:
        try:
            httpx.get(url, timeout=5, verify=trusted()).raise_for_status()
        except httpx.HTTPError as error:
            log.warning("audit.heartbeat_unreachable", problem=type(error).__name__)
    return True


def _count(session: Session, *conditions: object) -> int:
    return int(session.exec(select(func.count()).where(*conditions)).one())  # type: ignore[arg-type]


def _late_escalations(session: Session, now: datetime) -> int:
    return _count(session, col(Escalation.state) == EscalationState.ACTIVE, col(Escalation.due_at) < now - LATE)


def _calls_after_acknowledgement(session: Session, _now: datetime) -> int:
    return _count(
        session,
        col(Escalation.incident_id) == Incident.id,
        col(Escalation.state) == EscalationState.ACTIVE,
        col(Incident.status).in_(["resolved", "closed"]),
    )


def _stuck_outbox(session: Session, now: datetime) -> int:
    paused = session.exec(select(func.count()).where(col(Bucket.paused_until) > now)).one()
    if paused:
        return 0
    return _count(session, col(OutboxRow.state) == OutboxState.PENDING, col(OutboxRow.due_at) < now - STUCK)


def _dead_outbox(session: Session, _now: datetime) -> int:
    return _count(session, col(OutboxRow.state) == OutboxState.DEAD)


def _stuck_checks(session: Session, now: datetime) -> int:
    return _count(session, col(CheckRun.state) != CheckState.DONE, col(CheckRun.requested_at) < now - STUCK * 5)


def _broken_timelines(session: Session, now: datetime) -> int:
    moved = select(TimelineEvent.incident_id).where(TimelineEvent.recorded_at > now - RECENT).distinct().limit(20)
    return sum(1 for number in session.exec(moved).all() if first_broken(events(session, number)) is not None)


INVARIANTS = (
    Invariant("escalation_late", _late_escalations),
    Invariant("escalation_after_end", _calls_after_acknowledgement),
    Invariant("outbox_stuck", _stuck_outbox),
    Invariant("outbox_dead", _dead_outbox),
    Invariant("check_stuck", _stuck_checks),
    Invariant("timeline_broken", _broken_timelines),
)
