"""The chart of an alert that a monitor of our own raised, from what the monitor kept."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from bot.catalog.monitors import MonitorMetric
from bot.charts import Chart, bars, categories, distributions, series
from bot.monitoring.budgets.runs import began
from bot.monitoring.finding import ASKED, LASTING
from bot.monitoring.service import SOURCE
from bot.monitoring.watched import key_of
from bot.statistics.wording import number
from bot.statistics.wording import percent as as_percent
from bot.tables import Alert, MonitorResult

MOST_WINDOWS = 48
_SHARES = frozenset({MonitorMetric.CLASS_SHARE, MonitorMetric.NULL_RATE, MonitorMetric.RANGE})
_POINTS = frozenset({"accuracy", "precision", "recall", "auc"})
_LABELS: Mapping[MonitorMetric | None, str] = {
    MonitorMetric.CLASS_SHARE: "share",
    MonitorMetric.NULL_RATE: "null rate",
    MonitorMetric.RANGE: "rows outside the usual range",
    MonitorMetric.DRIFT: "change, 1 = enough to matter",
    MonitorMetric.MULTIVARIATE: "sigmas from the windows before",
    MonitorMetric.ROW_COUNT: "rows a window",
}


def chart_of(session: Session, alert: Alert) -> Chart | None:
    """Draw both distributions where the alert is about values, else the monitor's last windows with their band.

    None for alerts of other senders, and when nothing is kept of the monitor.
    """
    if alert.source != SOURCE.name or alert.model is None or alert.monitor is None:
        return None
    results = session.exec(
        select(MonitorResult)
        .where(MonitorResult.key == key_of(alert.model, alert.monitor))
        .order_by(col(MonitorResult.window_end).desc())
        .limit(MOST_WINDOWS)
    ).all()
    if not results:
        return None
    title = alert.summary or alert.name
    return _values(alert, results, title) or _segments(alert, results, title) or _windows(alert, results, title)


def _segments(alert: Alert, results: Sequence[MonitorResult], title: str) -> Chart | None:
    """Draw the segments that stood out in the newest window that fired."""
    listed = next((one.data["segments"] for one in results if one.state == "firing" and one.data.get("segments")), None)
    if not listed or not listed["rows"]:
        return None
    usual = [f"{row[0]} (usually {row[1]})" for row in listed["rows"]]
    return bars(
        usual,
        [now for _, _, now in listed["numbers"]],
        title=title,
        highlight=usual,
        percent=alert.metric in _SHARES,
        label=str(_said(results, "label")),
    )


def _values(alert: Alert, results: Sequence[MonitorResult], title: str) -> Chart | None:
    """Draw what the window that fired first looked like beside its reference."""
    fired = [one for one in results if one.state == "firing" and ("numbers" in one.data or "shares" in one.data)]
    if not fired:
        return None
    data = next((one.data for one in reversed(fired) if one.window_end > alert.starts_at), fired[0].data)
    label, reference = alert.feature or alert.name, alert.reference_window or "reference"
    if "shares" in data:
        both = data["shares"]
        return categories(both["then"], both["now"], title=title, label=label, reference_label=reference)
    both = data["numbers"]
    return distributions(
        both["then"],
        both["now"],
        title=title,
        label=label,
        reference_label=reference,
        reference_rows=data.get("then_rows"),
        current_rows=data.get("now_rows"),
    )


def _windows(alert: Alert, results: Sequence[MonitorResult], title: str) -> Chart | None:
    own = [one for one in reversed(results) if ASKED not in one.data] or list(reversed(results))
    points: list[tuple[datetime, float | None, float | None, float | None]] = [
        (datetime.fromisoformat(at), value, None, None) for at, value in _before(own)[-MOST_WINDOWS + len(own) :]
    ]
    points += [(one.window_end, one.value, one.lower, one.upper) for one in own]
    band = next(((low, high) for _, _, low, high in points if low is not None or high is not None), (None, None))
    points = [(at, value, *(band if low is None and high is None else (low, high))) for at, value, low, high in points]
    times, values, lower, upper = zip(*points, strict=True)
    fired = _fired_at(alert, own)
    metric = MonitorMetric(alert.metric) if alert.metric in set(MonitorMetric) else None
    percent = (metric in _SHARES and not _said(own, "by")) or _said(own, "measure") in _POINTS
    return series(
        times,
        list(values),
        title=title,
        label=str(_said(own, "label") or _LABELS.get(metric, alert.metric or "value")),
        lower=lower,
        upper=upper,
        fired_at=fired,
        marks=[(alert.starts_at, f"began {_short(alert.starts_at, fired)}")] if alert.starts_at < fired else [],
        spans=_runs(own, percent=percent),
        percent=percent,
    )


def _runs(results: Sequence[MonitorResult], *, percent: bool) -> list[tuple[datetime, datetime, float, str]]:
    """The average of the run that fired last, over its windows."""
    newest = next((one for one in reversed(results) if began(one.data)), None)
    since = began(newest.data) if newest else None
    if newest is None or since is None:
        return []
    average = float(newest.data[LASTING]["average"])
    said = f"on average {as_percent(average) if percent else number(average)}"
    return [(since + (newest.window_end - newest.window_start), newest.window_end, average, said)]


def _said(results: Sequence[MonitorResult], name: str) -> object:
    """What the newest window that says so calls it; one whose labels are still coming says nothing."""
    return next((one.data[name] for one in reversed(results) if one.data.get(name)), None)


def _before(results: Sequence[MonitorResult]) -> list[tuple[str, float]]:
    """What the first judged window was compared with, as far as it is older than all that is kept."""
    known: list[tuple[str, float]] = next((one.data["before"] for one in results if one.data.get("before")), [])
    return [(at, value) for at, value in known if datetime.fromisoformat(at) < results[0].window_end]


def _short(at: datetime, beside: datetime) -> str:
    return f"{at:%H:%M}" if beside - at < timedelta(days=1) else f"{at.day} {at:%b}"


def _fired_at(alert: Alert, results: Sequence[MonitorResult]) -> datetime:
    """A window can fire at its end at the earliest: points stand there, and so does the line."""
    firing = (one.window_end for one in results if one.state == "firing" and one.window_end > alert.starts_at)
    return next(firing, alert.starts_at)
