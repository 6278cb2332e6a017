"""What a runbook's placeholders stand for, by the alerts of its incident."""

from typing import Any

from sqlmodel import Session, col, select

from bot.catalog.values import parse_duration
from bot.core.ids import incident_label
from bot.tables import Alert, Incident


def facts_of(session: Session, incident: Incident) -> dict[str, str]:
    """What placeholders stand for: of the first alert that says it."""
    alerts = session.exec(
        select(Alert).where(Alert.incident_id == incident.id).order_by(col(Alert.first_seen_at), col(Alert.id))
    ).all()

    def first(name: str) -> str:
        return next((str(getattr(one, name)) for one in alerts if getattr(one, name)), "")

    window = first("current_window")
    facts: dict[str, Any] = {
        "model": incident.model,
        "version": incident.model_version,
        "incident": incident_label(incident.id or 0),
        "severity": incident.severity,
        "alert.feature": first("feature"),
        "alert.segment": first("segment"),
        "alert.monitor": first("monitor"),
        "alert.metric": first("metric"),
        "alert.window": window if _is_duration(window) else "",
        "alert.source": first("source"),
    }
    return {name: str(value) for name, value in facts.items() if value}


def labels_of(session: Session, number: int) -> dict[str, str]:
    first = session.exec(
        select(Alert).where(Alert.incident_id == number).order_by(col(Alert.first_seen_at), col(Alert.id)).limit(1)
    ).first()
    return dict(first.labels) if first else {}


def _is_duration(text: str) -> bool:
    try:
        parse_duration(text)
    except ValueError:
        return False
    return True
