"""A monitor as `muster.yaml` writes it: what it measures, against what, when, and by which rule."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from bot.catalog.kinds import AlertKind, AlertRole, Severity
from bot.catalog.values import Duration, Part, Rate, Strict, format_duration, parse_duration

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class MonitorMetric(StrEnum):
    CLASS_SHARE = "class_share"
    NULL_RATE = "null_rate"
    RANGE = "range"
    DRIFT = "drift"
    MULTIVARIATE = "multivariate"
    ROW_COUNT = "row_count"
    MEAN = "mean"
    SCORE = "score"
    DEFAULT_RATE = "default_rate"
    CONFIDENCE = "confidence"
    LATENCY = "latency"
    SCHEMA = "schema"
    DUPLICATES = "duplicates"
    FRESHNESS = "freshness"
    OUTLIERS = "outliers"
    CHECK = "check"
    PERFORMANCE = "performance"
    ESTIMATE = "estimate"


LABELLED = frozenset({MonitorMetric.PERFORMANCE, MonitorMetric.ESTIMATE})
"""Metrics that have a `measure`."""


WITH_REFERENCE = frozenset(
    {
        MonitorMetric.CLASS_SHARE,
        MonitorMetric.DEFAULT_RATE,
        MonitorMetric.ROW_COUNT,
        MonitorMetric.NULL_RATE,
        MonitorMetric.RANGE,
        MonitorMetric.DRIFT,
    }
)
"""Metrics that have a `reference` to choose."""


WEEK, MONTH = parse_duration("7d"), parse_duration("30d")


MonitorMeasure = Literal["accuracy", "precision", "recall", "f1", "auc", "log_loss", "brier", "mae", "rmse", "ndcg"]


ESTIMATED = ("accuracy", "precision", "recall", "f1", "auc")


LEAST_RELATED = 10
"""Windows that tell how columns usually belong together."""


class Reference(StrEnum):
    """What a window is compared with.

    pinned: the reference rows, or the first windows of an accepted baseline. rolling: the windows before.
    same_weekday: the same hours of the same weekday in the weeks before.
    """

    PINNED = "pinned"
    ROLLING = "rolling"
    SAME_WEEKDAY = "same_weekday"


class Promotion(StrEnum):
    """What a new version of the model does to monitors of its answers."""

    NEW_BASELINE = "new_baseline"
    KEEP = "keep"


class Rule(Strict):
    """A fixed rule in place of the budget: `{above: x}`, `{below: x}`, or `{drop: 5%, of: 30d}`.

    drop: worse than the mean of the time before (`of`, 30 days) by this part of it, and beyond chance.
    """

    above: float | None = Field(None, allow_inf_nan=False)
    below: float | None = Field(None, allow_inf_nan=False)
    drop: Part | None = None
    of: Duration | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in ("above", "below", "drop") if getattr(self, name) is not None]
        if len(given) != 1:
            has = f"this one has {' and '.join(given)}" if given else "this one has none"
            raise ValueError(f"a rule has exactly one of `above`, `below` and `drop`; {has}")
        if self.of is not None and self.drop is None:
            raise ValueError("`of` says what a `drop` is measured against; it goes with no other rule")
        if self.of is not None and not self.of:
            raise ValueError("`of` must be longer than nothing, such as 30d")
        return self

    @property
    def time_before(self) -> timedelta:
        return self.of or MONTH


BY_SEGMENT = frozenset(
    {MonitorMetric.CLASS_SHARE, MonitorMetric.NULL_RATE, MonitorMetric.ROW_COUNT, MonitorMetric.MEAN}
)
"""Metrics that can be watched in every segment."""


_OF_A_FEATURE = frozenset({MonitorMetric.NULL_RATE, MonitorMetric.RANGE, MonitorMetric.MEAN})


class Monitor(Strict):
    """One thing Muster watches on a model's own data.

    value: the class whose share is watched (`class_share`). feature: the column (`null_rate`, `range`, `drift`).
    window: rows of this event time are judged at once, when the window is complete. every: how often one is judged,
    such as the last 24h every 1h; without it, when the last has ended. baseline: how many windows before it the control
    limits come from, or how long a stretch of them (30d). reference: what a window is compared with; without one the
    reference rows for inputs, where the model has some, and the windows before for the rest. promotion: what a new
    version does to a monitor of answers; by default as the model says. rule: a fixed rule in place of control limits.
    measure: how good answers are counted (`performance`, `estimate`); default by what they are. percentile: which one
    of `latency`, 95 without. check: what a `check` monitor asks, as typed. min_rows: fewer rows (labels, for
    `performance`) are "too few", not an alert. budget: false pages it may cause, such as 0.25/week; without one it has
    a share of its team's. shadow: true records and tells nobody, false tells from the first window on; without it a new
    monitor is in shadow until somebody accepts it.
    """

    name: Name
    metric: MonitorMetric
    kind: AlertKind | None = None
    role: AlertRole | None = None
    severity: Severity | None = None
    feature: str | None = None
    value: str | int | bool | None = None
    window: Duration = parse_duration("1h")
    every: Duration | None = None
    baseline: int = Field(30, ge=8, le=10_000)
    lateness: Duration = parse_duration("0s")
    min_rows: int = Field(200, ge=1)
    budget: Rate | None = None
    rule: Rule | None = None
    measure: MonitorMeasure | None = None
    percentile: float | None = Field(None, gt=0, lt=100)
    by: str | None = None
    check: str | None = None
    reference: Reference | None = None
    promotion: Promotion | None = None
    shadow: bool | None = None

    @model_validator(mode="after")
    def _needs(self) -> Self:
        if self.metric is MonitorMetric.CLASS_SHARE and self.value is None:
            raise ValueError("a class_share monitor needs `value`: the class whose share is watched")
        if self.metric in _OF_A_FEATURE and self.feature is None:
            raise ValueError(f"a {self.metric} monitor needs `feature`: the column it watches")
        if (self.check is None) is (self.metric is MonitorMetric.CHECK):
            raise ValueError("`check` names a diagnostic check, such as calibration; it goes with metric: check")
        if self.every is not None and (not self.every or self.window % self.every):
            raise ValueError("`every` must go into `window` without a rest, such as window: 24h, every: 1h")
        if self.percentile is not None and self.metric is not MonitorMetric.LATENCY:
            raise ValueError(f"`percentile` belongs to latency monitors, not to {self.metric}")
        return self

    @model_validator(mode="after")
    def _needs_windows(self) -> Self:
        if self.metric is not MonitorMetric.MULTIVARIATE:
            return self
        if self.feature is not None or self.rule is not None:
            raise ValueError("a multivariate monitor looks at all features at once, without `feature` or `rule`")
        if self.baseline < LEAST_RELATED:
            raise ValueError(f"a multivariate monitor learns from a `baseline` of at least {LEAST_RELATED} windows")
        return self

    @model_validator(mode="before")
    @classmethod
    def _in_windows(cls, given: Any) -> Any:  # noqa: ANN401
        """Count a stretch, such as `baseline: 30d`, in windows."""
        stretch = given.get("baseline") if isinstance(given, dict) else None
        if not isinstance(stretch, str):
            return given
        window = parse_duration(given.get("window", "1h"))
        return {**given, "baseline": parse_duration(stretch) // window if window else 0}

    @model_validator(mode="after")
    def _chooses(self) -> Self:
        if self.reference is not None and self.metric not in WITH_REFERENCE:
            names = ", ".join(sorted(WITH_REFERENCE))
            raise ValueError(f"`reference` can be chosen for {names} monitors, not for {self.metric}")
        return self

    @model_validator(mode="after")
    def _every_segment(self) -> Self:
        if self.by is None:
            return self
        if self.metric not in BY_SEGMENT:
            raise ValueError(f"`by` goes with {', '.join(sorted(BY_SEGMENT))}, not with {self.metric}")
        if not self.by.strip():
            raise ValueError("`by` names a column, such as by: merchant")
        if self.rule is not None:
            raise ValueError("`by` holds each segment against its own past; a fixed `rule` goes without it")
        if self.by == self.feature:
            raise ValueError(f"`by` and `feature` are both {self.by!r}; a segment of itself never changes")
        return self

    @model_validator(mode="after")
    def _fits_a_week(self) -> Self:
        if self.reference is Reference.SAME_WEEKDAY and (self.window >= WEEK or WEEK % self.window):
            length = format_duration(self.window)
            raise ValueError(f"same_weekday needs windows that divide a week, such as 1h, 6h or 1d; not {length}")
        return self

    @model_validator(mode="after")
    def _measured(self) -> Self:
        if self.measure is None:
            return self
        if self.metric not in LABELLED:
            raise ValueError(f"`measure` belongs to performance and estimate monitors, not to {self.metric}")
        if self.metric is MonitorMetric.ESTIMATE and self.measure not in ESTIMATED:
            raise ValueError(f"{self.measure} can't be estimated without labels; there is {', '.join(ESTIMATED)}")
        if self.measure == "ndcg" and self.feature is None:
            raise ValueError("ndcg needs `feature`: the column that says which rows were ordered together")
        return self
