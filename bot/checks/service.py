"""Asking for a check, and running what was asked: rows in the queue, a lease while one runs, the answer kept."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import or_
from sqlmodel import Session, col, select

from bot.catalog.config import Catalog
from bot.changes.service import nearest
from bot.checks.catalogue import CHECKS
from bot.checks.contract import FAILED, CheckRequest, CheckResult
from bot.checks.known import NOTHING, Known, KnownAlert, KnownChange, KnownTrouble
from bot.checks.registry import Registry, read_params
from bot.checks.runner import run_check
from bot.core.clock import Clock
from bot.core.database import Database, wake_after_commit
from bot.core.errors import BotError
from bot.core.ids import incident_label
from bot.outbox.queue import Priority, put
from bot.tables import Alert, CheckRun, CheckState, Incident, Resolution, Verdict
from bot.timeline.service import record

CheckFollower = Callable[[Session, CheckRun, datetime], None]
UNSAID = timedelta(seconds=2)
"""An answer that takes longer is announced, so that nobody wonders whether it hangs."""
SPARE = timedelta(seconds=30)
MOST_ATTEMPTS = 2
MOST_CHANGES = 20
MOST_ALERTS, ALERTS_WITHIN = 200, timedelta(days=2)
TROUBLES_WITHIN = timedelta(days=400)


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
        if incident_id is not None and step_run_id is None:
            put(
                session,
                now,
                kind="check.progress",
                key=f"check-progress:{asked.id}",
                lane=f"incident:{incident_id}:check-progress",
                priority=Priority.STEP,
                payload={"check": asked.id, "seconds": self.catalog.limits.seconds},
                incident_id=incident_id,
                due_at=now + UNSAID,
            )
        wake_after_commit(session)
        return asked

    def run(self, request: CheckRequest, known: Known = NOTHING) -> CheckResult:
        """Run one check now and keep nothing: what the command line and the API do."""
        check = self.registry.find(request.name)
        model = self.catalog.model(request.model)
        return run_check(
            check,
            request,
            model,
            base=self.base,
            limits=self.catalog.limits,
            known=known,
            prometheus=self.catalog.prometheus,
            isolated=self.isolated,
        )

    def known(
        self, session: Session, name: str, model: str | None, at: datetime, incident_id: int | None = None
    ) -> Known:
        """What the database has near a moment, for a check that asks; of an incident when one asks."""
        check = self.registry.find(name)
        if check.needs_rows and not check.asks_database:
            return NOTHING
        return Known(_changes(session, model, at), _alerts(session, at, incident_id), _troubles(session, model, at))

    def run_next(self, database: Database, clock: Clock) -> bool:
        """Run the oldest check that waits; False: none does. The run itself is outside any transaction."""
        with database.transaction() as session:
            claimed = self._claim(session, clock.now())
            if claimed is None:
                return False
            number, request, known = claimed
        try:
            result = self.run(request, known)
        except BotError as error:
            result = CheckResult(FAILED, error.message)
        with database.transaction() as session:
            self._keep(session, number, result, clock.now())
        return True

    def _claim(self, session: Session, now: datetime) -> tuple[int, CheckRequest, Known] | None:
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
        request = CheckRequest(name=row.name, params=row.params, model=row.model, at=at, now=now)
        return row.id, request, self.known(session, row.name, row.model, at, row.incident_id)

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


def _changes(session: Session, model: str | None, at: datetime) -> tuple[KnownChange, ...]:
    found = nearest(session, model=model, onset=at, most=MOST_CHANGES)
    return tuple(KnownChange(one.at, one.kind, one.title, one.version) for one in found)


def _alerts(session: Session, at: datetime, incident_id: int | None) -> tuple[KnownAlert, ...]:
    """Alerts of any model that began near the moment."""
    near = col(Alert.starts_at).between(at - ALERTS_WITHIN, at + ALERTS_WITHIN)
    asked = select(Alert).where(near).order_by(col(Alert.starts_at).desc()).limit(MOST_ALERTS)
    return tuple(
        KnownAlert(
            at=one.starts_at,
            until=one.ends_at,
            name=one.name,
            kind=one.kind,
            model=one.model,
            feature=one.feature,
            segment=one.segment,
            summary=one.summary,
            labels=tuple(sorted(one.labels.items())),
            own=incident_id is not None and one.incident_id == incident_id,
        )
        for one in session.exec(asked)
    )


def _troubles(session: Session, model: str | None, at: datetime) -> tuple[KnownTrouble, ...]:
    """Incidents of the model that were none in the end don't count."""
    asked = select(Incident).where(
        Incident.model == model, col(Incident.onset_at) >= at - TROUBLES_WITHIN, col(Incident.onset_at) <= at
    )
    return tuple(
        KnownTrouble(incident_label(one.id or 0), one.onset_at, one.resolved_at)
        for one in session.exec(asked.order_by(col(Incident.onset_at)))
        if one.resolution not in {Resolution.FALSE_ALARM, Resolution.EXPECTED}
        and one.verdict not in {Verdict.NOISE, Verdict.EXPECTED}
    )
