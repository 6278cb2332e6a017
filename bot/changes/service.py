"""What people changed, and which of it lies nearest to an incident's onset."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, NaiveDatetime
from sqlalchemy import or_
from sqlmodel import Session, col, select

from bot.tables import Change, ChangeKind

LOOK_BACK = timedelta(days=7)
LOOK_AHEAD = timedelta(minutes=30)


class NewChange(BaseModel):
    """`POST /v1/changes`. at: when it took effect, now if absent, naive is UTC. id: yours, to send it twice safely."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=1, max_length=500)
    kind: ChangeKind = ChangeKind.DEPLOYMENT
    at: AwareDatetime | NaiveDatetime | None = None
    model: str | None = Field(None, max_length=200)
    version: str | None = Field(None, max_length=200)
    actor: str | None = Field(None, max_length=200)
    source: str = Field("api", max_length=100)
    id: str | None = Field(None, max_length=200)
    link: str | None = Field(None, max_length=2000)
    labels: dict[str, str] = {}


def add(session: Session, new: NewChange, now: datetime) -> tuple[Change, bool]:
    """Store a change once; the second value tells whether it is new."""
    at = now if new.at is None else (new.at.replace(tzinfo=now.tzinfo) if new.at.tzinfo is None else new.at)
    external = new.id or f"{new.kind}:{new.title}:{new.version or ''}:{at.isoformat()}"
    known = session.exec(
        select(Change).where(Change.source == new.source, Change.external_id == external),
    ).first()
    if known is not None:
        return known, False
    change = Change(
        at=at,
        kind=new.kind,
        title=new.title,
        model=new.model,
        version=new.version,
        actor=new.actor,
        source=new.source,
        external_id=external,
        link=new.link,
        labels=new.labels,
        received_at=now,
    )
    session.add(change)
    session.flush()
    return change, True


def nearest(session: Session, *, model: str | None, onset: datetime, most: int = 5) -> Sequence[Change]:
    """Return the changes of this model, or of none in particular, by distance in time from the onset."""
    found = session.exec(
        select(Change).where(
            col(Change.at) >= onset - LOOK_BACK,
            col(Change.at) <= onset + LOOK_AHEAD,
            or_(col(Change.model).is_(None), col(Change.model) == model),
        ),
    ).all()
    return sorted(found, key=lambda change: abs(change.at - onset))[:most]
