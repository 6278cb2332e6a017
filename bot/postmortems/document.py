"""What a postmortem says, before it is written down in any format. Text here is plain: each export escapes it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from bot.postmortems.metrics import Metric


@dataclass(frozen=True, slots=True)
class Fact:
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the timeline. `who` is None when Muster or a sender did it."""

    at: datetime
    what: str
    who: str | None = None
    key: bool = False
    kind: str = ""


@dataclass(frozen=True, slots=True)
class SeenAlert:
    """`number` is the alert's id; a chart of it is `A-<number>`."""

    number: int
    says: str
    source: str
    route: str
    began: datetime
    received: datetime
    judged: str | None = None
    where: str | None = None


@dataclass(frozen=True, slots=True)
class ActionPoint:
    text: str
    owner: str | None = None
    due: date | None = None
    done: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """A chart, a table or both, under the label people quote: `E-7` of a check, `A-3` of an alert."""

    label: str
    title: str
    sentence: str
    verdict: str | None = None
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    facts: str = ""
    alt: str = ""
    chart: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """The parts in the order in which they are read. What the record does not know is said to be not recorded."""

    number: int
    label: str
    title: str
    severity: str
    status: str
    version: int
    watermark: int
    drafted_at: datetime
    summary: Sequence[str] = ()
    impact: Sequence[Fact] = ()
    detection: Sequence[str] = ()
    alerts: Sequence[SeenAlert] = ()
    timeline: Sequence[Moment] = ()
    helped: Sequence[str] = ()
    hindered: Sequence[str] = ()
    factors: Sequence[str] = ()
    items: Sequence[ActionPoint] = ()
    metrics: Sequence[Metric] = ()
    evidence: Sequence[Evidence] = ()
    versions: Sequence[Fact] = field(default_factory=tuple)
