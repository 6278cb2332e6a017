"""What is said of incidents: each kind renders at send time and records where it went."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session

from bot.changes.service import nearest
from bot.core.errors import BotError
from bot.core.ids import incident_channel_name
from bot.escalation.policy import first_called
from bot.incidents import messages, service
from bot.incidents.house import House
from bot.incidents.lifecycle import is_open
from bot.outbox.kinds import (
    Call,
    CallKind,
    ChannelKind,
    Kind,
    Message,
    MessageKind,
    NewChannel,
    NotYetError,
    UndeliverableError,
    Upload,
    UploadKind,
)
from bot.outbox.queue import Priority, hasten, put, put_latest
from bot.slack import people
from bot.slack.text import clip, plain
from bot.tables import Alert, Incident, IncidentRole, OutboxRow
from bot.timeline.mentioned import by_number
from bot.timeline.service import record

_SUFFIXES = ("", "2", "3", "4", "5", "6", "7", "8", "9")


class IncidentDeliveries:
    def __init__(self, house: House) -> None:
        self.house = house

    def kinds(self) -> list[Kind]:
        already = frozenset({"already_pinned", "already_in_channel", "cant_invite_self", "not_in_channel"})
        return [
            ChannelKind("incident.channel_wanted", self._wanted, self._created, failed=self._no_channel),
            MessageKind("incident.card", self._card, posted=self._card_up),
            CallKind("incident.card_changed", self._card_edit, tolerated=frozenset({"message_not_found"})),
            CallKind("incident.pin", self._pin, tolerated=already),
            CallKind("incident.topic", self._topic, done=self._topic_set, tolerated=frozenset({"is_archived"})),
            CallKind("incident.invite", self._invite, tolerated=already | {"user_not_found", "cant_invite"}),
            MessageKind("incident.announced", self._announce, posted=self._announced),
            CallKind("incident.announcement_changed", self._announce_edit, tolerated=frozenset({"message_not_found"})),
            MessageKind("incident.alert", self._alert, posted=self._alert_up),
            CallKind("incident.alert_changed", self._alert_edit, tolerated=frozenset({"message_not_found"})),
            UploadKind("incident.alert_chart", self._alert_chart),
            MessageKind("incident.all_clear", self._all_clear),
            CallKind("slack.told", _tell, tolerated=frozenset({"user_not_in_channel", "channel_not_found"})),
            CallKind("slack.person_wanted", _ask_person, done=_learn_person, tolerated=frozenset({"user_not_found"})),
        ]

    def _incident(self, session: Session, row: OutboxRow) -> Incident:
        if row.incident_id is None:
            raise UndeliverableError("the row names no incident")
        return by_number(session, row.incident_id)

    def _facts(self, session: Session, incident: Incident, now: datetime) -> messages.CardFacts:
        number = service.incident_id(incident)
        catalog = self.house.catalog
        model = catalog.model(incident.model)
        ended = not is_open(incident.status)
        return messages.CardFacts(
            commander=service.holder(session, number, IncidentRole.COMMANDER),
            alerts=service.alerts_of(session, number),
            changes=nearest(session, model=incident.model, onset=incident.onset_at, most=3),
            step=None if ended else self.house.step_line(session, number, now),
            actions=[(action.name, action.title) for action in catalog.actions_for(incident.model) if action.approvers],
            tier=catalog.tier_of(incident.model),
            kpi=model.kpi if model else None,
            postmortem_url=self.house.postmortem_url(number) if ended else None,
            offer=self.house.card_button(session, incident) if ended else None,
        )

    def _wanted(self, session: Session, row: OutboxRow, _now: datetime) -> NewChannel | None:
        incident = self._incident(session, row)
        if incident.channel_id:
            return None
        number = service.incident_id(incident)
        names = [incident_channel_name(number, incident.slug, suffix=suffix) for suffix in _SUFFIXES]
        return NewChannel(names=names, marker=f"inc-{number}-")

    def _created(self, session: Session, row: OutboxRow, now: datetime, channel: str, name: str) -> None:
        incident = self._incident(session, row)
        incident.channel_id, incident.channel_name, incident.channel_state = channel, name, "bound"
        number = service.incident_id(incident)
        record(session, number, now, kind="channel.opened", text=f"#{name}", data={"channel": channel})
        put(
            session,
            now,
            kind="incident.card",
            key=f"card:{number}",
            lane=service.lane(incident),
            priority=Priority.INCIDENT,
            incident_id=number,
        )

    def _no_channel(self, session: Session, row: OutboxRow, now: datetime, problem: str) -> None:
        incident = self._incident(session, row)
        incident.channel_state = "lost"
        number = service.incident_id(incident)
        record(session, number, now, kind="channel.failed", text=f"No channel could be created ({problem})")
        service.changed(session, incident, now)

    def _card(self, session: Session, row: OutboxRow, now: datetime) -> Message:
        incident = self._incident(session, row)
        if not incident.channel_id:
            raise NotYetError
        text, blocks = messages.card(incident, self._facts(session, incident, now), now)
        return Message(channel=incident.channel_id, text=text, blocks=blocks)

    def _card_up(self, session: Session, row: OutboxRow, now: datetime, _channel: str, ts: str) -> None:
        incident = self._incident(session, row)
        incident.card_ts = ts
        number = service.incident_id(incident)
        for kind in ("incident.pin", "incident.topic", "incident.invite"):
            put(
                session,
                now,
                kind=kind,
                key=f"{kind}:{number}:first",
                lane=f"{kind}:{number}",
                priority=Priority.STEP,
                incident_id=number,
            )
        put_latest(session, now, kind="incident.announcement_changed", lane=f"announce:{number}", incident_id=number)
        hasten(session, now, f"{service.lane(incident)}:alerts")
        for follow in self.house.on_card:
            follow(session, incident, now)

    def _card_edit(self, session: Session, row: OutboxRow, now: datetime) -> Call | None:
        incident = self._incident(session, row)
        if not (incident.channel_id and incident.card_ts):
            return None
        text, blocks = messages.card(incident, self._facts(session, incident, now), now)
        return _edit(incident.channel_id, incident.card_ts, text, blocks)

    def _pin(self, session: Session, row: OutboxRow, _now: datetime) -> Call | None:
        incident = self._incident(session, row)
        return Call("pins.add", {"channel": incident.channel_id, "timestamp": incident.card_ts})

    def _topic(self, session: Session, row: OutboxRow, _now: datetime) -> Call | None:
        incident = self._incident(session, row)
        commander = service.holder(session, service.incident_id(incident), IncidentRole.COMMANDER)
        text = messages.topic(incident, commander)
        if not incident.card_ts or text == incident.topic:
            return None
        row.payload = {"topic": text}
        return Call("conversations.setTopic", {"channel": incident.channel_id, "topic": text})

    def _topic_set(self, session: Session, row: OutboxRow, _now: datetime, _answer: Mapping[str, Any]) -> None:
        self._incident(session, row).topic = row.payload["topic"]

    def _invite(self, session: Session, row: OutboxRow, _now: datetime) -> Call | None:
        incident = self._incident(session, row)
        model = self.house.catalog.model(incident.model)
        on_call = first_called(self.house.catalog, incident.model)
        candidates = [model.owner if model else None, incident.opened_by, *on_call]
        wanted = [user for user in candidates if user and user[0] in "UW"]
        if not wanted:
            return None
        incident.invited = sorted(set(incident.invited) | set(wanted))
        return Call("conversations.invite", {"channel": incident.channel_id, "users": ",".join(dict.fromkeys(wanted))})

    def _announce(self, session: Session, row: OutboxRow, now: datetime) -> Message | None:
        incident = self._incident(session, row)
        incident.announce_channel = incident.announce_channel or self.house.announce(incident.model)
        if not incident.announce_channel:
            raise NotYetError
        commander = service.holder(session, service.incident_id(incident), IncidentRole.COMMANDER)
        text, blocks = messages.announcement(incident, commander, now)
        return Message(channel=incident.announce_channel, text=text, blocks=blocks)

    def _announced(self, session: Session, row: OutboxRow, now: datetime, _channel: str, ts: str) -> None:
        incident = self._incident(session, row)
        incident.announce_ts = ts
        if incident.channel_state in {"none", "lost"}:
            hasten(session, now, f"{service.lane(incident)}:alerts")
            for follow in self.house.on_card:
                follow(session, incident, now)

    def _announce_edit(self, session: Session, row: OutboxRow, now: datetime) -> Call | None:
        incident = self._incident(session, row)
        if not (incident.announce_channel and incident.announce_ts):
            return None
        commander = service.holder(session, service.incident_id(incident), IncidentRole.COMMANDER)
        text, blocks = messages.announcement(incident, commander, now)
        return _edit(incident.announce_channel, incident.announce_ts, text, blocks)

    def _alert(self, session: Session, row: OutboxRow, _now: datetime) -> Message:
        """The first alert stands in the channel; those that join stand in its thread."""
        incident = self._incident(session, row)
        alert = session.get_one(Alert, row.payload["alert"])
        channel, thread = _place(incident)
        first = self._first_alert(session, incident, channel)
        text, blocks = messages.alert_message(alert)
        thread = thread or (first.message_ts if first and first.id != alert.id else None)
        return Message(channel=channel, text=text, blocks=blocks, thread_ts=thread)

    def _first_alert(self, session: Session, incident: Incident, channel: str) -> Alert | None:
        shown = [alert for alert in service.alerts_of(session, service.incident_id(incident)) if alert.message_ts]
        return min(
            (alert for alert in shown if alert.message_channel == channel),
            key=lambda alert: float(alert.message_ts or 0),
            default=None,
        )

    def _alert_up(self, session: Session, row: OutboxRow, now: datetime, channel: str, ts: str) -> None:
        incident = self._incident(session, row)
        alert = session.get_one(Alert, row.payload["alert"])
        alert.message_channel, alert.message_ts = channel, ts
        session.flush()
        first = self._first_alert(session, incident, channel)
        number, lane = service.incident_id(incident), f"{service.lane(incident)}:charts"
        if first is not None and first.id != alert.id:
            payload = {"alert": first.id}
            shown = f"alert:{first.id}"
            put_latest(session, now, kind="incident.alert_changed", lane=shown, incident_id=number, payload=payload)
        put(
            session,
            now,
            kind="incident.alert_chart",
            key=f"chart:{alert.id}",
            lane=lane,
            priority=Priority.STEP,
            payload={"alert": alert.id},
            incident_id=number,
        )

    def _alert_edit(self, session: Session, row: OutboxRow, _now: datetime) -> Call | None:
        alert = session.get_one(Alert, row.payload["alert"])
        if alert.message_channel is None or alert.message_ts is None or alert.incident_id is None:
            return None
        others = [other for other in service.alerts_of(session, alert.incident_id) if other.id != alert.id]
        text, blocks = messages.alert_message(alert, others=others)
        return _edit(alert.message_channel, alert.message_ts, text, blocks)

    def _alert_chart(self, session: Session, row: OutboxRow, now: datetime) -> Upload | None:
        alert = session.get_one(Alert, row.payload["alert"])
        if alert.message_channel is None or alert.message_ts is None:
            return None
        picture = self.house.picture(session, alert, now)
        if picture is None:
            return None
        incident = self._incident(session, row)
        first = self._first_alert(session, incident, alert.message_channel)
        _, thread = _place(incident)
        if first is not None and first.id != alert.id:
            thread = first.message_ts
        return Upload(
            channel=alert.message_channel,
            filename=f"alert-{alert.id}.png",
            title=clip(plain(alert.summary or alert.name), 200),
            content=picture.png,
            alt_text=clip(plain(picture.alt), 1000),
            thread_ts=thread,
        )

    def _all_clear(self, session: Session, row: OutboxRow, _now: datetime) -> Message | None:
        incident = self._incident(session, row)
        if incident.status != "monitoring":
            return None
        text, blocks = messages.all_clear(incident)
        channel, thread = _place(incident)
        return Message(channel=channel, text=text, blocks=blocks, thread_ts=thread)


def _place(incident: Incident) -> tuple[str, str | None]:
    """Where things of this incident are said: its channel once the card is up, else a thread of the announcement."""
    if incident.channel_id and incident.card_ts:
        return incident.channel_id, None
    if incident.channel_state in {"none", "lost"} and incident.announce_channel and incident.announce_ts:
        return incident.announce_channel, incident.announce_ts
    raise NotYetError


def _edit(channel: str, ts: str, text: str, blocks: list[Any]) -> Call:
    arguments = {"channel": channel, "ts": ts, "text": text, "blocks": [block.to_dict() for block in blocks]}
    return Call("chat.update", arguments)


def _tell(_session: Session, row: OutboxRow, _now: datetime) -> Call:
    return Call("chat.postEphemeral", dict(row.payload))


def _ask_person(_session: Session, row: OutboxRow, _now: datetime) -> Call:
    return Call("users.info", {"user": row.payload["user"]})


def _learn_person(session: Session, _row: OutboxRow, now: datetime, answer: Mapping[str, Any]) -> None:
    if answer.get("user"):
        people.keep(session, dict(answer["user"]), now)


def tell(session: Session, now: datetime, channel: str, user: str, text: str) -> None:
    """Queue a notice that only one person sees."""
    put(
        session,
        now,
        kind="slack.told",
        key=f"told:{channel}:{user}:{now.isoformat()}",
        lane=f"told:{user}",
        priority=Priority.STEP,
        payload={"channel": channel, "user": user, "text": text},
    )


def want_person(session: Session, now: datetime, user: str) -> None:
    """Queue a look at who this is; the cache answers meanwhile."""
    if not user:
        raise BotError("Slack named no user.")
    put(
        session,
        now,
        kind="slack.person_wanted",
        key=f"person:{user}:{now:%Y-%m-%dT%H}",
        lane=f"person:{user}",
        priority=Priority.STEP,
        payload={"user": user},
    )
