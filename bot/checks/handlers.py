"""`/incident check`, the card's button and its form."""

from datetime import datetime

from sqlmodel import Session

from bot.checks.messages import choose_view
from bot.checks.registry import read_params
from bot.checks.service import Checks
from bot.core.errors import BotError
from bot.core.ids import incident_label
from bot.slack.calls import Answer, Command, FieldErrors, Listeners, OpenView, Press, Reply, Submission
from bot.tables import Incident
from bot.timeline.mentioned import by_number, incident_meant
from bot.timeline.service import record


class CheckHandlers:
    def __init__(self, checks: Checks, listeners: Listeners) -> None:
        self.checks = checks
        self.listeners = listeners

    def register(self) -> None:
        add = self.listeners.command
        add("check", "<name> [feature=…] [window=…]", "Run a diagnostic check on the data", self.command, order=9)
        self.listeners.action("incident.check", self.pressed)
        self.listeners.view("check.run", self.submitted)

    def command(self, command: Command) -> Answer:
        incident, line = incident_meant(command.session, command.text, command.channel)
        if not line:
            return OpenView(choose_view(self.checks.registry, incident.id or 0))
        check, params = self.checks.registry.read_line(line)
        return self._ask(command.session, incident, check.name, params, command.user, command.now)

    def pressed(self, press: Press) -> Answer:
        number, _ = press.target()
        by_number(press.session, number)
        return OpenView(choose_view(self.checks.registry, number))

    def submitted(self, sent: Submission) -> Answer:
        incident = by_number(sent.session, int(sent.private))
        line = f"{sent.values.get('name') or ''} {sent.values.get('params') or ''}"
        try:
            check, params = self.checks.registry.read_line(line)
            read_params(check, params)
        except BotError as error:
            return FieldErrors({"params": error.message})
        self._ask(sent.session, incident, check.name, params, sent.user, sent.now)
        return None

    def _ask(
        self, session: Session, incident: Incident, name: str, params: dict[str, str], user: str, now: datetime
    ) -> Reply:
        number = incident.id or 0
        self.checks.ask(
            session, now, name=name, params=params, model=incident.model, incident_id=number, requested_by=user
        )
        said = " ".join([name, *(f"{key}={value}" for key, value in params.items())])
        record(session, number, now, kind="check.asked", text=f"Asked for {said}", actor=user)
        return Reply(f"Running `{said}` for *{incident_label(number)}*; the answer comes into its channel.")
