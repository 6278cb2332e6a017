"""The buttons of a step, and `/incident runbook`."""

import re

from bot.core.errors import BotError
from bot.runbooks.messages import card_line, record_view
from bot.runbooks.service import Runbooks
from bot.slack.calls import Answer, Command, FieldErrors, Listeners, OpenView, Press, Reply, Submission
from bot.slack.text import escape, link
from bot.tables import RunbookRun
from bot.timeline.mentioned import incident_meant

MOST_ANSWERS = 25
_CHOICE = re.compile(r"(?P<what>[a-z]+):(?P<step>\d+):(?P<version>\d+)")


class RunbookHandlers:
    def __init__(self, runbooks: Runbooks, listeners: Listeners, public_url: str) -> None:
        self.runbooks = runbooks
        self.listeners = listeners
        self.public_url = public_url

    def register(self) -> None:
        hint = "[list | start <name>]"
        self.listeners.command("runbook", hint, "Where the runbook stands; start another", self.command, order=10)
        for place in range(MOST_ANSWERS):
            self.listeners.action(f"step.answer:{place}", self.answered)
        self.listeners.action("step.done", self.done)
        self.listeners.action("step.longer", self.longer)
        self.listeners.action("step.record", self.wants_record)
        self.listeners.action("step.more", self.more)
        self.listeners.view("step.recorded", self.recorded)

    def done(self, press: Press) -> Answer:
        step, version = press.target()
        self.runbooks.done(press.session, step, version, press.user, press.now)
        return None

    def answered(self, press: Press) -> Answer:
        step, version = press.target()
        place = int(press.action_id.rpartition(":")[2])
        self.runbooks.answer(press.session, step, version, place, press.user, press.now)
        return None

    def longer(self, press: Press) -> Answer:
        step, version = press.target()
        self.runbooks.again(press.session, step, version, press.user, press.now, longer=True)
        return None

    def wants_record(self, press: Press) -> Answer:
        step_id, _ = press.target()
        step, _, _, document = self.runbooks.read(press.session, step_id)
        return OpenView(record_view(step, document))

    def recorded(self, sent: Submission) -> Answer:
        step, _, version = sent.private.partition(":")
        values = {name: str(value or "") for name, value in sent.values.items()}
        try:
            self.runbooks.record_inputs(sent.session, int(step), int(version), values, sent.user, sent.now)
        except BotError as error:
            return FieldErrors({next(iter(values)): error.message})
        return None

    def more(self, press: Press) -> Answer:
        found = _CHOICE.fullmatch(press.value)
        if found is None:
            raise BotError("This menu is of an older version; use the newest message.")
        step, version = int(found["step"]), int(found["version"])
        session, user, now = press.session, press.user, press.now
        match found["what"]:
            case "skip":
                self.runbooks.skip(session, step, version, user, now)
            case "fail":
                self.runbooks.fail(session, step, version, user, now)
            case "mine":
                self.runbooks.assign(session, step, version, user, user, now)
            case "again":
                self.runbooks.again(session, step, version, user, now)
            case "help":
                self.runbooks.escalate(session, step, version, user, now)
            case _:
                raise BotError("This choice is of an older version; use the newest message.")
        return None

    def command(self, command: Command) -> Answer:
        if command.text.strip() == "list":
            return Reply(self._listing())
        incident, rest = incident_meant(command.session, command.text, command.channel)
        word, _, name = rest.partition(" ")
        if word == "list":
            return Reply(self._listing())
        if word == "start" and name.strip():
            self.runbooks.begin(command.session, incident, command.now, self.runbooks.library.get(name.strip()).id)
            return Reply(f"Starting *{escape(name.strip())}*; its first step comes into the incident's channel.")
        if rest and word != "show":
            raise BotError("Type `/incident runbook`, `/incident runbook list` or `/incident runbook start <name>`.")
        step = self.runbooks.current(command.session, incident.id or 0)
        if step is None:
            return Reply(f"No runbook is running. Start one: `/incident runbook start <name>`.\n{self._listing()}")
        run = command.session.get_one(RunbookRun, step.run_id)
        runbook = self.runbooks.document(command.session, run.runbook_hash)
        where = link(f"{self.public_url}/runbooks/{runbook.id}", runbook.title)
        return Reply(f"{where}: {card_line(step, len(runbook.steps), command.now)}")

    def _listing(self) -> str:
        return "\n".join(
            f"• `{one.id}` {link(f'{self.public_url}/runbooks/{one.id}', one.title)}, {len(one.steps)} steps"
            for one in self.runbooks.library.runbooks.values()
        )
