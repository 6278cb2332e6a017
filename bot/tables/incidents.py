"""Incidents, who does what in them, and their timeline."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from bot.tables.base import json_field, one_of, text_field


class IncidentStatus(StrEnum):
    TRIAGE = "triage"
    INVESTIGATING = "investigating"
    MITIGATING = "mitigating"
    MONITORING = "monitoring"
    RESOLVED = "resolved"
    CLOSED = "closed"


class SeveritySource(StrEnum):
    PERSON = "person"
    SENDER = "sender"
    RUNBOOK = "runbook"
    RULE = "rule"


class ChannelState(StrEnum):
    NONE = "none"
    INTENT = "intent"
    BOUND = "bound"
    LOST = "lost"


class Resolution(StrEnum):
    FIXED = "fixed"
    FALSE_ALARM = "false_alarm"
    EXPECTED = "expected"
    UNTOUCHED = "untouched"


class IncidentRole(StrEnum):
    COMMANDER = "commander"
    COMMUNICATIONS = "communications"
    SCRIBE = "scribe"
    RESPONDER = "responder"


_OPEN = text("status NOT IN ('resolved', 'closed') AND group_key IS NOT NULL")


class Incident(SQLModel, table=True):
    __tablename__ = "incident"
    __table_args__ = (
        one_of("status", IncidentStatus),
        one_of("severity_source", SeveritySource),
        one_of("channel_state", ChannelState),
        Index("uq_incident_open", "group_key", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
        UniqueConstraint("channel_id", name="uq_incident_channel_id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    group_key: str | None = None
    title: str = text_field()
    headline: str = text_field()
    slug: str
    kind: str
    model: str | None = Field(default=None, index=True)
    model_version: str | None = None
    severity: str
    severity_source: str
    severity_reason: str = text_field()
    status: str = IncidentStatus.TRIAGE
    version: int = 1
    onset_at: datetime
    detected_at: datetime
    opened_at: datetime = Field(index=True)
    opened_by: str | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    mitigated_at: datetime | None = None
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    closed_at: datetime | None = None
    resolution: str | None = None
    fix: str = text_field()
    backfill: str | None = None
    verdict: str | None = None
    cause: str = text_field()
    impact: dict[str, Any] = json_field()
    channel_id: str | None = None
    channel_name: str | None = None
    channel_state: str = ChannelState.NONE
    card_ts: str | None = None
    announce_channel: str | None = None
    announce_ts: str | None = None
    runbook_id: str | None = None
    invited: list[str] = json_field(list)
    topic: str = ""


class IncidentMember(SQLModel, table=True):
    """Who holds a role; an ended holding keeps its row."""

    __tablename__ = "incident_member"
    __table_args__ = (
        one_of("role", IncidentRole),
        Index(
            "uq_incident_member_holder",
            "incident_id",
            "role",
            unique=True,
            sqlite_where=text("until IS NULL AND role <> 'responder'"),
            postgresql_where=text("until IS NULL AND role <> 'responder'"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    incident_id: int = Field(foreign_key="incident.id", index=True)
    role: str
    user_id: str
    since: datetime
    until: datetime | None = None


class TimelineEvent(SQLModel, table=True):
    """Append-only: triggers refuse UPDATE and DELETE. Edits and pins of a message are rows that name it."""

    __tablename__ = "timeline_event"
    __table_args__ = (
        UniqueConstraint("incident_id", "seq", name="uq_timeline_event_seq"),
        UniqueConstraint("incident_id", "source_key", name="uq_timeline_event_source_key"),
    )

    id: int | None = Field(default=None, primary_key=True)
    incident_id: int = Field(foreign_key="incident.id", index=True)
    seq: int
    kind: str
    happened_at: datetime
    recorded_at: datetime
    actor: str | None = None
    text: str = text_field()
    data: dict[str, Any] = json_field()
    source_key: str | None = None
    prev_hash: str
    hash: str
