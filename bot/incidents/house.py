"""What incidents need to know of this installation, given once by wiring."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session

from bot.catalog.config import Catalog
from bot.catalog.kinds import Severity
from bot.tables import Alert, Incident

Follower = Callable[[Session, Incident, datetime], None]
AlertFollower = Callable[[Session, Alert, datetime], None]


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart of an alert, and the same in words."""

    png: bytes
    alt: str


def _no_severity(_kind: str, _model: str | None, _labels: Mapping[str, str]) -> Severity | None:
    return None


@dataclass(slots=True)
class House:
    """What the rooms beside incidents offer them.

    announce: the channel that hears of a model's incidents. me: the bot's own user id. runbook_severity: what the
    matched runbook says. step_line: where the runbook stands, as one line of the card. picture: an alert's chart.
    postmortem_url: where a browser reads an incident's postmortem. card_button: what else an ended incident's card
    offers, as text, action id and value.
    on_card: called in the transaction that learns the card is up. on_end: called in the one that ends the incident.
    on_verdict: called in the one that keeps what a person said of an alert.
    """

    catalog: Catalog
    announce: Callable[[str | None], str | None]
    public_url: str
    me: Callable[[], str] = field(default=lambda: "")
    runbook_severity: Callable[[str, str | None, Mapping[str, str]], Severity | None] = _no_severity
    step_line: Callable[[Session, int, datetime], str | None] = field(default=lambda _session, _number, _now: None)
    picture: Callable[[Session, Alert, datetime], Picture | None] = field(default=lambda _session, _alert, _now: None)
    postmortem_url: Callable[[int], str | None] = field(default=lambda _number: None)
    card_button: Callable[[Session, Incident], tuple[str, str, str] | None] = field(
        default=lambda _session, _incident: None
    )
    on_card: list[Follower] = field(default_factory=list)
    on_end: list[Follower] = field(default_factory=list)
    on_verdict: list[AlertFollower] = field(default_factory=list)
