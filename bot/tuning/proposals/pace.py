"""How long a window is: long enough for enough rows, short enough to be of use, with a past to learn from."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from bot.catalog.values import format_duration
from bot.core.errors import BotError
from bot.monitoring.rehearsal import windows_between
from bot.monitoring.windows import Window

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
LADDER = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), HOUR, DAY, WEEK)
MIN_ROWS, FEWEST_ROWS = 200, 30
ENOUGH_WINDOWS, WANTED_WINDOWS, BASELINE = 10, 28, 30
JUDGED_DAYS, JUDGED_WINDOWS = 90, 336
_QUIET = 0.2
NAMES = {HOUR: "an hour", DAY: "a day", WEEK: "a week"}


@dataclass(frozen=True, slots=True)
class Pace:
    """windows: those the back-test runs over, oldest first. typical: rows of an ordinary window."""

    window: timedelta
    min_rows: int
    typical: int
    reason: str
    windows: list[Window]

    @property
    def words(self) -> str:
        return in_words(self.window)


def in_words(length: timedelta) -> str:
    return NAMES.get(length, format_duration(length))


def choose(
    times: NDArray[np.datetime64], rows: int, first: datetime, last: datetime, wanted: timedelta | None = None
) -> Pace:
    """Choose by a sample of event times that stands for `rows` rows. Raises BotError where there is no stretch of time.

    The longest of hour and day that leaves four weeks of windows; where history is shorter, the longest that leaves
    enough to learn from, with enough rows in each.
    """
    known = times[~np.isnat(times)]
    if known.size == 0 or first >= last:
        raise BotError("All rows are of one moment; a monitor compares stretches of time. Is it the right time column?")
    scale = rows / known.size
    if wanted is not None:
        length, why = wanted, "as you said"
    else:
        length, why = _length(known, scale, first, last)
    typical = _typical(known, scale, length)
    past = windows_between(first, last, length) if (last - first) / length < 1e5 else []  # noqa: PLR2004
    if not past:
        raise BotError(f"The rows reach over {_long(last - first)}, less than one window of {in_words(length)}.")
    judged = max(JUDGED_DAYS if length >= DAY else JUDGED_WINDOWS, 1)
    least = max(FEWEST_ROWS, min(MIN_ROWS, int(typical * _QUIET) // 10 * 10))
    return Pace(length, least, typical, why, past[-(BASELINE + judged) :])


def _length(known: NDArray[np.datetime64], scale: float, first: datetime, last: datetime) -> tuple[timedelta, str]:
    whole_days = bool(np.all(known == known.astype("datetime64[D]")))
    ladder = [one for one in LADDER if one >= DAY or not whole_days]
    by_size = {one: _typical(known, scale, one) for one in ladder}
    for one in (DAY, HOUR):
        if one in by_size and (last - first) / one >= WANTED_WINDOWS and by_size[one] >= MIN_ROWS:
            return one, _why(one, by_size)
    enough = [one for one in ladder if by_size[one] >= MIN_ROWS and (last - first) / one >= 2 * ENOUGH_WINDOWS] or [
        one for one in ladder if by_size[one] >= FEWEST_ROWS and (last - first) / one >= ENOUGH_WINDOWS
    ]
    if enough:
        return enough[-1], _why(enough[-1], by_size)
    usable = [one for one in ladder if (last - first) / one >= ENOUGH_WINDOWS] or ladder[:1]
    return usable[-1], _why(usable[-1], by_size)


def _why(one: timedelta, by_size: dict[timedelta, int]) -> str:
    shorter = [length for length in by_size if length < one]
    less = f" ({in_words(shorter[-1])} has {by_size[shorter[-1]]:,})" if shorter else ""
    return f"{by_size[one]:,} rows in {in_words(one)}{less}"


def _typical(known: NDArray[np.datetime64], scale: float, length: timedelta) -> int:
    """Rows of the middle one of the windows that have any."""
    micros = known.astype("datetime64[us]").astype(np.int64)
    _, sizes = np.unique(micros // int(length / timedelta(microseconds=1)), return_counts=True)
    spread = max(1.0, (micros.max() - micros.min()) / (length / timedelta(microseconds=1)))
    # A thin sample leaves windows out and makes the others look fuller than they are.
    return int(min(float(np.median(sizes)) * scale, max(known.size * scale / spread, 0.0) * 3))


def _long(length: timedelta) -> str:
    return f"{length / DAY:.0f} days" if length >= 2 * DAY else f"{length / HOUR:.1f} hours"
