"""From the record to the document. Pure: the same record, version and time give the same document."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from bot.core.ids import incident_label
from bot.postmortems.document import ActionPoint, Document, Evidence, Fact, Moment, SeenAlert
from bot.postmortems.metrics import delays, metrics
from bot.postmortems.narrative import at, detection, ended, impact, summary
from bot.postmortems.record import Record
from bot.postmortems.response import factors, helped, hindered
from bot.slack.text import clip
from bot.tables import Alert, CheckRun, CheckState
from bot.timeline.moments import MESSAGE

MOST_TEXT = 1000
KEY = frozenset(
    {
        "incident.opened",
        "incident.acknowledged",
        "incident.resolved",
        "severity.changed",
        "cause.suspected",
        "action.done",
        "action.failed",
    }
)


def assemble(record: Record, *, version: int, drafted_at: datetime) -> Document:
    """Write the document. Alert charts are added by the one who can draw them."""
    incident = record.incident
    return Document(
        number=record.number,
        label=incident_label(record.number),
        title=record.names.unnamed(incident.headline),
        severity=incident.severity,
        status=incident.status,
        version=version,
        watermark=record.watermark,
        drafted_at=drafted_at,
        summary=summary(record),
        impact=impact(record),
        detection=detection(record),
        alerts=[_alert(alert, record) for alert in record.alerts],
        timeline=list(_timeline(record)),
        helped=helped(record),
        hindered=hindered(record),
        factors=factors(record),
        items=[
            ActionPoint(
                text=record.names.named(item.text),
                owner=record.names.of(item.owner) if item.owner else None,
                due=item.due,
                done=item.done_at is not None,
            )
            for item in record.items
        ],
        metrics=(*metrics(incident), *delays(incident, record.seen)),
        evidence=[_evidence(check, record) for check in record.checks if check.state == CheckState.DONE],
        versions=_versions(record),
    )


def _alert(alert: Alert, record: Record) -> SeenAlert:
    return SeenAlert(
        number=alert.id or 0,
        says=record.names.unnamed(alert.summary or alert.name),
        source=alert.source,
        route=alert.route,
        began=alert.starts_at,
        received=alert.first_seen_at,
        judged=alert.verdict,
        where=" · ".join(part for part in (alert.feature, alert.segment) if part) or None,
    )


def _timeline(record: Record) -> Iterable[Moment]:
    """The moments in the time they happened, with the onset put in where the record places it."""
    incident = record.incident
    found = [
        Moment(
            at=moment.happened_at,
            what=_said(moment.kind, " ".join(record.names.named(moment.text).split())),
            who=record.names.of(moment.actor) if moment.actor else _source(moment.kind, moment.data.get("source")),
            key=moment.key or moment.kind in KEY,
            kind=moment.kind,
        )
        for moment in record.moments
    ]
    if incident.onset_at < incident.detected_at:
        found.append(Moment(at=incident.onset_at, what="The onset: it begins, not yet seen", key=True, kind="onset"))
    return sorted(found, key=lambda moment: (moment.at, moment.kind != "onset"))


def _said(kind: str, text: str) -> str:
    """Say what kind of thing it was where the text alone does not; what people said stands in quotes."""
    text = clip(text, MOST_TEXT)
    if kind == MESSAGE:
        return f"“{text}”"
    return f"{_LEAD[kind]}: {text}" if kind in _LEAD else text or kind


_LEAD = {
    "alert.firing": "Alert",
    "channel.opened": "Channel opened",
    "note": "Note",
    "role.taken": "Role taken",
    "severity.changed": "Severity",
    "status.changed": "Status",
}


def _source(kind: str, source: object) -> str | None:
    if kind == MESSAGE:
        return "somebody"
    return str(source) if source and kind.startswith("alert.") else None


def _evidence(check: CheckRun, record: Record) -> Evidence:
    result = check.result
    given = " ".join(f"{name}={value}" for name, value in sorted(check.params.items()))
    return Evidence(
        label=f"E-{check.id}",
        title=f"{check.name} {given}".strip(),
        sentence=ended(record.names.unnamed(check.sentence)),
        verdict=check.verdict,
        columns=[str(name) for name in result.get("columns") or ()],
        rows=[[str(cell) for cell in row] for row in result.get("rows") or ()],
        facts=" · ".join(_facts(check)),
        alt=str(result.get("alt") or check.sentence),
        chart=check.id in record.charts,
    )


def _facts(check: CheckRun) -> Iterable[str]:
    result = check.result
    start, end = result.get("window_start"), result.get("window_end")
    if start and end:
        first, last = datetime.fromisoformat(str(start)), datetime.fromisoformat(str(end))
        yield f"window {at(first)} to {at(last, beside=first)}"
    if result.get("rows_read") is not None:
        yield f"{int(result['rows_read']):,} rows"
    if result.get("reference"):
        yield f"reference {result['reference']}"
    yield from (str(note) for note in result.get("notes") or ())
    if check.finished_at:
        asked = max(check.finished_at - (check.started_at or check.requested_at), timedelta(0))
        yield f"answered at {at(check.finished_at)} in {asked.total_seconds():.1f} s"


def _versions(record: Record) -> list[Fact]:
    incident = record.incident
    versions = list(dict.fromkeys(alert.model_version for alert in record.alerts if alert.model_version))
    if incident.model_version and incident.model_version not in versions:
        versions.insert(0, incident.model_version)
    named = incident.model or "the model"
    promoted = [change for change in record.changes if change.kind == "model" and change.version]
    references = [alert.reference_window for alert in record.alerts if alert.reference_window]
    references += [str(check.result["reference"]) for check in record.checks if check.result.get("reference")]
    windows = [alert.current_window for alert in record.alerts if alert.current_window]
    book = record.runbook
    return [
        Fact("Model", f"{named} {', '.join(versions)}" if versions else f"{named}; its version is not recorded"),
        Fact("Promotions near the onset", _joined(f"{change.title} ({change.version})" for change in promoted)),
        Fact("Data judged", _joined(windows)),
        Fact("Reference data", _joined(references)),
        Fact("Runbook", f"{book.title} ({book.runbook_id}, {book.hash[:12]})" if book else "not recorded"),
    ]


def _joined(parts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(parts)) or "not recorded"
