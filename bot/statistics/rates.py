"""Shares of rows: intervals, and whether one share differs from another."""

import math
from dataclasses import dataclass

import numpy as np

from bot.statistics.columns import Column, as_numbers, count_categories, is_numeric

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `rows`, with an interval for the share behind it (0 to 1 when there are no rows)."""

    count: int
    rows: int
    interval: Interval

    @property
    def value(self) -> float:
        """The observed share, 0 to 1; 0 when there are no rows."""
        return self.count / self.rows if self.rows else 0.0


@dataclass(frozen=True, slots=True)
class ShareChange:
    """A share then and now. `p_value` is two-sided; `difference` is now minus then, with its interval."""

    reference: Share
    current: Share
    difference: float
    interval: Interval
    p_value: float


def wilson(count: int, rows: int, confidence: float = CONFIDENCE) -> Interval:
    """Wilson's score interval (1927) for a share; (0, 1) for no rows."""
    if rows == 0:
        return Interval(0.0, 1.0)
    z = normal_quantile(0.5 + confidence / 2)
    share = count / rows
    centre = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    lower = 0.0 if count == 0 else max(0.0, centre - half)
    return Interval(lower, 1.0 if count == rows else min(1.0, centre + half))


def jeffreys(count: int, rows: int, confidence: float = CONFIDENCE) -> Interval:
    """Jeffreys' interval: equal tails of Beta(count + 1/2, rows - count + 1/2), open-ended at 0 and at all rows.

    Brown, Cai, DasGupta (2001), section 4.
    """
    from scipy.special import betaincinv  # noqa: PLC0415

    if rows == 0:
        return Interval(0.0, 1.0)
    tail = (1 - confidence) / 2
    a, b = count + 0.5, rows - count + 0.5
    lower = 0.0 if count == 0 else float(betaincinv(a, b, tail))
    return Interval(lower, 1.0 if count == rows else float(betaincinv(a, b, 1 - tail)))


def share_of(count: int, rows: int, confidence: float = CONFIDENCE) -> Share:
    return Share(count, rows, wilson(count, rows, confidence))


def compare_shares(
    count: int, rows: int, current_count: int, current_rows: int, confidence: float = CONFIDENCE
) -> ShareChange:
    """Two shares. The interval of the difference is Newcombe's (1998, method 10); p is the pooled two-sided z test
    with Yates' correction, which errs towards saying nothing when counts are small. No rows on a side: p is 1."""
    then, now = share_of(count, rows, confidence), share_of(current_count, current_rows, confidence)
    difference = now.value - then.value
    below = math.hypot(now.value - now.interval.lower, then.interval.upper - then.value)
    above = math.hypot(now.interval.upper - now.value, then.value - then.interval.lower)
    interval = Interval(max(-1.0, difference - below), min(1.0, difference + above))
    return ShareChange(then, now, difference, interval, _two_share_p(count, rows, current_count, current_rows))


def _two_share_p(count: int, rows: int, current_count: int, current_rows: int) -> float:
    pooled = (count + current_count) / (rows + current_rows) if rows + current_rows else 0.0
    if rows == 0 or current_rows == 0 or pooled in {0.0, 1.0}:
        return 1.0
    gap = abs(current_count / current_rows - count / rows)
    gap = max(0.0, gap - (1 / rows + 1 / current_rows) / 2)
    z = gap / math.sqrt(pooled * (1 - pooled) * (1 / rows + 1 / current_rows))
    return math.erfc(z / math.sqrt(2))


def count_nulls(values: Column) -> int:
    """Null rows of a column: None, NaN, NaT and masked; infinities are values."""
    if is_numeric(values):
        return _count_no_numbers(values)
    return count_categories(values)[1]


def compare_nulls(reference: Column, current: Column, confidence: float = CONFIDENCE) -> ShareChange:
    """The null rate then and now. Where the reference holds numbers, text that is none has no value either."""
    nulls = _count_no_numbers(current) if is_numeric(reference) else count_nulls(current)
    return compare_shares(count_nulls(reference), int(np.size(reference)), nulls, int(np.size(current)), confidence)


def _count_no_numbers(values: Column) -> int:
    return int(np.count_nonzero(np.isnan(as_numbers(values))))


def normal_quantile(share: float) -> float:
    from scipy.special import ndtri  # noqa: PLC0415

    return float(ndtri(share))


def share_seen_by_rows(
    share: float, rows: int, *, reference_rows: int | None = None, alpha: float = 0.05, power: float = 0.8
) -> float:
    """By how much a share must move for a window of `rows` to show it, four times in five at the usual `power`.

    Normal approximation of two proportions (Fleiss, Levin and Paik 2003, section 4): (z(1 - alpha/2) + z(power)) times
    the standard error at `share`, which is 0 to 1; of a `share` at 0 or 1 that of half a row. No rows: 1.
    """
    if rows == 0 or reference_rows == 0:
        return 1.0
    base = min(max(share, 0.5 / rows), 1 - 0.5 / rows)
    error = math.sqrt(base * (1 - base) * (1 / rows + (1 / reference_rows if reference_rows else 0.0)))
    return min(1.0, (normal_quantile(1 - alpha / 2) + normal_quantile(power)) * error)
