"""The band a count of rows keeps to from window to window. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bot.statistics.shortfall import Shortfall, too_few_windows

LEAST_WINDOWS = 10


@dataclass(frozen=True, slots=True)
class CountBand:
    """Control limits of a window's rows. `centre` and `reach` are mean and standard deviation of a new window on the
    scale 2 sqrt(n + 3/8); `windows` is how many the band was learnt from."""

    lower: float
    upper: float
    centre: float
    reach: float
    windows: int

    def p_value(self, rows: int) -> float:
        """The chance of a count as far from the centre as this one, on either side (Student's t)."""
        from scipy.special import stdtr  # noqa: PLC0415

        away = abs(2 * math.sqrt(rows + 0.375) - self.centre)
        return float(2 * stdtr(self.windows - 1, -away / self.reach))


def count_band(
    counts: Sequence[int], *, false_alarm_rate: float, least_windows: int = LEAST_WINDOWS
) -> CountBand | Shortfall:
    """Limits for the next window's rows: Student's t prediction limits on the scale 2 sqrt(n + 3/8).

    On it a Poisson count has variance 1 whatever its mean (Anscombe 1948); what windows vary beyond that is in the
    variance of the baseline, which is taken as at least 1. `false_alarm_rate` is for both sides together.
    """
    from scipy.special import stdtrit  # noqa: PLC0415

    if len(counts) < least_windows:
        return too_few_windows(len(counts), least_windows)
    scaled = 2 * np.sqrt(np.asarray(counts, dtype=np.float64) + 0.375)
    spread = math.sqrt(max(1.0, float(np.var(scaled, ddof=1))) * (1 + 1 / scaled.size))
    reach = float(stdtrit(scaled.size - 1, 1 - false_alarm_rate / 2)) * spread
    centre = float(np.mean(scaled))
    low, high = (max(0.0, (max(end, 0.0) / 2) ** 2 - 0.375) for end in (centre - reach, centre + reach))
    return CountBand(math.floor(low), math.ceil(high), centre, spread, scaled.size)
