"""All a judge is told beside the rows: what the database and the calendar know of a monitor's past."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlmodel import Session

from bot.catalog.config import Catalog
from bot.catalog.kinds import AlertRole
from bot.incidents import service as incidents
from bot.monitoring.baselines import standing
from bot.monitoring.budgets.history import Past, past_of, scored_before
from bot.monitoring.budgets.runs import follows
from bot.monitoring.calendar import Occurrence, alarm_rate_in, occurrences
from bot.monitoring.finding import Finding, State
from bot.monitoring.judges.terms import Terms
from bot.monitoring.references import SPARE, Comparison, follows_versions, reach, since_and_across
from bot.monitoring.service import firing_alert
from bot.monitoring.watched import Watched
from bot.monitoring.windows import Window
from bot.statistics.budget import MEMORY
from bot.tables import AlertState, Baseline, BaselineSource
from bot.timeline.mentioned import by_number


@dataclass(frozen=True, slots=True)
class Known:
    """terms: for the judge. events: what the window lies in, for `calendar.noted`."""

    terms: Terms
    events: tuple[Occurrence, ...] = ()


def known_of(
    session: Session,
    catalog: Catalog,
    one: Watched,
    window: Window,
    alarm_rate: float,
    now: datetime | None = None,
    *,
    lasting_rate: float | None = None,
) -> Known:
    """alarm_rate, lasting_rate: the chance that an ordinary window alarms, and an ordinary run; None: the same."""
    accepted, comparison = _baselines(session, one, window)
    back = reach(one, window, comparison)
    past = _settled(past_of(session, _looking_back(one, window, back), window), accepted)
    since = window.start - max(back, MEMORY * window.length)
    events = occurrences(catalog, one.model.name, since, window.end, window.length)
    here = tuple(event for event in events if event.holds(window))

    def leaves_out(other: Window) -> bool:
        if comparison.since is not None and other.start < comparison.since:
            return True
        if any(event.holds(other) for event in events):
            return True
        return not _accepted_within(accepted, other) and past.leaves_out(other)

    scored = None
    if follows(one) and not here:
        scored = scored_before(session, one, window, lambda other: any(event.holds(other) for event in events))
    rate = alarm_rate_in(here, alarm_rate)
    return Known(Terms(leaves_out, rate, now, comparison, scored, lasting_rate), here)


def _baselines(session: Session, one: Watched, window: Window) -> tuple[Baseline | None, Comparison]:
    rows = [row for row in standing(session, one.model.name) if row.start < window.end]
    people = [row for row in rows if row.source == BaselineSource.PERSON and (not row.keys or one.key in row.keys)]
    accepted = people[-1] if people else None
    own = (accepted.start, accepted.reason) if accepted else None
    promoted = [(row.start, row.reason) for row in rows if row.source == BaselineSource.PROMOTION]
    return accepted, since_and_across(own, promoted if follows_versions(one) else [], one, window)


def _accepted_within(baseline: Baseline | None, window: Window) -> bool:
    """What came between the start of a baseline and its acceptance is ordinary, whatever was said of it before."""
    return baseline is not None and baseline.start <= window.start < baseline.accepted_at


def _settled(past: Past, baseline: Baseline | None) -> Past:
    """An incident that was under way when its findings were accepted makes no trouble of what comes after."""
    if baseline is None:
        return past
    return replace(past, incidents=[stretch for stretch in past.incidents if stretch.start >= baseline.accepted_at])


def _looking_back(one: Watched, window: Window, back: timedelta) -> Watched:
    windows = -(-back // (SPARE * window.length))
    return Watched(one.model, one.monitor.model_copy(update={"baseline": max(windows, one.monitor.baseline)}))


def end_of_event(
    session: Session, one: Watched, told: Watched, window: Window, finding: Finding, now: datetime
) -> None:
    """What was expected during an event and goes on after it is an alert of its own, and pages as one.

    Ends the quiet alert, so that the same finding isn't taken for its repetition. To be called before the finding is
    kept.
    """
    if finding.state is not State.FIRING or told.role is AlertRole.DIAGNOSTIC:
        return
    alert = firing_alert(session, one)
    if alert is None or alert.role != AlertRole.DIAGNOSTIC:
        return
    before = min(finding.onset or window.start, window.start) - timedelta(seconds=1)
    alert.state, alert.resolved_at, alert.ends_at = AlertState.RESOLVED, before, before
    session.flush()
    if alert.incident_id is not None:
        incidents.alert_resolved(session, by_number(session, alert.incident_id, lock=True), alert, now)
