"""The postmortem as a file in the incident's channel."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlmodel import Session

from bot.catalog.config import Catalog
from bot.core.ids import incident_label
from bot.outbox.kinds import Kind, NotYetError, UndeliverableError, Upload, UploadKind
from bot.postmortems.export import as_markdown
from bot.postmortems.narrative import summary
from bot.postmortems.record import Record, read, unnamed_people
from bot.postmortems.service import FAILED, SHARED, draft
from bot.slack.text import clip, escape, link
from bot.tables import Incident, OutboxRow, Postmortem
from bot.timeline.service import record as note

NAMES_WITHIN = timedelta(seconds=10)


class PostmortemDeliveries:
    def __init__(self, catalog: Catalog, url: Callable[[int], str]) -> None:
        """url: where a browser can read the postmortem of an incident number."""
        self.catalog = catalog
        self.url = url

    def kinds(self) -> list[Kind]:
        return [UploadKind(SHARED, self._file, done=_shared, failed=_failed)]

    def _file(self, session: Session, row: OutboxRow, now: datetime) -> Upload:
        """Render what the record says now; Slack is given a moment to name people it has been asked for."""
        number = row.incident_id
        if number is None:
            raise UndeliverableError("the row names no incident")
        record = read(session, self.catalog, number)
        if unnamed_people(session, record) and row.created_at + NAMES_WITHIN > now:
            raise NotYetError
        channel, thread = _place(record.incident)
        made = draft(session, self.catalog, number, now, user=row.payload.get("user"))
        row.payload = {**row.payload, "postmortem": made.id}
        label = incident_label(number)
        return Upload(
            channel=channel,
            thread_ts=thread,
            filename=f"{label}-postmortem.md",
            title=f"{label} postmortem, draft {made.version}",
            content=as_markdown(made.markdown).encode(),
            comment=self._comment(record, made),
        )

    def _comment(self, record: Record, made: Postmortem) -> str:
        said = escape(" ".join(summary(record)))
        read_it = link(self.url(made.incident_id), "Read it with its charts")
        head = f"*Postmortem of {incident_label(made.incident_id)}, draft {made.version}*"
        return f"{head}\n{clip(said, 2500)}\n{read_it}"


def _place(incident: Incident) -> tuple[str, str | None]:
    if incident.channel_id:
        return incident.channel_id, None
    if incident.announce_channel and incident.announce_ts:
        return incident.announce_channel, incident.announce_ts
    raise NotYetError


def _shared(session: Session, row: OutboxRow, now: datetime, file_id: str) -> None:
    made = session.get_one(Postmortem, row.payload["postmortem"])
    text = f"Postmortem shared, version {made.version}"
    data = {"version": made.version, "file": file_id}
    note(session, made.incident_id, now, kind=SHARED, text=text, actor=row.payload.get("user"), data=data)


def _failed(session: Session, row: OutboxRow, now: datetime, problem: str) -> None:
    if row.incident_id is not None:
        text = f"The postmortem could not be shared in Slack ({problem})"
        note(session, row.incident_id, now, kind=FAILED, text=text)
