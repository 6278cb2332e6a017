"""What people type and press about postmortems."""

from collections.abc import Callable
from datetime import datetime

from sqlmodel import Session, col, select

from bot.catalog.config import Catalog
from bot.core.errors import BotError
from bot.core.ids import incident_label
from bot.postmortems import service
from bot.postmortems.items import read_item
from bot.postmortems.render import ITEM_USAGE
from bot.slack.calls import Answer, Command, Listeners, Press, Reply
from bot.slack.text import clip, escape, link, mention
from bot.tables import ActionItem, Incident, Person
from bot.timeline.mentioned import by_number, incident_meant
from bot.timeline.service import record


class PostmortemHandlers:
    def __init__(self, catalog: Catalog, listeners: Listeners, url: Callable[[int], str]) -> None:
        self.catalog = catalog
        self.listeners = listeners
        self.url = url

    def register(self) -> None:
        add = self.listeners.command
        add("postmortem", "[INC-n]", "Draft the postmortem and share it here", self.postmortem, order=21)
        hint = ITEM_USAGE.removeprefix("/incident item ")
        add("item", hint, "Add an action item to the postmortem, or list them", self.item, order=22)
        self.listeners.action("postmortem.draft", self.pressed_draft)

    def postmortem(self, command: Command) -> Answer:
        incident, rest = incident_meant(command.session, command.text, command.channel)
        if rest:
            raise BotError("Name the incident and nothing else: `/incident postmortem INC-1`.")
        return self._draft(command.session, incident, command.user, command.now)

    def pressed_draft(self, press: Press) -> Answer:
        number, _ = press.target()
        return self._draft(press.session, by_number(press.session, number), press.user, press.now)

    def _draft(self, session: Session, incident: Incident, user: str, now: datetime) -> Reply:
        number = incident.id or 0
        made = service.draft(session, self.catalog, number, now, user=user)
        name = f"*{incident_label(number)}*, draft {made.version}"
        read_it = link(self.url(number), "Read it with its charts")
        if not service.share(session, made, now, user=user):
            return Reply(f"The postmortem of {name} is shared already; nothing has happened since. {read_it}")
        where = f"<#{incident.channel_id}>" if incident.channel_id else "the incident's thread"
        said = f"The postmortem of {name} is on its way to {where}. {read_it}"
        return Reply("\n".join([said, *_to_reword(service.blame(session, self.catalog, number))]))

    def item(self, command: Command) -> Answer:
        incident, rest = incident_meant(command.session, command.text, command.channel)
        session, number = command.session, incident.id or 0
        if not rest:
            return Reply(_listed(session, number))
        people = {person.name.lower(): person.user_id for person in session.exec(select(Person)).all()}
        new = read_item(rest, people, command.now.date())
        made = ActionItem(
            incident_id=number,
            text=new.text,
            owner=new.owner,
            due=new.due,
            created_at=command.now,
            created_by=command.user,
        )
        session.add(made)
        session.flush()
        said = _words(made)
        record(
            session,
            number,
            command.now,
            kind="item.added",
            text=f"Action item: {said}",
            actor=command.user,
            data={"item": made.id},
        )
        tail = "" if new.owner else " Give it an owner by `@name`, so that somebody does it."
        return Reply(f"Added to the postmortem of *{incident_label(number)}*: {escape(new.text)}{_rest(made)}.{tail}")


def _to_reword(sentences: list[str]) -> list[str]:
    """Tell the one who drafts, and nobody else: edits of messages are followed by the timeline."""
    if not sentences:
        return []
    lines = [f"> {escape(clip(' '.join(sentence.split()), 200))}" for sentence in sentences]
    return ["This reads like blaming somebody. Edit it to what made it possible, then draft again:", *lines]


def _listed(session: Session, number: int) -> str:
    items = session.exec(select(ActionItem).where(ActionItem.incident_id == number).order_by(col(ActionItem.id))).all()
    label = incident_label(number)
    if not items:
        return f"*{label}* has no action item yet. Add one: `{escape(ITEM_USAGE)}`"
    lines = [f"• {escape(item.text)}{_rest(item)}{' ✔' if item.done_at else ''}" for item in items]
    return clip("\n".join([f"Action items of *{label}*:", *lines]))


def _rest(item: ActionItem) -> str:
    owner = f" · {mention(item.owner)}" if item.owner else ""
    return owner + (f" · due {item.due}" if item.due else "")


def _words(item: ActionItem) -> str:
    owner = f" (<@{item.owner}>)" if item.owner else ""
    return f"{item.text}{owner}" + (f", due {item.due}" if item.due else "")
