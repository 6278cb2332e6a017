"""New baselines: accepted by a person or begun by a promotion, and undone again."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from bot.catalog.config import Catalog
from bot.core.database import Database
from bot.core.errors import BotError, ConflictError, unknown
from bot.core.ids import incident_label
from bot.incidents import service as incidents
from bot.monitoring.references import follows_versions, moment_words
from bot.monitoring.service import SOURCE
from bot.monitoring.watched import watched
from bot.slack.text import mention
from bot.tables import Baseline, BaselineSource, Change, ChangeKind, Incident
from bot.timeline.mentioned import by_number
from bot.timeline.service import record

PROMOTIONS_KEPT = timedelta(days=30)
MOST_REASON = 500


def accept(
    session: Session,
    catalog: Catalog,
    now: datetime,
    *,
    model: str,
    start: datetime,
    by: str,
    keys: Sequence[str] = (),
    reason: str = "",
) -> Baseline:
    """From `start` on windows are ordinary: for these monitors, or for all of the model.

    Raises BotError for a model or monitor that isn't watched and for a start in the future, ConflictError when the
    same baseline was accepted already.
    """
    _check(catalog, model, keys, start, now)
    for known in standing(session, model):
        if (known.start, sorted(known.keys)) == (start, sorted(keys)) and known.source == BaselineSource.PERSON:
            raise ConflictError(f"{mention(known.accepted_by)} accepted that baseline already (number {known.id}).")
    found = Baseline(
        model=model,
        keys=list(keys),
        start=start,
        reason=reason[:MOST_REASON],
        source=BaselineSource.PERSON,
        accepted_by=by,
        accepted_at=now,
    )
    session.add(found)
    session.flush()
    return found


def accept_for(
    session: Session, catalog: Catalog, number: int, by: str, now: datetime, *, reason: str = ""
) -> Baseline:
    """What an incident found is the new baseline of the monitors that fired, from its onset on.

    Raises BotError where no monitor of Muster's watches the model, ConflictError when somebody was first.
    """
    incident = by_number(session, number, lock=True)
    label = incident_label(number)
    known = live_for(session, number)
    if known is not None:
        raise ConflictError(_before(known, f"accepted the new baseline of {label}", known.accepted_by, now))
    keys = concerned(session, catalog, incident)
    if incident.model is None or keys is None:
        raise BotError(f"{label} names no model that Muster watches itself, so there is no baseline to set.")
    found = Baseline(
        model=incident.model,
        keys=keys,
        start=incident.onset_at,
        reason=(reason or f"{label} was an expected change")[:MOST_REASON],
        source=BaselineSource.PERSON,
        incident_id=number,
        accepted_by=by,
        accepted_at=now,
    )
    session.add(found)
    session.flush()
    text = f"Accepted as new baseline of {names(found)}: what came since {moment_words(found.start)}"
    record(session, number, now, kind="baseline.accepted", text=text, actor=by, data={"baseline": found.id})
    incidents.changed(session, incident, now)
    return found


def undo(session: Session, number: int, by: str, now: datetime) -> Baseline:
    """Compare as before it. Raises NotFoundError, or ConflictError when somebody undid it already."""
    found = session.get(Baseline, number, with_for_update=True, populate_existing=True)
    if found is None:
        known = session.exec(select(Baseline.id).order_by(col(Baseline.id).desc()).limit(5)).all()
        raise unknown("baseline", str(number), [str(one) for one in known])
    if found.undone_at is not None:
        raise ConflictError(_before(found, f"undid baseline {number}", found.undone_by, now))
    found.undone_by, found.undone_at = by, now
    session.flush()
    if found.incident_id is not None:
        text = f"Undone: the new baseline of {names(found)} since {moment_words(found.start)}"
        record(session, found.incident_id, now, kind="baseline.undone", text=text, actor=by, data={"baseline": number})
        incidents.changed(session, by_number(session, found.incident_id), now)
    return found


def standing(session: Session, model: str) -> list[Baseline]:
    """Baselines of a model that nobody undid, oldest first."""
    wanted = select(Baseline).where(Baseline.model == model, col(Baseline.undone_at).is_(None))
    return list(session.exec(wanted.order_by(col(Baseline.start), col(Baseline.id))).all())


def listed(session: Session, model: str | None = None) -> list[Baseline]:
    """Every baseline, also the undone, newest first."""
    wanted = select(Baseline).order_by(col(Baseline.id).desc())
    return list(session.exec(wanted if model is None else wanted.where(Baseline.model == model)).all())


def live_for(session: Session, incident: int) -> Baseline | None:
    wanted = select(Baseline).where(Baseline.incident_id == incident, col(Baseline.undone_at).is_(None))
    return session.exec(wanted).first()


def concerned(session: Session, catalog: Catalog, incident: Incident) -> list[str] | None:
    """The monitors that fired in an incident; none: all of its model. None: Muster watches nothing of it."""
    known = {key for key, one in watched(catalog).items() if one.model.name == incident.model}
    if not known:
        return None
    alerts = incidents.alerts_of(session, incident.id or 0)
    fired = [str(alert.labels.get("monitor_key")) for alert in alerts if alert.source == SOURCE.name]
    return sorted({key for key in fired if key in known})


def settle(session: Session, catalog: Catalog, now: datetime) -> int:
    """Begin a baseline with each promotion of a model whose answers are watched; returns how many began."""
    began = 0
    for change in _promotions(session, catalog, now):
        what = f"version {change.version} promoted" if change.version else change.title[:MOST_REASON]
        row = Baseline(
            model=change.model or "",
            start=change.at,
            reason=what,
            source=BaselineSource.PROMOTION,
            change_id=change.id,
            accepted_by=change.actor,
            accepted_at=now,
        )
        try:
            with session.begin_nested():
                session.add(row)
                session.flush()
        except IntegrityError:  # another process was first
            continue
        began += 1
    return began


def tick(database: Database, catalog: Catalog, now: datetime) -> int:
    """Read what was promoted since the last look."""
    with database.reading() as session:
        if not _promotions(session, catalog, now):
            return 0
    with database.transaction() as session:
        return settle(session, catalog, now)


def _promotions(session: Session, catalog: Catalog, now: datetime) -> Sequence[Change]:
    models = {one.model.name for one in watched(catalog).values() if follows_versions(one)}
    if not models:
        return []
    return session.exec(
        select(Change)
        .outerjoin(Baseline, col(Baseline.change_id) == col(Change.id))
        .where(
            Change.kind == ChangeKind.MODEL,
            col(Change.model).in_(models),
            col(Change.at) <= now,
            col(Change.received_at) > now - PROMOTIONS_KEPT,
            col(Baseline.id).is_(None),
        )
        .order_by(col(Change.at))
    ).all()


def names(baseline: Baseline) -> str:
    """`late and delay-range of eta`, or `eta`."""
    monitors = [key.removeprefix(f"{baseline.model}/") for key in baseline.keys]
    return f"{' and '.join(monitors)} of {baseline.model}" if monitors else baseline.model


def as_json(baseline: Baseline) -> dict[str, Any]:
    return baseline.model_dump(mode="json", exclude={"change_id"}) | {"standing": baseline.undone_at is None}


def _check(catalog: Catalog, model: str, keys: Sequence[str], start: datetime, now: datetime) -> None:
    every = watched(catalog)
    models = sorted({one.model.name for one in every.values()})
    if model not in models:
        raise unknown("watched model", model, models)
    mine = [key for key, one in every.items() if one.model.name == model]
    for key in keys:
        if key not in mine:
            raise unknown("monitor", key, mine)
    if start > now:
        raise BotError(f"{moment_words(start)} is in the future; a baseline begins with rows that came.")


def _before(baseline: Baseline, did: str, who: str | None, now: datetime) -> str:
    at = baseline.undone_at or baseline.accepted_at
    seconds = int((now - at).total_seconds())
    when = f"{seconds} s before you" if seconds < 60 else f"at {moment_words(at)}"  # noqa: PLR2004
    return f"{mention(who)} {did} {when}."
