"""Whose turn it is: a monitor is claimed by a lease, and every write of the holder is fenced by its epoch."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from bot.tables import MonitorState

LEASE = timedelta(minutes=2)
SHORTEST, LONGEST = timedelta(seconds=2), timedelta(minutes=1)
LOOKS_A_WINDOW = 60


@dataclass(frozen=True, slots=True)
class Claim:
    key: str
    epoch: int


def until_next_look(window: timedelta) -> timedelta:
    """Look often enough that a finished window is judged within a sixtieth of its length."""
    return min(max(window / LOOKS_A_WINDOW, SHORTEST), LONGEST)


def unknown_keys(session: Session, keys: Collection[str]) -> list[str]:
    known = set(session.exec(select(MonitorState.key).where(col(MonitorState.key).in_(keys))))
    return [key for key in keys if key not in known]


def introduce(session: Session, key: str, now: datetime, *, shadow: bool) -> bool:
    """Start watching; False: another process was first."""
    try:
        with session.begin_nested():
            session.add(MonitorState(key=key, due_at=now, shadow=shadow, introduced_at=now))
            session.flush()
    except IntegrityError:
        session.expire_all()
        return False
    return True


def any_due(session: Session, keys: Collection[str], now: datetime) -> bool:
    return session.exec(_due(keys, now).limit(1)).first() is not None


def claim(session: Session, keys: Collection[str], now: datetime) -> Claim | None:
    """Lease the monitor that has waited longest."""
    wanted = _due(keys, now).order_by(col(MonitorState.due_at), col(MonitorState.key)).limit(1)
    return _leased(session.exec(wanted.with_for_update(skip_locked=True)).first(), now)


def claim_now(session: Session, key: str, now: datetime) -> Claim | None:
    """Lease one monitor before its time; None when somebody is at it."""
    wanted = select(MonitorState).where(MonitorState.key == key, _free(now))
    return _leased(session.exec(wanted.with_for_update(skip_locked=True)).first(), now)


def held(session: Session, mine: Claim, now: datetime) -> MonitorState | None:
    """Return the row, locked and its lease prolonged, if it is still this holder's."""
    state = session.exec(
        select(MonitorState).where(MonitorState.key == mine.key, MonitorState.epoch == mine.epoch).with_for_update()
    ).first()
    if state is not None:
        state.lease_until = now + LEASE
    return state


def release(session: Session, mine: Claim, now: datetime, due_at: datetime) -> None:
    state = held(session, mine, now)
    if state is not None:
        state.lease_until, state.due_at = None, due_at


def _leased(state: MonitorState | None, now: datetime) -> Claim | None:
    if state is None:
        return None
    state.epoch += 1
    state.lease_until = now + LEASE
    return Claim(state.key, state.epoch)


def _due(keys: Collection[str], now: datetime):  # type: ignore[no-untyped-def]  # noqa: ANN202
    return select(MonitorState).where(col(MonitorState.key).in_(keys), col(MonitorState.due_at) <= now, _free(now))


def _free(now: datetime):  # type: ignore[no-untyped-def]  # noqa: ANN202
    return or_(col(MonitorState.lease_until).is_(None), col(MonitorState.lease_until) <= now)
