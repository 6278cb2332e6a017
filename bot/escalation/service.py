"""Calling people until somebody acts. A level, its pages and its next due time are one transaction."""

from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col, select

from bot.catalog.config import Catalog
from bot.catalog.values import format_duration
from bot.escalation.policy import Place, after, due_after, expiry, policy_for, snapshot, targets
from bot.outbox.queue import Priority, put, put_latest
from bot.tables import Escalation, EscalationState, Incident, Page, PageState, TimelineEvent
from bot.timeline.service import record

INCIDENT = "incident"


def start(session: Session, catalog: Catalog, incident: Incident, now: datetime) -> None:
    """Begin to escalate an incident: its first level is called at once. Once for each incident."""
    if incident.id is None or _of(session, incident.id, INCIDENT) is not None:
        return
    escalation = Escalation(
        incident_id=incident.id,
        policy=snapshot(policy_for(catalog, incident.model)),
        reason="nobody acknowledged",
        started_at=now,
    )
    session.add(escalation)
    session.flush()
    _call(session, escalation, incident, Place(0, 0), now)


def call(
    session: Session,
    catalog: Catalog,
    incident: Incident,
    now: datetime,
    *,
    whom: str | None,
    subject: str,
    reason: str,
) -> bool:
    """Call for help with one part of an incident: the policy named `whom`, else the incident's own next level.

    subject: what it is about (`step:12`); once for each. Returns False when it was called already.
    """
    policy = catalog.policy(whom)
    if incident.id is None or _of(session, incident.id, subject) is not None:
        return False
    if policy is None:
        start(session, catalog, incident, now)
        return hurry(session, incident.id, now)
    escalation = Escalation(
        incident_id=incident.id, subject=subject, policy=snapshot(policy), reason=reason, started_at=now
    )
    session.add(escalation)
    session.flush()
    _call(session, escalation, incident, Place(0, 0), now)
    _tell(session, escalation, now)
    return True


def _of(session: Session, incident_id: int, subject: str) -> Escalation | None:
    wanted = select(Escalation).where(Escalation.incident_id == incident_id, Escalation.subject == subject)
    return session.exec(wanted).first()


def advance(session: Session, escalation_id: int, version: int, now: datetime) -> bool:
    """Go one level up, unless somebody else did or the incident was acknowledged meanwhile."""
    taken = session.execute(
        update(Escalation)
        .where(
            col(Escalation.id) == escalation_id,
            col(Escalation.version) == version,
            col(Escalation.state) == EscalationState.ACTIVE,
        )
        .values(version=version + 1),
    )
    if not getattr(taken, "rowcount", 0):
        return False
    escalation = session.get_one(Escalation, escalation_id, populate_existing=True)
    incident = session.get_one(Incident, escalation.incident_id)
    place = after(escalation.policy, Place(escalation.round, escalation.level))
    if place is None:
        escalation.state, escalation.due_at = EscalationState.EXHAUSTED, None
        text = "Every level was called and nobody acknowledged"
        record(session, escalation.incident_id, now, kind="escalation.exhausted", text=text)
        _tell(session, escalation, now)
        return True
    _call(session, escalation, incident, place, now)
    return True


def _call(session: Session, escalation: Escalation, incident: Incident, place: Place, now: datetime) -> None:
    escalation.round, escalation.level = place.round, place.level
    escalation.due_at = due_after(escalation.policy, place, now)
    called = targets(escalation.policy, place)
    for target in called:
        page = Page(
            escalation_id=escalation.id or 0,
            incident_id=incident.id or 0,
            round=place.round,
            level=place.level,
            target=target,
            created_at=now,
        )
        session.add(page)
        session.flush()
        put(
            session,
            now,
            kind=_kind(target),
            key=f"page:{page.id}",
            lane=f"page:{page.id}",
            priority=Priority.PAGE,
            payload={"page": page.id},
            incident_id=incident.id,
        )
    levels = len(escalation.policy["levels"])
    text = f"Called level {place.level + 1} of {levels}: {', '.join(called)}"
    record(session, incident.id or 0, now, kind="escalation.called", text=text, data={"round": place.round})
    if (place.round, place.level) != (0, 0):
        _tell(session, escalation, now)


def _kind(target: str) -> str:
    if target.startswith("env:"):
        return "escalation.page_url"
    return "escalation.members" if target == "members" else "escalation.page"


def _tell(session: Session, escalation: Escalation, now: datetime) -> None:
    put(
        session,
        now,
        kind="escalation.told",
        key=f"escalation:{escalation.id}:{escalation.version}",
        lane=f"incident:{escalation.incident_id}:escalation",
        priority=Priority.PAGE,
        payload={"escalation": escalation.id},
        incident_id=escalation.incident_id,
    )


def stop(
    session: Session, incident_id: int, state: EscalationState, now: datetime, *, subject: str | None = None
) -> None:
    """Somebody acted, or it is over: what has not been said is withdrawn. Without a subject: all of the incident's."""
    running = [EscalationState.ACTIVE]
    if state is EscalationState.CLOSED:
        running.append(EscalationState.ACKNOWLEDGED)
    wanted = select(Escalation).where(Escalation.incident_id == incident_id, col(Escalation.state).in_(running))
    if subject is not None:
        wanted = wanted.where(Escalation.subject == subject)
    active = session.exec(wanted.with_for_update()).all()
    for escalation in active:
        holds = expiry(escalation.policy) if state is EscalationState.ACKNOWLEDGED else None
        escalation.state, escalation.due_at = state, now + holds if holds else None
        escalation.version += 1
    ended = [escalation.id for escalation in active]
    pages = session.exec(select(Page).where(col(Page.escalation_id).in_(ended))).all()
    for page in pages:
        if page.state == PageState.PENDING:
            page.state = PageState.SUPERSEDED
        elif page.state == PageState.SENT and page.data.get("ts"):
            # Who was called sees that it is over, and no button that would do nothing.
            put_latest(
                session,
                now,
                kind="escalation.page_over",
                lane=f"page:{page.id}",
                payload={"page": page.id},
                incident_id=incident_id,
            )
    session.flush()


def expire(session: Session, escalation_id: int, now: datetime) -> bool:
    """Call again when an acknowledged incident has stood still for as long as the policy allows."""
    escalation = session.get_one(Escalation, escalation_id, with_for_update=True)
    holds = expiry(escalation.policy)
    if escalation.state != EscalationState.ACKNOWLEDGED or holds is None:
        return False
    moved = session.exec(
        select(TimelineEvent.recorded_at)
        .where(TimelineEvent.incident_id == escalation.incident_id, col(TimelineEvent.actor).is_not(None))
        .order_by(col(TimelineEvent.seq).desc())
        .limit(1),
    ).first()
    if moved is not None and moved + holds > now:
        escalation.due_at = moved + holds
        return False
    text = f"Acknowledged, but nothing has moved for {format_duration(holds)}: calling again"
    record(session, escalation.incident_id, now, kind="escalation.expired", text=text)
    escalation.state = EscalationState.ACTIVE
    escalation.round += 1
    incident = session.get_one(Incident, escalation.incident_id)
    _call(session, escalation, incident, Place(escalation.round, 0), now)
    return True


def hurry(session: Session, incident_id: int, now: datetime) -> bool:
    """Call the next level now, because somebody asked for it."""
    escalation = _of(session, incident_id, INCIDENT)
    if escalation is None or escalation.id is None:
        return False
    if escalation.state != EscalationState.ACTIVE:
        escalation.state = EscalationState.ACTIVE
        session.flush()
    return advance(session, escalation.id, escalation.version, now)
