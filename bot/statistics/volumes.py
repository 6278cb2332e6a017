"""The band a count of rows keeps to from window to window. Pure."""

import math
from collections.abc import Sequence

import numpy as np

from bot.statistics.shortfall import Shortfall, too_few_windows

LEAST_WINDOWS = 10


def count_band(
    counts: Sequence[int], *, false_alarm_rate: float, least_windows: int = LEAST_WINDOWS
) -> tuple[float, float] | Shortfall:
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
    return math.floor(low), math.ceil(high)
