"""What `muster init` says: lines of the terminal, comments of muster.yaml, the picture. Pure."""

from collections.abc import Sequence
from datetime import datetime

from bot.catalog.monitors import MonitorMetric
from bot.catalog.values import format_rate
from bot.charts import Chart
from bot.charts.strip import Lane, Stretch, strip
from bot.monitoring.finding import State
from bot.statistics.columns import category_text
from bot.tuning.proposals.guesses import Guess, Guesses
from bot.tuning.proposals.pace import Pace
from bot.tuning.proposals.trial import Page, Trial, Tried, days

SHARES = frozenset({MonitorMetric.CLASS_SHARE, MonitorMetric.NULL_RATE, MonitorMetric.RANGE})
_FEW, _MOST_PAGES = 6, 12


def guesses_told(found: Guesses) -> list[tuple[str, str, str]]:
    """What, which column, why."""
    rows = [
        _row("time", found.time),
        _row("answer", found.prediction),
        _row("score", found.score),
        _row("label", found.label),
        _row("label known", found.label_time),
        _row("key", found.key),
        _row("version", found.version),
        _row("latency", found.latency),
    ]
    if found.probabilities:
        rows[2] = ("score", listed(found.probabilities), found.score.reason)
    always = {"time", "answer", "label"}
    told = [row for row in rows if row[1] != "-" or row[0] in always]
    told.insert(1, ("task", str(found.task), found.task_reason))
    if found.segments:
        told += [("segment", name, reason) for name, reason in found.segments.items()]
    told.append(("features", f"{len(found.features)}", listed(found.features)))
    if found.apart:
        told.append(
            ("left out", f"{len(found.apart)}", listed([f"{name} ({why})" for name, why in found.apart.items()]))
        )
    return told


def _row(what: str, found: Guess) -> tuple[str, str, str]:
    return what, found.column or "-", found.reason


def listed(names: Sequence[str]) -> str:
    more = len(names) - _FEW
    return ", ".join(names[:_FEW]) + (f" and {more} more" if more > 0 else "")


def headline(trial: Trial) -> str:
    """`3 pages in 90 days`, or why nothing can be said yet."""
    stretch = trial.judged
    if stretch is None:
        return learning(trial) or "no window could be judged"
    pages = len(trial.pages)
    return f"{pages or 'no'} page{'' if pages == 1 else 's'} in {days(stretch.length)}"


def finding(trial: Trial) -> str:
    """The headline with the page that was seen before its labels, where there is one."""
    early = next((page for page in trial.pages if page.labels and page.labels.startswith("seen ")), None)
    said = early or (trial.pages[-1] if trial.pages else None)
    if said is None:
        return headline(trial)
    if early and early.labels:
        return f"{headline(trial)}; {short_day(early.start)} {early.labels.split(':')[0]}"
    return f"{headline(trial)}; {short_day(said.start)}: {said.sentence}"


def reach(first: datetime, last: datetime, pace: Pace) -> str:
    tried = f"{len(pace.windows):,} window{'' if len(pace.windows) == 1 else 's'}"
    return f"The rows reach from {first:%Y-%m-%d} to {last:%Y-%m-%d}; tried on the last {tried}."


def learning(trial: Trial) -> str | None:
    """`14 windows of history; still learning until 12 Dec`."""
    waiting = [one for one in trial.tried if one.one.pages and one.still_learning]
    if not waiting:
        return None
    missing = max(one.still_learning for one in waiting)
    until = trial.windows[-1].end + missing * trial.windows[-1].length
    count = len(trial.windows)
    return f"{count} window{'' if count == 1 else 's'} of history: still learning until {short_day(until)}"


def page_told(page: Page) -> list[str]:
    lines = [f"{short_day(page.start)}  {page.sentence}"]
    lines += [f"because: {one}" for one in page.evidence[:3]]
    return lines + ([page.labels] if page.labels else [])


def monitor_told(tried: Tried) -> tuple[str, str, str, str]:
    """Name, route, what it watches, what it would have done."""
    monitor = tried.one.monitor
    watches = {
        MonitorMetric.CLASS_SHARE: f"share of {category_text(monitor.value)}",
        MonitorMetric.ROW_COUNT: "rows",
        MonitorMetric.NULL_RATE: f"{monitor.feature} missing",
        MonitorMetric.RANGE: f"{monitor.feature} out of range",
        MonitorMetric.PERFORMANCE: "answers against labels",
        MonitorMetric.LATENCY: "how long answers take",
        MonitorMetric.DRIFT: f"{monitor.feature or 'any feature'} moved",
        MonitorMetric.MULTIVARIATE: "features belong together",
    }.get(monitor.metric, f"{monitor.metric} {monitor.feature or monitor.measure or ''}".strip())
    return monitor.name, "pages" if tried.one.pages else "explains", watches, _did(tried)


def _did(tried: Tried) -> str:
    if tried.broken:
        return tried.broken
    if not tried.judged:
        few = len(tried.windows_in(State.TOO_FEW, State.NO_DATA))
        waits = f"learning, {tried.still_learning} windows to go" if tried.still_learning else "learning"
        return f"too few rows in {few} of {len(tried.seen)} windows" if few > len(tried.seen) / 2 else waits
    alerts = len(tried.alerts)
    kind = "page" if tried.one.pages else "finding"
    return f"{alerts or 'no'} {kind}{'' if alerts == 1 else 's'} in {tried.judged} windows"


def comments(trial: Trial, pace: Pace, budget: float) -> list[str]:
    said = [f"Back-tested on windows of {pace.words} under a budget of {format_rate(budget)}: {headline(trial)}."]
    said += [page_told(page)[0] for page in trial.pages[:_MOST_PAGES]]
    return said


def picture(trial: Trial, model: str) -> Chart:
    lanes = [_lane(one) for one in trial.tried if one.seen]
    pages = [Stretch(page.begin, page.end, short_day(page.start)) for page in trial.pages]
    return strip(lanes, pages, title=f"{model}: {finding(trial)}")


def _lane(tried: Tried) -> Lane:
    found = [one.finding for one in tried.seen]
    return Lane(
        name=tried.name,
        times=[one.window.start + one.window.length / 2 for one in tried.seen],
        values=[one.value for one in found],
        lower=[one.lower for one in found],
        upper=[one.upper for one in found],
        fired=[at for at, one in enumerate(found) if one.state is State.FIRING],
        pages=tried.one.pages,
        percent=tried.one.monitor.metric in SHARES,
        note="1 is a move that matters" if tried.one.monitor.metric is MonitorMetric.DRIFT else None,
    )


def short_day(moment: datetime) -> str:
    """`14 Aug`, with the hour where it is not midnight."""
    clock = f" {moment:%H:%M}" if (moment.hour, moment.minute) != (0, 0) else ""
    return f"{moment.day} {moment:%b}{clock}"
