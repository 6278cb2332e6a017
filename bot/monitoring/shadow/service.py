"""Shadow: a new monitor records what it would have done, and tells nobody until somebody accepts it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from bot.core.errors import BotError, ConflictError, unknown
from bot.monitoring.due import introduce, unknown_keys
from bot.monitoring.finding import State
from bot.monitoring.service import firing_alert
from bot.monitoring.watched import Watched
from bot.tables import MonitorResult, MonitorState


@dataclass(frozen=True, slots=True)
class Record:
    """What a monitor did so far. windows: judged; fired: of them out of bounds; last: what it said of the latest."""

    windows: int
    fired: int
    since: datetime
    last: str | None


def welcome(session: Session, every: Collection[Watched], now: datetime) -> list[Watched]:
    """Introduce monitors that are new, and follow muster.yaml for the others; returns the new ones in shadow."""
    by_key = {one.key: one for one in every}
    shadowed = [
        one
        for key, one in ((key, by_key[key]) for key in unknown_keys(session, by_key))
        if introduce(session, key, now, shadow=one.monitor.shadow is not False) and one.monitor.shadow is not False
    ]
    for state in _states(session, by_key):
        wanted = by_key[state.key].monitor.shadow
        if wanted is not None and state.shadow != wanted:
            state.shadow, state.changed_by, state.changed_at = wanted, "muster.yaml", now
    return shadowed


def accept(session: Session, every: Collection[Watched], keys: Collection[str], by: str, now: datetime) -> list[str]:
    """Let monitors tell what they find, from their next window on; returns those that were in shadow until now.

    Raises BotError for one that isn't known or that muster.yaml keeps in shadow, ConflictError when none was in shadow.
    """
    by_key = {one.key: one for one in every}
    for key in keys:
        if key not in by_key:
            raise unknown("monitor", key, sorted(by_key))
        if by_key[key].monitor.shadow:
            raise BotError(f"muster.yaml keeps {key} in shadow (`shadow: true`); take that line out to accept it.")
    changed = [state for state in _states(session, keys) if state.shadow]
    if not changed:
        raise ConflictError(_already(session, keys))
    for state in changed:
        state.shadow, state.changed_by, state.changed_at = False, by, now
    return [state.key for state in changed]


def hide(session: Session, one: Watched, by: str, now: datetime) -> None:
    """Put a monitor back in shadow. Raises BotError while an alert of it fires: that has to end first."""
    if one.monitor.shadow is False:
        raise BotError(f"muster.yaml says `shadow: false` for {one.key}; take that line out first.")
    if firing_alert(session, one) is not None:
        raise BotError(f"{one.key} has an alert that fires; resolve its incident first, or it would never end.")
    state = _states(session, [one.key])[0]
    if state.shadow:
        raise ConflictError(f"{one.key} is in shadow already.")
    state.shadow, state.changed_by, state.changed_at = True, by, now


def record_of(session: Session, one: Watched) -> Record | None:
    """What a monitor did since it was introduced; None before its first look."""
    state = session.get(MonitorState, one.key)
    if state is None:
        return None
    results = session.exec(
        select(MonitorResult.state, MonitorResult.data)
        .where(MonitorResult.key == one.key, col(MonitorResult.evaluated_at) >= state.introduced_at)
        .order_by(col(MonitorResult.window_end))
    ).all()
    fired = [data for found, data in results if found == State.FIRING]
    return Record(len(results), len(fired), state.introduced_at, str(fired[-1]["sentence"]) if fired else None)


def _states(session: Session, keys: Iterable[str]) -> list[MonitorState]:
    wanted = select(MonitorState).where(col(MonitorState.key).in_(list(keys))).order_by(col(MonitorState.key))
    return list(session.exec(wanted.with_for_update()).all())


def _already(session: Session, keys: Collection[str]) -> str:
    for state in _states(session, keys):
        if state.changed_by and state.changed_at:
            return f"{state.key} was accepted by {state.changed_by} at {state.changed_at:%Y-%m-%d %H:%M} UTC."
    return f"Not in shadow: {', '.join(sorted(keys))}." if keys else "No monitor is in shadow; nothing to accept."
