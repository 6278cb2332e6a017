"""The limits a team's monitors judge by: one budget, split over pools of like monitors, read from their pooled past.

Where runs of windows are followed, they are a pool of their own with half of the budget: under one limit for both, the
wild windows of a heavy tail would hide what lasts.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from sqlmodel import Session, col, select

from bot.catalog.config import Catalog
from bot.catalog.kinds import Route
from bot.catalog.values import format_duration
from bot.monitoring.budgets.budget import LEAST_RATE, MOST_RATE, WEEK, alarm_rates, half_of, weekly_shares
from bot.monitoring.budgets.history import Past, troubles
from bot.monitoring.budgets.runs import follows, kept_scores, run_surprises
from bot.monitoring.calendar import occurrences
from bot.monitoring.finding import ASKED, State
from bot.monitoring.service import SOURCE
from bot.monitoring.watched import Watched, watched
from bot.monitoring.windows import Window
from bot.statistics.budget import Limit, Pool, Realised, pool_limit, realised
from bot.statistics.columns import Floats
from bot.tables import Alert, Incident, MonitorResult, MonitorState, Resolution, Verdict

LOOKED_BACK = timedelta(weeks=26)
REALISED = timedelta(weeks=8)
_JUDGED = (State.OK, State.FIRING)


@dataclass(frozen=True, slots=True)
class PoolState:
    """Like monitors of a team and their common limit. name: what they have in common (`class_share every 1d`).

    lasting: the limit is of runs of windows, not of a single one.
    """

    team: str
    name: str
    keys: tuple[str, ...]
    limit: Limit
    lasting: bool = False

    @property
    def alarm_rate(self) -> float:
        return min(max(self.limit.alarm_rate, LEAST_RATE), MOST_RATE)

    def certified_at(self, now: datetime) -> datetime:
        """When the past became long enough, or will have."""
        return now - timedelta(weeks=self.limit.weeks - self.limit.wanted)


@dataclass(frozen=True, slots=True)
class Rates:
    """The chance that an ordinary window alarms, and that an ordinary run of windows does."""

    window: float
    lasting: float


@dataclass(frozen=True, slots=True)
class TeamState:
    """A team's budget and what came of it. unjudged: pages nobody has given a verdict on; they count as true."""

    team: str
    budget: float
    pools: tuple[PoolState, ...]
    pages: int
    unjudged: int
    realised: Realised


def pools(session: Session, catalog: Catalog, now: datetime) -> list[PoolState]:
    """Every pool of every team: the paging monitors of one metric and one pace, by single windows and by runs of them.

    A monitor with a budget of its own stands alone, and so does one of every segment: its surprise is a family's.
    Hours differ by more than days, as a day's mix stays for all of its hours: together they would set a limit at which
    days see nothing.
    """
    shares = weekly_shares(catalog)
    found = []
    for (team, name), members in _pools(catalog).items():
        past = {one.key: _past(session, catalog, one, now) for one in members}
        halves = {one.key: half_of(shares[one.key], one) for one in members}
        windows = [_surprises(past[one.key]) for one in members]
        single = _state(team, name, members, windows, sum(halves.values()))
        found.append(single)
        followed = [one for one in members if follows(one)]
        if followed:
            runs = [_of_runs(one, past[one.key], -math.log10(single.alarm_rate)) for one in followed]
            budget = sum(halves[one.key] for one in followed)
            found.append(_state(team, name, followed, runs, budget, lasting=True))
    return found


def rates(session: Session, catalog: Catalog, now: datetime) -> Mapping[str, Rates]:
    """The chance each monitor has to alarm on an ordinary window, and on an ordinary run, as the pools have learnt."""
    exact = alarm_rates(catalog)
    every = pools(session, catalog, now)
    single = {key: pool.alarm_rate for pool in every if not pool.lasting for key in pool.keys}
    lasting = {key: pool.alarm_rate for pool in every if pool.lasting for key in pool.keys}
    return {key: Rates(single.get(key, rate), lasting.get(key, rate)) for key, rate in exact.items()}


def teams(session: Session, catalog: Catalog, now: datetime) -> list[TeamState]:
    """Each team with monitors: what was promised, and what happened in the last eight weeks."""
    every = watched(catalog)
    states = pools(session, catalog, now)
    found = []
    for team in sorted({one.model.team for one in every.values()}):
        paging = [one for one in every.values() if one.model.team == team and one.pages]
        pages, false, unjudged = _pages(session, paging, now)
        budget = catalog.team_named(team).budget
        weeks = _watching(session, paging, now) / WEEK
        mine = tuple(pool for pool in states if pool.team == team)
        found.append(TeamState(team, budget, mine, pages, unjudged, realised(false, weeks, budget)))
    return found


def _pools(catalog: Catalog) -> dict[tuple[str, str], list[Watched]]:
    found: dict[tuple[str, str], list[Watched]] = {}
    for one in watched(catalog).values():
        if one.pages and one.monitor.rule is None:
            alone = one.monitor.budget is not None or one.monitor.by is not None
            name = one.key if alone else f"{one.monitor.metric.value} every {format_duration(one.step)}"
            found.setdefault((one.model.team, name), []).append(one)
    return found


def _state(
    team: str, name: str, members: Sequence[Watched], past: Sequence[Floats], budget: float, *, lasting: bool = False
) -> PoolState:
    per_week = tuple(WEEK / one.step for one in members)
    limit = pool_limit(Pool(tuple(past), per_week, budget, singly=not lasting))
    return PoolState(team, name, tuple(one.key for one in members), limit, lasting)


def _past(session: Session, catalog: Catalog, one: Watched, now: datetime) -> list[MonitorResult]:
    """Ordinary windows: outside incidents and known events, judged by half of today's baseline or more."""
    since = now - LOOKED_BACK
    results = session.exec(
        select(MonitorResult)
        .where(
            MonitorResult.key == one.key,
            col(MonitorResult.state).in_(_JUDGED),
            col(MonitorResult.window_end) > since,
        )
        .order_by(col(MonitorResult.window_end))
    ).all()
    trouble = Past(incidents=troubles(session, one, since, now))
    events = occurrences(catalog, one.model.name, since, now, one.monitor.window)
    usual = max((len(result.data.get("before", ())) for result in results), default=0)

    def ordinary(result: MonitorResult) -> bool:
        window = Window(result.window_start, result.window_end)
        learnt = 2 * len(result.data.get("before", ())) >= usual
        return learnt and not trouble.leaves_out(window) and not any(event.holds(window) for event in events)

    return [result for result in results if not {ASKED, "events"} & result.data.keys() and ordinary(result)]


def _surprises(past: Sequence[MonitorResult]) -> Floats:
    return np.array([np.nan if one.surprise is None else one.surprise for one in past], dtype=np.float64)


def _of_runs(one: Watched, past: Sequence[MonitorResult], alone: float) -> Floats:
    """What ordinary runs gave. alone: a window as surprising fires by itself, and is no part of a run."""
    wild = {result.window_end for result in past if (result.surprise or 0.0) >= alone}
    return run_surprises(one, kept_scores(past, lambda window: window.end in wild))


def _pages(session: Session, paging: Sequence[Watched], now: datetime) -> tuple[int, int, int]:
    """Pages of the monitors: all, those judged false, and those nobody judged."""
    names = {(one.model.name, one.monitor.name) for one in paging}
    found = session.exec(
        select(Alert, Incident)
        .join(Incident, col(Alert.incident_id) == col(Incident.id))
        .where(
            Alert.source == SOURCE.name,
            col(Alert.first_seen_at) > now - REALISED,
            Alert.route == Route.PAGE,
        )
    ).all()
    mine = [(alert, incident) for alert, incident in found if (alert.model, alert.monitor) in names]
    false = sum(_is_false(alert, incident) for alert, incident in mine)
    unjudged = sum(alert.verdict is None and incident.resolution is None for alert, incident in mine)
    return len(mine), false, unjudged


def _is_false(alert: Alert, incident: Incident) -> bool:
    if alert.verdict is not None:
        return alert.verdict == Verdict.NOISE
    return incident.verdict == Verdict.NOISE or incident.resolution in {Resolution.FALSE_ALARM, Resolution.UNTOUCHED}


def _watching(session: Session, paging: Sequence[Watched], now: datetime) -> timedelta:
    """How long the team's monitors have been telling, eight weeks at most."""
    states = session.exec(
        select(MonitorState).where(
            col(MonitorState.key).in_([one.key for one in paging]), col(MonitorState.shadow).is_(False)
        )
    ).all()
    begun = min((state.changed_at or state.introduced_at for state in states), default=now)
    return min(now - begun, REALISED)
