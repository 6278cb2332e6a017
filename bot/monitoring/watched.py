"""What is watched: one monitor of one model, with the defaults its metric brings."""

from dataclasses import dataclass
from datetime import timedelta

from bot.catalog.config import Catalog, Model
from bot.catalog.data import ModelData
from bot.catalog.kinds import AlertKind, AlertRole, Severity
from bot.catalog.monitors import Monitor, MonitorMetric
from bot.core.errors import BotError

_KINDS = {
    MonitorMetric.CLASS_SHARE: AlertKind.PREDICTION,
    MonitorMetric.NULL_RATE: AlertKind.DATA_QUALITY,
    MonitorMetric.RANGE: AlertKind.DATA_QUALITY,
    MonitorMetric.DRIFT: AlertKind.DRIFT,
    MonitorMetric.MULTIVARIATE: AlertKind.DRIFT,
    MonitorMetric.ROW_COUNT: AlertKind.DATA_QUALITY,
    MonitorMetric.MEAN: AlertKind.DATA_QUALITY,
    MonitorMetric.SCORE: AlertKind.PREDICTION,
    MonitorMetric.DEFAULT_RATE: AlertKind.PREDICTION,
    MonitorMetric.CONFIDENCE: AlertKind.PREDICTION,
    MonitorMetric.LATENCY: AlertKind.LATENCY,
    MonitorMetric.SCHEMA: AlertKind.DATA_QUALITY,
    MonitorMetric.DUPLICATES: AlertKind.DATA_QUALITY,
    MonitorMetric.FRESHNESS: AlertKind.FRESHNESS,
    MonitorMetric.OUTLIERS: AlertKind.PREDICTION,
    MonitorMetric.CHECK: AlertKind.UNKNOWN,
    MonitorMetric.PERFORMANCE: AlertKind.PERFORMANCE,
    MonitorMetric.ESTIMATE: AlertKind.PERFORMANCE,
}
_OUTCOMES = frozenset({MonitorMetric.PERFORMANCE})
_GUARDRAILS = frozenset(
    {
        MonitorMetric.CLASS_SHARE,
        MonitorMetric.ROW_COUNT,
        MonitorMetric.SCORE,
        MonitorMetric.DEFAULT_RATE,
        MonitorMetric.CONFIDENCE,
        MonitorMetric.LATENCY,
        MonitorMetric.FRESHNESS,
        MonitorMetric.ESTIMATE,
        MonitorMetric.MULTIVARIATE,
    }
)


@dataclass(frozen=True, slots=True)
class Watched:
    model: Model
    monitor: Monitor

    @property
    def key(self) -> str:
        return key_of(self.model.name, self.monitor.name)

    @property
    def data(self) -> ModelData:
        if self.model.data is None:
            raise BotError(f"Model {self.model.name} has no `data:` in muster.yaml; say where its predictions lie.")
        return self.model.data

    @property
    def kind(self) -> AlertKind:
        return self.monitor.kind or _KINDS[self.monitor.metric]

    @property
    def role(self) -> AlertRole:
        metric = self.monitor.metric
        close = AlertRole.GUARDRAIL if metric in _GUARDRAILS else AlertRole.DIAGNOSTIC
        return self.monitor.role or (AlertRole.OUTCOME if metric in _OUTCOMES else close)

    @property
    def severity(self) -> Severity | None:
        """As configured; a shifted class share is SEV2, and for the rest the impact rule decides."""
        shifted = self.monitor.metric is MonitorMetric.CLASS_SHARE and self.role is not AlertRole.DIAGNOSTIC
        return self.monitor.severity or (Severity.SEV2 if shifted else None)

    @property
    def step(self) -> timedelta:
        """How long after one window the next is judged."""
        return self.monitor.every or self.monitor.window

    @property
    def pages(self) -> bool:
        return self.role is not AlertRole.DIAGNOSTIC


def key_of(model: str, monitor: str) -> str:
    return f"{model}/{monitor}"


def watched(catalog: Catalog) -> dict[str, Watched]:
    """Every configured monitor by its key; those that page come first."""
    found = [Watched(model, monitor) for model in catalog.models for monitor in model.monitors]
    return {one.key: one for one in sorted(found, key=lambda one: not one.pages)}
