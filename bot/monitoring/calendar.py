"""Known events: which of them a window lies in, and what they make of what fires then. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from bot.catalog.config import Catalog
from bot.catalog.events import Effect, KnownEvent, Repeat
from bot.catalog.kinds import AlertRole
from bot.monitoring.finding import Finding, State
from bot.monitoring.watched import Watched
from bot.monitoring.windows import Window

DAY, WEEK = timedelta(days=1), timedelta(days=7)
MEETS = 0.5
"""A window lies in an event when they share this part of the shorter of them."""
WIDENED = 0.01
"""Within an event of effect `widen` an ordinary window may alarm this many times as often."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    name: str
    span: Window
    effect: Effect

    def holds(self, window: Window) -> bool:
        shared = min(self.span.end, window.end) - max(self.span.start, window.start)
        return shared >= MEETS * min(self.span.length, window.length) and shared > timedelta(0)


def occurrences(catalog: Catalog, model: str, start: datetime, end: datetime, length: timedelta) -> list[Occurrence]:
    """What concerns this model between two moments, for windows of this length, by start.

    Public holidays count for windows of a day or shorter: a week always has some day of note.
    """
    zone = ZoneInfo(catalog.timezone)
    found = [
        Occurrence(event.name, span, event.effect)
        for event in catalog.calendar
        if not event.models or model in event.models
        for span in _spans(event, zone, start, end)
    ]
    if length <= DAY:
        for code in catalog.holidays:
            for day, name in _holidays(code, start.year - 1, end.year + 1):
                span = Window(_moment(day, zone), _moment(day + DAY, zone))
                found.append(Occurrence(name, span, Effect.EXPECT))
    return sorted((one for one in found if one.span.overlaps(Window(start, end))), key=lambda one: one.span.start)


def events_in(catalog: Catalog, one: Watched, window: Window) -> list[Occurrence]:
    near = occurrences(catalog, one.model.name, window.start, window.end, window.length)
    return [event for event in near if event.holds(window)]


def alarm_rate_in(events: Sequence[Occurrence], alarm_rate: float) -> float:
    """Wider limits within an event that says so."""
    return alarm_rate * WIDENED if any(event.effect is Effect.WIDEN for event in events) else alarm_rate


def noted(one: Watched, finding: Finding, events: Sequence[Occurrence]) -> tuple[Watched, Finding]:
    """What fires within known events, with their names. What they let expect is evidence and pages nobody.

    An outcome pages all the same: a campaign is no reason for wrong answers to go unseen.
    """
    if finding.state is not State.FIRING or not events:
        return one, finding
    names = " and ".join(dict.fromkeys(event.name for event in events))
    data = {**finding.data, "events": names}
    expected = [event.name for event in events if event.effect is Effect.EXPECT]
    if one.role is AlertRole.OUTCOME or not expected:
        return one, replace(finding, sentence=f"{finding.sentence} (during {names})", data=data)
    names = " and ".join(dict.fromkeys(expected))
    quiet = one.monitor.model_copy(update={"role": AlertRole.DIAGNOSTIC, "severity": None})
    return Watched(one.model, quiet), replace(finding, sentence=f"{finding.sentence} (expected: {names})", data=data)


def _spans(event: KnownEvent, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[Window]:
    """Each time the event takes place between two moments, from its first time on, at the same local time."""
    first, last = _wall(event.start), _wall(event.end if event.end is not None else event.start, end=True)
    given = event.start if isinstance(event.start, datetime) else None
    place = given.tzinfo if given is not None and given.tzinfo is not None else zone
    length = last - first
    for begins in _times(first, event.repeat, start.astimezone(place).replace(tzinfo=None) - length, end):
        yield Window(
            begins.replace(tzinfo=place).astimezone(UTC), (begins + length).replace(tzinfo=place).astimezone(UTC)
        )


def _times(first: datetime, repeat: Repeat, since: datetime, end: datetime) -> Iterator[datetime]:
    if repeat is Repeat.NONE:
        yield first
        return
    until = end.replace(tzinfo=None) + DAY
    if repeat is Repeat.WEEKLY:
        at = first + max(0, (since - first) // WEEK) * WEEK
        while at <= until:
            yield at
            at += WEEK
        return
    for year in range(max(first.year, since.year - 1), until.year + 1):
        try:
            yield first.replace(year=year)
        except ValueError:  # 29 February
            yield first.replace(year=year, day=28)


def _wall(moment: date | datetime, *, end: bool = False) -> datetime:
    """Local time without its zone; a day as an end counts whole."""
    if isinstance(moment, datetime):
        return moment.replace(tzinfo=None)
    return datetime.combine(moment + DAY if end else moment, time())


def _moment(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


@lru_cache(maxsize=64)
def _holidays(code: str, first: int, last: int) -> tuple[tuple[date, str], ...]:
    import holidays  # noqa: PLC0415

    country, _, part = code.partition("-")
    found = holidays.country_holidays(country, subdiv=part or None, years=range(first, last + 1), language="en_US")
    return tuple(sorted(found.items()))
