"""The postmortem's sentences. Each says only what the record knows, in roles and never in names. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.postmortems.document import Fact
from bot.postmortems.metrics import duration
from bot.postmortems.record import Record
from bot.tables import ActionState, Alert, Resolution, SeveritySource

NOT_RECORDED = "not recorded"
_BACKFILL = {
    "yes": "data back-filled or predictions re-scored",
    "no": "not done yet",
    "not_needed": "not needed",
}
_SEVERITY_BY = {
    "person": "set by a responder",
    "sender": "given by the sender of the alert",
    "runbook": "given by the runbook",
    "rule": "given by the impact rule",
}
_JUDGED = {
    "actionable": "worth waking someone",
    "noise": "noise",
    "expected": "an expected change",
}


def at(moment: datetime, *, beside: datetime | None = None) -> str:
    """`02:40 UTC on 2 Nov 2026`, or the time alone on the day of `beside`."""
    time = f"{moment:%H:%M} UTC"
    if beside is not None and beside.date() == moment.date():
        return time
    return f"{time} on {moment.day} {moment:%b %Y}"


def ended(text: str) -> str:
    """Return the text as the end of a sentence."""
    text = text.strip().rstrip(".").rstrip()
    return text if text.endswith(("!", "?", "…")) else f"{text}."


def summary(record: Record) -> tuple[str, str, str]:
    """What happened and for how long; what the evidence points to and how much it touched; how it was handled."""
    return _what(record), _why(record), _how(record)


def _what(record: Record) -> str:
    incident = record.incident
    name = f"INC-{record.number} ({incident.severity})"
    begin = f"{name} began at {at(incident.onset_at)} and"
    if incident.resolved_at is None:
        state = f"is {incident.status}, not over yet"
    else:
        lasted = duration(max(incident.resolved_at - incident.onset_at, timedelta(0)))
        state = {
            Resolution.FALSE_ALARM: f"was closed as a false alarm after {lasted}",
            Resolution.EXPECTED: f"was closed as an expected change after {lasted}",
            Resolution.UNTOUCHED: f"went away by itself after {lasted}",
        }.get(Resolution(incident.resolution or Resolution.FIXED), f"was resolved after {lasted}")
    return ended(f"{begin} {state}: {record.names.unnamed(incident.headline)}")


def _why(record: Record) -> str:
    share = record.incident.impact.get("share")
    cause = record.incident.cause
    if not cause and not share:
        return "Neither a probable cause nor the share of predictions affected is recorded."
    reach = f"{share} of predictions were affected" if share else "how many predictions were affected is not recorded"
    if not cause:
        return ended(f"{reach[0].upper()}{reach[1:]}; a probable cause is not recorded")
    return ended(f"The evidence points to: {record.names.unnamed(cause).rstrip('.')}; {reach}")


def _how(record: Record) -> str:
    incident = record.incident
    parts = [_detected(record)]
    if incident.acknowledged_at:
        parts.append(f"acknowledged {_after(incident.acknowledged_at - incident.detected_at, 'later')}")
    else:
        parts.append("acknowledged by nobody")
    if mitigation := _mitigation(record):
        parts.append(mitigation)
    text = f"It was {', '.join(parts[:-1])} and {parts[-1]}"
    if incident.fix:
        return ended(f"{text}; what ended it, in the words of the record: {record.names.unnamed(incident.fix)}")
    return ended(f"{text}; what ended it is not recorded" if incident.resolved_at else text)


def _detected(record: Record) -> str:
    incident, first = record.incident, first_page(record)
    took = _after(incident.detected_at - incident.onset_at, "after it began")
    return f"detected {took} {f'by an {_monitor(first)}' if first else 'by a person, not by an alert'}"


def _monitor(alert: Alert) -> str:
    """Name the monitor where it has a name of its own, not the finding's words again."""
    own = alert.monitor if alert.monitor not in {None, alert.name, alert.summary} else None
    return f"alert of the monitor {own} from {alert.source}" if own else f"alert from {alert.source}"


def _after(length: timedelta, words: str) -> str:
    return "at once" if length < timedelta(seconds=1) else f"{duration(length)} {words}"


def _mitigation(record: Record) -> str:
    """How users were served again: only what stands in the record before the end itself."""
    incident = record.incident
    reached = incident.mitigated_at
    if reached is None or reached == incident.resolved_at:
        return ""
    took = f"mitigated {_after(reached - incident.onset_at, 'after it began')}"
    action = next((run for run in record.actions if run.state == ActionState.DONE and run.finished_at == reached), None)
    return f"{took} by the action “{action_title(record, action.name)}”" if action else took


def action_title(record: Record, name: str) -> str:
    return record.action_titles.get(name, name)


def first_page(record: Record) -> Alert | None:
    """Return the alert that opened the incident: the first that paged, else the first that asked for anybody."""
    asking = [alert for alert in record.alerts if alert.route != "evidence"]
    if record.incident.opened_by is not None:
        return None
    paging = [alert for alert in asking if alert.route == "page"]
    return min(paging or asking, key=lambda alert: alert.first_seen_at, default=None)


def impact(record: Record) -> list[Fact]:
    incident, names = record.incident, record.names
    labels = incident.impact.get("labels", {}).get("sentence")
    return [
        Fact("Period", _period(record)),
        Fact("Predictions", _predictions(record)),
        Fact("Where", _where(record.alerts)),
        *([Fact("Labels", names.unnamed(labels))] if labels else []),
        Fact("Model", _model(record)),
        Fact("KPI", _kpi(record)),
        Fact("Severity", _severity(record)),
        Fact("Back-fill and re-scoring", _BACKFILL.get(incident.backfill or "", NOT_RECORDED)),
        Fact("Ended by", names.unnamed(incident.fix) if incident.fix else NOT_RECORDED),
    ]


def _period(record: Record) -> str:
    incident = record.incident
    end = incident.mitigated_at or incident.resolved_at
    blind = incident.detected_at - incident.onset_at
    unseen = f"; {duration(blind)} of it before anything was detected" if blind >= timedelta(seconds=1) else ""
    if end is None:
        return f"from {at(incident.onset_at)}, not over yet{unseen}"
    lasted = duration(max(end - incident.onset_at, timedelta(0)))
    return f"from {at(incident.onset_at)} to {at(end, beside=incident.onset_at)} ({lasted}){unseen}"


def _predictions(record: Record) -> str:
    share = record.incident.impact.get("share")
    sizes = [(alert.sample_size, alert) for alert in record.alerts if alert.sample_size is not None]
    judged = max(sizes, key=lambda pair: pair[0], default=None)
    rows = ""
    if judged:
        window = f" ({judged[1].current_window})" if judged[1].current_window else ""
        rows = f"; the widest window that an alert judged{window} held {judged[0]:,} rows"
    return f"{share} affected{rows}" if share else f"the share affected is {NOT_RECORDED}{rows}"


def _where(alerts: Sequence[Alert]) -> str:
    segments = list(dict.fromkeys(alert.segment for alert in alerts if alert.segment))
    features = list(dict.fromkeys(alert.feature for alert in alerts if alert.feature))
    parts = []
    if segments:
        parts.append(f"segments {', '.join(segments)}")
    if features:
        parts.append(f"features {', '.join(features)}")
    return "; ".join(parts) or f"segments {NOT_RECORDED}"


def _model(record: Record) -> str:
    if not record.incident.model:
        return NOT_RECORDED
    described = f": {record.model.description}" if record.model and record.model.description else ""
    return f"{record.incident.model}, tier {record.tier}{described}"


def _kpi(record: Record) -> str:
    kpi = record.model.kpi if record.model else None
    return f"{kpi}; what it lost is {NOT_RECORDED}" if kpi else NOT_RECORDED


def _severity(record: Record) -> str:
    incident = record.incident
    chosen = incident.severity_source == SeveritySource.PERSON and incident.severity_reason
    why = f": {record.names.unnamed(incident.severity_reason)}" if chosen else ""
    return f"{incident.severity}, {_SEVERITY_BY.get(incident.severity_source, incident.severity_source)}{why}"


def detection(record: Record) -> list[str]:
    """Which alert it was, whether it was in time and worth it, and what had been seen before it."""
    incident, first = record.incident, first_page(record)
    if first is None:
        said = ["No alert opened this incident: it was declared by hand."]
    else:
        limit = f", against a threshold of {first.threshold:,.4g}" if first.threshold is not None else ""
        seen = f" It observed {first.observed:,.4g}{limit}." if first.observed is not None else ""
        finding = record.names.unnamed(first.summary or first.name).rstrip(".")
        opened = at(first.first_seen_at, beside=incident.onset_at)
        said = [f"“{finding}” opened it at {opened}: {_a(first.role)} {_monitor(first)}.{seen}"]
    took = incident.detected_at - incident.onset_at
    timely = "detection and onset are the same moment" if took < timedelta(seconds=1) else f"{duration(took)} passed"
    said.append(f"Timely? Between the onset at {at(incident.onset_at)} and detection {timely}.")
    verdict = incident.verdict or next((alert.verdict for alert in record.alerts if alert.verdict), None)
    said.append(f"Actionable? It was judged {_JUDGED.get(verdict or '', verdict)}." if verdict else _UNJUDGED)
    return [*said, *_earlier(record)]


def _a(word: str) -> str:
    return f"an {word}" if word[:1] in "aeiou" else f"a {word}"


_UNJUDGED = "Actionable? Nobody has judged it yet."


def _earlier(record: Record) -> list[str]:
    """What this incident's own alerts saw before anybody was called."""
    before = [alert for alert in record.alerts if alert.first_seen_at < record.incident.detected_at]
    if not before:
        return ["Which monitor could have seen it earlier is not recorded: no alert of this incident came before it."]
    first = min(before, key=lambda alert: alert.first_seen_at)
    gap = duration(record.incident.detected_at - first.first_seen_at)
    finding = record.names.unnamed(first.summary or first.name).rstrip(".")
    calls = ", which calls nobody" if first.route in {"evidence", "digest"} else ""
    return [f"Seen earlier: “{finding}” was received {gap} before, and routed as {first.route}{calls}."]
