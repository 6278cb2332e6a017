"""Asking for a check, and running what was asked: rows in the queue, a lease while one runs, the answer kept."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import or_
from sqlmodel import Session, col, select

from bot.catalog.config import Catalog
from bot.changes.service import nearest
from bot.checks.catalogue import CHECKS
from bot.checks.contract import FAILED, CheckRequest, CheckResult
from bot.checks.registry import KnownChange, Registry, read_params
from bot.checks.runner import run_check
from bot.core.clock import Clock
from bot.core.database import Database, wake_after_commit
from bot.core.errors import BotError
from bot.outbox.queue import Priority, put
from bot.tables import CheckRun, CheckState, Incident
from bot.timeline.service import record

CheckFollower = Callable[[Session, CheckRun, datetime], None]
SPARE = timedelta(seconds=30)
MOST_ATTEMPTS = 2
MOST_CHANGES = 20


@dataclass(slots=True)
class Checks:
    """What checks need of this installation. `followers` are called in the transaction that keeps an answer."""

    catalog: Catalog
    base: Path
    registry: Registry = field(default_factory=lambda: CHECKS)
    followers: list[CheckFollower] = field(default_factory=list)
    isolated: bool = True

    def ask(
        self,
        session: Session,
        now: datetime,
        *,
        name: str,
        params: Mapping[str, str],
        model: str | None,
        incident_id: int | None = None,
        step_run_id: int | None = None,
        requested_by: str | None = None,
        window_end: datetime | None = None,
    ) -> CheckRun:
        """Queue one check. Raises BotError when the check or a parameter does not exist."""
        read_params(self.registry.find(name), params)
        asked = CheckRun(
            incident_id=incident_id,
            step_run_id=step_run_id,
            name=name,
            params=dict(params),
            model=model,
            window_end=window_end,
            requested_by=requested_by,
            requested_at=now,
        )
        session.add(asked)
        session.flush()
        wake_after_commit(session)
        return asked

    def run(self, request: CheckRequest, changes: Sequence[KnownChange]) -> CheckResult:
        """Run one check now and keep nothing: what the command line and the API do."""
        check = self.registry.find(request.name)
        model = self.catalog.model(request.model)
        return run_check(
            check,
            request,
            model,
            base=self.base,
            limits=self.catalog.limits,
            changes=changes,
            prometheus=self.catalog.prometheus,
            isolated=self.isolated,
        )

    def changes(self, session: Session, model: str | None, onset: datetime) -> list[KnownChange]:
        """What people changed near a moment, for the check of that name."""
        found = nearest(session, model=model, onset=onset, most=MOST_CHANGES)
        return [KnownChange(one.at, one.kind, one.title, one.version) for one in found]

    def run_next(self, database: Database, clock: Clock) -> bool:
        """Run the oldest check that waits; False: none does. The run itself is outside any transaction."""
        with database.transaction() as session:
            claimed = self._claim(session, clock.now())
            if claimed is None:
                return False
            number, request, changes = claimed
        try:
            result = self.run(request, changes)
        except BotError as error:
            result = CheckResult(FAILED, error.message)
        with database.transaction() as session:
            self._keep(session, number, result, clock.now())
        return True

    def _claim(self, session: Session, now: datetime) -> tuple[int, CheckRequest, list[KnownChange]] | None:
        row = session.exec(
            select(CheckRun)
            .where(
                col(CheckRun.state) != CheckState.DONE,
                or_(col(CheckRun.lease_until).is_(None), col(CheckRun.lease_until) <= now),
            )
            .order_by(col(CheckRun.id))
            .limit(1)
            .with_for_update(skip_locked=True),
        ).first()
        if row is None or row.id is None:
            return None
        if row.attempts >= MOST_ATTEMPTS:
            lost = CheckResult(FAILED, f"{row.name} was interrupted {row.attempts} times; run it again if it matters.")
            self._keep(session, row.id, lost, now)
            return self._claim(session, now)
        row.attempts += 1
        row.state, row.started_at = CheckState.RUNNING, now
        row.lease_until = now + timedelta(seconds=self.catalog.limits.seconds) + SPARE
        incident = session.get(Incident, row.incident_id) if row.incident_id else None
        onset = incident.onset_at if incident else now
        check = self.registry.find(row.name)
        at = row.window_end or (now if check.needs_rows or check.asks_prometheus else onset)
        request = CheckRequest(name=row.name, params=row.params, model=row.model, at=at)
        return row.id, request, self.changes(session, row.model, onset)

    def _keep(self, session: Session, number: int, result: CheckResult, now: datetime) -> None:
        row = session.get_one(CheckRun, number, with_for_update=True)
        if row.state == CheckState.DONE:
            return
        row.state, row.finished_at, row.lease_until = CheckState.DONE, now, None
        row.verdict, row.sentence = result.verdict, result.sentence
        row.result, row.png = result.as_json(), result.png
        if row.incident_id is not None:
            record(
                session,
                row.incident_id,
                now,
                kind="check.finished",
                text=f"{row.name}: {result.sentence}",
                actor=row.requested_by,
                data={"check": number, "name": row.name, "verdict": result.verdict, "step": row.step_run_id},
            )
            put(
                session,
                now,
                kind="check.answer",
                key=f"check:{number}",
                lane=f"incident:{row.incident_id}:checks",
                priority=Priority.STEP,
                payload={"check": number},
                incident_id=row.incident_id,
            )
        for follow in self.followers:
            follow(session, row, now)
