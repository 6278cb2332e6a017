"""What becomes of a delivery: each item stored, merged, routed, or quarantined with its reason."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from bot.alerts.identity import describe, fingerprint
from bot.alerts.routing import Decision, decide
from bot.alerts.signals import Item, Signal
from bot.alerts.words import kind_of, role_of
from bot.catalog.config import Source
from bot.catalog.kinds import Route, Severity
from bot.core.errors import BotError
from bot.incidents import service as incidents
from bot.incidents.house import House
from bot.tables import Alert, AlertState, Delivery, DeliveryOutcome, Incident, SeveritySource
from bot.timeline.mentioned import by_number

_KEPT_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Received:
    """The answer to one POST: its delivery, and one outcome an item."""

    delivery_id: int
    outcome: DeliveryOutcome
    items: list[dict[str, Any]]


def receive(session: Session, house: House, source: Source, items: list[Item], size: int, now: datetime) -> Received:
    """Take in one delivery; a bad item is quarantined alone."""
    ordered = sorted(items, key=lambda item: ((item.signal.model or "") if item.signal else "", item.index))
    outcomes = [{"index": item.index, **_one(session, house, source, item, now)} for item in ordered]
    outcomes.sort(key=lambda outcome: outcome["index"])
    bad = sum(1 for outcome in outcomes if outcome["outcome"] == "quarantined")
    whole = (
        DeliveryOutcome.ACCEPTED
        if not bad
        else (DeliveryOutcome.QUARANTINED if bad == len(outcomes) else DeliveryOutcome.PARTLY)
    )
    delivery = Delivery(source=source.name, received_at=now, size=size, outcome=whole, items=outcomes)
    session.add(delivery)
    session.flush()
    return Received(delivery.id or 0, whole, [{k: v for k, v in item.items() if k != "raw"} for item in outcomes])


def _one(session: Session, house: House, source: Source, item: Item, now: datetime) -> dict[str, Any]:
    if item.signal is None:
        return {"outcome": "quarantined", "why": item.problem, "raw": _kept(item.raw)}
    try:
        with session.begin_nested():
            return _signal(session, house, source, item.signal, now)
    except IntegrityError:
        # Another process stored the same alert between our look and our insert: now it is a repeat.
        with session.begin_nested():
            return _signal(session, house, source, item.signal, now)
    except BotError as error:
        return {"outcome": "quarantined", "why": error.message, "raw": _kept(item.raw)}


def _kept(raw: Any) -> Any:  # noqa: ANN401
    text = repr(raw)
    return raw if len(text) <= _KEPT_BYTES else text[:_KEPT_BYTES]


def _signal(session: Session, house: House, source: Source, signal: Signal, now: datetime) -> dict[str, Any]:
    mark = fingerprint(source.name, signal.identity)
    opened = session.exec(
        select(Alert).where(Alert.fingerprint == mark, Alert.state == AlertState.FIRING).with_for_update(),
    ).first()
    starts = signal.starts_at or (opened.starts_at if opened else now)
    if signal.state == "resolved":
        return _resolved(session, house, source, signal, mark, opened, starts, now)
    if opened is not None:
        opened.last_seen_at = now
        opened.evaluations += 1
        opened.observed = signal.observed if signal.observed is not None else opened.observed
        return _outcome("repeat", opened)
    ended = session.exec(
        select(Alert)
        .where(Alert.fingerprint == mark, col(Alert.resolved_at).is_not(None))
        .order_by(col(Alert.resolved_at).desc())
        .limit(1),
    ).first()
    if ended is not None and signal.starts_at is not None and ended.resolved_at and starts <= ended.resolved_at:
        return _outcome("out_of_order", ended, why="a resolution of this alert had arrived before")
    return _fired(session, house, source, signal, mark, starts, now)


def _resolved(
    session: Session,
    house: House,
    source: Source,
    signal: Signal,
    mark: str,
    opened: Alert | None,
    starts: datetime,
    now: datetime,
) -> dict[str, Any]:
    at = min(signal.ends_at or now, now)
    if opened is None:
        known = session.exec(
            select(Alert).where(Alert.fingerprint == mark, Alert.starts_at == starts).limit(1),
        ).first()
        if known is not None:
            return _outcome("repeat", known)
        # Kept so that the firing it belongs to, still under way, opens nothing.
        grave = _alert(house, source, signal, mark, starts, now)[0]
        grave.state, grave.resolved_at, grave.ends_at = AlertState.RESOLVED, at, at
        session.add(grave)
        session.flush()
        return _outcome("resolved_unknown", grave, why="nothing of this alert was firing")
    if signal.starts_at is not None and signal.starts_at < opened.starts_at:
        return _outcome("out_of_order", opened, why="a newer firing of this alert has arrived")
    opened.state, opened.resolved_at, opened.ends_at, opened.last_seen_at = AlertState.RESOLVED, at, at, now
    session.flush()
    if opened.incident_id is not None:
        incident = by_number(session, opened.incident_id, lock=True)
        incidents.alert_resolved(session, incident, opened, now)
    return _outcome("resolved", opened)


def _fired(
    session: Session, house: House, source: Source, signal: Signal, mark: str, starts: datetime, now: datetime
) -> dict[str, Any]:
    alert, decision = _alert(house, source, signal, mark, starts, now)
    session.add(alert)
    session.flush()
    group = alert.model or f"alert:{mark}"
    incident = incidents.open_for(session, group)
    if incident is not None:
        if decision.route in {Route.PAGE, Route.TICKET}:
            source_of = SeveritySource(decision.severity_source)
            incidents.raise_severity(session, incident, decision.severity, source_of, now)
        incidents.join(session, incident, alert, now)
        return _outcome("joined", alert)
    if decision.route in {Route.PAGE, Route.TICKET}:
        incident = _open(session, house, alert, decision, group, now)
        incidents.join(session, incident, alert, now)
        incidents.adopt_evidence(session, incident, now)
        return _outcome("opened", alert)
    return _outcome("stored", alert, why=f"routed to {decision.route} by {decision.reason}")


def _open(session: Session, house: House, alert: Alert, decision: Decision, group: str, now: datetime) -> Incident:
    return incidents.open_incident(
        session,
        house,
        now,
        title=alert.summary or alert.name,
        kind=alert.kind,
        model=alert.model,
        version=alert.model_version,
        severity=Severity(decision.severity),
        severity_source=SeveritySource(decision.severity_source),
        group_key=group,
        onset_at=alert.starts_at,
        reason=decision.reason,
    )


def _alert(
    house: House, source: Source, signal: Signal, mark: str, starts: datetime, now: datetime
) -> tuple[Alert, Decision]:
    kind = signal.kind or kind_of(signal.labels, signal.name, source.default_kind)
    role = signal.role or role_of(signal.labels, kind, source.default_role)
    decision = decide(
        house.catalog.routes,
        role=role,
        stated=signal.severity,
        runbook=house.runbook_severity(kind, signal.model, signal.labels),
        tier=house.catalog.tier_of(signal.model),
        model=signal.model,
    )
    alert = Alert(
        source=source.name,
        fingerprint=mark,
        identity=describe(source.name, signal.identity),
        kind=kind,
        role=role,
        route=decision.route,
        route_reason=decision.reason,
        severity=decision.severity,
        name=signal.name,
        summary=signal.summary,
        model=signal.model,
        model_version=signal.model_version,
        monitor=signal.monitor,
        feature=signal.feature,
        segment=signal.segment,
        metric=signal.metric,
        observed=signal.observed,
        threshold=signal.threshold,
        sample_size=signal.sample_size,
        current_window=signal.current_window,
        reference_window=signal.reference_window,
        labels=signal.labels,
        links=signal.links,
        evidence=signal.evidence,
        payload=signal.payload,
        starts_at=starts,
        first_seen_at=now,
        last_seen_at=now,
    )
    return alert, decision


def _outcome(word: str, alert: Alert, *, why: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "outcome": word,
        "alert": alert.id,
        "incident": alert.incident_id,
        "route": alert.route,
        "fingerprint": alert.fingerprint,
    }
    return {**found, "why": why} if why else found
