"""All that is on record of one incident, read once; what is written of it works on this alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from bot.catalog.config import Catalog, Model
from bot.changes.service import nearest
from bot.postmortems.metrics import Sighting
from bot.postmortems.names import Names, mentioned
from bot.tables import (
    ActionItem,
    ActionRun,
    Alert,
    Change,
    CheckRun,
    Incident,
    IncidentMember,
    IncidentRole,
    MonitorResult,
    Person,
    RunbookRun,
    RunbookVersion,
    StepRun,
    TimelineEvent,
)
from bot.timeline.mentioned import by_number
from bot.timeline.moments import Moment, moments
from bot.timeline.service import events

OWN = "postmortem."
_ROLES = {
    IncidentRole.COMMANDER: "the commander",
    IncidentRole.COMMUNICATIONS: "the communications lead",
    IncidentRole.SCRIBE: "the scribe",
}


@dataclass(frozen=True, slots=True)
class Record:
    """watermark: the last timeline row read; rows about the postmortem itself don't count."""

    incident: Incident
    watermark: int
    model: Model | None = None
    tier: int = 2
    names: Names = field(default_factory=Names)
    moments: Sequence[Moment] = ()
    alerts: Sequence[Alert] = ()
    steps: Sequence[StepRun] = ()
    checks: Sequence[CheckRun] = ()
    charts: frozenset[int] = frozenset()
    actions: Sequence[ActionRun] = ()
    action_titles: dict[str, str] = field(default_factory=dict)
    changes: Sequence[Change] = ()
    runbook: RunbookVersion | None = None
    run: RunbookRun | None = None
    items: Sequence[ActionItem] = ()
    seen: Sighting | None = None

    @property
    def number(self) -> int:
        return self.incident.id or 0


def read(session: Session, catalog: Catalog, number: int) -> Record:
    """Gather the record of one incident. Raises NotFoundError for a number that does not exist."""
    incident = by_number(session, number)
    rows = [row for row in events(session, number) if not row.kind.startswith(OWN)]
    members = session.exec(
        select(IncidentMember).where(IncidentMember.incident_id == number).order_by(col(IncidentMember.since))
    ).all()
    items = session.exec(select(ActionItem).where(ActionItem.incident_id == number).order_by(col(ActionItem.id))).all()
    actions = session.exec(select(ActionRun).where(ActionRun.incident_id == number).order_by(col(ActionRun.id))).all()
    run = session.exec(
        select(RunbookRun).where(RunbookRun.incident_id == number).order_by(col(RunbookRun.id).desc()).limit(1)
    ).first()
    alerts = session.exec(select(Alert).where(Alert.incident_id == number).order_by(col(Alert.first_seen_at))).all()
    return Record(
        incident=incident,
        watermark=max((row.seq for row in rows), default=0),
        model=catalog.model(incident.model),
        tier=catalog.tier_of(incident.model),
        names=_names(session, rows, members),
        moments=moments(rows),
        alerts=alerts,
        seen=_seen(session, alerts),
        steps=session.exec(select(StepRun).where(StepRun.incident_id == number).order_by(col(StepRun.id))).all(),
        checks=session.exec(
            select(CheckRun)
            .where(CheckRun.incident_id == number)
            .order_by(col(CheckRun.id))
            .options(defer(CheckRun.png))  # type: ignore[arg-type]
        ).all(),
        charts=_charts(session, number),
        actions=actions,
        action_titles={action.name: action.title for action in catalog.actions},
        changes=nearest(session, model=incident.model, onset=incident.onset_at),
        runbook=session.get(RunbookVersion, run.runbook_hash) if run else None,
        run=run,
        items=items,
    )


def _seen(session: Session, alerts: Sequence[Alert]) -> Sighting | None:
    """Return what the first of Muster's own monitors to call saw, and when its data was there; labels say it."""
    for alert in alerts:
        key, window_end = alert.labels.get("monitor_key"), _moment(alert.labels.get("window_end"))
        if not key or window_end is None or alert.route == "evidence":
            continue
        result = session.exec(
            select(MonitorResult).where(MonitorResult.key == key, MonitorResult.window_end == window_end)
        ).first()
        came = _moment(result.data.get("data_at")) if result else None
        return Sighting(window_end, came or alert.first_seen_at)
    return None


def _moment(text: object) -> datetime | None:
    """Read what Muster wrote; another sender's label of that name may hold anything."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else None


def _charts(session: Session, number: int) -> frozenset[int]:
    drawn = select(CheckRun.id).where(CheckRun.incident_id == number, col(CheckRun.png).is_not(None))
    return frozenset(one for one in session.exec(drawn).all() if one is not None)


def _names(session: Session, rows: Iterable[TimelineEvent], members: Iterable[IncidentMember]) -> Names:
    """Everybody whom Slack has named; a role outlives its holding, the weightiest of a person's roles counts."""
    people = {person.user_id: person.real_name or person.name for person in session.exec(select(Person)).all()}
    roles: dict[str, str] = {}
    for row in rows:
        if row.actor and row.kind == "incident.opened":
            roles.setdefault(row.actor, "the person who declared it")
    for member in members:
        if member.role in _ROLES and roles.get(member.user_id) != _ROLES[IncidentRole.COMMANDER]:
            roles[member.user_id] = _ROLES[IncidentRole(member.role)]
    return Names(people, roles)


def unnamed_people(session: Session, record: Record) -> list[str]:
    """Return the ids of those who took part, or are spoken of, and whom Slack has not named yet."""
    taking_part = {moment.actor for moment in record.moments if moment.actor}
    taking_part |= {item.owner for item in record.items if item.owner}
    taking_part = taking_part.union(*(mentioned(moment.text) for moment in record.moments))
    return sorted(user for user in taking_part if user[:1] in "UW" and session.get(Person, user) is None)
