"""The offer to accept what an incident found as the new baseline, and its edits."""

from datetime import datetime

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
)
from sqlmodel import Session, col, select

from bot.incidents.house import House
from bot.monitoring.baselines import concerned, live_for
from bot.monitoring.references import moment_words
from bot.outbox.kinds import Call, CallKind, Kind, Message, MessageKind, NotYetError
from bot.outbox.queue import Priority, put, put_latest
from bot.slack.text import clip, escape, local_day_time, mention, plain
from bot.tables import Alert, Baseline, Incident, OutboxRow, Resolution, Verdict
from bot.timeline.mentioned import by_number

OFFER, CHANGED = "baseline.offer", "baseline.changed"


class BaselineDeliveries:
    def __init__(self, house: House) -> None:
        self.house = house

    def kinds(self) -> list[Kind]:
        return [
            MessageKind(OFFER, self._offer, posted=_posted),
            CallKind(CHANGED, self._edit, tolerated=frozenset({"message_not_found"})),
        ]

    def judged(self, session: Session, alert: Alert, now: datetime) -> None:
        """An alert was called expected: offer its incident's findings as the baseline."""
        if alert.verdict == Verdict.EXPECTED and alert.incident_id is not None:
            self._put(session, by_number(session, alert.incident_id), now)

    def ended(self, session: Session, incident: Incident, now: datetime) -> None:
        if incident.resolution == Resolution.EXPECTED or incident.verdict == Verdict.EXPECTED:
            self._put(session, incident, now)

    def card_button(self, session: Session, incident: Incident) -> tuple[str, str, str] | None:
        """What the card of an incident that was expected offers beside its end."""
        live = live_for(session, incident.id or 0)
        if live is not None:
            return "Undo the new baseline", "baseline.undo", str(live.id)
        expected = incident.resolution == Resolution.EXPECTED or incident.verdict == Verdict.EXPECTED
        if not expected or concerned(session, self.house.catalog, incident) is None:
            return None
        return "Accept as new baseline", "baseline.accept", str(incident.id)

    def _put(self, session: Session, incident: Incident, now: datetime) -> None:
        if concerned(session, self.house.catalog, incident) is None:
            return
        put(
            session,
            now,
            kind=OFFER,
            key=f"{OFFER}:{incident.id}",
            lane=f"baseline:{incident.id}",
            priority=Priority.STEP,
            incident_id=incident.id,
        )

    def _offer(self, session: Session, row: OutboxRow, _now: datetime) -> Message:
        incident = by_number(session, row.incident_id or 0)
        channel, thread = _place(incident)
        text, blocks = self._message(session, incident)
        return Message(channel=channel, text=text, blocks=blocks, thread_ts=thread)

    def _edit(self, session: Session, row: OutboxRow, _now: datetime) -> Call | None:
        offer = session.exec(select(OutboxRow).where(OutboxRow.key == f"{OFFER}:{row.incident_id}")).first()
        if offer is None or "ts" not in offer.payload:
            return None
        text, blocks = self._message(session, by_number(session, row.incident_id or 0))
        where = {"channel": offer.payload["channel"], "ts": offer.payload["ts"]}
        return Call("chat.update", {**where, "text": text, "blocks": [block.to_dict() for block in blocks]})

    def _message(self, session: Session, incident: Incident) -> tuple[str, list[Block]]:
        keys = concerned(session, self.house.catalog, incident) or []
        last = session.exec(
            select(Baseline).where(Baseline.incident_id == incident.id).order_by(col(Baseline.id).desc()).limit(1)
        ).first()
        return offer(incident, keys, live_for(session, incident.id or 0), last)


def offer(incident: Incident, keys: list[str], live: Baseline | None, last: Baseline | None) -> tuple[str, list[Block]]:
    """Build the offer as it stands: to accept, accepted and by whom, or undone and to accept again."""
    monitors = ", ".join(f"`{escape(key)}`" for key in keys) or f"every monitor of {escape(incident.model or '')}"
    since = local_day_time(incident.onset_at)
    if live is not None:
        said = f"✅ {mention(live.accepted_by)} accepted what came since {since} as the new baseline of {monitors}."
        button = _button("Undo", "baseline.undo", str(live.id), None)
        told = f"New baseline since {moment_words(incident.onset_at)}"
    else:
        undone = f"{mention(last.undone_by)} took the new baseline back. " if last is not None else ""
        said = (
            f"{undone}Was this an expected change? As new baseline, what came since {since} counts as ordinary, and "
            f"new windows of {monitors} are compared with that alone."
        )
        button = _button("Accept as new baseline", "baseline.accept", str(incident.id), "primary")
        told = f"Accept what came since {moment_words(incident.onset_at)} as new baseline?"
    blocks: list[Block] = [
        SectionBlock(text=MarkdownTextObject(text=clip(said))),
        ActionsBlock(elements=[button]),
    ]
    return plain(told), blocks


def show_again(session: Session, incident: int, now: datetime) -> None:
    """Edit the offer, where one was made: it says how things stand."""
    lane = f"baseline:{incident}"
    put_latest(session, now, kind=CHANGED, lane=lane, priority=Priority.EDIT, incident_id=incident)


def _button(text: str, action_id: str, value: str, style: str | None) -> ButtonElement:
    return ButtonElement(text=PlainTextObject(text=text, emoji=True), action_id=action_id, value=value, style=style)


def _posted(session: Session, row: OutboxRow, _now: datetime, channel: str, ts: str) -> None:
    """The row keeps where it was said, for its edits."""
    kept = session.get_one(OutboxRow, row.id, populate_existing=True)
    kept.payload = {**kept.payload, "channel": channel, "ts": ts}


def _place(incident: Incident) -> tuple[str, str | None]:
    if incident.channel_id and incident.card_ts:
        return incident.channel_id, None
    if incident.channel_state in {"none", "lost"} and incident.announce_channel and incident.announce_ts:
        return incident.announce_channel, incident.announce_ts
    raise NotYetError
