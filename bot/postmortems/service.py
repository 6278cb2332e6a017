"""Drafting a postmortem, and handing it out. Every function works in its caller's transaction."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sqlmodel import Session, col, select

from bot.catalog.config import Catalog
from bot.core.ids import incident_label
from bot.outbox.queue import Priority, put
from bot.postmortems.assemble import assemble
from bot.postmortems.blameless import blaming
from bot.postmortems.export import Format, as_html, as_json, as_markdown, chart_labels, illustrated
from bot.postmortems.record import Record, read, unnamed_people
from bot.postmortems.render import markdown
from bot.tables import Alert, CheckRun, OutboxRow, Postmortem, TimelineEvent
from bot.timeline.mentioned import by_number
from bot.timeline.moments import MESSAGE
from bot.timeline.service import record as note

DRAFTED = "postmortem.drafted"
SHARED = "postmortem.shared"
FAILED = "postmortem.not_shared"


class Picture(Protocol):
    """A chart, and the same in words."""

    @property
    def png(self) -> bytes: ...

    @property
    def alt(self) -> str: ...


Pictures = Callable[[Session, Alert, datetime], Picture | None]


def no_pictures(_session: Session, _alert: Alert, _now: datetime) -> Picture | None:
    return None


@dataclass(frozen=True, slots=True)
class Exported:
    """A postmortem to take away. charts: PNG by label, those the text names."""

    filename: str
    media_type: str
    content: str
    charts: dict[str, bytes] = field(default_factory=dict)


def latest(session: Session, number: int) -> Postmortem | None:
    return session.exec(
        select(Postmortem).where(Postmortem.incident_id == number).order_by(col(Postmortem.version).desc()).limit(1)
    ).first()


def current(session: Session, catalog: Catalog, number: int) -> Postmortem | None:
    """Return the newest draft if the record still says the same, else None. Only reads."""
    return _unchanged(latest(session, number), read(session, catalog, number))


def draft(session: Session, catalog: Catalog, number: int, now: datetime, *, user: str | None) -> Postmortem:
    """Draft from the record. The newest draft is returned as it is while the record says the same; else version + 1."""
    by_number(session, number, lock=True)
    record, before = read(session, catalog, number), latest(session, number)
    if (same := _unchanged(before, record)) is not None:
        return same
    version = before.version + 1 if before else 1
    made = Postmortem(
        incident_id=number,
        version=version,
        watermark=record.watermark,
        markdown=markdown(assemble(record, version=version, drafted_at=now)),
        created_at=now,
        created_by=user,
    )
    session.add(made)
    session.flush()
    note(session, number, now, kind=DRAFTED, text=f"Postmortem drafted, version {version}", actor=user)
    want_names(session, record, now)
    return made


def share(session: Session, postmortem: Postmortem, now: datetime, *, user: str | None) -> bool:
    """Queue the file for the incident's channel. False: this draft is there, or on its way, already."""
    number = postmortem.incident_id
    told = session.exec(
        select(TimelineEvent).where(TimelineEvent.incident_id == number, col(TimelineEvent.kind).in_([SHARED, FAILED]))
    ).all()
    failed = sum(1 for event in told if event.kind == FAILED)
    key = f"postmortem:{number}:{postmortem.version}:{failed}"
    there = any(event.data.get("version") == postmortem.version for event in told)
    if there or session.exec(select(OutboxRow.id).where(OutboxRow.key == key)).first() is not None:
        return False
    put(
        session,
        now,
        kind=SHARED,
        key=key,
        lane=f"postmortem:{number}",
        priority=Priority.STEP,
        payload={"user": user},
        incident_id=number,
    )
    return True


def blame(session: Session, catalog: Catalog, number: int) -> list[str]:
    """Return what people wrote, and the postmortem quotes, that reads like blame."""
    record = read(session, catalog, number)
    texts = [moment.text for moment in record.moments if moment.kind in {MESSAGE, "note", "incident.resolved"}]
    texts += [step.note for step in record.steps] + [item.text for item in record.items]
    return [record.names.named(sentence) for sentence in blaming(texts, record.names.people)]


def want_names(session: Session, record: Record, now: datetime) -> None:
    """Ask Slack who the people are whom it has not named yet; the next draft knows them."""
    for user in unnamed_people(session, record):
        put(
            session,
            now,
            kind="slack.person_wanted",
            key=f"person:{user}:{now:%Y-%m-%dT%H}",
            lane=f"person:{user}",
            priority=Priority.INCIDENT,
            payload={"user": user},
        )


def _unchanged(before: Postmortem | None, record: Record) -> Postmortem | None:
    if before is None or before.watermark != record.watermark:
        return None
    again = markdown(assemble(record, version=before.version, drafted_at=before.created_at))
    return before if again == before.markdown else None


def export(
    session: Session,
    catalog: Catalog,
    postmortem: Postmortem,
    form: Format,
    now: datetime,
    *,
    picture: Pictures = no_pictures,
    beside: bool = False,
) -> Exported:
    """Hand out the current draft. beside: the Markdown keeps its images, and `charts` holds their files.

    JSON says what the record says now, under the draft's version: export what `draft` or `current` just returned.
    """
    number, label = postmortem.incident_id, incident_label(postmortem.incident_id)
    name = f"{label}-postmortem.{form.value}"
    if form is Format.JSON:
        document = assemble(
            read(session, catalog, number), version=postmortem.version, drafted_at=postmortem.created_at
        )
        return Exported(name, form.media_type, as_json(document))
    if form is Format.MD and not beside:
        return Exported(name, form.media_type, as_markdown(postmortem.markdown))
    drawn = _drawn(session, number, now, picture)
    text = illustrated(postmortem.markdown, [(label, title, one.alt) for label, title, one in drawn])
    charts = {label: one.png for label, _, one in drawn} | _kept(session, chart_labels(postmortem.markdown))
    if form is Format.MD:
        return Exported(name, form.media_type, text, charts)
    return Exported(name, form.media_type, as_html(text, f"{label} postmortem", charts))


def _drawn(session: Session, number: int, now: datetime, picture: Pictures) -> list[tuple[str, str, Picture]]:
    """Draw the alerts that can be drawn: label, title, picture."""
    alerts = session.exec(select(Alert).where(Alert.incident_id == number).order_by(col(Alert.first_seen_at))).all()
    found = [(alert, picture(session, alert, now)) for alert in alerts]
    return [(f"A-{alert.id}", alert.summary or alert.name, one) for alert, one in found if one is not None]


def _kept(session: Session, labels: list[str]) -> dict[str, bytes]:
    """Read the charts that checks drew."""
    numbers = [int(label.removeprefix("E-")) for label in labels]
    rows = session.exec(select(CheckRun.id, CheckRun.png).where(col(CheckRun.id).in_(numbers))).all()
    return {f"E-{number}": png for number, png in rows if png is not None}
