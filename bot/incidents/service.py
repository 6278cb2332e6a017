"""What happens to an incident, in order. Every function works in its caller's transaction."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from bot.catalog.kinds import AlertKind, AlertRole, Severity
from bot.core.errors import BotError, ConflictError
from bot.core.ids import incident_label, slug
from bot.escalation import service as escalation
from bot.incidents import lifecycle
from bot.incidents.house import House
from bot.outbox.queue import Priority, put, put_latest
from bot.tables import (
    Alert,
    AlertState,
    EscalationState,
    Incident,
    IncidentMember,
    IncidentRole,
    IncidentStatus,
    Resolution,
    SeveritySource,
)
from bot.timeline.mentioned import by_number
from bot.timeline.service import record

WITH_CHANNEL = {Severity.SEV1, Severity.SEV2}


def open_incident(
    session: Session,
    house: House,
    now: datetime,
    *,
    title: str,
    kind: str,
    model: str | None,
    severity: Severity,
    severity_source: SeveritySource,
    group_key: str | None,
    onset_at: datetime,
    version: str | None = None,
    opened_by: str | None = None,
    reason: str = "",
    channel_id: str | None = None,
) -> Incident:
    """Open an incident and ask for its channel."""
    incident = Incident(
        group_key=group_key,
        title=title,
        headline=title,
        slug=slug(f"{model or ''} {kind.replace('_', ' ')}" if model else title),
        kind=kind,
        model=model,
        model_version=version,
        severity=severity,
        severity_source=severity_source,
        severity_reason=reason,
        onset_at=min(onset_at, now),
        detected_at=now,
        opened_at=now,
        opened_by=opened_by,
        announce_channel=house.announce(model),
        channel_id=channel_id,
        channel_state="bound" if channel_id else "none",
    )
    session.add(incident)
    session.flush()
    number = incident_id(incident)
    record(
        session,
        number,
        now,
        kind="incident.opened",
        text=f"Opened as {severity}: {title}",
        actor=opened_by,
        data={"severity": severity, "source": severity_source, "reason": reason},
    )
    if channel_id:
        put(
            session,
            now,
            kind="incident.card",
            key=f"card:{number}",
            lane=lane(incident),
            priority=Priority.INCIDENT,
            incident_id=number,
        )
    elif severity in WITH_CHANNEL:
        want_channel(session, incident, now)
    put(
        session,
        now,
        kind="incident.announced",
        key=f"announced:{number}",
        lane=f"announce:{number}",
        priority=Priority.INCIDENT,
        incident_id=number,
    )
    if opened_by is None and severity in WITH_CHANNEL:
        escalation.start(session, house.catalog, incident, now)
    return incident


def want_channel(session: Session, incident: Incident, now: datetime) -> None:
    if incident.channel_state != "none":
        return
    incident.channel_state = "intent"
    number = incident_id(incident)
    put(
        session,
        now,
        kind="incident.channel_wanted",
        key=f"channel:{number}",
        lane=lane(incident),
        priority=Priority.INCIDENT,
        incident_id=number,
    )


def incident_id(incident: Incident) -> int:
    if incident.id is None:
        raise RuntimeError("the incident was not flushed")
    return incident.id


def lane(incident: Incident) -> str:
    return f"incident:{incident.id}"


def label(incident: Incident) -> str:
    return incident_label(incident_id(incident))


def open_for(session: Session, group_key: str) -> Incident | None:
    """Return the open incident of this group, or one that ended so recently that it is the same story."""
    return session.exec(
        select(Incident).where(
            Incident.group_key == group_key,
            col(Incident.status).not_in([IncidentStatus.RESOLVED, IncidentStatus.CLOSED]),
        ),
    ).first()


def changed(session: Session, incident: Incident, now: datetime) -> None:
    """Show the newest state: the card, the topic and the announcement are edited, never posted again."""
    incident.version += 1
    number = incident_id(incident)
    put_latest(session, now, kind="incident.card_changed", lane=f"card:{number}", incident_id=number)
    put_latest(session, now, kind="incident.topic", lane=f"incident.topic:{number}", incident_id=number)
    put_latest(session, now, kind="incident.announcement_changed", lane=f"announce:{number}", incident_id=number)


def acknowledge(session: Session, number: int, user: str, now: datetime) -> Incident:
    """Somebody has it; without a commander that is them."""
    incident = by_number(session, number, lock=True)
    if not lifecycle.is_open(incident.status):
        raise ConflictError(f"{label(incident)} is {incident.status} already.")
    if incident.acknowledged_at is not None:
        raise ConflictError(f"<@{incident.acknowledged_by}> acknowledged {label(incident)} already.")
    incident.acknowledged_at = now
    incident.acknowledged_by = user
    incident.status = lifecycle.after_acknowledge(incident.status)
    record(session, number, now, kind="incident.acknowledged", text="Acknowledged", actor=user)
    escalation.stop(session, number, EscalationState.ACKNOWLEDGED, now)
    if holder(session, number, IncidentRole.COMMANDER) is None:
        take_role(session, incident, IncidentRole.COMMANDER, user, now, by=user)
    changed(session, incident, now)
    return incident


def holder(session: Session, number: int, role: IncidentRole) -> str | None:
    return session.exec(
        select(IncidentMember.user_id).where(
            IncidentMember.incident_id == number,
            IncidentMember.role == role,
            col(IncidentMember.until).is_(None),
        ),
    ).first()


def take_role(session: Session, incident: Incident, role: IncidentRole, user: str, now: datetime, *, by: str) -> None:
    number = incident_id(incident)
    held = session.exec(
        select(IncidentMember).where(
            IncidentMember.incident_id == number,
            IncidentMember.role == role,
            col(IncidentMember.until).is_(None),
        ),
    ).all()
    if any(member.user_id == user for member in held):
        raise ConflictError(f"<@{user}> is {role} already.")
    if role is not IncidentRole.RESPONDER:
        for member in held:
            member.until = now
        session.flush()
    session.add(IncidentMember(incident_id=number, role=role, user_id=user, since=now))
    session.flush()
    record(session, number, now, kind="role.taken", text=f"{role}: <@{user}>", actor=by, data={"user": user})
    changed(session, incident, now)


def set_severity(session: Session, number: int, severity: Severity, user: str, now: datetime, reason: str) -> Incident:
    incident = by_number(session, number, lock=True)
    if incident.severity == severity:
        raise ConflictError(f"{label(incident)} is {severity} already.")
    before, incident.severity = incident.severity, severity
    incident.severity_source = SeveritySource.PERSON
    incident.severity_reason = reason
    text = f"{before} -> {severity}" + (f": {reason}" if reason else "")
    record(session, number, now, kind="severity.changed", text=text, actor=user)
    if severity in WITH_CHANNEL:
        want_channel(session, incident, now)
    changed(session, incident, now)
    return incident


def set_status(
    session: Session, number: int, status: IncidentStatus, user: str | None, now: datetime, reason: str = ""
) -> Incident:
    """Move an open incident; ending it is `resolve`."""
    incident = by_number(session, number, lock=True)
    if not lifecycle.is_open(status):
        raise BotError("Use *Resolve* to end an incident.")
    lifecycle.check_move(label(incident), incident.status, status)
    before, incident.status = incident.status, status
    if status == IncidentStatus.MONITORING and incident.mitigated_at is None:
        incident.mitigated_at = now
    text = f"{before} -> {status}" + (f": {reason}" if reason else "")
    record(session, number, now, kind="status.changed", text=text, actor=user)
    changed(session, incident, now)
    return incident


def mitigated(session: Session, incident: Incident, now: datetime) -> None:
    """The harm has stopped: from here on it is watched."""
    if incident.mitigated_at is None:
        incident.mitigated_at = now
    if lifecycle.is_open(incident.status) and incident.status != IncidentStatus.MONITORING:
        set_status(session, incident_id(incident), IncidentStatus.MONITORING, None, now, "a mitigation worked")


def note(session: Session, number: int, text: str, user: str, now: datetime) -> None:
    by_number(session, number)
    record(session, number, now, kind="note", text=text, actor=user, data={"key": True})


def resolve(
    session: Session,
    house: House,
    number: int,
    user: str | None,
    now: datetime,
    *,
    resolution: Resolution = Resolution.FIXED,
    fix: str = "",
    backfill: str | None = None,
    verdict: str | None = None,
) -> Incident:
    incident = by_number(session, number, lock=True)
    lifecycle.check_move(label(incident), incident.status, IncidentStatus.RESOLVED)
    if incident.status == IncidentStatus.RESOLVED:
        raise ConflictError(f"{label(incident)} is resolved already.")
    escalation.stop(session, number, EscalationState.CLOSED, now)
    incident.status = IncidentStatus.RESOLVED
    incident.resolved_at = now
    incident.resolved_by = user
    incident.mitigated_at = incident.mitigated_at or now
    incident.resolution = resolution
    incident.fix = fix
    incident.backfill = backfill
    incident.verdict = verdict or ("noise" if resolution == Resolution.FALSE_ALARM else None)
    text = f"Resolved ({resolution.replace('_', ' ')})" + (f": {fix}" if fix else "")
    record(session, number, now, kind="incident.resolved", text=text, actor=user, data={"verdict": incident.verdict})
    for follow in house.on_end:
        follow(session, incident, now)
    changed(session, incident, now)
    return incident


def alerts_of(session: Session, number: int) -> list[Alert]:
    return list(session.exec(select(Alert).where(Alert.incident_id == number).order_by(col(Alert.first_seen_at))))


def join(session: Session, incident: Incident, alert: Alert, now: datetime) -> None:
    """An alert becomes part of an open incident."""
    number = incident_id(incident)
    alert.incident_id = number
    record(
        session,
        number,
        now,
        kind="alert.firing",
        text=alert.summary or alert.name,
        happened_at=min(alert.starts_at, now),
        data={"alert": alert.id, "source": alert.source, "monitor": alert.monitor, "route": alert.route},
    )
    put(
        session,
        now,
        kind="incident.alert",
        key=f"alert:{alert.id}:incident:{number}",
        lane=f"{lane(incident)}:alerts",
        priority=Priority.INCIDENT,
        payload={"alert": alert.id},
        incident_id=number,
    )
    _learn(session, incident, alert, now)
    changed(session, incident, now)


def _learn(session: Session, incident: Incident, alert: Alert, now: datetime) -> None:
    """Take from evidence what the card says of cause and impact: a fault with a name first, then broken data.

    A guardrail explains itself only where it found what no longer belongs together.
    """
    if share := alert.evidence.get("affected_share"):
        incident.impact = {**incident.impact, "share": str(share)}
    explains = alert.role == AlertRole.DIAGNOSTIC or bool(alert.evidence.get("relation"))
    if not explains or alert.evidence.get("harmless"):
        return
    weight = cause_weight(alert.kind, alert.evidence)
    if incident.cause and weight <= int(incident.impact.get("cause_weight", 0)):
        return
    incident.impact = {**incident.impact, "cause_weight": weight}
    cause = str(alert.evidence.get("cause") or alert.summary or alert.name)
    if cause != incident.cause:
        incident.cause = cause
        text = f"Probable cause: {cause}"
        record(session, incident_id(incident), now, kind="cause.suspected", text=text, data={"alert": alert.id})


def cause_weight(kind: str | None, evidence: Mapping[str, Any]) -> int:
    """How well evidence names a cause; the first of the most weight is shown."""
    return 2 * bool(evidence.get("remedy")) + (kind == AlertKind.DATA_QUALITY or bool(evidence.get("relation")))


def adopt_evidence(session: Session, incident: Incident, now: datetime) -> None:
    """Bring in what was reported of the model before, too weak to open an incident alone, and still holds."""
    if incident.model is None:
        return
    waiting = select(Alert).where(
        Alert.model == incident.model,
        Alert.state == AlertState.FIRING,
        col(Alert.incident_id).is_(None),
    )
    for alert in session.exec(waiting.order_by(col(Alert.first_seen_at))).all():
        join(session, incident, alert, now)


def raise_severity(
    session: Session, incident: Incident, severity: Severity, source: SeveritySource, now: datetime
) -> None:
    """A worse alert joined. What a person decided stays."""
    if severity >= Severity(incident.severity) or incident.severity_source == SeveritySource.PERSON:
        return
    before, incident.severity, incident.severity_source = incident.severity, severity, source
    text = f"{before} -> {severity}: a worse alert joined"
    record(session, incident_id(incident), now, kind="severity.changed", text=text)
    if severity in WITH_CHANNEL:
        want_channel(session, incident, now)


def alert_resolved(session: Session, incident: Incident, alert: Alert, now: datetime) -> None:
    """When the last alert is gone the incident is watched, not closed: people decide that it is over."""
    number = incident_id(incident)
    record(
        session,
        number,
        now,
        kind="alert.resolved",
        text=f"Resolved: {alert.summary or alert.name}",
        happened_at=alert.resolved_at or now,
        data={"alert": alert.id},
    )
    if not lifecycle.is_open(incident.status):
        return
    firing = [a for a in alerts_of(session, number) if a.state == AlertState.FIRING and a.id != alert.id]
    if not firing and incident.status != IncidentStatus.MONITORING:
        set_status(session, number, IncidentStatus.MONITORING, None, now, "all alerts are resolved")
        put(
            session,
            now,
            kind="incident.all_clear",
            key=f"clear:{number}:{incident.version}",
            lane=lane(incident),
            priority=Priority.STEP,
            incident_id=number,
        )
    else:
        changed(session, incident, now)
