"""Runbooks as incidents follow them, and the evidence and actions of their steps."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from bot.tables.base import json_field, one_of, text_field


class StepState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    TIMED_OUT = "timed_out"


class RunState(StrEnum):
    RUNNING = "running"
    FINISHED = "finished"


class CheckState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"


class ActionState(StrEnum):
    REQUESTED = "requested"
    APPROVED = "approved"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"


class RunbookVersion(SQLModel, table=True):
    """The text an incident started with, kept by its hash."""

    __tablename__ = "runbook_version"

    hash: str = Field(primary_key=True)
    runbook_id: str = Field(index=True)
    title: str
    source: str = text_field()
    first_used_at: datetime


class RunbookRun(SQLModel, table=True):
    __tablename__ = "runbook_run"
    __table_args__ = (
        one_of("state", RunState),
        Index(
            "uq_runbook_run_running",
            "incident_id",
            unique=True,
            sqlite_where=text("state = 'running'"),
            postgresql_where=text("state = 'running'"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    incident_id: int = Field(foreign_key="incident.id", index=True)
    runbook_hash: str = Field(foreign_key="runbook_version.hash")
    runbook_id: str
    state: str = RunState.RUNNING
    outcome: str | None = None
    facts: dict[str, str] = json_field()
    started_at: datetime
    finished_at: datetime | None = None


class StepRun(SQLModel, table=True):
    """One visit of one step. `version` goes up by one with each accepted press."""

    __tablename__ = "step_run"
    __table_args__ = (
        one_of("state", StepState),
        Index(
            "uq_step_run_running",
            "run_id",
            unique=True,
            sqlite_where=text("state = 'running'"),
            postgresql_where=text("state = 'running'"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    run_id: int = Field(foreign_key="runbook_run.id", index=True)
    incident_id: int = Field(foreign_key="incident.id", index=True)
    step_key: str
    title: str
    position: int
    state: str = StepState.RUNNING
    version: int = 1
    assignee: str | None = None
    started_at: datetime
    due_at: datetime | None = Field(default=None, index=True)
    escalated_at: datetime | None = None
    ended_at: datetime | None = None
    ended_by: str | None = None
    answer: str | None = None
    note: str = text_field()
    message_ts: str | None = None


class CheckRun(SQLModel, table=True):
    """A check that was asked for, and its answer: evidence `E-<id>`."""

    __tablename__ = "check_run"
    __table_args__ = (one_of("state", CheckState),)

    id: int | None = Field(default=None, primary_key=True)
    incident_id: int | None = Field(default=None, foreign_key="incident.id", index=True)
    step_run_id: int | None = Field(default=None, foreign_key="step_run.id", index=True)
    name: str
    params: dict[str, str] = json_field()
    model: str | None = None
    window_end: datetime | None = None
    state: str = Field(default=CheckState.QUEUED, index=True)
    verdict: str | None = None
    sentence: str = text_field()
    result: dict[str, Any] = json_field()
    png: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    requested_by: str | None = None
    requested_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    lease_until: datetime | None = None
    attempts: int = 0


class ActionRun(SQLModel, table=True):
    __tablename__ = "action_run"
    __table_args__ = (
        one_of("state", ActionState),
        Index(
            "uq_action_run_open",
            "incident_id",
            "name",
            unique=True,
            sqlite_where=text("state IN ('requested', 'approved', 'running')"),
            postgresql_where=text("state IN ('requested', 'approved', 'running')"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    incident_id: int = Field(foreign_key="incident.id", index=True)
    step_run_id: int | None = Field(default=None, foreign_key="step_run.id")
    name: str
    state: str = ActionState.REQUESTED
    requested_by: str
    requested_at: datetime
    approved_by: str | None = None
    approved_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    lease_until: datetime | None = None
    result: str = text_field()
    data: dict[str, Any] = json_field()


class StepCheck(SQLModel, table=True):
    """Which check line of a step a check run answers."""

    __tablename__ = "step_check"
    __table_args__ = (UniqueConstraint("step_run_id", "position", "check_run_id", name="uq_step_check_line"),)

    id: int | None = Field(default=None, primary_key=True)
    step_run_id: int = Field(foreign_key="step_run.id", index=True)
    position: int
    check_run_id: int = Field(foreign_key="check_run.id")
