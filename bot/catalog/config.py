"""`muster.yaml` as types. Every field is documented in the README's configuration section."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from bot.catalog.events import Countries, KnownEvent
from bot.catalog.values import Duration, Part, Rate, SecretRef, Strict, format_duration, parse_duration

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class AlertKind(StrEnum):
    DATA_QUALITY = "data_quality"
    DRIFT = "drift"
    PREDICTION = "prediction"
    LATENCY = "latency"
    PERFORMANCE = "performance"
    FRESHNESS = "freshness"
    INFRASTRUCTURE = "infrastructure"
    UNKNOWN = "unknown"


class AlertRole(StrEnum):
    OUTCOME = "outcome"
    GUARDRAIL = "guardrail"
    DIAGNOSTIC = "diagnostic"


class Route(StrEnum):
    PAGE = "page"
    TICKET = "ticket"
    DIGEST = "digest"
    EVIDENCE = "evidence"


class Severity(StrEnum):
    SEV1 = "SEV1"
    SEV2 = "SEV2"
    SEV3 = "SEV3"
    SEV4 = "SEV4"


class Labels(Strict):
    """Where the truth about predictions arrives, later.

    path: Parquet, CSV or JSONL file, directory or glob. key: the column that joins a label to its prediction
    (the same name on both sides). column: the label. time: when the label became known, optional. answers: which label
    an answer claims, where the two are named otherwise: `{decline: fraud, accept: good}`.
    """

    path: str
    key: str
    column: str
    time: str | None = None
    answers: dict[str | int | bool, str | int | bool] = {}


class Feature(Strict):
    """What a person should know of a column: its unit, and how much the model leans on it (0..1)."""

    unit: str | None = None
    importance: float | None = Field(None, ge=0, le=1)


LEAST_IMPORTANCE = 0.01
"""What counts for a feature said to have none: of two that moved it comes last, and is still told."""


class ModelData(Strict):
    """Where a model's rows lie: files, directories or globs of Parquet, CSV or JSONL, relative to muster.yaml or in
    object storage (`s3://`, `gs://`, `az://`, `abfss://`, `https://`; credentials of the environment); with
    `database` (`{env: NAME}` of a SQLAlchemy URL), tables or views of it, as `table` or `schema.table`.

    predictions: one row a prediction (features, score, class, event time). time: event-time column, naive is UTC.
    reference: rows the current window is compared with. holdout: labelled rows the model never trained on.
    probabilities: the columns of a score a class. default_prediction: what is answered when the model can't.
    latency: how long an answer took, in milliseconds unless `features` gives the column another unit (us, s, min).
    """

    database: SecretRef | None = None
    predictions: str
    time: str
    reference: str | None = None
    holdout: str | None = None
    labels: Labels | None = None
    prediction: str | None = None
    score: str | None = None
    probabilities: list[str] = []
    default_prediction: str | float | bool | None = None
    latency: str | None = None
    version: str | None = None
    features: dict[str, Feature] = {}
    segments: list[str] = []
    window: Duration = parse_duration("1h")

    @property
    def importances(self) -> dict[str, float]:
        """How much each feature weighs, where anything is said of it; one without counts as the least that is given."""
        given = {
            name: max(one.importance, LEAST_IMPORTANCE)
            for name, one in self.features.items()
            if one.importance is not None
        }
        return {name: given.get(name, min(given.values())) for name in self.features} if given else {}


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


class Model(Strict):
    """A machine-learning model. tier 1 is the business's lifeline, 3 an experiment.

    promotion: whether monitors of its answers start a new baseline when a new version is promoted.
    """

    name: str = Field(min_length=1, max_length=200)
    team: str = "default"
    owner: str | None = None
    tier: int = Field(2, ge=1, le=3)
    description: str | None = None
    kpi: str | None = None
    outcome: str | None = None
    data: ModelData | None = None
    promotion: Promotion = Promotion.NEW_BASELINE
    monitors: list[Monitor] = []


class Team(Strict):
    """Who answers for models: the channel that hears of their incidents, the policy that pages, and the false pages an
    on-call week of theirs may have (`budget`), over all monitors of all their models.
    """

    name: str = "default"
    channel: str | None = None
    policy: str | None = None
    budget: Rate = 1.0


class Level(Strict):
    """Who is paged at this level, and how long until the next.

    notify: Slack ids (`U…` user, `S…` user group, `C…` channel), `owner`, `channel` (the team's announcement
    channel), `members` (direct messages to at most ten full members of that channel), or `{env: NAME}` naming a
    variable that holds a notification URL (mailto://, twilio://, …).
    """

    notify: list[str | SecretRef] = Field(min_length=1)
    timeout: Duration = parse_duration("15m")


class Policy(Strict):
    name: Name
    levels: list[Level] = Field(min_length=1, max_length=10)
    repeat: int = Field(1, ge=0, le=10)
    acknowledge_expires: Duration | None = None


class HttpCall(Strict):
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    url: str
    headers: dict[str, str | SecretRef] = {}
    json_body: dict[str, object] | None = Field(None, alias="json")
    timeout: Duration = parse_duration("10s")


class Action(Strict):
    """A mitigation that changes a system: off until approvers are named."""

    name: Name
    title: str
    description: str | None = None
    models: list[str] = []
    http: HttpCall
    approvers: list[str] = []
    two_person: bool = False
    verify: str | None = None


class Source(Strict):
    """A sender of webhooks at `/webhooks/<name>`; its own credential."""

    name: Name
    kind: Literal["alertmanager", "generic"]
    token: SecretRef
    ttl: Duration | None = None
    default_kind: AlertKind | None = None
    default_role: AlertRole | None = None


class RouteRule(Strict):
    """The first rule that fits decides. Nothing given fits anything."""

    role: AlertRole | None = None
    severity: list[Severity] = []
    tier: list[int] = []
    model: str | None = None
    route: Route


DEFAULT_ROUTES = (
    RouteRule(role=AlertRole.DIAGNOSTIC, route=Route.EVIDENCE),
    RouteRule(severity=[Severity.SEV1, Severity.SEV2], route=Route.PAGE),
    RouteRule(severity=[Severity.SEV3], route=Route.TICKET),
    RouteRule(route=Route.DIGEST),
)


class PrometheusServer(Strict):
    """Where the check `metric` asks. url: the server's root, without /api/v1. token: a bearer token."""

    url: str = Field(pattern=r"^https?://[^/\s]+\S*$")
    token: SecretRef | None = None
    timeout: Duration = parse_duration("10s")


class Limits(Strict):
    """How much one check may use: of time, memory, rows, and of what an engine has to read for it."""

    seconds: float = Field(30, gt=0, le=3600)
    memory_mib: int = Field(2048, ge=512, le=65536)
    rows: int = Field(20_000_000, ge=1000)
    scan_gib: float = Field(20, gt=0)


class Catalog(Strict):
    """The whole of `muster.yaml`. An empty file is a valid one."""

    teams: list[Team] = []
    models: list[Model] = []
    policies: list[Policy] = []
    actions: list[Action] = []
    sources: list[Source] = []
    routing: list[RouteRule] = []
    default_policy: str | None = None
    heartbeat: SecretRef | None = None
    limits: Limits = Limits()
    prometheus: PrometheusServer | None = None
    calendar: list[KnownEvent] = []
    holidays: Countries = []
    timezone: str = "UTC"

    @model_validator(mode="after")
    def _names(self) -> Self:
        for what, names in (
            ("team", [t.name for t in self.teams]),
            ("model", [m.name for m in self.models]),
            ("policy", [p.name for p in self.policies]),
            ("action", [a.name for a in self.actions]),
            ("source", [s.name for s in self.sources]),
        ):
            twice = {name for name in names if names.count(name) > 1}
            if twice:
                raise ValueError(f"{what} {min(twice)!r} is defined twice")
        policies = {p.name for p in self.policies}
        wanted = [t.policy for t in self.teams if t.policy] + ([self.default_policy] if self.default_policy else [])
        missing = sorted(set(wanted) - policies)
        if missing:
            raise ValueError(f"policy {missing[0]!r} is used but not defined; add it under `policies:`")
        return self

    @field_validator("timezone")
    @classmethod
    def _zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{name!r} is no time zone; write one such as Europe/Berlin or UTC") from error
        return name

    @model_validator(mode="after")
    def _events(self) -> Self:
        known = {model.name for model in self.models}
        for event in self.calendar:
            strangers = [name for name in event.models if name not in known]
            if strangers:
                raise ValueError(f"event {event.name!r} names the model {strangers[0]!r}, which is not defined")
        return self

    @model_validator(mode="after")
    def _budgets(self) -> Self:
        for name in sorted({model.team for model in self.models}):
            own = [one.budget for model in self.models if model.team == name for one in model.monitors if one.budget]
            team = self.team_named(name)
            if sum(own) > team.budget * (1 + 1e-9):
                asked = f"{sum(own):.3g} false pages a week, and the team's `budget` is {team.budget:.3g}/week"
                raise ValueError(f"the monitors of team {name!r} ask for {asked}; lower theirs or raise the team's")
        return self

    def model(self, name: str | None) -> Model | None:
        return next((model for model in self.models if model.name == name), None)

    def team_of(self, model: str | None) -> Team:
        """Return the model's team; the `default` team, configured or not, for models without one."""
        found = self.model(model)
        return self.team_named(found.team if found else "default")

    def team_named(self, name: str) -> Team:
        return next((team for team in self.teams if team.name == name), Team(name=name))

    def tier_of(self, model: str | None) -> int:
        found = self.model(model)
        return found.tier if found else 2

    def policy(self, name: str | None) -> Policy | None:
        return next((policy for policy in self.policies if policy.name == name), None)

    def action(self, name: str) -> Action | None:
        return next((action for action in self.actions if action.name == name), None)

    def actions_for(self, model: str | None) -> list[Action]:
        return [action for action in self.actions if not action.models or model in action.models]

    @property
    def routes(self) -> tuple[RouteRule, ...]:
        return (*self.routing, *DEFAULT_ROUTES)
