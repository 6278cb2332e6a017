"""What people say in an incident's channel, as Slack's events tell it."""

from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session, select

from bot.slack.calls import Event, Listeners
from bot.tables import Incident
from bot.timeline.moments import DELETED, EDITED, MARKED, MESSAGE, UNMARKED
from bot.timeline.service import record

MARKS = {"pushpin", "round_pushpin", "star"}
_SPOKEN = {None, "thread_broadcast", "file_share", "me_message"}


def register(listeners: Listeners) -> None:
    listeners.event("message", on_message)
    listeners.event("reaction_added", lambda event: _mark(event, MARKED))
    listeners.event("reaction_removed", lambda event: _mark(event, UNMARKED))
    listeners.event("pin_added", lambda event: _pin(event, MARKED))
    listeners.event("pin_removed", lambda event: _pin(event, UNMARKED))


def at(ts: str) -> datetime:
    """Read the time in a message's ts."""
    return datetime.fromtimestamp(float(ts), UTC)


def on_message(event: Event) -> None:
    body = event.body
    incident_id = _incident(event.session, body.get("channel"))
    if incident_id is None:
        return
    subtype = body.get("subtype")
    if subtype == "message_changed":
        _changed(event, incident_id, body["message"], body.get("previous_message") or {})
    elif subtype == "message_deleted":
        ts = body.get("deleted_ts") or (body.get("previous_message") or {}).get("ts")
        if ts:
            _follow(event, incident_id, DELETED, str(ts), "")
    elif subtype in _SPOKEN and body.get("user") and not body.get("bot_id"):
        _said(event.session, event.now, incident_id, body)


def _said(session: Session, now: datetime, incident_id: int, body: Any) -> None:  # noqa: ANN401
    files = [{"name": file.get("name"), "id": file.get("id")} for file in body.get("files") or []]
    text = body.get("text") or ", ".join(str(file["name"]) for file in files)
    record(
        session,
        incident_id,
        now,
        kind=MESSAGE,
        text=text,
        actor=body["user"],
        happened_at=at(body["ts"]),
        data={"ts": body["ts"], "thread_ts": body.get("thread_ts"), "files": files},
        source_key=_key(body["ts"]),
    )


def _changed(event: Event, incident_id: int, message: Any, previous: Any) -> None:  # noqa: ANN401
    if message.get("bot_id") or not message.get("user") or message.get("text") == previous.get("text"):
        return
    _follow(event, incident_id, EDITED, message["ts"], message.get("text", ""), actor=message["user"])


def _mark(event: Event, kind: str) -> None:
    item = event.body.get("item") or {}
    if event.body.get("reaction") in MARKS and item.get("type") == "message":
        incident_id = _incident(event.session, item.get("channel"))
        if incident_id is not None:
            _follow(event, incident_id, kind, item["ts"], "", actor=event.body.get("user"))


def _pin(event: Event, kind: str) -> None:
    item = event.body.get("item") or {}
    ts = (item.get("message") or {}).get("ts")
    incident_id = _incident(event.session, event.body.get("channel_id") or item.get("channel"))
    if incident_id is not None and ts:
        _follow(event, incident_id, kind, ts, "", actor=event.body.get("user"))


def _follow(event: Event, incident_id: int, kind: str, ts: str, text: str, *, actor: str | None = None) -> None:
    stamp = str(event.body.get("event_ts") or event.body.get("ts") or ts)
    record(
        event.session,
        incident_id,
        event.now,
        kind=kind,
        text=text,
        actor=actor,
        happened_at=at(stamp),
        data={"about": _key(ts)},
        source_key=f"{kind}:{ts}:{stamp}:{actor or ''}",
    )


def _key(ts: str) -> str:
    return f"slack:{ts}"


def _incident(session: Session, channel: str | None) -> int | None:
    if not channel:
        return None
    return session.exec(select(Incident.id).where(Incident.channel_id == channel)).first()
