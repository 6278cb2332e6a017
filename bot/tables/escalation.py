"""Timers and pages: rows, so that a restart loses none."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from bot.tables.base import json_field, one_of, text_field


class EscalationState(StrEnum):
    ACTIVE = "active"
    ACKNOWLEDGED = "acknowledged"
    EXHAUSTED = "exhausted"
    CLOSED = "closed"


class PageState(StrEnum):
    PENDING = "pending"
    SENT = "sent"
    SUPERSEDED = "superseded"
    FAILED = "failed"


class Escalation(SQLModel, table=True):
    """How far one incident, or one step of it, has gone up its policy. The policy is the snapshot it began with."""

    __tablename__ = "escalation"
    __table_args__ = (
        one_of("state", EscalationState),
        UniqueConstraint("incident_id", "subject", name="uq_escalation_subject"),
    )

    id: int | None = Field(default=None, primary_key=True)
    incident_id: int = Field(foreign_key="incident.id", index=True)
    subject: str = "incident"
    policy: dict[str, Any] = json_field()
    state: str = EscalationState.ACTIVE
    round: int = 0
    level: int = 0
    version: int = 1
    reason: str = text_field()
    due_at: datetime | None = Field(default=None, index=True)
    started_at: datetime


class Page(SQLModel, table=True):
    """One call to one target at one level; never twice."""

    __tablename__ = "page"
    __table_args__ = (
        one_of("state", PageState),
        UniqueConstraint("escalation_id", "round", "level", "target", name="uq_page_target"),
    )

    id: int | None = Field(default=None, primary_key=True)
    escalation_id: int = Field(foreign_key="escalation.id", index=True)
    incident_id: int = Field(foreign_key="incident.id", index=True)
    round: int
    level: int
    target: str
    state: str = PageState.PENDING
    created_at: datetime
    sent_at: datetime | None = None
    problem: str = text_field()
    data: dict[str, Any] = json_field()
