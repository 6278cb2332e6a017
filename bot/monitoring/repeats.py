"""Why there are more rows than usual: the same ones once more, or new ones."""

from bot.checks.duplicates import repeated
from bot.core.errors import BotError
from bot.data import ModelRows
from bot.monitoring.watched import Watched
from bot.monitoring.windows import Window
from bot.statistics.wording import percent

MOST_READ = 1_000_000
MANY, FEW = 0.2, 0.01
NEAR_HALF, NEAR_DOUBLE = 0.1, 0.5


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
