"""Taking a row for one sender, and writing back what became of it: every write is fenced by the row's epoch."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, exists, or_, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from bot.core.database import wake_after_commit
from bot.outbox.backoff import pause_before
from bot.tables import OutboxRow, OutboxState


@dataclass(frozen=True, slots=True)
class Timing:
    """Call timeout < lease < settle, so that a late effect is seen before anything is said again.

    paced: False for a server that is not Slack and sets no pace; what it asks for by Retry-After holds all the same.
    """

    lease: timedelta = timedelta(seconds=10)
    settle: timedelta = timedelta(seconds=15)
    not_yet: timedelta = timedelta(milliseconds=500)
    paced: bool = True


def claim(session: Session, now: datetime, timing: Timing) -> OutboxRow | None:
    """Lease the most urgent due row whose lane has nothing older waiting."""
    older = aliased(OutboxRow)
    row = session.exec(
        select(OutboxRow)
        .where(
            OutboxRow.state == OutboxState.PENDING,
            col(OutboxRow.due_at) <= now,
            or_(col(OutboxRow.lease_until).is_(None), col(OutboxRow.lease_until) <= now),
            ~exists().where(
                and_(
                    col(older.lane) == col(OutboxRow.lane),
                    col(older.state) == OutboxState.PENDING,
                    col(older.id) < col(OutboxRow.id),
                ),
            ),
        )
        .order_by(col(OutboxRow.priority), col(OutboxRow.due_at), col(OutboxRow.id))
        .limit(1)
        .with_for_update(skip_locked=True),
    ).first()
    if row is None:
        return None
    row.epoch += 1
    row.lease_until = now + timing.lease
    session.flush()
    return row


def _write(session: Session, row: OutboxRow, **values: object) -> bool:
    """Apply values if this sender still owns the row."""
    written = session.execute(
        update(OutboxRow)
        .where(
            col(OutboxRow.id) == row.id,
            col(OutboxRow.epoch) == row.epoch,
            col(OutboxRow.state) == OutboxState.PENDING,
        )
        .values(**values)
        .execution_options(synchronize_session=False),
    )
    wake_after_commit(session)
    return bool(getattr(written, "rowcount", 0))


def mark_ambiguous(session: Session, row: OutboxRow, now: datetime, timing: Timing) -> bool:
    """From here on the effect may exist: a crash leaves the row to be reconciled after the settle time."""
    return _write(session, row, ambiguous=True, due_at=now + timing.settle)


def finish(session: Session, row: OutboxRow, now: datetime, state: OutboxState = OutboxState.DONE) -> bool:
    return _write(session, row, state=state, ambiguous=False, lease_until=None, done_at=now, problem="")


def give_back(session: Session, row: OutboxRow, due_at: datetime, *, ambiguous: bool) -> bool:
    """Return a row that was not tried this time; what an earlier try may have done is still not known."""
    return _write(session, row, ambiguous=ambiguous, lease_until=None, due_at=due_at)


def fail(
    session: Session, row: OutboxRow, now: datetime, problem: str, *, final: bool = False, ambiguous: bool = False
) -> bool:
    """Count a definite failure. Returns whether the row is now given up."""
    attempts = row.attempts + 1
    pause = None if final else pause_before(attempts)
    if pause is None:
        _write(
            session,
            row,
            state=OutboxState.DEAD,
            ambiguous=False,
            lease_until=None,
            attempts=attempts,
            problem=problem[:500],
            done_at=now,
        )
        return True
    _write(
        session,
        row,
        ambiguous=ambiguous,
        lease_until=None,
        attempts=attempts,
        problem=problem[:500],
        due_at=now + pause,
    )
    return False


def leave_ambiguous(session: Session, row: OutboxRow, now: datetime, problem: str, timing: Timing) -> None:
    """No definite answer came: wait for the effect to settle, then look for it."""
    _write(
        session,
        row,
        ambiguous=True,
        lease_until=None,
        attempts=row.attempts + 1,
        problem=problem[:500],
        due_at=now + timing.settle,
    )


def keep_progress(session: Session, row: OutboxRow, progress: dict[str, object]) -> bool:
    return _write(session, row, progress=progress)
