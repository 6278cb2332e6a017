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
    """model, feature, segment, labels: what it may share with another. until: None while it fires."""

    at: datetime
    until: datetime | None
    name: str
    kind: str
    model: str | None
    feature: str | None = None
    segment: str | None = None
    summary: str = ""
    labels: tuple[tuple[str, str], ...] = ()


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
