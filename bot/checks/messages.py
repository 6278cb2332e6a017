"""A check's answer as people read it: the sentence first, a small table, where it comes from."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from slack_sdk.models.blocks import (
    InputBlock,
    Option,
    PlainTextInputElement,
    PlainTextObject,
    StaticSelectElement,
)
from slack_sdk.models.views import View

from bot.checks.catalogue import CHECKS
from bot.checks.registry import Registry, usage
from bot.slack.text import clip, escape
from bot.statistics.wording import count_of
from bot.tables import CheckRun

CALM = frozenset(check.verdicts[0] for check in CHECKS.by_name.values())
UNSURE = frozenset(
    {
        *("no data", "no labels", "too few rows", "too few windows", "too many rows", "can't tell"),
        *("not configured", "failed", "timed out"),
    }
)
CELL = 34


def is_calm(verdict: str | None) -> bool | None:
    """Whether a check found nothing; None where it could not tell."""
    return None if verdict is None or verdict in UNSURE else verdict in CALM


def mark(verdict: str | None) -> str:
    """A sign that tells without colour: calm, not known, or found."""
    if verdict is None:
        return "…"
    calm = is_calm(verdict)
    return "?" if calm is None else "✔" if calm else "✖"


def answer_text(run: CheckRun) -> str:
    """The answer as one message: mrkdwn, clipped to what Slack takes."""
    head = f"{mark(run.verdict)} *{run.name}* · *{run.verdict}*\n{escape(run.sentence)}"
    parts = [head]
    if table := table_text(run.result.get("columns") or (), run.result.get("rows") or ()):
        parts.append(f"```\n{escape(table)}\n```")
    parts.append(f"_{escape(footer(run))}_")
    return clip("\n".join(parts))


def table_text(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Align a table in monospace; numbers to the right."""
    if not rows:
        return ""
    lines = [[_cell(cell) for cell in columns], *([_cell(cell) for cell in row] for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    right = [place > 0 and all(_is_number(row[place]) for row in lines[1:]) for place in range(len(columns))]
    said = []
    for line in lines:
        cells = [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ]
        said.append("  ".join(cells).rstrip())
    return "\n".join(said)


def _cell(text: object) -> str:
    plain = " ".join(str(text).replace("`", "'").split())
    return plain if len(plain) <= CELL else plain[: CELL - 1] + "…"


def _is_number(text: str) -> bool:
    return text.removesuffix("%").strip().replace(",", "").replace(".", "").lstrip("-−").isdigit()


def footer(run: CheckRun) -> str:
    result: dict[str, Any] = run.result
    parts = []
    if result.get("window_start") and result.get("window_end"):
        start, end = (datetime.fromisoformat(result[name]) for name in ("window_start", "window_end"))
        last = f"{end:%H:%M}" if start.date() == end.date() else f"{end.day} {end:%b %H:%M}"
        parts.append(f"Window {start.day} {start:%b %H:%M}–{last} UTC")
    if result.get("rows_read") is not None:
        parts.append(count_of(result["rows_read"], "row"))
    if result.get("reference"):
        parts.append(f"against {result['reference']}")
    parts += [str(note) for note in result.get("notes") or ()]
    parts.append(f"{float(result.get('seconds') or 0):.1f} s")
    parts.append(f"evidence E-{run.id}")
    return " · ".join(parts)


def choose_view(registry: Registry, incident_id: int) -> View:
    """The form in which a check is chosen."""
    options = [
        Option(value=check.name, text=PlainTextObject(text=clip(f"{check.name}: {check.summary}", 75)))
        for check in registry.by_name.values()
    ]
    return View(
        type="modal",
        callback_id="check.run",
        private_metadata=str(incident_id),
        title=PlainTextObject(text="Run a check"),
        submit=PlainTextObject(text="Run"),
        close=PlainTextObject(text="Cancel"),
        blocks=[
            InputBlock(
                block_id="name",
                label=PlainTextObject(text="Check"),
                element=StaticSelectElement(action_id="name", options=options, initial_option=options[0]),
            ),
            InputBlock(
                block_id="params",
                label=PlainTextObject(text="Parameters"),
                optional=True,
                hint=PlainTextObject(
                    text="For example feature=amount window=6h. Empty: every feature, the usual window."
                ),
                element=PlainTextInputElement(action_id="params", max_length=500),
            ),
        ],
    )


def listing(registry: Registry) -> str:
    return "\n".join(f"`{check.name}` {check.summary}. {usage(check)}" for check in registry.by_name.values())
