"""Prometheus Alertmanager's webhook, version 4: one POST holds a group, firing and resolved alerts mixed."""

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from bot.alerts.signals import Item, Signal
from bot.alerts.words import severity_of
from bot.core.errors import BotError

_VOLATILE = {"instance", "pod", "job", "replica", "endpoint", "container", "prometheus"}


class _Alert(BaseModel):
    model_config = ConfigDict(extra="ignore")

    status: str
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    startsAt: str | None = None  # noqa: N815
    endsAt: str | None = None  # noqa: N815
    generatorURL: str = ""  # noqa: N815


def parse(body: Any) -> list[Item]:  # noqa: ANN401
    """Read a whole group. Raises BotError when it is no Alertmanager body; a bad alert in it is an item of its own."""
    if not isinstance(body, dict) or not isinstance(body.get("alerts"), list):
        raise BotError("/alerts: a list is expected; is this Alertmanager's webhook_config (version 4)?")
    external = body.get("externalURL")
    return [_item(index, raw, external) for index, raw in enumerate(body["alerts"])]


def _item(index: int, raw: Any, external: Any) -> Item:  # noqa: ANN401
    try:
        alert = _Alert.model_validate(raw)
        return Item(index=index, signal=_signal(alert, raw, external), raw=raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = "/".join(str(part) for part in first["loc"])
        return Item(index=index, problem=f"/alerts/{index}/{where}: {first['msg']}", raw=raw)


def _signal(alert: _Alert, raw: dict[str, Any], external: Any) -> Signal:  # noqa: ANN401
    labels = alert.labels
    links = {"source": alert.generatorURL} if alert.generatorURL else {}
    if isinstance(external, str) and external:
        links["alertmanager"] = external
    if runbook := alert.annotations.get("runbook_url"):
        links["runbook"] = runbook
    name = labels.get("alertname", "alert")
    return Signal.model_validate(
        {
            "state": "resolved" if alert.status == "resolved" else "firing",
            "name": name,
            "summary": alert.annotations.get("summary") or alert.annotations.get("description") or name,
            "starts_at": alert.startsAt,
            "ends_at": alert.endsAt,
            "identity": {key: value for key, value in labels.items() if key not in _VOLATILE},
            "severity": severity_of(labels),
            "model": labels.get("model") or labels.get("model_name"),
            "model_version": labels.get("model_version") or labels.get("version"),
            "monitor": labels.get("monitor") or name,
            "feature": labels.get("feature"),
            "segment": labels.get("segment"),
            "metric": labels.get("metric"),
            "observed": _number(alert.annotations.get("value")),
            "threshold": _number(alert.annotations.get("threshold")),
            "labels": labels,
            "links": links,
            "payload": raw,
        },
    )


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    return value if value is not None and value == value and abs(value) != float("inf") else None  # noqa: PLR0124
