"""The one message of each run, and its edits."""

from datetime import datetime

from slack_sdk.models.blocks import Block
from sqlmodel import Session

from bot.actions.calls import shown
from bot.actions.messages import card
from bot.actions.service import Actions
from bot.outbox.kinds import Call, CallKind, Kind, Message, MessageKind, NotYetError
from bot.slack.text import clip
from bot.tables import ActionRun, Incident, OutboxRow


class ActionDeliveries:
    def __init__(self, actions: Actions) -> None:
        self.actions = actions

    def kinds(self) -> list[Kind]:
        return [
            MessageKind("action.message", self._message, posted=_posted),
            CallKind("action.changed", self._edit, tolerated=frozenset({"message_not_found"})),
        ]

    def _message(self, session: Session, row: OutboxRow, _now: datetime) -> Message:
        run = session.get_one(ActionRun, row.payload["run"])
        channel, thread = _place(session.get_one(Incident, run.incident_id))
        text, blocks = self._card(run)
        return Message(channel=channel, text=clip(text), blocks=blocks, thread_ts=thread)

    def _edit(self, session: Session, row: OutboxRow, _now: datetime) -> Call | None:
        """The message and its edits share a lane: an edit waits until the message is posted."""
        run = session.get_one(ActionRun, row.payload["run"])
        if "ts" not in run.data:
            return None
        text, blocks = self._card(run)
        arguments = {"channel": run.data["channel"], "ts": run.data["ts"], "text": clip(text)}
        return Call("chat.update", {**arguments, "blocks": [block.to_dict() for block in blocks]})

    def _card(self, run: ActionRun) -> tuple[str, list[Block]]:
        action = self.actions.catalog.action(run.name)
        return card(run, self.actions.title(run.name), action, shown(action.http) if action else None)


def _posted(session: Session, row: OutboxRow, _now: datetime, channel: str, ts: str) -> None:
    run = session.get_one(ActionRun, row.payload["run"], with_for_update=True)
    run.data = {**run.data, "channel": channel, "ts": ts}


def _place(incident: Incident) -> tuple[str, str | None]:
    if incident.channel_id and incident.card_ts:
        return incident.channel_id, None
    if incident.channel_state in {"none", "lost"} and incident.announce_channel and incident.announce_ts:
        return incident.announce_channel, incident.announce_ts
    raise NotYetError
