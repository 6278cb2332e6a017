"""`muster.yaml` as types. Every field is documented in the README's configuration section."""

from typing import Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from bot.catalog.data import ModelData
from bot.catalog.events import Countries, KnownEvent
from bot.catalog.kinds import AlertKind, AlertRole, Route, Severity
from bot.catalog.monitors import Monitor, Name, Promotion
from bot.catalog.values import Duration, Rate, SecretRef, Strict, parse_duration


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
    """How much one check may use: of time, memory, rows, and of what an engine has to read for it.

    scan_gib: of all reads of a check together, and of those of a monitor for one window.
    """

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
