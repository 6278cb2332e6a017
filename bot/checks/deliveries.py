"""Answers of checks as Slack sees them."""

from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from bot.checks.contract import NOT_CONFIGURED
from bot.checks.messages import answer_text
from bot.outbox.kinds import Kind, Message, MessageKind, NotYetError, Upload, UploadKind
from bot.outbox.queue import Priority, put
from bot.slack.text import clip, escape, plain
from bot.tables import CheckRun, CheckState, Incident, OutboxRow, StepRun


def kinds() -> list[Kind]:
    return [
        MessageKind("check.progress", _progress),
        MessageKind("check.answer", _answer, posted=_answered),
        UploadKind("check.chart", _chart),
    ]


def _progress(session: Session, row: OutboxRow, _now: datetime) -> Message | None:
    run = session.get_one(CheckRun, row.payload["check"])
    if run.state == CheckState.DONE:
        return None
    channel, thread = _place(session, run)
    asked = " ".join([run.name, *(f"{name}={value}" for name, value in run.params.items())])
    most = f"{row.payload['seconds']:g} s at most"
    text = f"… *{escape(asked)}* is still running, {most}; the answer comes here."
    return Message(channel=channel, text=text, thread_ts=thread)


def _answer(session: Session, row: OutboxRow, _now: datetime) -> Message | None:
    run = session.get_one(CheckRun, row.payload["check"])
    if _said_by_another(session, run):
        return None
    channel, thread = _place(session, run)
    return Message(channel=channel, text=answer_text(run), thread_ts=thread)


def _said_by_another(session: Session, run: CheckRun) -> bool:
    """Checks of one step that lack the same setting say so once."""
    if run.step_run_id is None or run.verdict != NOT_CONFIGURED:
        return False
    alike = select(CheckRun.id).where(
        CheckRun.step_run_id == run.step_run_id,
        CheckRun.requested_at == run.requested_at,
        CheckRun.verdict == run.verdict,
        CheckRun.sentence == run.sentence,
        col(CheckRun.id) < run.id,
    )
    return session.exec(alike).first() is not None


def _answered(session: Session, row: OutboxRow, now: datetime, _channel: str, _ts: str) -> None:
    run = session.get_one(CheckRun, row.payload["check"])
    if run.png:
        put(
            session,
            now,
            kind="check.chart",
            key=f"check-chart:{run.id}",
            lane=f"incident:{run.incident_id}:check-charts",
            priority=Priority.STEP,
            payload={"check": run.id},
            incident_id=run.incident_id,
        )


def _chart(session: Session, row: OutboxRow, _now: datetime) -> Upload | None:
    run = session.get_one(CheckRun, row.payload["check"])
    if not run.png:
        return None
    channel, thread = _place(session, run)
    result: dict[str, Any] = run.result
    return Upload(
        channel=channel,
        filename=f"{run.name}-E{run.id}.png",
        title=clip(plain(f"E-{run.id} {run.name}: {run.sentence}"), 200),
        content=run.png,
        alt_text=clip(plain(str(result.get("alt") or run.sentence)), 1000),
        thread_ts=thread,
    )


def _place(session: Session, run: CheckRun) -> tuple[str, str | None]:
    """In the thread of the step that asked; else in the incident's channel, or its thread when it has none."""
    incident = session.get_one(Incident, run.incident_id)
    step = session.get(StepRun, run.step_run_id) if run.step_run_id else None
    if step is not None and step.message_ts is None:
        raise NotYetError
    if incident.channel_id and incident.card_ts:
        return incident.channel_id, step.message_ts if step else None
    if incident.announce_channel and incident.announce_ts and incident.channel_state in {"none", "lost"}:
        return incident.announce_channel, incident.announce_ts
    raise NotYetError
