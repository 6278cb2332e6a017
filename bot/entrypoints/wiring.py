"""The one file that knows everyone: it builds the parts and hands them to each other."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr
from sqlmodel import Session

from bot.actions import jobs as action_jobs
from bot.actions.deliveries import ActionDeliveries
from bot.actions.handlers import ActionHandlers
from bot.actions.service import Actions
from bot.alerts.webhooks import PARSERS, Keys
from bot.alerts.writer import Writer
from bot.catalog.config import Catalog, Source
from bot.catalog.values import SecretRef
from bot.checks import deliveries as check_deliveries
from bot.checks.handlers import CheckHandlers
from bot.checks.messages import is_calm
from bot.checks.service import Checks
from bot.core.clock import Clock, SystemClock
from bot.core.database import Database
from bot.core.errors import ConfigError
from bot.core.logging import get_logger
from bot.core.settings import Settings
from bot.escalation import jobs as escalation_jobs
from bot.escalation.deliveries import EscalationDeliveries
from bot.incidents import jobs as incident_jobs
from bot.incidents import service as incidents
from bot.incidents.deliveries import IncidentDeliveries, tell, want_person
from bot.incidents.handlers import IncidentHandlers
from bot.incidents.house import House, Picture
from bot.monitoring import baselines
from bot.monitoring.deliveries import BaselineDeliveries
from bot.monitoring.handlers import BaselineHandlers
from bot.monitoring.jobs import Monitors
from bot.monitoring.pictures import chart_of
from bot.monitoring.shadow.deliveries import ShadowDeliveries
from bot.monitoring.shadow.handlers import ShadowHandlers
from bot.monitoring.truth.verdicts import LabelDeliveries
from bot.outbox.claims import Timing
from bot.outbox.kinds import Kinds
from bot.outbox.sender import Sender
from bot.postmortems.deliveries import PostmortemDeliveries
from bot.postmortems.handlers import PostmortemHandlers
from bot.postmortems.links import Links
from bot.runbooks import jobs as runbook_jobs
from bot.runbooks.deliveries import RunbookDeliveries
from bot.runbooks.handlers import RunbookHandlers
from bot.runbooks.library import load as load_library
from bot.runbooks.service import Runbooks
from bot.slack.app import SlackApp
from bot.slack.calls import Listeners
from bot.slack.gateway import SlackCallError, SlackGateway
from bot.tables import Alert, CheckRun, Incident
from bot.timeline import capture

log = get_logger(__name__)
ANNOUNCEMENTS = "incidents"


class Announcements:
    """Where incidents are announced: the team's channel, else MUSTER_CHANNEL, else `incidents`, made when missing."""

    def __init__(self, gateway: SlackGateway, catalog: Catalog, configured: str | None) -> None:
        self.gateway = gateway
        self.catalog = catalog
        self._default = configured

    def __call__(self, model: str | None) -> str | None:
        return self.catalog.team_of(model).channel or self._default

    def settle(self) -> None:
        """Find, join or create the default channel. Called at start, outside any transaction."""
        if self._default is None:
            self._default = self._create_or_find()
        for channel in {self._default, *(team.channel for team in self.catalog.teams if team.channel)}:
            try:
                self.gateway.call("conversations.join", channel=channel)
            except SlackCallError as error:
                log.warning("slack.announcement_channel", channel=channel, code=error.code)

    def _create_or_find(self) -> str:
        try:
            return str(self.gateway.call("conversations.create", name=ANNOUNCEMENTS)["channel"]["id"])
        except SlackCallError as error:
            if error.code != "name_taken":
                raise
        cursor = None
        while True:
            page = self.gateway.call("conversations.list", limit=500, exclude_archived=True, cursor=cursor)
            for channel in page.get("channels", []):
                if channel["name"] == ANNOUNCEMENTS:
                    return str(channel["id"])
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                raise ConfigError(f"#{ANNOUNCEMENTS} is taken by a channel Muster can't see; set MUSTER_CHANNEL.")


@dataclass(slots=True)
class Muster:
    """All parts of one process, built but not started."""

    settings: Settings
    catalog: Catalog
    clock: Clock
    database: Database
    gateway: SlackGateway
    house: House
    announcements: Announcements
    listeners: Listeners
    kinds: Kinds
    slack: SlackApp
    writer: Writer
    keys: Keys
    api_token: str
    team: "HomeTeam"
    checks: Checks
    monitors: Monitors
    runbooks: Runbooks
    actions: Actions
    links: Links
    spool: Path
    timing: Timing = field(default_factory=Timing)

    def meet_slack(self) -> None:
        """Learn who we are and where incidents are announced; raises SlackCallError while Slack is down."""
        self.team.learn()
        self.announcements.settle()

    def tick(self) -> None:
        """Read every timer once."""
        now = self.clock.now()
        escalation_jobs.tick(self.database, now)
        incident_jobs.tick(self.database, self.house, now)
        runbook_jobs.tick(self.database, self.runbooks, now)
        action_jobs.tick(self.database, self.actions, now)
        baselines.tick(self.database, self.catalog, now)

    def sender(self, timing: Timing | None = None) -> Sender:
        return Sender(self.database, self.gateway, self.kinds, self.clock, timing=timing)


def build(
    settings: Settings,
    catalog: Catalog,
    *,
    bot_token: str,
    webhook_token: str,
    api_token: str,
    clock: Clock | None = None,
) -> Muster:
    clock = clock or SystemClock()
    database = Database(settings.database_url)
    gateway = SlackGateway(bot_token, base_url=settings.slack_api_url)
    announcements = Announcements(gateway, catalog, settings.channel)
    house = House(catalog=catalog, announce=announcements, public_url=settings.public_url)
    listeners, kinds = Listeners(), Kinds()
    team = HomeTeam(gateway)
    base = base_of(settings)
    checks = Checks(catalog, base)
    links = Links(settings.public_url, api_token)
    house.picture, house.postmortem_url = alert_picture, links.url
    runbooks = Runbooks(load_library(settings.runbooks), catalog, checks, changed=incidents.changed)
    actions = Actions(catalog, is_calm, ask=asking(checks), mitigated=incidents.mitigated)
    house.runbook_severity = runbooks.library.severity_of
    house.step_line = runbooks.card_line
    house.on_card.append(runbooks.begin)
    house.on_end.append(runbooks.end_for)
    checks.followers += [runbooks.check_finished, actions.check_finished]
    offers = BaselineDeliveries(house)
    house.on_end.append(offers.ended)
    house.on_verdict.append(offers.judged)
    house.card_button = offers.card_button
    kinds.add(*offers.kinds())
    kinds.add(*IncidentDeliveries(house).kinds())
    kinds.add(*LabelDeliveries().kinds())
    kinds.add(*EscalationDeliveries(catalog, team.me).kinds())
    kinds.add(*check_deliveries.kinds())
    kinds.add(*RunbookDeliveries(runbooks, settings.public_url).kinds())
    kinds.add(*ActionDeliveries(actions).kinds())
    kinds.add(*PostmortemDeliveries(catalog, links.url).kinds())
    kinds.add(*ShadowDeliveries(house).kinds())
    IncidentHandlers(house, listeners).register()
    BaselineHandlers(house, listeners).register()
    CheckHandlers(checks, listeners).register()
    RunbookHandlers(runbooks, listeners, settings.public_url).register()
    ActionHandlers(actions, listeners).register()
    PostmortemHandlers(catalog, listeners, links.url).register()
    ShadowHandlers(house, listeners).register()
    capture.register(listeners)
    slack = SlackApp(database, gateway, listeners, clock, tell=tell, home_team=team, want_person=want_person)
    return Muster(
        settings=settings,
        catalog=catalog,
        clock=clock,
        database=database,
        gateway=gateway,
        house=house,
        announcements=announcements,
        listeners=listeners,
        kinds=kinds,
        slack=slack,
        writer=Writer(database, house, clock),
        keys=Keys(_sources(catalog, webhook_token)),
        api_token=api_token,
        team=team,
        checks=checks,
        runbooks=runbooks,
        actions=actions,
        monitors=Monitors(database, house, base, clock),
        links=links,
        spool=base / "batches",
    )


def asking(checks: Checks) -> Callable[[Session, datetime, Incident, str], CheckRun]:
    """Let actions queue the check that verifies them."""

    def ask(session: Session, now: datetime, incident: Incident, line: str) -> CheckRun:
        check, params = checks.registry.read_line(line)
        return checks.ask(session, now, name=check.name, params=params, model=incident.model, incident_id=incident.id)

    return ask


def alert_picture(session: Session, alert: Alert, _now: datetime) -> Picture | None:
    """Draw an alert of our own monitors; other senders bring their pictures by link."""
    chart = chart_of(session, alert)
    return Picture(chart.png, chart.alt) if chart else None


class HomeTeam:
    """The workspace's id, asked once; unknown while Slack is down."""

    def __init__(self, gateway: SlackGateway) -> None:
        self._gateway = gateway
        self._id = ""
        self._me = ""

    def learn(self) -> None:
        answer = self._gateway.call("auth.test")
        self._id, self._me = str(answer.get("team_id", "")), str(answer.get("user_id", ""))

    def me(self) -> str:
        return self._me

    def __call__(self) -> str:
        return self._id


def _sources(catalog: Catalog, token: str) -> dict[str, tuple[Source, str]]:
    """Sources as configured; with none, each built-in kind under its own name and the one token."""
    if not catalog.sources:
        shared = SecretRef(env="MUSTER_WEBHOOK_TOKEN")
        return {kind: (Source.model_validate({"name": kind, "kind": kind, "token": shared}), token) for kind in PARSERS}
    found = {}
    for source in catalog.sources:
        secret = source.token.read()
        if not secret:
            raise ConfigError(f"Source `{source.name}`: the variable {source.token.env} is not set.")
        found[source.name] = (source, secret)
    return found


def base_of(settings: Settings) -> Path:
    """The folder of muster.yaml, which its paths are relative to."""
    return settings.config.resolve().parent if settings.config else Path.cwd()


def revealed(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def ping(session: Session) -> None:
    session.connection().exec_driver_sql("SELECT 1")
