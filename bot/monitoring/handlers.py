"""The buttons of a baseline, and `/incident baseline`."""

from sqlmodel import Session

from bot.core.errors import BotError
from bot.incidents.house import House
from bot.monitoring.baselines import accept_for, listed, names, undo
from bot.monitoring.deliveries import show_again
from bot.slack.calls import Answer, Command, Listeners, Press, Reply
from bot.slack.text import clip, escape, local_day_time, mention
from bot.tables import Baseline
from bot.timeline.mentioned import incident_meant

MOST_LISTED = 15


class BaselineHandlers:
    def __init__(self, house: House, listeners: Listeners) -> None:
        self.house = house
        self.listeners = listeners

    def register(self) -> None:
        hint = "[list | accept [reason] | undo <number>]"
        self.listeners.command("baseline", hint, "What monitors compare with since when", self.command, order=13)
        self.listeners.action("baseline.accept", self.accepted)
        self.listeners.action("baseline.undo", self.undone)

    def accepted(self, press: Press) -> Answer:
        number, _ = press.target()
        accept_for(press.session, self.house.catalog, number, press.user, press.now)
        show_again(press.session, number, press.now)
        return None

    def undone(self, press: Press) -> Answer:
        number, _ = press.target()
        self._undo(press.session, number, press)
        return None

    def command(self, command: Command) -> Answer:
        word, _, rest = command.text.strip().partition(" ")
        if word in {"", "list"}:
            return Reply(listing(listed(command.session)))
        if word == "undo" and rest.strip().isdigit():
            found = self._undo(command.session, int(rest), command)
            return Reply(f"Baseline {found.id} is undone; {escape(names(found))} compares as before it.")
        if word == "accept":
            incident, reason = incident_meant(command.session, rest, command.channel)
            found = accept_for(
                command.session, self.house.catalog, incident.id or 0, command.user, command.now, reason=reason
            )
            show_again(command.session, incident.id or 0, command.now)
            since = local_day_time(found.start)
            return Reply(f"What came since {since} is the new baseline of {escape(names(found))} (number {found.id}).")
        raise BotError(
            "Type `/incident baseline`, `/incident baseline accept [reason]` or `/incident baseline undo <number>`."
        )

    def _undo(self, session: Session, number: int, what: Press | Command) -> Baseline:
        found = undo(session, number, what.user, what.now)
        if found.incident_id is not None:
            show_again(session, found.incident_id, what.now)
        return found


def listing(found: list[Baseline]) -> str:
    """The newest baselines, a line each."""
    if not found:
        return "No new baseline was accepted or promoted; every monitor compares as muster.yaml says."
    return clip("\n".join(_line(one) for one in found[:MOST_LISTED]))


def _line(one: Baseline) -> str:
    who = f"{one.source} {mention(one.accepted_by)}" if one.accepted_by else one.source
    line = f"`{one.id}` {escape(names(one))} since {local_day_time(one.start)}: {escape(one.reason or '-')} ({who})"
    return f"~{line}~ undone by {mention(one.undone_by)}" if one.undone_at else line
