"""What an adapter makes of one item a sender sent: not yet an alert, not yet trusted."""

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from bot.catalog.kinds import AlertKind, AlertRole, Severity


class Signal(BaseModel):
    """One firing or resolved report of one thing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: Literal["firing", "resolved"]
    name: str = Field(min_length=1, max_length=500)
    summary: str = Field("", max_length=10_000)
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    identity: dict[str, str]
    kind: AlertKind | None = None
    role: AlertRole | None = None
    severity: Severity | None = None
    model: str | None = Field(None, max_length=200)
    model_version: str | None = Field(None, max_length=200)
    monitor: str | None = Field(None, max_length=500)
    feature: str | None = Field(None, max_length=500)
    segment: str | None = Field(None, max_length=500)
    metric: str | None = Field(None, max_length=200)
    observed: float | None = None
    threshold: float | None = None
    sample_size: int | None = Field(None, ge=0)
    current_window: str | None = Field(None, max_length=200)
    reference_window: str | None = Field(None, max_length=200)
    labels: dict[str, str] = {}
    links: dict[str, str] = {}
    evidence: dict[str, Any] = {}
    payload: dict[str, Any] = {}

    @field_validator("starts_at", "ends_at")
    @classmethod
    def _utc(cls, value: datetime | None) -> datetime | None:
        """A time without a zone is UTC; year 1 is how Go says "not yet"."""
        if value is None or value.year <= 1:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Item(BaseModel):
    """An item of a delivery: a signal, or why it is none."""

    model_config = ConfigDict(frozen=True)

    index: int
    signal: Signal | None = None
    problem: str | None = None
    raw: Any = None
