"""Walking an incident through its runbook. Each press is one transaction, and of two at once one wins."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col, select

from bot.catalog.config import Catalog
from bot.catalog.values import format_duration, parse_duration
from bot.checks.service import Checks
from bot.core.errors import BotError, ConflictError
from bot.core.ids import incident_label
from bot.escalation import service as escalation
from bot.outbox.queue import Priority, put, put_latest
from bot.runbooks.document import Directive, Go, Runbook, Step
from bot.runbooks.facts import facts_of, labels_of
from bot.runbooks.library import Library
from bot.runbooks.progress import longer_window, next_step, suggested
from bot.runbooks.shelf import Shelf
from bot.runbooks.template import fill_check
from bot.tables import (
    CheckRun,
    EscalationState,
    Incident,
    IncidentStatus,
    RunbookRun,
    RunbookVersion,
    RunState,
    StepCheck,
    StepRun,
    StepState,
)
from bot.timeline.mentioned import by_number
from bot.timeline.service import record

NEAR = "runbook.step_changed"
_OVER = (IncidentStatus.RESOLVED, IncidentStatus.CLOSED)


@dataclass(slots=True)
class Runbooks(Shelf):
    """What runbooks need of this installation. `changed`: called when the incident's card has to show a new step."""

    library: Library
    catalog: Catalog
    checks: Checks
    changed: Callable[[Session, Incident, datetime], None] = field(default=lambda _session, _incident, _now: None)

    # beginning and ending

    def begin(self, session: Session, incident: Incident, now: datetime, runbook_id: str | None = None) -> None:
        """Start the runbook an incident calls for; it keeps the text it started with."""
        number = incident.id or 0
        if runbook_id is None and _any_run(session, number):
            return
        facts = facts_of(session, incident)
        labels = labels_of(session, number)
        runbook = (
            self.library.get(runbook_id) if runbook_id else self.library.match(incident.kind, incident.model, labels)
        )
        if runbook is None or not runbook.steps:
            record(session, number, now, kind="runbook.none", text="No runbook fits, and there is no general one")
            return
        self._end_run(session, number, now, "replaced")
        if session.get(RunbookVersion, runbook.hash) is None:
            kept = RunbookVersion(
                hash=runbook.hash,
                runbook_id=runbook.id,
                title=runbook.title,
                source=runbook.source,
                first_used_at=now,
            )
            session.add(kept)
            session.flush()
        run = RunbookRun(
            incident_id=number, runbook_hash=runbook.hash, runbook_id=runbook.id, facts=facts, started_at=now
        )
        session.add(run)
        session.flush()
        incident.runbook_id = runbook.id
        record(session, number, now, kind="runbook.started", text=f"Runbook: {runbook.title}", data={"id": runbook.id})
        self._open(session, run, runbook, runbook.steps[0], incident, now)

    def end_for(self, session: Session, incident: Incident, now: datetime) -> None:
        """The incident is over: so is its runbook."""
        self._end_run(session, incident.id or 0, now, "resolved")

    def _end_run(self, session: Session, number: int, now: datetime, outcome: str) -> None:
        run = session.exec(
            select(RunbookRun).where(RunbookRun.incident_id == number, RunbookRun.state == RunState.RUNNING)
        ).first()
        if run is None:
            return
        step = _running(session, run.id or 0)
        if step is not None:
            self._close(session, step, StepState.SKIPPED, None, now, answer=outcome)
        run.state, run.outcome, run.finished_at = RunState.FINISHED, outcome, now
        session.flush()

    # presses

    def done(self, session: Session, step_id: int, version: int | None, user: str, now: datetime) -> None:
        """Finish a step: on to where its checks point, else to the next."""
        step, _, document = self.here(session, step_id)
        if document.answers:
            raise BotError("This step is a decision: press one of its answers.")
        if document.inputs and not step.note:
            raise BotError("This step asks for something: press Record first.")
        branch = suggested(document, self.said(session, step_id))
        directive = branch.directive if branch else Directive(Go.NEXT)
        if directive.go in {Go.AGAIN, Go.ESCALATE}:
            directive = Directive(Go.NEXT)
        self._finish(
            session, step, version, StepState.DONE, user, now, directive, answer=branch.label if branch else None
        )

    def answer(self, session: Session, step_id: int, version: int | None, place: int, user: str, now: datetime) -> None:
        """Press an answer of a decision."""
        step, _run, document = self.here(session, step_id)
        if not 0 <= place < len(document.answers):
            raise BotError("This answer is not in the runbook any more; press one that is shown.")
        branch = document.answers[place]
        if branch.directive.go is Go.ESCALATE:
            self.escalate(session, step_id, version, user, now, reason=branch.label)
        elif branch.directive.go is Go.AGAIN:
            self.again(session, step_id, version, user, now, longer=True)
        else:
            self._finish(session, step, version, StepState.DONE, user, now, branch.directive, answer=branch.label)

    def skip(self, session: Session, step_id: int, version: int | None, user: str, now: datetime) -> None:
        step, _, _ = self.here(session, step_id)
        self._finish(session, step, version, StepState.SKIPPED, user, now, Directive(Go.NEXT))

    def fail(self, session: Session, step_id: int, version: int | None, user: str, now: datetime) -> None:
        """The step can't be done: that is on record, and help is called."""
        step, run, _ = self.here(session, step_id)
        self._finish(session, step, version, StepState.FAILED, user, now, Directive(Go.NEXT))
        incident = by_number(session, run.incident_id)
        reason = f"“{step.title}” failed"
        escalation.call(session, self.catalog, incident, now, whom=None, subject=f"failed:{step_id}", reason=reason)

    def assign(self, session: Session, step_id: int, version: int | None, whom: str, user: str, now: datetime) -> None:
        step, _, _ = self.here(session, step_id)
        self._take(session, step, version)
        step.assignee = whom
        text = f"“{step.title}” is <@{whom}>'s"
        record(session, step.incident_id, now, kind="step.assigned", text=text, actor=user, data={"step": step_id})
        self._show(session, step, now)

    def record_inputs(
        self,
        session: Session,
        step_id: int,
        version: int | None,
        values: Mapping[str, str],
        user: str,
        now: datetime,
    ) -> None:
        """Keep what a step asked for; a step that only asks is done with it."""
        step, _, document = self.here(session, step_id)
        said = [
            f"{document.inputs[name]} {value}" for name, value in values.items() if name in document.inputs and value
        ]
        if not said:
            raise BotError("Nothing was entered.")
        text = "; ".join(said)
        record(
            session,
            step.incident_id,
            now,
            kind="step.recorded",
            text=text,
            actor=user,
            data={"step": step_id, "values": dict(values), "key": True},
        )
        if document.answers:
            self._take(session, step, version)
            step.note = text
            self._show(session, step, now)
        else:
            step.note = text
            self._finish(session, step, version, StepState.DONE, user, now, Directive(Go.NEXT), answer=text)

    def again(
        self, session: Session, step_id: int, version: int | None, user: str, now: datetime, *, longer: bool = False
    ) -> None:
        """Run the step's checks again, on demand over the next longer window."""
        step, run, document = self.here(session, step_id)
        if not document.checks:
            raise BotError("This step has no check to run.")
        self._take(session, step, version)
        incident = by_number(session, run.incident_id)
        record(session, step.incident_id, now, kind="step.again", text=f"“{step.title}”: checks again", actor=user)
        before = self.latest(session, step_id) if longer else {}
        self._ask(session, step, run, document, incident, now, before)
        self._show(session, step, now)

    def escalate(
        self, session: Session, step_id: int, version: int | None, user: str, now: datetime, reason: str = ""
    ) -> None:
        step, run, document = self.here(session, step_id)
        self._take(session, step, version)
        step.escalated_at = now
        why = f"<@{user}> asked for help with “{step.title}”" + (f": {reason}" if reason else "")
        record(session, step.incident_id, now, kind="step.escalated", text=why, actor=user, data={"step": step_id})
        self._call_help(session, step, run, document, now, f"help is wanted with “{step.title}”")
        self._show(session, step, now)

    # checks and timers

    def check_finished(self, session: Session, check: CheckRun, now: datetime) -> None:
        """Show an answer in the step that asked, while it is the current one."""
        step = session.get(StepRun, check.step_run_id) if check.step_run_id else None
        if step is not None and step.state == StepState.RUNNING:
            self._show(session, step, now)

    def overdue(self, session: Session, step_id: int, now: datetime) -> bool:
        """A step's time is up: call for help, once."""
        step = session.get(StepRun, step_id, with_for_update=True)
        if step is None or step.state != StepState.RUNNING or step.escalated_at or not step.due_at or step.due_at > now:
            return False
        step, run, document = self.here(session, step_id)
        step.escalated_at = now
        length = format_duration(document.limit.length) if document.limit else "its time"
        text = f"“{step.title}” is not done after {length}"
        record(session, step.incident_id, now, kind="step.overdue", text=text, data={"step": step_id})
        self._call_help(session, step, run, document, now, text)
        self._show(session, step, now)
        return True

    def near(self, session: Session, step_id: int, now: datetime) -> None:
        """Say that little time is left, once."""
        step = session.get_one(StepRun, step_id)
        if step.message_ts is not None and step.state == StepState.RUNNING:
            put(
                session,
                now,
                kind="runbook.step_changed",
                key=f"step-near:{step_id}",
                lane=f"step:{step_id}",
                priority=Priority.STEP,
                payload={"step": step_id},
                incident_id=step.incident_id,
            )

    def still_running(self, session: Session, step_id: int, mark: str, now: datetime) -> None:
        """Show how long a check has been running, once for each mark."""
        step = session.get_one(StepRun, step_id)
        if step.message_ts is not None:
            put(
                session,
                now,
                kind="runbook.step_changed",
                key=f"step-running:{step_id}:{mark}",
                lane=f"step:{step_id}",
                priority=Priority.EDIT,
                payload={"step": step_id},
                incident_id=step.incident_id,
            )

    def _call_help(
        self, session: Session, step: StepRun, run: RunbookRun, document: Step, now: datetime, reason: str
    ) -> None:
        runbook = self.document(session, run.runbook_hash)
        whom = (document.limit.escalate_to if document.limit else None) or runbook.escalation
        incident = by_number(session, run.incident_id)
        escalation.call(session, self.catalog, incident, now, whom=whom, subject=f"step:{step.id}", reason=reason)

    # moving

    def _open(
        self, session: Session, run: RunbookRun, runbook: Runbook, document: Step, incident: Incident, now: datetime
    ) -> None:
        step = StepRun(
            run_id=run.id or 0,
            incident_id=run.incident_id,
            step_key=document.key,
            title=document.title,
            position=runbook.place(document.key),
            started_at=now,
            due_at=now + document.limit.length if document.limit else None,
        )
        session.add(step)
        session.flush()
        text = f"Step {step.position} of {len(runbook.steps)}: {step.title}"
        record(
            session, run.incident_id, now, kind="step.opened", text=text, data={"step": step.id, "key": step.step_key}
        )
        self._ask(session, step, run, document, incident, now, {})
        put(
            session,
            now,
            kind="runbook.step",
            key=f"step:{step.id}",
            lane=f"incident:{run.incident_id}:steps",
            priority=Priority.STEP,
            payload={"step": step.id},
            incident_id=run.incident_id,
        )
        self.changed(session, incident, now)

    def _ask(
        self,
        session: Session,
        step: StepRun,
        run: RunbookRun,
        document: Step,
        incident: Incident,
        now: datetime,
        before: Mapping[int, dict[str, str]],
    ) -> None:
        """Queue the step's checks; a line that can't be run is on the timeline and stops nothing."""
        model = self.catalog.model(incident.model)
        usual = model.data.window if model and model.data else parse_duration("1h")
        for place, line in enumerate(document.checks):
            name, params = fill_check(line.line, run.facts)
            if place in before:
                params = longer_window(before[place], usual)
            try:
                asked = self.checks.ask(
                    session,
                    now,
                    name=name,
                    params=params,
                    model=incident.model,
                    incident_id=incident.id,
                    step_run_id=step.id,
                )
            except BotError as error:
                record(session, run.incident_id, now, kind="check.refused", text=f"{line.line}: {error.message}")
                continue
            session.add(StepCheck(step_run_id=step.id or 0, position=place, check_run_id=asked.id or 0))
        session.flush()

    def _take(self, session: Session, step: StepRun, version: int | None) -> None:
        """Win the step, or say who was faster."""
        seen = step.version if version is None else version
        taken = session.execute(
            update(StepRun)
            .where(
                col(StepRun.id) == step.id,
                col(StepRun.version) == seen,
                col(StepRun.state) == StepState.RUNNING,
            )
            .values(version=seen + 1)
            .execution_options(synchronize_session=False),
        )
        session.refresh(step)
        if not getattr(taken, "rowcount", 0):
            raise ConflictError(_who_won(step))

    def _finish(
        self,
        session: Session,
        step: StepRun,
        version: int | None,
        state: StepState,
        user: str,
        now: datetime,
        directive: Directive,
        *,
        answer: str | None = None,
    ) -> None:
        incident = by_number(session, step.incident_id, lock=True)
        if incident.status in _OVER:
            raise ConflictError(f"{incident_label(step.incident_id)} is {incident.status} already.")
        note = step.note
        self._take(session, step, version)
        step.note = note or step.note
        self._close(session, step, state, user, now, answer=answer)
        run = session.get_one(RunbookRun, step.run_id)
        runbook = self.document(session, run.runbook_hash)
        document = runbook.step(step.step_key)
        following = next_step(runbook, document, directive) if document else None
        if following is not None:
            self._open(session, run, runbook, following, incident, now)
            return
        run.state, run.finished_at = RunState.FINISHED, now
        run.outcome = "false alarm" if directive.go is Go.FALSE_ALARM else "finished"
        record(session, run.incident_id, now, kind="runbook.finished", text=f"Runbook {run.outcome}: {runbook.title}")
        put(
            session,
            now,
            kind="runbook.finished",
            key=f"runbook-finished:{run.id}",
            lane=f"incident:{run.incident_id}:steps",
            priority=Priority.STEP,
            payload={"run": run.id},
            incident_id=run.incident_id,
        )
        self.changed(session, incident, now)

    def _close(
        self, session: Session, step: StepRun, state: StepState, user: str | None, now: datetime, *, answer: str | None
    ) -> None:
        step.state, step.ended_at, step.ended_by, step.answer = state, now, user, answer
        step.assignee = step.assignee or user
        session.flush()
        text = f"{state.capitalize()}: {step.title}" + (f" — {answer}" if answer else "")
        data = {"step": step.id, "key": step.step_key, "answer": answer, "state": state}
        record(session, step.incident_id, now, kind=f"step.{state}", text=text, actor=user, data=data)
        escalation.stop(session, step.incident_id, EscalationState.CLOSED, now, subject=f"step:{step.id}")
        self._show(session, step, now)

    def _show(self, session: Session, step: StepRun, now: datetime) -> None:
        put_latest(
            session,
            now,
            kind="runbook.step_changed",
            lane=f"step:{step.id}",
            payload={"step": step.id},
            incident_id=step.incident_id,
        )


def _who_won(step: StepRun) -> str:
    if step.ended_by and step.ended_at:
        chose = f"chose “{step.answer}”" if step.answer else f"marked it {step.state}"
        return f"<@{step.ended_by}> {chose} before you."
    if step.state != StepState.RUNNING:
        return "This step is over already; the current one is further down."
    return "Somebody pressed a moment before you; look at the step again."


def _any_run(session: Session, number: int) -> bool:
    return session.exec(select(RunbookRun.id).where(RunbookRun.incident_id == number)).first() is not None


def _running(session: Session, run_id: int) -> StepRun | None:
    return session.exec(select(StepRun).where(StepRun.run_id == run_id, StepRun.state == StepState.RUNNING)).first()
