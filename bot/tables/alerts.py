"""What senders and monitors reported."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from bot.tables.base import json_field, one_of, text_field


class AlertState(StrEnum):
    FIRING = "firing"
    RESOLVED = "resolved"


class Verdict(StrEnum):
    ACTIONABLE = "actionable"
    NOISE = "noise"
    EXPECTED = "expected"


class DeliveryOutcome(StrEnum):
    ACCEPTED = "accepted"
    PARTLY = "partly"
    QUARANTINED = "quarantined"


class Delivery(SQLModel, table=True):
    """One authenticated POST of a sender and what became of each of its items."""

    __tablename__ = "delivery"
    __table_args__ = (one_of("outcome", DeliveryOutcome),)

    id: int | None = Field(default=None, primary_key=True)
    source: str = Field(index=True)
    received_at: datetime = Field(index=True)
    size: int
    outcome: str
    items: list[dict[str, Any]] = json_field(list)


class Alert(SQLModel, table=True):
    """One episode of one identified signal: from its first firing to its resolution."""

    __tablename__ = "alert"
    __table_args__ = (
        one_of("state", AlertState),
        Index(
            "uq_alert_open",
            "fingerprint",
            unique=True,
            sqlite_where=text("state = 'firing'"),
            postgresql_where=text("state = 'firing'"),
        ),
        Index("ix_alert_fingerprint_starts", "fingerprint", "starts_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    source: str
    fingerprint: str
    identity: str = text_field()
    state: str = AlertState.FIRING
    kind: str
    role: str
    route: str
    route_reason: str = text_field()
    severity: str | None = None
    name: str = text_field()
    summary: str = text_field()
    model: str | None = Field(default=None, index=True)
    model_version: str | None = None
    monitor: str | None = None
    feature: str | None = None
    segment: str | None = None
    metric: str | None = None
    observed: float | None = None
    threshold: float | None = None
    sample_size: int | None = None
    current_window: str | None = None
    reference_window: str | None = None
    labels: dict[str, str] = json_field()
    links: dict[str, str] = json_field()
    evidence: dict[str, Any] = json_field()
    payload: dict[str, Any] = json_field()
    starts_at: datetime
    ends_at: datetime | None = None
    first_seen_at: datetime = Field(index=True)
    last_seen_at: datetime
    resolved_at: datetime | None = None
    evaluations: int = 1
    incident_id: int | None = Field(default=None, index=True, foreign_key="incident.id")
    verdict: str | None = None
    verdict_by: str | None = None
    message_channel: str | None = None
    message_ts: str | None = None
