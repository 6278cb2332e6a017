"""What people changed near the onset, nearest first."""

from datetime import datetime, timedelta

from bot.checks.contract import MOST_ROWS, CheckResult
from bot.checks.registry import Question

USUAL = timedelta(days=1)
MANY = 1.5
_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def run(question: Question) -> CheckResult:
    start = question.at - (question.params.window or USUAL)
    found = sorted(
        (one for one in question.known.changes if one.at >= start), key=lambda one: abs(one.at - question.at)
    )
    if not found:
        length = question.params.window or USUAL
        hours = f"{length / timedelta(hours=1):g} h"
        sentence = f"No change of {question.model.name} or its pipelines was reported in the {hours} before."
        return CheckResult("none", sentence, window_start=start, window_end=question.at)
    first = found[0]
    sentence = f"{first.title} ({first.kind}) {_distance(question, first.at)}"
    more = f"; {len(found) - 1} more" if len(found) > 1 else ""
    return CheckResult(
        "recent changes",
        f"{sentence}{more}.",
        columns=("when", "change", "kind", "version"),
        rows=tuple(
            (f"{one.at.day} {one.at:%b %H:%M} UTC", one.title[:60], one.kind, one.version or "")
            for one in found[:MOST_ROWS]
        ),
        window_start=start,
        window_end=question.at,
        data={"changes": [{"at": one.at.isoformat(), "title": one.title, "kind": one.kind} for one in found]},
    )


def _distance(question: Question, at: datetime) -> str:
    gap = question.at - at
    seconds = abs(gap).total_seconds()
    length, word = next((one for one in _UNITS if seconds >= MANY * one[0]), _UNITS[-1])
    count = round(seconds / length)
    size = f"{count} {word}{'' if count == 1 else 's'}"
    return f"{size} {'before' if gap >= timedelta(0) else 'after'}"
