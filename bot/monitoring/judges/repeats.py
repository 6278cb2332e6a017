"""Why there are more rows than usual, or fewer: the same ones once more, new ones, or a clock that jumped."""

from datetime import datetime

from bot.checks.duplicates import repeated
from bot.core.errors import BotError
from bot.data import ModelRows
from bot.monitoring.watched import Watched
from bot.monitoring.windows import Window
from bot.statistics.wording import percent

MOST_READ = 1_000_000
MANY, FEW = 0.2, 0.01
NEAR_HALF, NEAR_DOUBLE = 0.1, 0.5
ENOUGH, BACK = 0.5, 48


def delivered_again(one: Watched, rows: ModelRows, window: Window, size: int, usual: float) -> str:
    """What is to be said of a window with too many rows (`size`, instead of `usual`): `; ...`, or nothing to say."""
    labels, times = one.data.labels, size / usual
    if not size or size > MOST_READ:
        return ""
    try:
        columns = rows.columns("predictions")
        key = labels.key if labels and labels.key in columns else None
        frame = rows.window("predictions", window.start, window.end, [key] if key else columns)
    except BotError:
        return ""
    again = int(repeated(frame.columns).sum())
    share = again / size
    if share >= MANY:
        what = f"share their {key} with an earlier row" if key else "repeat an earlier row in every column"
        twice = abs(share - 1 / 2) <= NEAR_HALF and abs(times - 2) <= NEAR_DOUBLE
        return f"; {again:,} of them ({percent(share)}) {what}: {'delivered twice' if twice else 'delivered again'}"
    if share < FEW and times >= 2 - NEAR_DOUBLE:
        return f"; {times:.1f} times as many as usual, and they are new rows, not the same ones again"
    return ""


def dated_elsewhere(
    one: Watched, rows: ModelRows, window: Window, size: int, usual: float, now: datetime | None
) -> str:
    """What is to be said of a window with too few rows where others have them: dated ahead of now, or further back."""
    missing = usual - size
    latest = rows.latest("predictions")
    if now is not None and latest is not None and latest > now:
        ahead = rows.count("predictions", now, None)
        if ahead >= ENOUGH * missing:
            return f"; {ahead:,} rows are dated after now, up to {latest:%Y-%m-%d %H:%M} UTC: did a clock jump ahead?"
    step = window.length
    column = one.data.prediction or one.data.time
    found = rows.class_counts(column, "", window.start - BACK * step, window.start, step)
    extra, at = max(((count - usual, at) for at, _, count in found), default=(0.0, window.start))
    if extra >= ENOUGH * missing:
        return f"; {extra:,.0f} more than usual are dated {Window(at, at + step)}: did a clock jump back?"
    return ""
