"""What an incident looks like in Slack. Builders take rows and plain values, and touch nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ContextBlock,
    HeaderBlock,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
)

from bot.core.ids import incident_label
from bot.incidents.lifecycle import is_open, words_for
from bot.slack.text import HEADER, clip, escape, link, local_day_time, local_time, mention, plain
from bot.statistics.wording import number, percent
from bot.tables import Alert, Change, Incident

MARKS = {"SEV1": "🔴", "SEV2": "🔴", "SEV3": "🟠", "SEV4": "🟡"}
_NEAREST_CHANGES = 3
_SHARES = frozenset({"class_share", "null_rate", "range"})


@dataclass(frozen=True, slots=True)
class CardFacts:
    """All that the card shows beside the incident itself."""

    commander: str | None = None
    alerts: Sequence[Alert] = ()
    changes: Sequence[Change] = ()
    step: str | None = None
    tier: int = 2
    kpi: str | None = None
    postmortem_url: str | None = None
    offer: tuple[str, str, str] | None = None
    actions: Sequence[tuple[str, str]] = field(default_factory=tuple)


def mark(incident: Incident) -> str:
    return MARKS[incident.severity] if is_open(incident.status) else "✅"


def card(incident: Incident, facts: CardFacts, now: datetime) -> tuple[str, list[Block]]:
    """Build the pinned card: what is broken, how bad, who has it, what to do next."""
    title = f"{mark(incident)} {incident.severity} · {plain(incident.headline)}"
    lines = [_state_line(incident, facts, now)]
    if incident.cause:
        lines.append(f"*Probable cause:* {escape(incident.cause)}")
    lines.append(_impact_line(incident, facts))
    if facts.step:
        lines.append(facts.step)
    lines += _change_lines(incident, facts.changes)
    blocks: list[Block] = [
        HeaderBlock(text=PlainTextObject(text=clip(title, HEADER))),
        SectionBlock(block_id="card", text=MarkdownTextObject(text=clip("\n".join(line for line in lines if line)))),
    ]
    blocks.append(_buttons(incident, facts) if is_open(incident.status) else _closing(incident, facts))
    if facts.offer is not None:
        blocks.append(ActionsBlock(block_id="card.offer", elements=[_button(*facts.offer)]))
    return f"{title} ({incident_label(incident.id or 0)})", blocks


def _state_line(incident: Incident, facts: CardFacts, now: datetime) -> str:
    label = f"*{incident_label(incident.id or 0)}*"
    if not is_open(incident.status) and incident.resolved_at:
        lasted = words_for(incident.resolved_at - incident.onset_at)
        who = f" by {mention(incident.resolved_by)}" if incident.resolved_by else " untouched"
        return f"Resolved{who} · lasted {lasted} · {label}"
    who = f"commander {mention(facts.commander)}" if facts.commander else "*nobody has it yet*"
    since = words_for(now - incident.onset_at)
    return f"{incident.status.capitalize()} · since {local_time(incident.onset_at)} ({since}) · {who} · {label}"


def _impact_line(incident: Incident, facts: CardFacts) -> str:
    parts = []
    if share := incident.impact.get("share"):
        parts.append(f"{escape(str(share))} of predictions affected")
    parts.append(f"tier {facts.tier} model {escape(incident.model)}" if incident.model else "no model named")
    if incident.model_version:
        parts.append(f"version {escape(incident.model_version)}")
    if facts.kpi:
        parts.append(f"KPI: {escape(facts.kpi)}")
    firing = sum(1 for alert in facts.alerts if alert.state == "firing")
    parts.append(f"{firing} of {len(facts.alerts)} alerts firing" if facts.alerts else "declared by hand")
    return " · ".join(parts)


def _change_lines(incident: Incident, changes: Sequence[Change]) -> list[str]:
    if not changes:
        return []
    said = []
    for change in changes[:_NEAREST_CHANGES]:
        gap = incident.onset_at - change.at
        when = f"{words_for(abs(gap))} {'before' if gap.total_seconds() >= 0 else 'after'}"
        name = link(change.link, change.title) if change.link else escape(change.title)
        said.append(f"{name} {local_time(change.at)} ({when})")
    return ["*Changed near it:* " + " · ".join(said)]


def _button(text: str, action_id: str, value: str, style: str | None = None) -> ButtonElement:
    return ButtonElement(text=PlainTextObject(text=text, emoji=True), action_id=action_id, value=value, style=style)


def _buttons(incident: Incident, facts: CardFacts) -> ActionsBlock:
    value = str(incident.id)
    elements = []
    if incident.acknowledged_at is None:
        elements.append(_button("Acknowledge", "incident.acknowledge", value, "primary"))
    elements += [_button(title, f"action.ask:{name}", value) for name, title in facts.actions[:1]]
    elements += [
        _button("Run a check", "incident.check", value),
        _button("Escalate", "incident.escalate", value),
        _button("Resolve", "incident.resolve", value, None if incident.acknowledged_at is None else "primary"),
    ]
    return ActionsBlock(block_id="card.actions", elements=elements)


def _closing(incident: Incident, facts: CardFacts) -> Block:
    said = [escape(incident.fix)] if incident.fix else []
    if facts.postmortem_url:
        said.append(link(facts.postmortem_url, "Postmortem"))
    said.append(f"Resolved {local_day_time(incident.resolved_at)}" if incident.resolved_at else "Ended")
    return ContextBlock(elements=[MarkdownTextObject(text=clip(" · ".join(said)))])


def alert_message(alert: Alert, *, others: Sequence[Alert] = ()) -> tuple[str, list[Block]]:
    """Build the alert: one finding first, then its facts."""
    finding = alert.summary or alert.name
    rows = [
        ("Monitor", alert.monitor),
        ("Model", " ".join(part for part in (alert.model, alert.model_version) if part)),
        ("Feature", alert.feature),
        ("Segment", alert.segment),
        ("Observed", _number(alert.observed, alert.metric)),
        ("Threshold", _number(alert.threshold, alert.metric)),
        ("Rows", f"{alert.sample_size:,}" if alert.sample_size is not None else None),
        ("Window", alert.current_window),
        ("Reference", alert.reference_window),
    ]
    facts = [MarkdownTextObject(text=clip(f"*{name}*\n{escape(value)}", 1900)) for name, value in rows if value]
    blocks: list[Block] = [SectionBlock(text=MarkdownTextObject(text=clip(f"*{escape(finding)}*")))]
    if facts:
        blocks.append(SectionBlock(fields=facts[:10]))
    trail = [f"{escape(alert.kind)} · {escape(alert.role)} · from {escape(alert.source)}"]
    trail.append(f"first seen {local_time(alert.first_seen_at)}")
    trail += [link(url, name) for name, url in sorted(alert.links.items())][:3]
    if others:
        about = ", ".join(dict.fromkeys(plain(other.feature or other.monitor or other.name) for other in others))
        plural = "alert" if len(others) == 1 else "alerts"
        trail.append(clip(f"*{len(others)} more {plural}* in the thread: {escape(about)}", 400))
    blocks.append(ContextBlock(elements=[MarkdownTextObject(text=clip(" · ".join(trail)))]))
    value = str(alert.id)
    blocks.append(
        ActionsBlock(
            elements=[
                _button("Actionable", "alert.actionable", value),
                _button("Noise", "alert.noise", value),
                _button("Expected", "alert.expected", value),
            ],
        ),
    )
    return f"{plain(finding)}", blocks


def _number(value: float | None, metric: str | None) -> str | None:
    if value is None:
        return None
    return percent(value) if metric in _SHARES else number(value)


def announcement(incident: Incident, commander: str | None, now: datetime) -> tuple[str, list[Block]]:
    """Build the one line of the announcement channel, edited for life."""
    where = f" · <#{incident.channel_id}>" if incident.channel_id else ""
    label = incident_label(incident.id or 0)
    if is_open(incident.status):
        who = mention(commander) if commander else "nobody yet"
        tail = f"{incident.status} · {who} · since {local_time(incident.onset_at)}{where}"
    else:
        tail = f"resolved after {words_for((incident.resolved_at or now) - incident.onset_at)}{where}"
    text = f"{mark(incident)} *{label}* {incident.severity} · {escape(incident.headline)} · {tail}"
    blocks: list[Block] = [SectionBlock(text=MarkdownTextObject(text=clip(text)))]
    if is_open(incident.status) and incident.acknowledged_at is None:
        blocks.append(
            ActionsBlock(elements=[_button("Acknowledge", "incident.acknowledge", str(incident.id), "primary")])
        )
    return f"{mark(incident)} {label} {incident.severity} · {plain(incident.headline)}", blocks


def all_clear(incident: Incident) -> tuple[str, list[Block]]:
    text = "Every alert of this incident is resolved. Is it over?"
    return text, [
        SectionBlock(text=MarkdownTextObject(text=f"✅ {text} If the answers are right again, resolve it.")),
        ActionsBlock(elements=[_button("Resolve", "incident.resolve", str(incident.id), "primary")]),
    ]


def topic(incident: Incident, commander: str | None) -> str:
    who = "has a commander" if commander else "nobody has it yet"
    label = incident_label(incident.id or 0)
    return clip(f"{label} · {incident.severity} · {incident.status} · {plain(incident.headline)} · {who}", 250)


def status_text(incident: Incident, commander: str | None, now: datetime) -> str:
    where = f" <#{incident.channel_id}>" if incident.channel_id else ""
    since = words_for(now - incident.onset_at)
    who = mention(commander) if commander else "nobody"
    return (
        f"{mark(incident)} *{incident_label(incident.id or 0)}* {incident.severity} {incident.status}"
        f" · {escape(incident.headline)} · {who} · {since}{where}"
    )
