"""What the database knows near a moment, for the checks that ask: changes, alerts, and stretches of trouble."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class KnownChange:
    at: datetime
    kind: str
    title: str
    version: str | None = None


@dataclass(frozen=True, slots=True)
class KnownAlert:
    """model, feature, segment, labels: what it may share with another. until: None while it fires.

    own: it belongs to what the question is about already, so it is what others are compared with.
    """

    at: datetime
    until: datetime | None
    name: str
    kind: str
    model: str | None
    feature: str | None = None
    segment: str | None = None
    summary: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    own: bool = False


@dataclass(frozen=True, slots=True)
class KnownTrouble:
    """An incident of the model: rows of its time are not fit to learn from. until: None while it is open."""

    name: str
    start: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Known:
    changes: tuple[KnownChange, ...] = ()
    alerts: tuple[KnownAlert, ...] = ()
    troubles: tuple[KnownTrouble, ...] = ()


NOTHING = Known()
