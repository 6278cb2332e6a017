"""What a window is compared with: which windows, since when, and why. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from bot.catalog.monitors import MonitorMetric, Promotion, Reference
from bot.catalog.values import format_duration
from bot.core.errors import BotError
from bot.data import ModelRows
from bot.monitoring.watched import Watched
from bot.monitoring.windows import ORIGIN, Window
from bot.statistics import bands

WEEK, DAY = timedelta(days=7), timedelta(days=1)
LEAST_WEEKS, MOST_WEEKS = 6, 12
SPARE = 3
"""How many times the baseline is looked back at most, when windows of it are left out."""
FEWEST_PROMOTIONS = 3
BY_TIME = " by time of day and day"
INPUTS = frozenset({MonitorMetric.NULL_RATE, MonitorMetric.RANGE, MonitorMetric.DRIFT})
OF_ANSWERS = frozenset({"class_share", "score", "default_rate", "confidence", "estimate"})
LOOKED_WEEKS, WEEKS_TO_TELL = 6, 3
CLEARLY_NARROWER = 0.6
Counted = tuple[datetime, int, int]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Where a new baseline begins. since: windows before it are not compared with. why: what began it, in words.
    across: said when new versions come too often for baselines of their own."""

    since: datetime | None = None
    why: str = ""
    across: str = ""


def reference_of(one: Watched) -> Reference:
    """As configured; else the reference rows for inputs, where there are some, and the windows before for the rest."""
    if one.monitor.reference is not None:
        return one.monitor.reference
    pinned = one.monitor.metric in INPUTS and one.model.data is not None and one.model.data.reference is not None
    return Reference.PINNED if pinned else Reference.ROLLING


def follows_versions(one: Watched) -> bool:
    """Whether a promotion begins a new baseline of this monitor: it watches answers, and nobody said otherwise."""
    if one.monitor.metric not in OF_ANSWERS or one.monitor.feature is not None:
        return False
    return (one.monitor.promotion or one.model.promotion) is Promotion.NEW_BASELINE


def least_windows(one: Watched) -> int:
    return min(bands.LEAST_WINDOWS, one.monitor.baseline)


def reach(one: Watched, window: Window, comparison: Comparison) -> timedelta:
    """How far before the window its reference may begin."""
    spare = SPARE * one.monitor.baseline * window.length
    kind = reference_of(one)
    if kind is Reference.SAME_WEEKDAY:
        return max(spare, 2 * MOST_WEEKS * WEEK)
    if kind is Reference.PINNED and comparison.since is not None:
        return max(spare, window.start - comparison.since)
    return spare


def first_whole(moment: datetime, length: timedelta) -> datetime:
    """The start of the first window that lies wholly after the moment."""
    return ORIGIN + -(-(moment - ORIGIN) // length) * length


def since_and_across(
    accepted: tuple[datetime, str] | None, promoted: Sequence[tuple[datetime, str]], one: Watched, window: Window
) -> Comparison:
    """The newest of what a person accepted and what a promotion began, unless promotions come too often to learn.

    `promoted` is oldest first. Too often: at least three of them, and on average one within the time it takes to learn
    twice; then versions are compared with each other until one of them has windows enough.
    """
    latest = max((accepted or _NEVER), (promoted[-1] if promoted else _NEVER))
    if latest is _NEVER:
        return Comparison()
    learn = least_windows(one) * window.length
    own = accepted is None or (promoted != [] and promoted[-1][0] >= accepted[0])
    if own and window.start - first_whole(latest[0], window.length) < learn:
        stretch = max(DAY, 2 * learn)
        recent = sum(1 for at, _ in promoted if window.end - stretch < at <= window.end)
        if recent >= max(FEWEST_PROMOTIONS, math.ceil(stretch / (2 * learn))):
            since, why = accepted or (None, "")
            return Comparison(since, why, f"promoted {recent} times in the last {_length(stretch)}")
    return Comparison(*latest)


_NEVER = (datetime(1, 1, 1, tzinfo=UTC), "")


def _length(stretch: timedelta) -> str:
    hours = stretch / timedelta(hours=1)
    return f"{hours:.0f} h" if hours <= 48 else f"{hours / 24:.0f} days"  # noqa: PLR2004


def moment_words(at: datetime) -> str:
    return f"{at.day} {at:%b %H:%M} UTC"


def since_words(comparison: Comparison) -> str:
    """` since 3 Nov 14:00 UTC (version 7 promoted)`, or nothing."""
    if comparison.since is None:
        return ""
    return f" since {moment_words(comparison.since)}" + (f" ({comparison.why})" if comparison.why else "")


def across_words(comparison: Comparison) -> str:
    return f"; {comparison.across}, comparing across versions instead" if comparison.across else ""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How much less windows differ from those at the same time of other weeks. narrower: the one spread over the other,
    below 1 where a week has a rhythm. weeks: seen."""

    narrower: float
    weeks: int


def weekly_rhythm(counted: Sequence[Counted], *, share: bool) -> Rhythm | None:
    """Compare how windows (start, count, rows) spread about their mean and about the mean of their time of the week.

    Shares are taken as asin(sqrt(p)), counts of rows as 2 sqrt(n + 3/8) (Anscombe 1948). A window is held against the
    other weeks only, so a rhythm that isn't there makes the spread larger, not smaller. None with under three weeks.
    """
    times: dict[timedelta, list[float]] = {}
    for at, count, rows in counted:
        if rows:
            place = (at - ORIGIN) % WEEK
            value = math.asin(math.sqrt((count + 0.375) / (rows + 0.75))) if share else 2 * math.sqrt(rows + 0.375)
            times.setdefault(place, []).append(value)
    known = [np.array(values) for values in times.values() if len(values) >= WEEKS_TO_TELL]
    if len(known) < 2:  # noqa: PLR2004
        return None
    apart = np.concatenate([(values - values.mean()) * values.size / (values.size - 1) for values in known])
    whole = np.concatenate(known)
    spread = float(np.std(whole, ddof=1))
    if spread == 0:
        return None
    return Rhythm(float(np.sqrt(np.mean(apart**2))) / spread, max(values.size for values in known))


def rhythm_hint(one: Watched, rows: ModelRows, window: Window) -> str | None:
    """A sentence where the band is wide for a weekly rhythm that `reference: same_weekday` would follow; else None."""
    metric, length = one.monitor.metric, window.length
    counts_rows = metric is MonitorMetric.ROW_COUNT
    if reference_of(one) is not Reference.ROLLING or WEEK % length or length >= WEEK:
        return None
    if not counts_rows and metric is not MonitorMetric.CLASS_SHARE:
        return None
    column = one.data.time if counts_rows else one.monitor.feature or one.data.prediction
    value = "" if counts_rows else one.monitor.value
    if column is None or value is None:
        return None
    try:
        counted = rows.class_counts(column, value, window.start - LOOKED_WEEKS * WEEK, window.start, length)
    except BotError:
        return None
    found = weekly_rhythm(counted, share=not counts_rows)
    if found is None or found.narrower > CLEARLY_NARROWER:
        return None
    times = f"{1 / max(found.narrower, 0.01):.1f} times"
    return (
        f"The band is wide because weeks have a rhythm: over {found.weeks} weeks, windows of {format_duration(length)} "
        f"differ {times} less from those at the same time of other weeks. `reference: same_weekday` would fit better."
    )
