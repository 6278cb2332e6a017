"""Pages as Slack and the telephone see them."""

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from slack_sdk.models.blocks import ActionsBlock, ButtonElement, MarkdownTextObject, PlainTextObject, SectionBlock
from sqlmodel import Session, select

from bot.catalog.config import Catalog
from bot.core.ids import incident_label
from bot.escalation.policy import Place, targets
from bot.escalation.service import INCIDENT
from bot.outbox.kinds import Call, CallKind, Kind, Message, MessageKind, NotYetError, UndeliverableError, Work, WorkKind
from bot.outbox.queue import Priority, put
from bot.slack.gateway import SlackCallError
from bot.slack.text import clip, escape, local_time, mention, plain
from bot.tables import Escalation, EscalationState, Incident, OutboxRow, Page, PageState, Person
from bot.timeline.service import record

_MOST_MEMBERS = 10


class EscalationDeliveries:
    def __init__(self, catalog: Catalog, me: Callable[[], str]) -> None:
        self.catalog = catalog
        self.me = me

    def kinds(self) -> list[Kind]:
        return [
            MessageKind("escalation.page", self._page, posted=_posted, failed=_failed),
            CallKind("escalation.page_over", _page_over, tolerated=frozenset({"message_not_found"})),
            MessageKind("escalation.told", _told),
            CallKind("escalation.members", _members, done=self._each_member, failed=_failed),
            WorkKind("escalation.page_url", _ring, done=_rang, failed=_failed),
        ]

    def _page(self, session: Session, row: OutboxRow, now: datetime) -> Message | None:
        page, incident = _wanted(session, row)
        if page is None:
            return None
        if page.target == "channel" and (page.round, page.level) == (0, 0):
            # The announcement, posted when the incident opened, is this page: one line, not two.
            page.state, page.sent_at = PageState.SENT, now
            return None
        place = self._place(page, incident)
        text = _words(incident, now)
        value = str(incident.id)
        group = f"<!subteam^{page.target}> " if page.target.startswith("S") else ""
        words = clip(f":rotating_light: {group}{escape(text)}{_where(incident)}")
        blocks = [
            SectionBlock(text=MarkdownTextObject(text=words)),
            ActionsBlock(
                elements=[
                    ButtonElement(
                        text=PlainTextObject(text="I'm on it"),
                        action_id="escalation.accept",
                        value=value,
                        style="primary",
                    ),
                    ButtonElement(text=PlainTextObject(text="Not me: next"), action_id="escalation.pass", value=value),
                ],
            ),
        ]
        return Message(channel=place, text=plain(text), blocks=blocks)

    def _each_member(self, session: Session, row: OutboxRow, now: datetime, answer: Mapping[str, Any]) -> None:
        found = [str(user) for user in answer.get("members", []) if str(user).startswith(("U", "W"))]
        people = [user for user in found if user != self.me() and not _is_machine_or_guest(session, user)]
        if people:
            _page_each(session, row, now, people)
        else:
            _failed(session, row, now, "the announcement channel has no full member")

    def _place(self, page: Page, incident: Incident) -> str:
        if page.target == "channel":
            if not incident.announce_channel:
                raise NotYetError
            return incident.announce_channel
        if page.target == "owner":
            model = self.catalog.model(incident.model)
            if model is None or not model.owner:
                raise UndeliverableError("the model has no owner; name one in muster.yaml")
            return model.owner
        if page.target.startswith("S"):
            if not incident.announce_channel:
                raise NotYetError
            return incident.announce_channel
        return page.target


def _is_machine_or_guest(session: Session, user: str) -> bool:
    person = session.get(Person, user)
    return person is not None and (person.bot or person.restricted or person.deleted)


def _wanted(session: Session, row: OutboxRow) -> tuple[Page | None, Incident]:
    """Return the page while it is still wanted: an acknowledgement meanwhile makes it moot."""
    page = session.get_one(Page, row.payload["page"])
    incident = session.get_one(Incident, page.incident_id)
    return (page if page.state == PageState.PENDING else None), incident


def _words(incident: Incident, now: datetime) -> str:
    minutes = int((now - incident.opened_at).total_seconds() // 60)
    waited = f", nobody acknowledged for {minutes} min" if minutes else ""
    cause = f". Probable cause: {incident.cause}" if incident.cause else ""
    return f"You are needed: {incident_label(incident.id or 0)} {incident.severity}{waited}. {incident.headline}{cause}"


def _where(incident: Incident) -> str:
    return f" <#{incident.channel_id}>" if incident.channel_id else ""


def _posted(session: Session, row: OutboxRow, now: datetime, channel: str, ts: str) -> None:
    page = session.get_one(Page, row.payload["page"])
    page.state, page.sent_at, page.data = PageState.SENT, now, {"channel": channel, "ts": ts}


def _page_over(session: Session, row: OutboxRow, _now: datetime) -> Call:
    page = session.get_one(Page, row.payload["page"])
    incident = session.get_one(Incident, page.incident_id)
    label = incident_label(incident.id or 0)
    if incident.acknowledged_by:
        text = f"✅ {mention(incident.acknowledged_by)} has {label}: {escape(incident.headline)}{_where(incident)}"
    else:
        text = f"✅ {label} is over: {escape(incident.headline)}{_where(incident)}"
    block = SectionBlock(text=MarkdownTextObject(text=clip(text)))
    arguments = {"channel": page.data["channel"], "ts": page.data["ts"], "text": text, "blocks": [block.to_dict()]}
    return Call("chat.update", arguments)


def _failed(session: Session, row: OutboxRow, now: datetime, problem: str) -> None:
    """A page that reached nobody must not cost the level's whole time."""
    page = session.get_one(Page, row.payload["page"])
    page.state, page.problem = PageState.FAILED, problem
    text = f"{page.target} could not be reached ({problem})"
    record(session, page.incident_id, now, kind="escalation.unreachable", text=text)
    escalation = session.get_one(Escalation, page.escalation_id)
    others = session.exec(
        select(Page.id).where(
            Page.escalation_id == page.escalation_id,
            Page.round == page.round,
            Page.level == page.level,
            Page.state != PageState.FAILED,
        ),
    ).first()
    here = (escalation.round, escalation.level) == (page.round, page.level)
    if others is None and here and escalation.state == EscalationState.ACTIVE:
        escalation.due_at = now


def _told(session: Session, row: OutboxRow, _now: datetime) -> Message | None:
    escalation = session.get_one(Escalation, row.payload["escalation"])
    incident = session.get_one(Incident, escalation.incident_id)
    channel = incident.channel_id or incident.announce_channel
    if channel is None:
        raise NotYetError
    levels = len(escalation.policy["levels"])
    called = ", ".join(_named(target) for target in targets(escalation.policy, Place(0, escalation.level)))
    if escalation.state == EscalationState.EXHAUSTED:
        text = ":rotating_light: Every level was called and *nobody* acknowledged. Press *Acknowledge* if you see this."
    elif escalation.state == EscalationState.ACTIVE and escalation.due_at:
        why = "" if escalation.subject == INCIDENT else f" ({escape(escalation.reason)})"
        text = (
            f":telephone_receiver: Paged {called} (level {escalation.level + 1} of {levels}){why};"
            f" without an answer it goes on at {local_time(escalation.due_at)}."
        )
    else:
        return None
    thread = None if incident.channel_id else incident.announce_ts
    return Message(channel=channel, text=text, thread_ts=thread)


def _named(target: str) -> str:
    """Name a target for people, without ringing it a second time."""
    if target.startswith("env:"):
        return f"the address in {escape(target.removeprefix('env:'))}"
    words = {"members": "the members of the announcement channel", "owner": "the model's owner"}
    if target in words or target == "channel":
        return words.get(target, "the announcement channel")
    if target[:1] in {"U", "W"}:
        return mention(target)
    return f"<#{target}>" if target.startswith("C") else f"the group {escape(target)}"


def _members(session: Session, row: OutboxRow, _now: datetime) -> Call | None:
    page, incident = _wanted(session, row)
    if page is None:
        return None
    if not incident.announce_channel:
        raise NotYetError
    return Call("conversations.members", {"channel": incident.announce_channel, "limit": 100})


def _page_each(session: Session, row: OutboxRow, now: datetime, members: list[str]) -> None:
    """One page for each of the first members."""
    page = session.get_one(Page, row.payload["page"])
    page.state, page.sent_at = PageState.SENT, now
    for user in members[:_MOST_MEMBERS]:
        single = Page(
            escalation_id=page.escalation_id,
            incident_id=page.incident_id,
            round=page.round,
            level=page.level,
            target=user,
            created_at=now,
        )
        session.add(single)
        session.flush()
        put(
            session,
            now,
            kind="escalation.page",
            key=f"page:{single.id}",
            lane=f"page:{single.id}",
            priority=Priority.PAGE,
            payload={"page": single.id},
            incident_id=page.incident_id,
        )


def _ring(session: Session, row: OutboxRow, now: datetime) -> Work | None:
    page, incident = _wanted(session, row)
    if page is None:
        return None
    name = page.target.removeprefix("env:")
    url = os.environ.get(name)
    if not url:
        raise UndeliverableError(f"the variable {name} is not set; it should hold a notification URL")
    repeat = f" (repeat {row.attempts})" if row.attempts else ""
    title = f"{incident_label(incident.id or 0)} {incident.severity}{repeat}"
    body = plain(_words(incident, now))

    def ring() -> str:
        import apprise  # noqa: PLC0415

        caller = apprise.Apprise()
        if not caller.add(url) or not caller.notify(title=title, body=body):
            raise SlackCallError("notify", "not_delivered", detail=name)
        return name

    return Work(ring)


def _rang(session: Session, row: OutboxRow, now: datetime, _answer: str) -> None:
    page = session.get_one(Page, row.payload["page"])
    page.state, page.sent_at = PageState.SENT, now
