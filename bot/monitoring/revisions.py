"""Windows judged before whose rows or labels have changed since: they are judged again, and the finding is replaced."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from bot.catalog.monitors import MonitorMetric
from bot.data import ModelRows
from bot.monitoring.finding import ASKED
from bot.monitoring.references import SPARE
from bot.monitoring.truth.cohorts import due_cohorts
from bot.monitoring.watched import Watched
from bot.monitoring.windows import Window
from bot.tables import MonitorResult

LOOKED_AT = 48
PAUSE = timedelta(hours=1)
"""Labels are looked at this often at least; rows whenever a window was judged."""
COUNTED = "counted"
USUALLY_FULL, LEAST_BEFORE = 0.9, 3


def looked_at(session: Session, one: Watched) -> list[MonitorResult]:
    """The monitor's own last results, oldest first; where labels may still come, as many as a baseline reaches."""
    late = one.monitor.metric is MonitorMetric.PERFORMANCE
    most = max(LOOKED_AT, SPARE * one.monitor.baseline) if late else LOOKED_AT
    found = session.exec(
        select(MonitorResult)
        .where(MonitorResult.key == one.key)
        .order_by(col(MonitorResult.window_end).desc())
        .limit(most)
    ).all()
    return [result for result in reversed(found) if ASKED not in result.data]


def counts(one: Watched, rows: ModelRows, windows: Sequence[Window]) -> dict[Window, int]:
    """Rows of each window, in one query; windows of one length on one grid."""
    if not windows:
        return {}
    column = one.data.prediction or one.data.time
    start, end = min(window.start for window in windows), max(window.end for window in windows)
    length, step = windows[0].length, one.step
    found = {at: size for at, _, size in rows.class_counts(column, "", start, end, step)}
    places = range(length // step)
    return {window: sum(found.get(window.start + place * step, 0) for place in places) for window in windows}


def changed(one: Watched, rows: ModelRows, results: Sequence[MonitorResult]) -> dict[Window, int]:
    """The windows that hold more or fewer rows than when they were judged, oldest first, with their rows now."""
    known = {Window(result.window_start, result.window_end): result for result in results}
    now = counts(one, rows, list(known))
    return {window: now[window] for window, result in known.items() if _differs(now[window], result)}


def _differs(now: int, result: MonitorResult) -> bool:
    return now != int(result.data.get(COUNTED, result.rows))


def matured(one: Watched, rows: ModelRows, results: Sequence[MonitorResult], now: datetime) -> list[Window]:
    """The windows of which enough more labels came to judge their answers again."""
    if one.monitor.metric is not MonitorMetric.PERFORMANCE or not results:
        return []
    marks = {Window(one.window_start, one.window_end): float(one.data.get("mark", 0.0)) for one in results}
    return due_cohorts(one, rows, marks, now)


def looks_complete(one: Watched, rows: ModelRows, window: Window) -> int | None:
    """The rows of a window that is over by the clock and as full as those before it; None: some may be on their way.

    A table that is loaded once a day never shows a later row before the next load: its own time can't close a window.
    """
    before = [Window(window.start - back * window.length, window.end - back * window.length) for back in range(1, 8)]
    found = counts(one, rows, [*before, window])
    usual = sorted(found[each] for each in before if found[each])
    if len(usual) < LEAST_BEFORE or found[window] < USUALLY_FULL * usual[len(usual) // 2]:
        return None
    return found[window]
