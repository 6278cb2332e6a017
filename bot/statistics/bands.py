"""The band a class share keeps to from window to window, and whether the share now leaves it.

Shares of real windows differ by more than binomial chance: mornings aren't evenings. The band is learnt from the
windows themselves, so its width has that spread in it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bot.statistics.daily import Expected, Times, expected_at
from bot.statistics.rates import Share, share_of
from bot.statistics.shortfall import Shortfall, too_few_rows, too_few_windows
from bot.statistics.wording import percent

LEAST_WINDOWS = 10
LEAST_ROWS = 30


@dataclass(frozen=True, slots=True)
class ShareBand:
    """Control limits of a share for a window of `rows` rows, 0 to 1. `spread` is the standard deviation of window
    shares beyond binomial chance; `windows` is how many the band was learnt from. `expected`: of a new window's
    asin(sqrt(share))."""

    lower: float
    centre: float
    upper: float
    rows: int
    windows: int
    spread: float
    expected: Expected

    def p_value(self, share: float) -> float:
        """The chance of a share as far from the centre as this one, on either side (Student's t)."""
        return self.expected.beyond(math.asin(math.sqrt(share)))


@dataclass(frozen=True, slots=True)
class BandFinding:
    """`outside` says whether the share left the band; `distance` how far beyond it, in half-widths of the band on that
    side (0 inside, 1 = as far outside as the limit is from the centre)."""

    band: ShareBand
    current: Share
    outside: bool
    distance: float
    p_value: float
    sentence: str


def class_share(
    baseline: Sequence[tuple[int, int]],
    count: int,
    rows: int,
    *,
    label: str = "the class",
    false_alarm_rate: float = 0.0027,
    least_windows: int = LEAST_WINDOWS,
    least_rows: int = LEAST_ROWS,
    least_effect: float = 0.0,
    times: Times | None = None,
) -> BandFinding | Shortfall:
    """Is `count` of `rows` a share the baseline windows, (count, rows) each, would lead one to expect?

    A Shortfall of reason `too_few_windows` is the learning state. `false_alarm_rate` is the chance that an ordinary
    window falls outside. `least_effect` is the smallest change that matters, as a part of the rarer side of the usual
    share (.1: from 10 % to 11 %, from 95 % to 95.5 %): the band is at least as wide. `times`: of windows shorter than
    a day.
    """
    band = share_band(
        baseline,
        rows,
        false_alarm_rate=false_alarm_rate,
        least_windows=least_windows,
        least_rows=least_rows,
        times=times,
    )
    if isinstance(band, Shortfall):
        return band
    if rows < least_rows:
        return too_few_rows(rows, least_rows)
    floor = least_effect * min(band.centre, 1 - band.centre)
    band = replace(band, lower=min(band.lower, band.centre - floor), upper=max(band.upper, band.centre + floor))
    current = share_of(count, rows)
    outside = not band.lower <= current.value <= band.upper
    limit = band.upper if current.value > band.centre else band.lower
    half = abs(limit - band.centre) or 1 / rows
    distance = max(0.0, abs(current.value - band.centre) / half - 1) if outside else 0.0
    usual = f"usually {percent(band.lower)} to {percent(band.upper)}"
    sentence = f"{percent(current.value)} of rows are {label} ({usual})"
    matters = abs(current.value - band.centre) >= floor
    return BandFinding(band, current, outside, distance, band.p_value(current.value) if matters else 1.0, sentence)


def share_band(
    baseline: Sequence[tuple[int, int]],
    rows: int,
    *,
    false_alarm_rate: float = 0.0027,
    least_windows: int = LEAST_WINDOWS,
    least_rows: int = LEAST_ROWS,
    times: Times | None = None,
) -> ShareBand | Shortfall:
    """Limits for the next window of `rows` rows: Student's t prediction limits on arcsine-square-root shares.

    The transformed share asin(sqrt(p)) has a binomial variance of 1 / (4 n) whatever p (Anscombe 1948, with his 3/8
    and 3/4). What the windows vary beyond that is the spread between windows (method of moments, not below 0); a new
    window has both, plus the error of the centre. Windows under `least_rows` rows are left out. `times`: of all of
    `baseline`, where windows are shorter than a day: then what the time of day and the day let expect (`daily`).
    """
    large = np.array([size >= least_rows for _, size in baseline], dtype=np.bool_)
    usable = [(count, size) for count, size in baseline if size >= least_rows]
    if len(usable) < least_windows:
        return too_few_windows(len(usable), least_windows)
    counts, sizes = np.array(usable, dtype=np.float64).T
    angles = np.arcsin(np.sqrt((counts + 0.375) / (sizes + 0.75)))
    chance = float(np.mean(1 / (4 * sizes + 2)))
    between = max(0.0, float(np.var(angles, ddof=1)) - chance)
    expected = expected_at(angles, times.some(large) if times else None, chance=chance, now=1 / (4 * max(rows, 1) + 2))
    centre, reach = expected.centre, expected.away(false_alarm_rate / 2)
    lower, middle, upper = (
        math.sin(min(max(angle, 0.0), math.pi / 2)) ** 2 for angle in (centre - reach, centre, centre + reach)
    )
    slope = 2 * math.sqrt(middle * (1 - middle))  # d(sin^2)/d(angle)
    return ShareBand(lower, middle, upper, rows, angles.size, math.sqrt(between) * slope, expected)
