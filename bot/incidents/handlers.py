"""What people press and type about incidents."""

from datetime import datetime

from slack_sdk.models.blocks import InputBlock, Option, PlainTextInputElement, PlainTextObject, StaticSelectElement
from slack_sdk.models.views import View
from sqlmodel import Session, col, select

from bot.catalog.kinds import Severity
from bot.core.errors import BotError, unknown
from bot.escalation import service as escalation
from bot.incidents import messages, service
from bot.incidents.house import House
from bot.incidents.lifecycle import is_open
from bot.slack.calls import Answer, Command, Listeners, OpenView, Press, Reply, Submission
from bot.slack.text import escape
from bot.tables import (
    Alert,
    Incident,
    IncidentRole,
    IncidentStatus,
    Resolution,
    SeveritySource,
    Verdict,
)
from bot.timeline.mentioned import by_number, incident_meant
from bot.timeline.service import record

_LISTED = 15
_FIXES = (
    ("fixed", "Fixed: the cause is gone"),
    ("mitigated", "Mitigated: a fallback or rollback holds"),
    ("false_alarm", "False alarm: nothing was wrong"),
    ("expected", "Expected change: the world moved"),
)


class IncidentHandlers:
    def __init__(self, house: House, listeners: Listeners) -> None:
        self.house = house
        self.listeners = listeners

    def register(self) -> None:
        add = self.listeners.command
        add("help", "", "What Muster understands", self.help, order=99)
        add("open", "<what is wrong>", "Declare an incident", self.open, order=1)
        add("list", "", "Open incidents", self.list, order=2)
        add("status", "[new status] [reason]", "Show or change this incident's status", self.status, order=3)
        add("ack", "[INC-n]", "Acknowledge: you have it", self.ack, order=4)
        add("role", "<commander|communications|scribe|responder> [@user]", "Take or give a role", self.role, order=5)
        add("severity", "<SEV1..SEV4> [reason]", "Change the severity", self.severity, order=6)
        add("note", "<text>", "Put a line on the timeline", self.note, order=7)
        add("escalate", "[reason]", "Call the next level now", self.escalate, order=8)
        add("resolve", "[what fixed it]", "Resolve this incident", self.resolve, order=20)
        self.listeners.action("incident.acknowledge", self.pressed_acknowledge)
        self.listeners.action("incident.resolve", self.pressed_resolve)
        self.listeners.action("incident.false_alarm", self.pressed_false_alarm)
        self.listeners.action("incident.escalate", self.pressed_escalate)
        self.listeners.action("escalation.accept", self.pressed_acknowledge)
        self.listeners.action("escalation.pass", self.pressed_escalate)
        self.listeners.view("incident.resolve", self.submitted_resolve)
        for verdict in Verdict:
            self.listeners.action(f"alert.{verdict}", self.pressed_verdict)

    def help(self, command: Command) -> Answer:
        lines = [] if not command.text else [f"I don't know `{escape(command.text.split()[0][:40])}`."]
        lines.append("*Muster* understands:")
        known = sorted(self.listeners.subcommands.values(), key=lambda sub: (sub.order, sub.name))
        lines += [f"`/incident {sub.name}{' ' + escape(sub.hint) if sub.hint else ''}` {sub.summary}" for sub in known]
        return Reply("\n".join(lines))

    def open(self, command: Command) -> Answer:
        if not command.text:
            raise BotError("Say what is wrong: `/incident open fraud-v3 declines everything`.")
        words = command.text.split()
        model = next((word for word in words if self.house.catalog.model(word)), None)
        incident = service.open_incident(
            command.session,
            self.house,
            command.now,
            title=command.text[:500],
            kind="declared",
            model=model,
            severity=Severity.SEV2,
            severity_source=SeveritySource.PERSON,
            group_key=None,
            onset_at=command.now,
            opened_by=command.user,
        )
        return Reply(f"Opened *{service.label(incident)}*. Its channel is on the way; you are invited.")

    def list(self, command: Command) -> Answer:
        found = command.session.exec(
            select(Incident)
            .where(col(Incident.status).not_in([IncidentStatus.RESOLVED, IncidentStatus.CLOSED]))
            .order_by(col(Incident.severity), col(Incident.opened_at))
            .limit(_LISTED),
        ).all()
        if not found:
            return Reply("No incident is open.")
        lines = []
        for incident in found:
            commander = service.holder(command.session, service.incident_id(incident), IncidentRole.COMMANDER)
            lines.append(messages.status_text(incident, commander, command.now))
        return Reply("\n".join(lines))

    def status(self, command: Command) -> Answer:
        incident, rest = incident_meant(command.session, command.text, command.channel)
        word, _, reason = rest.partition(" ")
        if not word:
            commander = service.holder(command.session, service.incident_id(incident), IncidentRole.COMMANDER)
            return Reply(messages.status_text(incident, commander, command.now))
        names = [status.value for status in IncidentStatus if status != IncidentStatus.CLOSED]
        if word.lower() not in names:
            raise unknown("status", word, names)
        number = service.incident_id(incident)
        if word.lower() == IncidentStatus.RESOLVED:
            return self._resolve_view(incident)
        service.set_status(
            command.session, number, IncidentStatus(word.lower()), command.user, command.now, reason.strip()
        )
        return Reply(f"*{service.label(incident)}* is {word.lower()}.")

    def ack(self, command: Command) -> Answer:
        incident, _ = incident_meant(command.session, command.text, command.channel)
        service.acknowledge(command.session, service.incident_id(incident), command.user, command.now)
        return Reply(f"You have *{service.label(incident)}*.")

    def role(self, command: Command) -> Answer:
        incident, rest = incident_meant(command.session, command.text, command.channel)
        word, _, who = rest.partition(" ")
        names = [role.value for role in IncidentRole]
        if word.lower() not in names:
            raise unknown("role", word or "(none)", names)
        user = _user(who) or command.user
        service.take_role(command.session, incident, IncidentRole(word.lower()), user, command.now, by=command.user)
        return Reply(f"<@{user}> is {word.lower()} of *{service.label(incident)}*.")

    def severity(self, command: Command) -> Answer:
        incident, rest = incident_meant(command.session, command.text, command.channel)
        word, _, reason = rest.partition(" ")
        names = [severity.value for severity in Severity]
        if word.upper() not in names:
            raise unknown("severity", word or "(none)", names)
        service.set_severity(
            command.session,
            service.incident_id(incident),
            Severity(word.upper()),
            command.user,
            command.now,
            reason.strip(),
        )
        return Reply(f"*{service.label(incident)}* is {word.upper()}.")

    def note(self, command: Command) -> Answer:
        incident, rest = incident_meant(command.session, command.text, command.channel)
        if not rest:
            raise BotError("Say what to note: `/incident note rolled back the feed`.")
        service.note(command.session, service.incident_id(incident), rest, command.user, command.now)
        return Reply(f"Noted on the timeline of *{service.label(incident)}*.")

    def resolve(self, command: Command) -> Answer:
        incident, rest = incident_meant(command.session, command.text, command.channel)
        if not rest:
            return self._resolve_view(incident)
        service.resolve(command.session, self.house, service.incident_id(incident), command.user, command.now, fix=rest)
        return Reply(f"*{service.label(incident)}* is resolved.")

    def escalate(self, command: Command) -> Answer:
        incident, reason = incident_meant(command.session, command.text, command.channel)
        return self._escalate(command.session, incident, command.user, command.now, reason)

    def pressed_escalate(self, press: Press) -> Answer:
        number, _ = press.target()
        return self._escalate(press.session, by_number(press.session, number), press.user, press.now, "")

    def _escalate(self, session: Session, incident: Incident, user: str, now: datetime, reason: str) -> Reply:
        if not is_open(incident.status):
            raise BotError(f"{service.label(incident)} is over; there is nobody to call.")
        number = service.incident_id(incident)
        text = "Asked for the next level" + (f": {reason}" if reason else "")
        record(session, number, now, kind="escalation.asked", text=text, actor=user)
        escalation.start(session, self.house.catalog, incident, now)
        if not escalation.hurry(session, number, now):
            raise BotError("Somebody else is calling the next level at this moment.")
        return Reply(f"The next level of *{service.label(incident)}* is being called.")

    def pressed_acknowledge(self, press: Press) -> Answer:
        number, _ = press.target()
        service.acknowledge(press.session, number, press.user, press.now)
        return None

    def pressed_resolve(self, press: Press) -> Answer:
        number, _ = press.target()
        return self._resolve_view(by_number(press.session, number))

    def pressed_false_alarm(self, press: Press) -> Answer:
        number, _ = press.target()
        wrong, why = Resolution.FALSE_ALARM, "closed by the runbook"
        service.resolve(press.session, self.house, number, press.user, press.now, resolution=wrong, fix=why)
        return None

    def submitted_resolve(self, sent: Submission) -> Answer:
        choice = sent.values.get("how") or "fixed"
        resolution = {"false_alarm": Resolution.FALSE_ALARM, "expected": Resolution.EXPECTED}.get(
            choice, Resolution.FIXED
        )
        verdict = {"false_alarm": "noise", "expected": "expected"}.get(choice, sent.values.get("verdict") or None)
        service.resolve(
            sent.session,
            self.house,
            int(sent.private),
            sent.user,
            sent.now,
            resolution=resolution,
            fix=sent.values.get("fix", ""),
            backfill=sent.values.get("backfill") or None,
            verdict=verdict,
        )
        return None

    def pressed_verdict(self, press: Press) -> Answer:
        number, _ = press.target()
        alert = press.session.get_one(Alert, number)
        verdict = press.action_id.removeprefix("alert.")
        if alert.verdict == verdict:
            return Reply(f"<@{alert.verdict_by}> judged it {verdict} already.")
        alert.verdict, alert.verdict_by = verdict, press.user
        if alert.incident_id is not None:
            text = f"Judged {verdict}: {alert.summary or alert.name}"
            record(press.session, alert.incident_id, press.now, kind="alert.judged", text=text, actor=press.user)
        for follow in self.house.on_verdict:
            follow(press.session, alert, press.now)
        return Reply(f"Thank you: judged *{verdict}*. Thresholds learn from this.")

    def _resolve_view(self, incident: Incident) -> OpenView:
        return OpenView(
            View(
                type="modal",
                callback_id="incident.resolve",
                private_metadata=str(incident.id),
                title=PlainTextObject(text=f"Resolve {service.label(incident)}"),
                submit=PlainTextObject(text="Resolve"),
                close=PlainTextObject(text="Not yet"),
                blocks=[
                    _choice("how", "How did it end?", _FIXES),
                    InputBlock(
                        block_id="fix",
                        label=PlainTextObject(text="What fixed it?"),
                        optional=True,
                        element=PlainTextInputElement(action_id="fix", multiline=True, max_length=2000),
                    ),
                    _choice(
                        "backfill",
                        "Is the data back-filled, or are predictions re-scored?",
                        (("yes", "Yes"), ("no", "Not yet"), ("not_needed", "Not needed")),
                    ),
                    _choice(
                        "verdict",
                        "Was this worth waking someone?",
                        (("actionable", "Yes"), ("noise", "No"), ("expected", "It was an expected change")),
                    ),
                ],
            ),
        )


def _choice(block_id: str, label: str, options: tuple[tuple[str, str], ...]) -> InputBlock:
    return InputBlock(
        block_id=block_id,
        label=PlainTextObject(text=label),
        optional=True,
        element=StaticSelectElement(
            action_id=block_id,
            options=[Option(value=value, text=PlainTextObject(text=text)) for value, text in options],
        ),
    )


def _user(text: str) -> str | None:
    text = text.strip()
    if text.startswith("<@") and text.endswith(">"):
        return text[2:-1].partition("|")[0]
    return text if text[:1] in {"U", "W"} and text.isalnum() else None
