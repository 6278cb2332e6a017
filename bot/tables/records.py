"""Changes, postmortems, people, and what monitors found."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from bot.tables.base import json_field, one_of, text_field


class ChangeKind(StrEnum):
    DEPLOYMENT = "deployment"
    MODEL = "model"
    PIPELINE = "pipeline"
    SCHEMA = "schema"
    CONFIG = "config"
    OTHER = "other"


class Change(SQLModel, table=True):
    """Something people changed: the first suspect of an incident that follows it."""

    __tablename__ = "change"
    __table_args__ = (
        one_of("kind", ChangeKind),
        UniqueConstraint("source", "external_id", name="uq_change_external"),
    )

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(index=True)
    kind: str
    title: str = text_field()
    model: str | None = Field(default=None, index=True)
    version: str | None = None
    actor: str | None = None
    source: str
    external_id: str
    link: str | None = None
    labels: dict[str, str] = json_field()
    received_at: datetime


class Postmortem(SQLModel, table=True):
    """A draft of one moment: `watermark` is the last timeline row it has read."""

    __tablename__ = "postmortem"
    __table_args__ = (UniqueConstraint("incident_id", "version", name="uq_postmortem_version"),)

    id: int | None = Field(default=None, primary_key=True)
    incident_id: int = Field(foreign_key="incident.id", index=True)
    version: int
    watermark: int
    markdown: str = text_field()
    created_at: datetime
    created_by: str | None = None


class ActionItem(SQLModel, table=True):
    __tablename__ = "action_item"

    id: int | None = Field(default=None, primary_key=True)
    incident_id: int = Field(foreign_key="incident.id", index=True)
    text: str = text_field()
    owner: str | None = None
    due: date | None = None
    created_at: datetime
    created_by: str | None = None
    done_at: datetime | None = None


class Person(SQLModel, table=True):
    """What Slack says of a user, cached; never awaited before an answer to Slack."""

    __tablename__ = "person"

    user_id: str = Field(primary_key=True)
    team_id: str | None = None
    name: str
    real_name: str = ""
    time_zone: str | None = None
    restricted: bool = False
    bot: bool = False
    deleted: bool = False
    fetched_at: datetime


class MonitorState(SQLModel, table=True):
    """When a monitor is due, who evaluates it now, and whether it may tell anybody yet.

    shadow: what it finds is recorded and shown, never sent. changed_by, changed_at: who last said otherwise, and when.
    """

    __tablename__ = "monitor_state"

    key: str = Field(primary_key=True)
    due_at: datetime = Field(index=True)
    lease_until: datetime | None = None
    epoch: int = 0
    last_window_end: datetime | None = None
    shadow: bool = False
    introduced_at: datetime
    changed_by: str | None = None
    changed_at: datetime | None = None
    state: str = "learning"
    sentence: str = text_field()
    evaluated_at: datetime | None = None


class MonitorResult(SQLModel, table=True):
    """One window judged by one monitor."""

    __tablename__ = "monitor_result"
    __table_args__ = (UniqueConstraint("key", "window_end", name="uq_monitor_result_window"),)

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(index=True)
    window_start: datetime
    window_end: datetime
    rows: int
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    surprise: float | None = None
    state: str
    data: dict[str, Any] = json_field()
    evaluated_at: datetime


class BaselineSource(StrEnum):
    PERSON = "person"
    PROMOTION = "promotion"


class Baseline(SQLModel, table=True):
    """From `start` on windows are ordinary and what came before is no longer compared with, until it is undone.

    keys: the monitors it is for; empty: those of the whole model. change_id: the promotion that brought it.
    """

    __tablename__ = "baseline"
    __table_args__ = (
        one_of("source", BaselineSource),
        UniqueConstraint("change_id", name="uq_baseline_change_id"),
        Index(
            "uq_baseline_incident",
            "incident_id",
            unique=True,
            sqlite_where=text("undone_at IS NULL"),
            postgresql_where=text("undone_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    model: str = Field(index=True)
    keys: list[str] = json_field(list)
    start: datetime
    reason: str = text_field()
    source: str
    incident_id: int | None = Field(default=None, foreign_key="incident.id")
    change_id: int | None = Field(default=None, foreign_key="change.id")
    accepted_by: str | None = None
    accepted_at: datetime
    undone_by: str | None = None
    undone_at: datetime | None = None


class Observation(SQLModel, table=True):
    """A metric point somebody pushed."""

    __tablename__ = "observation"
    __table_args__ = (UniqueConstraint("model", "metric", "segment", "at", name="uq_observation_point"),)

    id: int | None = Field(default=None, primary_key=True)
    model: str = Field(index=True)
    metric: str
    segment: str = ""
    at: datetime
    value: float
    rows: int | None = None
    received_at: datetime
