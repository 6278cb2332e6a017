"""What a monitor must not learn from: windows that were out of band or lay within an incident."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import or_
from sqlmodel import Session, col, select

from bot.monitoring.budgets.runs import began, kept_scores
from bot.monitoring.finding import State
from bot.monitoring.judges.shares import SPARE
from bot.monitoring.judges.terms import LeftOut, Scored
from bot.monitoring.watched import Watched
from bot.monitoring.windows import Window
from bot.statistics.budget import MEMORY
from bot.tables import Incident, MonitorResult, Resolution, Verdict

_FORGIVEN = (Resolution.FALSE_ALARM, Resolution.EXPECTED)
_FORGIVING = (Verdict.NOISE, Verdict.EXPECTED)
FOREVER = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Past:
    """`outside` were out of band, or of a run that fired; `incidents` are stretches of trouble; `ordinary` those judged
    to be none."""

    outside: frozenset[Window] = frozenset()
    incidents: Sequence[Window] = ()
    ordinary: Sequence[Window] = ()

    def leaves_out(self, window: Window) -> bool:
        if any(window.overlaps(trouble) for trouble in self.incidents):
            return True
        forgiven = any(window.overlaps(stretch) for stretch in self.ordinary)
        return any(window.overlaps(fired) for fired in self.outside) and not forgiven


def past_of(session: Session, one: Watched, window: Window) -> Past:
    """What is known of the windows before this one, as far back as a baseline reaches."""
    since = window.start - SPARE * one.monitor.baseline * window.length
    results = session.exec(
        select(MonitorResult.window_start, MonitorResult.window_end, MonitorResult.data).where(
            MonitorResult.key == one.key,
            MonitorResult.state == State.FIRING,
            col(MonitorResult.window_end) > since,
            col(MonitorResult.window_end) <= window.start,
        )
    )
    outside = frozenset(Window(began(data) or start, end) for start, end, data in results)
    incidents = _incidents(session, one, since, window.start)
    trouble = [incident for incident in incidents if not _forgiven(incident)]
    fine = [incident for incident in incidents if _forgiven(incident)]
    return Past(outside, [_stretch(one) for one in trouble], [_stretch(one) for one in fine])


def troubles(session: Session, one: Watched, since: datetime, until: datetime) -> list[Window]:
    """Stretches in which something was really wrong with the model, or may be: what nobody called a false alarm."""
    none = {*_FORGIVEN, Resolution.UNTOUCHED}
    return [
        _stretch(incident)
        for incident in _incidents(session, one, since, until)
        if incident.resolution not in none and incident.verdict not in _FORGIVING
    ]


def scored_before(session: Session, one: Watched, window: Window, left_out: LeftOut) -> list[Scored]:
    """What a run that ends with this window may be made of: the windows before it, oldest first.

    What fired by itself is no part of it. A closed incident is over, whatever it was: its windows are no part of what
    begins after it.
    """
    results = session.exec(
        select(MonitorResult)
        .where(
            MonitorResult.key == one.key,
            col(MonitorResult.state).in_([State.OK, State.FIRING]),
            col(MonitorResult.window_end) <= window.start,
            col(MonitorResult.window_end) > window.start - MEMORY * window.length,
        )
        .order_by(col(MonitorResult.window_end))
    ).all()
    since = window.start - MEMORY * window.length
    closed = [_stretch(incident) for incident in _incidents(session, one, since, window.start) if incident.resolved_at]
    alone = {result.window_end for result in results if result.state == State.FIRING and not began(result.data)}

    def no_part(other: Window) -> bool:
        return other.end in alone or left_out(other) or any(other.overlaps(stretch) for stretch in closed)

    return kept_scores(results, no_part)


def _incidents(session: Session, one: Watched, since: datetime, until: datetime) -> Sequence[Incident]:
    return session.exec(
        select(Incident).where(
            Incident.model == one.model.name,
            col(Incident.onset_at) < until,
            or_(col(Incident.resolved_at).is_(None), col(Incident.resolved_at) > since),
        )
    ).all()


def _forgiven(incident: Incident) -> bool:
    return incident.resolution in _FORGIVEN or incident.verdict in _FORGIVING


def _stretch(incident: Incident) -> Window:
    return Window(incident.onset_at, incident.resolved_at or FOREVER)
