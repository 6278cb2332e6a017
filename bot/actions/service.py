"""What becomes of an action, in order: asked for, agreed to, called once, verified. Nothing here commits."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from bot.actions import calls, policy
from bot.catalog.config import Action, Catalog
from bot.core.database import wake_after_commit
from bot.core.errors import BotError, ConflictError, unknown
from bot.core.ids import incident_label
from bot.outbox.queue import Priority, put, put_latest
from bot.slack import people
from bot.tables import ActionRun, ActionState, CheckRun, CheckState, Incident, IncidentStatus
from bot.timeline.mentioned import by_number
from bot.timeline.service import record

OPEN = (ActionState.REQUESTED, ActionState.APPROVED, ActionState.RUNNING)
SPARE = timedelta(seconds=30)
_OVER = (IncidentStatus.RESOLVED, IncidentStatus.CLOSED)
_LOST = (
    "Muster was stopped while it called, or heard nothing back: unknown whether it happened."
    " Look at the system itself before trying again."
)

_WORDS = {
    calls.Happened.YES: "worked",
    calls.Happened.NO: "did not work",
    calls.Happened.UNKNOWN: "may or may not have worked",
}


def _nothing(_session: Session, _incident: Incident, _now: datetime) -> None:
    return


@dataclass(slots=True)
class Actions:
    """What actions need of this installation.

    ask: queues a check line (`class_share window=15m`) for an incident; None: nothing is verified. mitigated: called
    in the transaction that learns that an action worked. calm: whether a check's verdict means that all is well; None:
    it could not tell. finished: called in the one that ends a run, however it ended.
    """

    catalog: Catalog
    calm: Callable[[str | None], bool | None]
    ask: Callable[[Session, datetime, Incident, str], CheckRun] | None = None
    mitigated: Callable[[Session, Incident, datetime], None] = _nothing
    finished: list[Callable[[Session, ActionRun, datetime], None]] = field(default_factory=list)

    def usable(self, incident: Incident, name: str) -> Action:
        """Return the action if it can be used in this incident. Raises BotError that says what to do."""
        here = self.catalog.actions_for(incident.model)
        action = self.catalog.action(name)
        label = incident_label(incident.id or 0)
        if action is None:
            raise unknown("action", name, [one.name for one in here])
        if action not in here:
            raise BotError(
                f"`{name}` is for {', '.join(action.models)}; {label} is about {incident.model or 'no model'}."
            )
        if (how := policy.off(action)) is not None:
            raise BotError(how)
        if incident.status in _OVER:
            raise BotError(f"{label} is {incident.status}; nothing is changed for it any more.")
        return action

    def request(
        self, session: Session, incident: Incident, action: Action, user: str, now: datetime, *, step: int | None = None
    ) -> ActionRun:
        """Ask for an action that a second person has to approve."""
        run = self._new(session, incident, action, user, now, step)
        text = f"Asked for “{action.title}”: a second person has to approve it"
        record(session, run.incident_id, now, kind="action.requested", text=text, actor=user, data={"action": run.id})
        self._show(session, run, now)
        return run

    def confirm(
        self,
        session: Session,
        incident: Incident,
        action: Action,
        user: str,
        now: datetime,
        *,
        reason: str = "",
        step: int | None = None,
    ) -> ActionRun:
        """Start an action that one approver may start alone."""
        run = self._new(session, incident, action, user, now, step)
        run.data = {**run.data, "reason": reason}
        self._approved(session, run, action, user, now)
        self._show(session, run, now)
        return run

    def _new(
        self, session: Session, incident: Incident, action: Action, user: str, now: datetime, step: int | None
    ) -> ActionRun:
        policy.check_may_ask(action, user, known=people.is_known_member(session, user, now))
        number = by_number(session, incident.id or 0, lock=True).id or 0
        other = session.exec(
            select(ActionRun).where(
                ActionRun.incident_id == number, ActionRun.name == action.name, col(ActionRun.state).in_(OPEN)
            )
        ).first()
        if other is not None:
            who = people.display(session, other.requested_by)
            raise ConflictError(f"{who} asked for `{action.name}` already; it is {other.state}.")
        run = ActionRun(
            incident_id=number,
            step_run_id=step,
            name=action.name,
            requested_by=user,
            requested_at=now,
            data={"call": calls.digest(action.http)},
        )
        session.add(run)
        session.flush()
        return run

    def approve(self, session: Session, number: int, user: str, now: datetime) -> ActionRun:
        run, action = self._decided(session, number)
        policy.check_may_decide(action, run, user, known=people.is_known_member(session, user, now))
        if run.data.get("call") != calls.digest(action.http):
            raise BotError(
                f"`{action.name}` was changed in muster.yaml since it was asked for. Refuse it and ask again."
            )
        self._approved(session, run, action, user, now)
        self._changed(session, run, now)
        return run

    def refuse(self, session: Session, number: int, user: str, now: datetime) -> ActionRun:
        run, action = self._decided(session, number)
        policy.check_may_refuse(action, run, user, known=people.is_known_member(session, user, now))
        why = "withdrawn" if user == run.requested_by else "refused"
        self._refused(session, run, now, f"{why}; nothing was called", user)
        return run

    def _decided(self, session: Session, number: int) -> tuple[ActionRun, Action]:
        run = session.get_one(ActionRun, number, with_for_update=True)
        if run.state != ActionState.REQUESTED:
            who = f" by {people.display(session, run.approved_by)}" if run.approved_by else ""
            raise ConflictError(f"`{run.name}` was decided already{who}: it is {run.state}.")
        return run, self.usable(by_number(session, run.incident_id), run.name)

    def _approved(self, session: Session, run: ActionRun, action: Action, user: str, now: datetime) -> None:
        run.state, run.approved_by, run.approved_at = ActionState.APPROVED, user, now
        text = f"Approved “{action.title}”: {calls.shown(action.http).line}"
        reason = run.data.get("reason")
        text += f" ({reason})" if reason else ""
        record(session, run.incident_id, now, kind="action.approved", text=text, actor=user, data={"action": run.id})
        wake_after_commit(session)

    def _refused(self, session: Session, run: ActionRun, now: datetime, why: str, user: str | None) -> None:
        run.state, run.result, run.finished_at = ActionState.REFUSED, why, now
        text = f"“{self.title(run.name)}” was {why}"
        record(session, run.incident_id, now, kind="action.refused", text=text, actor=user, data={"action": run.id})
        self._ended(session, run, now)

    def deny(self, session: Session, incident: Incident, name: str, user: str, now: datetime) -> None:
        """Keep the attempt of somebody who may not."""
        text = f"Tried to start or decide `{name}`, and may not"
        record(session, incident.id or 0, now, kind="action.denied", text=text, actor=user, data={"name": name})

    def title(self, name: str) -> str:
        action = self.catalog.action(name)
        return action.title if action else name

    def claim(self, session: Session, now: datetime) -> tuple[int, Action] | None:
        """Take the oldest approved run: once this commits it counts as called, whatever happens then."""
        run = session.exec(
            select(ActionRun)
            .where(ActionRun.state == ActionState.APPROVED)
            .order_by(col(ActionRun.id))
            .limit(1)
            .with_for_update(skip_locked=True)
        ).first()
        if run is None or run.id is None:
            return None
        action = self.catalog.action(run.name)
        problem = self._unfit(session, run, action)
        if action is None or problem:
            self._end(session, run, calls.Outcome(calls.Happened.NO, f"{problem} Nothing was called."), now)
            return self.claim(session, now)
        run.state, run.started_at = ActionState.RUNNING, now
        run.lease_until = now + action.http.timeout * 2 + SPARE
        text = f"Calling {calls.shown(action.http).line} for “{action.title}”"
        record(session, run.incident_id, now, kind="action.called", text=text, data={"action": run.id})
        session.flush()
        return run.id, action

    def _unfit(self, session: Session, run: ActionRun, action: Action | None) -> str | None:
        """Say why what was approved must not be called now."""
        incident = by_number(session, run.incident_id)
        if action is None or not action.approvers:
            return f"`{run.name}` is no longer configured, or off."
        if run.data.get("call") != calls.digest(action.http):
            return f"`{run.name}` was changed in muster.yaml after it was approved; ask again."
        if incident.status in _OVER:
            return f"{incident_label(run.incident_id)} was {incident.status} meanwhile."
        if names := calls.missing(action.http):
            return f"The variable {', '.join(names)} is not set where Muster works; set it and ask again."
        return None

    def finish(self, session: Session, number: int, outcome: calls.Outcome, now: datetime) -> None:
        """Keep what became of a call. An answer that comes after the run was given up is still told."""
        run = session.get_one(ActionRun, number, with_for_update=True)
        if run.state == ActionState.RUNNING:
            self._end(session, run, outcome, now)
            return
        text = f"“{self.title(run.name)}” answered after it was given up: {outcome.sentence}"
        run.result = f"{run.result} Later: {outcome.sentence}"
        record(
            session, run.incident_id, now, kind="action.answered_late", text=text, data={"action": run.id, "key": True}
        )
        self._changed(session, run, now)

    def _end(self, session: Session, run: ActionRun, outcome: calls.Outcome, now: datetime) -> None:
        worked = outcome.happened is calls.Happened.YES
        run.state = ActionState.DONE if worked else ActionState.FAILED
        run.result, run.finished_at, run.lease_until = outcome.sentence, now, None
        run.data = {**run.data, "happened": outcome.happened.value, "status": outcome.status}
        text = f"“{self.title(run.name)}” {_WORDS[outcome.happened]}: {outcome.sentence}"
        data = {"action": run.id, "happened": outcome.happened.value, "key": True}
        record(session, run.incident_id, now, kind=f"action.{run.state}", text=text, data=data)
        if worked:
            incident = by_number(session, run.incident_id)
            self.mitigated(session, incident, now)
            self._verify(session, run, incident, now)
        self._ended(session, run, now)

    def _verify(self, session: Session, run: ActionRun, incident: Incident, now: datetime) -> None:
        action = self.catalog.action(run.name)
        if action is None or not action.verify or self.ask is None:
            return
        try:
            check = self.ask(session, now, incident, action.verify)
        except BotError as error:
            found: dict[str, Any] = {"problem": error.message}
        else:
            found = {"check": check.id}
        run.data = {**run.data, "verify": {"line": action.verify, **found}}

    def check_finished(self, session: Session, check: CheckRun, now: datetime) -> None:
        """Follow a check's answer: does it belong to an action that worked?"""
        if check.incident_id is None or check.state != CheckState.DONE:
            return
        runs = session.exec(
            select(ActionRun).where(ActionRun.incident_id == check.incident_id, ActionRun.state == ActionState.DONE)
        ).all()
        for run in runs:
            asked = run.data.get("verify") or {}
            if asked.get("check") == check.id and "verdict" not in asked:
                calm = self.calm(check.verdict)
                found = {**asked, "verdict": check.verdict, "calm": calm, "sentence": check.sentence}
                run.data = {**run.data, "verify": found}
                text = f"After “{self.title(run.name)}”: {check.sentence}"
                data = {"action": run.id, "check": check.id, "verdict": check.verdict}
                record(session, run.incident_id, now, kind="action.verified", text=text, data=data)
                self._changed(session, run, now)

    def sweep(self, session: Session, number: int, now: datetime) -> bool:
        """End a run whose time is over: a request nobody decided, a call that was never heard of again."""
        run = session.get_one(ActionRun, number, with_for_update=True)
        if run.state == ActionState.REQUESTED and run.requested_at + policy.DECIDED_WITHIN <= now:
            minutes = int(policy.DECIDED_WITHIN.total_seconds() // 60)
            self._refused(session, run, now, f"not decided within {minutes} min; nothing was called. Ask again", None)
            return True
        if run.state == ActionState.RUNNING and run.lease_until is not None and run.lease_until <= now:
            self._end(session, run, calls.Outcome(calls.Happened.UNKNOWN, _LOST), now)
            return True
        return False

    def _ended(self, session: Session, run: ActionRun, now: datetime) -> None:
        for follow in self.finished:
            follow(session, run, now)
        self._changed(session, run, now)

    def _show(self, session: Session, run: ActionRun, now: datetime) -> None:
        put(
            session,
            now,
            kind="action.message",
            key=f"action:{run.id}",
            lane=f"action:{run.id}",
            priority=Priority.STEP,
            payload={"run": run.id},
            incident_id=run.incident_id,
        )

    def _changed(self, session: Session, run: ActionRun, now: datetime) -> None:
        session.flush()
        put_latest(
            session,
            now,
            kind="action.changed",
            lane=f"action:{run.id}",
            payload={"run": run.id},
            incident_id=run.incident_id,
        )
