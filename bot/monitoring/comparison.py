"""Two settings of one monitor, run side by side over the last weeks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from pydantic import ValidationError

from bot.catalog.config import Catalog
from bot.catalog.monitors import Monitor
from bot.core.errors import BotError, unknown
from bot.data import ModelRows
from bot.data.held import HeldRows
from bot.monitoring.budgets.budget import WEEK, alarm_rate, weekly_shares
from bot.monitoring.finding import State
from bot.monitoring.rehearsal import Episode, Progress, Rehearsed, episodes, rehearse, windows_between
from bot.monitoring.watched import Watched

FIXED = frozenset({"name", "shadow"})


@dataclass(frozen=True, slots=True)
class Trial:
    """What one setting would have done. judged: windows with a verdict; learning: those before it had enough."""

    one: Watched
    judged: int
    learning: int
    alerts: tuple[Episode, ...]
    weeks: float
    problem: str | None = None

    @property
    def per_week(self) -> float:
        return len(self.alerts) / self.weeks if self.weeks else 0.0


@dataclass(frozen=True, slots=True)
class Met:
    """One stretch of trouble, and the alert each setting would have raised for it; None: it saw nothing."""

    start: datetime
    alerts: tuple[Episode | None, ...]


def changed(one: Watched, settings: Mapping[str, str]) -> Watched:
    """The same monitor with other settings, as typed. Raises BotError for what is no setting of a monitor."""
    for name in settings:
        if name in FIXED or name not in Monitor.model_fields:
            raise unknown("setting", name, sorted(set(Monitor.model_fields) - FIXED))
    told = one.monitor.model_dump(mode="json", exclude_none=True) | dict(settings)
    try:
        return Watched(one.model, Monitor.model_validate(told))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        message = str(first["msg"]).removeprefix("Value error, ")
        raise BotError(f"{place}: {message}." if place else f"{message}.") from None


def try_settings(
    catalog: Catalog, sides: Sequence[Watched], rows: ModelRows, weeks: float, progress: Progress | None = None
) -> list[Trial]:
    """Run each setting over the last weeks of rows, each with its own share of the budget."""
    last, first = rows.latest("predictions"), rows.earliest("predictions")
    if last is None or first is None:
        raise BotError(f"{sides[0].model.name} has no rows to try settings on.")
    start = max(first, last - timedelta(weeks=weeks))
    longest = max(one.monitor.baseline * one.monitor.window for one in sides)
    held = HeldRows(rows, max(first, start - longest), last + timedelta(microseconds=1))
    found, done = [], 0
    every = [windows_between(start, last, one.monitor.window, one.step) for one in sides]
    total = sum(map(len, every))
    for one, windows in zip(sides, every, strict=True):
        share = one.monitor.budget or weekly_shares(catalog)[one.key]
        begun = done
        rehearsed = list(
            rehearse(
                one,
                held,
                windows,
                alarm_rate=alarm_rate(share, one),
                progress=partial(_told, progress, begun, total) if progress else None,
            )
        )
        done += len(windows)
        found.append(_trial(one, rehearsed))
    return found


def side_by_side(trials: Sequence[Trial]) -> list[Met]:
    """Alerts of all settings, oldest first; those that overlap in time are about the same trouble."""
    told = sorted(
        ((alert.start, at, alert) for at, trial in enumerate(trials) for alert in trial.alerts),
        key=lambda entry: entry[:2],
    )
    found: list[Met] = []
    for start, at, alert in told:
        last = found[-1] if found else None
        near = last and any(known and alert.start < known.end and known.start < alert.end for known in last.alerts)
        if last and near and last.alerts[at] is None:
            found[-1] = Met(last.start, tuple(alert if place == at else one for place, one in enumerate(last.alerts)))
        else:
            found.append(Met(start, tuple(alert if place == at else None for place in range(len(trials)))))
    return found


def _told(progress: Progress, begun: int, total: int, at: int, _of: int) -> None:
    progress(begun + at, total)


def _trial(one: Watched, rehearsed: Sequence[Rehearsed]) -> Trial:
    states = [seen.finding.state for seen in rehearsed]
    judged = sum(state in {State.OK, State.FIRING} for state in states)
    broken = next((seen.finding.sentence for seen in rehearsed if seen.finding.state is State.BROKEN), None)
    weeks = (rehearsed[-1].window.end - rehearsed[0].window.start) / WEEK if rehearsed else 0.0
    learning = sum(state is State.LEARNING for state in states)
    return Trial(one, judged, learning, tuple(episodes(rehearsed)), weeks, broken)
