"""The band a count of rows keeps to from window to window. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bot.statistics.daily import Expected, Times, expected_at
from bot.statistics.shortfall import Shortfall, too_few_windows

LEAST_WINDOWS = 10


@dataclass(frozen=True, slots=True)
class CountBand:
    """Control limits of a window's rows. `expected`: of a new window, on the scale 2 sqrt(n + 3/8); `windows`: how many
    the band was learnt from."""

    lower: float
    upper: float
    expected: Expected
    windows: int

    @property
    def usual(self) -> float:
        """The rows in the middle of the band."""
        return max(0.0, (self.expected.centre / 2) ** 2 - 0.375)

    def p_value(self, rows: int) -> float:
        """The chance of a count as far from the centre as this one, on either side (Student's t)."""
        return self.expected.beyond(2 * math.sqrt(rows + 0.375))


def count_band(
    counts: Sequence[int],
    *,
    false_alarm_rate: float,
    least_windows: int = LEAST_WINDOWS,
    times: Times | None = None,
) -> CountBand | Shortfall:
    """Limits for the next window's rows: Student's t prediction limits on the scale 2 sqrt(n + 3/8).

    On it a Poisson count has variance 1 whatever its mean (Anscombe 1948); what windows vary beyond that is in the
    variance of the baseline, which is taken as at least 1. `false_alarm_rate` is for both sides together. `times`: of
    windows shorter than a day, whose time of day and day count (`daily`).
    """
    if len(counts) < least_windows:
        return too_few_windows(len(counts), least_windows)
    scaled = 2 * np.sqrt(np.asarray(counts, dtype=np.float64) + 0.375)
    expected = expected_at(scaled, times, chance=1.0, now=1.0)
    reach = expected.away(false_alarm_rate / 2)
    low, high = (
        max(0.0, (max(end, 0.0) / 2) ** 2 - 0.375) for end in (expected.centre - reach, expected.centre + reach)
    )
    return CountBand(math.floor(low), math.ceil(high), expected, scaled.size)
