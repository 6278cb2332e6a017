"""What people press and type about actions."""

from collections.abc import Callable
from datetime import datetime

from sqlmodel import Session

from bot.actions import calls, policy
from bot.actions.messages import confirm_view, listing
from bot.actions.policy import RefusedError
from bot.actions.service import Actions
from bot.core.errors import BotError
from bot.outbox.queue import Priority, put
from bot.slack import people
from bot.slack.calls import Answer, Command, Listeners, OpenView, Press, Reply, Submission
from bot.slack.text import escape
from bot.tables import ActionRun, Incident
from bot.timeline.mentioned import by_number, incident_meant


class ActionHandlers:
    """Refusals are answers, not errors: an error would roll back what the timeline keeps of the attempt."""

    def __init__(self, actions: Actions, listeners: Listeners) -> None:
        self.actions = actions
        self.listeners = listeners

    def register(self) -> None:
        self.listeners.command(
            "action", "[name]", "Change a system, or list what can be changed", self.action, order=12
        )
        for action in self.actions.catalog.actions:
            self.listeners.action(f"action.ask:{action.name}", self.pressed_ask)
        self.listeners.action("action.approve", self.pressed_approve)
        self.listeners.action("action.refuse", self.pressed_refuse)
        self.listeners.view("action.confirm", self.submitted_confirm)

    def action(self, command: Command) -> Answer:
        incident, rest = incident_meant(command.session, command.text, command.channel)
        if not rest:
            here = self.actions.catalog.actions_for(incident.model)
            return Reply(listing(incident.id or 0, [(action, policy.off(action)) for action in here]))
        return self._ask(command.session, incident, rest.split()[0], command.user, command.now, None)

    def pressed_ask(self, press: Press) -> Answer:
        """The button's value is the incident, or `incident:step` where a runbook step shows it."""
        number, step = press.target()
        name = press.action_id.partition(":")[2]
        return self._ask(press.session, by_number(press.session, number), name, press.user, press.now, step)

    def _ask(
        self, session: Session, incident: Incident, name: str, user: str, now: datetime, step: int | None
    ) -> Answer:
        action = self.actions.usable(incident, name)
        try:
            if action.two_person:
                self.actions.request(session, incident, action, user, now, step=step)
                return Reply(f"Asked for *{escape(action.title)}*; {policy.others(action, user)} can approve it.")
            policy.check_may_ask(action, user, known=people.is_known_member(session, user, now))
        except RefusedError as refused:
            return self._refused(session, incident, name, user, now, refused)
        shown = calls.shown(action.http)
        private = f"{incident.id}:{name}:{calls.digest(action.http)}:{step or ''}"
        return OpenView(confirm_view(incident.id or 0, action, shown, private))

    def submitted_confirm(self, sent: Submission) -> Answer:
        number, name, digest, step = sent.private.split(":")
        incident = by_number(sent.session, int(number))
        action = self.actions.usable(incident, name)
        if calls.digest(action.http) != digest:
            raise BotError(
                "This action was changed in muster.yaml meanwhile. Close this, press again and read it again."
            )
        reason = str(sent.values.get("reason") or "")[:300]
        at = int(step) if step else None
        try:
            self.actions.confirm(sent.session, incident, action, sent.user, sent.now, reason=reason, step=at)
        except RefusedError as refused:
            answer = self._refused(sent.session, incident, name, sent.user, sent.now, refused)
            _tell(sent.session, incident, sent.user, answer.text, sent.now)
        return None

    def pressed_approve(self, press: Press) -> Answer:
        return self._decide(press, self.actions.approve)

    def pressed_refuse(self, press: Press) -> Answer:
        return self._decide(press, self.actions.refuse)

    def _decide(self, press: Press, decide: Callable[[Session, int, str, datetime], ActionRun]) -> Answer:
        number, _ = press.target()
        try:
            decide(press.session, number, press.user, press.now)
        except RefusedError as refused:
            run = press.session.get_one(ActionRun, number)
            incident = by_number(press.session, run.incident_id)
            return self._refused(press.session, incident, run.name, press.user, press.now, refused)
        return None

    def _refused(
        self, session: Session, incident: Incident, name: str, user: str, now: datetime, refused: RefusedError
    ) -> Reply:
        self.actions.deny(session, incident, name, user, now)
        return Reply(refused.message)


def _tell(session: Session, incident: Incident, user: str, text: str, now: datetime) -> None:
    channel = incident.channel_id or incident.announce_channel
    if channel is not None:
        put(
            session,
            now,
            kind="slack.told",
            key=f"told:{channel}:{user}:{now.isoformat()}",
            lane=f"told:{user}",
            priority=Priority.STEP,
            payload={"channel": channel, "user": user, "text": text},
        )
