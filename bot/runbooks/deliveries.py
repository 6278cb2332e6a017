"""Steps as Slack sees them: posted once, edited for life."""

from datetime import datetime

from sqlmodel import Session

from bot.outbox.kinds import Call, CallKind, Kind, Message, MessageKind, NotYetError
from bot.outbox.queue import put_latest
from bot.runbooks.messages import StepFacts, finished_message, step_message
from bot.runbooks.progress import suggested
from bot.runbooks.service import Runbooks
from bot.runbooks.template import fill
from bot.tables import Incident, OutboxRow, RunbookRun, StepRun


class RunbookDeliveries:
    def __init__(self, runbooks: Runbooks, public_url: str) -> None:
        self.runbooks = runbooks
        self.public_url = public_url

    def kinds(self) -> list[Kind]:
        return [
            MessageKind("runbook.step", self._step, posted=self._posted),
            CallKind("runbook.step_changed", self._changed, tolerated=frozenset({"message_not_found"})),
            MessageKind("runbook.finished", self._finished),
        ]

    def facts(self, session: Session, step: StepRun) -> StepFacts:
        _, run, runbook, document = self.runbooks.read(session, step.id or 0)
        incident = session.get_one(Incident, step.incident_id)
        here = {one.name: one for one in self.runbooks.catalog.actions_for(incident.model) if one.approvers}
        return StepFacts(
            runbook=runbook,
            document=document,
            text=fill(document.text, run.facts),
            checks=self.runbooks.checks_of(session, step.id or 0),
            suggested=suggested(document, self.runbooks.said(session, step.id or 0)),
            actions=[(name, here[name].title) for name in document.actions if name in here],
            url=f"{self.public_url}/runbooks/{runbook.id}#{document.key}",
            seconds=self.runbooks.catalog.limits.seconds,
        )

    def _step(self, session: Session, row: OutboxRow, now: datetime) -> Message:
        step = session.get_one(StepRun, row.payload["step"])
        channel, thread = _place(session, step.incident_id)
        text, blocks = step_message(step, self.facts(session, step), now)
        return Message(channel=channel, text=text, blocks=blocks, thread_ts=thread)

    def _posted(self, session: Session, row: OutboxRow, now: datetime, _channel: str, ts: str) -> None:
        step = session.get_one(StepRun, row.payload["step"])
        step.message_ts = ts
        # What happened while it was being posted is shown now.
        payload = {"step": step.id}
        lane = f"step:{step.id}"
        put_latest(session, now, kind="runbook.step_changed", lane=lane, payload=payload, incident_id=step.incident_id)

    def _changed(self, session: Session, row: OutboxRow, now: datetime) -> Call | None:
        step = session.get_one(StepRun, row.payload["step"])
        if step.message_ts is None:
            return None
        channel, _ = _place(session, step.incident_id)
        text, blocks = step_message(step, self.facts(session, step), now)
        shown = [block.to_dict() for block in blocks]
        return Call("chat.update", {"channel": channel, "ts": step.message_ts, "text": text, "blocks": shown})

    def _finished(self, session: Session, row: OutboxRow, _now: datetime) -> Message:
        run = session.get_one(RunbookRun, row.payload["run"])
        channel, thread = _place(session, run.incident_id)
        text, blocks = finished_message(run, self.runbooks.document(session, run.runbook_hash))
        return Message(channel=channel, text=text, blocks=blocks, thread_ts=thread)


def _place(session: Session, number: int) -> tuple[str, str | None]:
    incident = session.get_one(Incident, number)
    if incident.channel_id and incident.card_ts:
        return incident.channel_id, None
    if incident.channel_state in {"none", "lost"} and incident.announce_channel and incident.announce_ts:
        return incident.announce_channel, incident.announce_ts
    raise NotYetError
