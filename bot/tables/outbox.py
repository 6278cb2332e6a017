"""What must be said, and how far the saying has got."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from bot.tables.base import json_field, one_of, text_field


class OutboxState(StrEnum):
    PENDING = "pending"
    DONE = "done"
    SUPERSEDED = "superseded"
    DEAD = "dead"


class OutboxRow(SQLModel, table=True):
    """One thing to say. `ambiguous` is set before each call and cleared by a definite answer.

    lane: rows of one lane are delivered one at a time, in order. coalesce: a newer pending row replaces an older one.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        one_of("state", OutboxState),
        UniqueConstraint("key", name="uq_outbox_key"),
        Index(
            "ix_outbox_due",
            "priority",
            "due_at",
            "id",
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
        Index("ix_outbox_lane_state", "lane", "state"),
    )

    id: int | None = Field(default=None, primary_key=True)
    key: str
    kind: str
    lane: str
    priority: int
    payload: dict[str, Any] = json_field()
    incident_id: int | None = Field(default=None, index=True)
    state: str = OutboxState.PENDING
    ambiguous: bool = False
    created_at: datetime
    due_at: datetime
    lease_until: datetime | None = None
    epoch: int = 0
    attempts: int = 0
    progress: dict[str, Any] = json_field()
    problem: str = text_field()
    done_at: datetime | None = None


class Bucket(SQLModel, table=True):
    """Pace of one Slack method, or one method in one channel, shared by all workers."""

    __tablename__ = "bucket"

    name: str = Field(primary_key=True)
    next_at: datetime
    paused_until: datetime | None = None


class SeenRequest(SQLModel, table=True):
    """Requests of Slack already acted on, by business key."""

    __tablename__ = "seen_request"

    key: str = Field(primary_key=True)
    seen_at: datetime = Field(index=True)
