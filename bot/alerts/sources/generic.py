"""The generic body: one alert, a list of them, or `{"alerts": [...]}`. Documented in the README."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from bot.alerts.signals import Item, Signal
from bot.alerts.words import severity_of
from bot.core.errors import BotError

_STATES = {"firing": "firing", "triggered": "firing", "alerting": "firing", "resolved": "resolved", "ok": "resolved"}


class GenericAlert(BaseModel):
    """What a sender may say; only `title` (or `name`) is needed."""

    model_config = ConfigDict(extra="allow")

    title: str | None = Field(None, max_length=500)
    name: str | None = Field(None, max_length=500)
    status: str = "firing"
    id: str | None = Field(None, max_length=500)
    description: str = Field("", max_length=10_000)
    model: str | None = None
    version: str | None = None
    monitor: str | None = None
    feature: str | None = None
    segment: str | None = None
    kind: str | None = None
    role: str | None = None
    severity: str | None = None
    metric: str | None = None
    observed: float | None = None
    threshold: float | None = None
    sample_size: int | None = None
    window: str | None = None
    reference: str | None = None
    starts_at: str | None = None
    ends_at: str | None = None
    url: str | None = None
    labels: dict[str, str | int | float | bool] = {}

    @field_validator("status")
    @classmethod
    def _known(cls, value: str) -> str:
        if value.lower() not in _STATES:
            raise ValueError(f"{value[:40]!r} is not a status; send firing or resolved")
        return _STATES[value.lower()]


def parse(body: Any) -> list[Item]:  # noqa: ANN401
    """Read one or many alerts. Raises BotError when the body is none of the three forms."""
    alerts = body.get("alerts") if isinstance(body, dict) and "alerts" in body else body
    prefix = "/alerts" if isinstance(body, dict) and "alerts" in body else ""
    many = isinstance(alerts, list)
    found = alerts if many else [alerts]
    if not found or not all(isinstance(raw, dict) for raw in found):
        raise BotError(f"{prefix or '/'}: an object with `title`, or a list of them, is expected.")
    return [_item(index, raw, f"{prefix}/{index}" if many else prefix) for index, raw in enumerate(found)]


def _item(index: int, raw: dict[str, Any], where: str) -> Item:
    try:
        alert = GenericAlert.model_validate(raw)
        if not (alert.title or alert.name):
            return Item(index=index, problem=f"{where}/title: every alert needs a title", raw=raw)
        return Item(index=index, signal=_signal(alert, raw), raw=raw)
    except ValidationError as error:
        first = error.errors()[0]
        at = "/".join(str(part) for part in first["loc"])
        return Item(index=index, problem=f"{where}/{at}: {first['msg'].removeprefix('Value error, ')}", raw=raw)


def _signal(alert: GenericAlert, raw: dict[str, Any]) -> Signal:
    labels = {key: str(value) for key, value in alert.labels.items()}
    for key in ("kind", "role", "severity"):
        if value := getattr(alert, key):
            labels[key] = str(value)
    name = alert.name or alert.title or ""
    parts = {
        "monitor": alert.monitor or name,
        "model": alert.model or labels.get("model"),
        "version": alert.version,
        "feature": alert.feature or labels.get("feature"),
        "segment": alert.segment,
    }
    identity = {"id": alert.id} if alert.id else {key: value for key, value in parts.items() if value}
    return Signal.model_validate(
        {
            "state": alert.status,
            "name": name,
            "summary": alert.title or name,
            "starts_at": alert.starts_at,
            "ends_at": alert.ends_at,
            "identity": identity,
            "severity": severity_of(labels),
            "model": parts["model"],
            "model_version": alert.version,
            "monitor": parts["monitor"],
            "feature": parts["feature"],
            "segment": alert.segment,
            "metric": alert.metric,
            "observed": alert.observed,
            "threshold": alert.threshold,
            "sample_size": alert.sample_size,
            "current_window": alert.window,
            "reference_window": alert.reference,
            "labels": labels,
            "links": {"source": alert.url} if alert.url else {},
            "payload": raw,
        },
    )
