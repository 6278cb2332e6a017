"""What is said of monitors in shadow. Pure."""

from collections.abc import Sequence

from slack_sdk.models.blocks import ActionsBlock, Block, ButtonElement, PlainTextObject, SectionBlock

from bot.catalog.values import format_duration
from bot.monitoring.shadow.service import Record
from bot.monitoring.watched import Watched
from bot.slack.text import clip, escape

LISTED = 12


def watching(one: Watched) -> str:
    """`declines (guardrail): share of decline, every 1h`."""
    monitor = one.monitor
    about = {
        "class_share": f"share of {monitor.value}",
        "row_count": "rows",
        "multivariate": "whether features belong together",
    }.get(monitor.metric, f"{monitor.metric.replace('_', ' ')}{f' of {monitor.feature}' if monitor.feature else ''}")
    each = f" of each {monitor.by}" if monitor.by else ""
    return f"{monitor.name} ({one.role}): {about}{each}, every {format_duration(monitor.window)}"


def told(one: Watched, record: Record | None) -> str:
    """What it did so far, in a line."""
    if record is None or not record.windows:
        return f"{one.monitor.name}: no window judged yet."
    if not record.fired:
        return f"{one.monitor.name}: {record.windows:,} windows judged, none out of bounds."
    windows = "1 window" if record.windows == 1 else f"{record.windows:,} windows"
    return f"{one.monitor.name}: would have fired in {record.fired} of {windows}, last: {record.last}"


def invitation(model: str, shadowed: Sequence[Watched], accepted: str | None) -> tuple[str, list[Block]]:
    """The message of a model's new monitors: what they watch, and the one thing to decide."""
    if not shadowed:
        text = f"The monitors of *{escape(model)}* tell what they find{f': {accepted}' if accepted else '.'}"
        return text, [SectionBlock(text=text)]
    count = "1 monitor" if len(shadowed) == 1 else f"{len(shadowed)} monitors"
    they = "It records what it finds, and tells" if len(shadowed) == 1 else "They record what they find, and tell"
    text = f"*{count} of {escape(model)} in shadow.* {they} nobody until somebody accepts."
    lines = [f"• {escape(watching(one))}" for one in shadowed[:LISTED]]
    if len(shadowed) > LISTED:
        lines.append(f"… and {len(shadowed) - LISTED} more: `muster monitor list`")
    buttons = [
        _button("Look at the record", "monitor.record", model),
        _button("Accept all" if len(shadowed) > 1 else "Accept", "monitor.accept", model, "primary"),
    ]
    return text, [SectionBlock(text=clip("\n".join([text, *lines]))), ActionsBlock(elements=buttons)]


def _button(text: str, action_id: str, value: str, style: str | None = None) -> ButtonElement:
    return ButtonElement(text=PlainTextObject(text=text), action_id=action_id, value=value, style=style)
