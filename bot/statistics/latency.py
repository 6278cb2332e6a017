"""How long answers take: percentiles with intervals, from raw values and from histogram buckets, against an objective.

No shape is assumed: the interval of a percentile lies between two order statistics whose ranks follow from the binomial
distribution (Hahn and Meeker, Statistical Intervals, 1991, section 5.2), so heavy tails and ties change nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bot.statistics.columns import Column, Floats, as_numbers
from bot.statistics.rates import Interval, Share, share_of
from bot.statistics.shortfall import Shortfall, too_few_rows

SHARES = (0.5, 0.9, 0.95, 0.99)
LEAST_ROWS = 50
CONFIDENCE = 0.999
LEAST_RATIO = 1.2


@dataclass(frozen=True, slots=True)
class Percentile:
    """The value that `share` of the rows do not exceed, in the values' unit.

    `interval` is infinite on a side where too few rows lie beyond it. From buckets, `value` is interpolated and the
    exact one lies in `bucket`; from raw values `bucket` is the value itself.
    """

    share: float
    value: float
    interval: Interval
    bucket: Interval
    rows: int


@dataclass(frozen=True, slots=True)
class Objective:
    """`share` of the answers shall take no longer than `limit`. above: those that did; burn: how many times as many as
    allowed (1: all of what is allowed). breached: more than allowed, beyond chance."""

    limit: float
    share: float
    above: Share
    burn: float
    breached: bool


def clean(values: Column) -> Floats:
    """The values sorted, without nulls and negative ones; infinity is an answer that never came."""
    numbers = as_numbers(values)
    return np.sort(numbers[numbers >= 0])


def percentiles(
    ordered: Floats, shares: Sequence[float] = SHARES, *, confidence: float = CONFIDENCE
) -> tuple[Percentile, ...] | Shortfall:
    """Percentiles of `clean` values, shape (rows,): each the smallest value that at least `share` do not exceed."""
    rows = int(ordered.size)
    if rows < LEAST_ROWS:
        return too_few_rows(rows, LEAST_ROWS)
    found = []
    for share in shares:
        value = float(ordered[max(0, math.ceil(share * rows - 1e-9) - 1)])
        low, high = ranks(rows, share, confidence)
        ends = Interval(
            float(ordered[low - 1]) if low >= 1 else 0.0, float(ordered[high - 1]) if high <= rows else math.inf
        )
        found.append(Percentile(share, value, ends, Interval(value, value), rows))
    return tuple(found)


def ranks(rows: int, share: float, confidence: float = CONFIDENCE) -> tuple[int, int]:
    """The 1-based ranks whose values enclose the percentile with at least `confidence`; 0 or rows + 1: open there."""
    tail = (1 - confidence) / 2
    return _binomial_quantile(tail, rows, share), _binomial_quantile(1 - tail, rows, share) + 1


def rows_to_bound(share: float, confidence: float = CONFIDENCE) -> int:
    """Rows from which the interval of a percentile is finite above: share^rows <= (1 - confidence) / 2."""
    return math.ceil(math.log((1 - confidence) / 2) / math.log(share))


def objective(ordered: Floats, limit: float, share: float = 0.99, *, confidence: float = CONFIDENCE) -> Objective:
    """How many `clean` values lie above the limit, and whether that is more than allowed, by Wilson's interval."""
    above = int(ordered.size - np.searchsorted(ordered, limit, side="right"))
    return _judged(limit, share, share_of(above, int(ordered.size), confidence))


def slower(
    reference: Percentile, current: Percentile, *, ratio: float = LEAST_RATIO, swing: float | None = None
) -> bool:
    """Whether a percentile rose by a fifth, its interval lies above the reference's, and it rose by more than windows
    of the reference `swing` by themselves (in the values' unit)."""
    beyond = current.interval.lower > reference.interval.upper
    return current.value >= ratio * reference.value and beyond and current.value - reference.value > (swing or 0.0)


def bucket_percentiles(
    bounds: Sequence[float],
    cumulative: Sequence[float],
    shares: Sequence[float] = SHARES,
    *,
    confidence: float = CONFIDENCE,
) -> tuple[Percentile, ...] | Shortfall:
    """Percentiles from a histogram: `cumulative` rows at or below each of the ascending `bounds` (the last infinite).

    As Prometheus' `histogram_quantile`: linear inside a bucket, the first one from 0 (or its bound, where that is not
    above 0), and of the last bucket only its lower bound is known. The error is at most the width of `bucket`. The
    interval takes the sampling of the rows as well. Raises ValueError for bounds or counts that are no histogram.
    """
    edges, counts = np.asarray(bounds, dtype=np.float64), np.asarray(cumulative, dtype=np.float64)
    _check(edges, counts)
    rows = float(counts[-1])
    if rows < LEAST_ROWS:
        return too_few_rows(int(rows), LEAST_ROWS)
    found = []
    for share in shares:
        at = int(np.searchsorted(counts, share * rows, side="left"))
        low, high = ranks(int(rows), share, confidence)
        first = _bucket(edges, int(np.searchsorted(counts, max(low, 1), side="left")))
        last = _bucket(edges, min(int(np.searchsorted(counts, high, side="left")), edges.size - 1))
        ends = Interval(first.lower if low >= 1 else 0.0, last.upper if high <= rows else math.inf)
        found.append(Percentile(share, _inside(edges, counts, at, share * rows), ends, _bucket(edges, at), int(rows)))
    return tuple(found)


def bucket_objective(
    bounds: Sequence[float],
    cumulative: Sequence[float],
    limit: float,
    share: float = 0.99,
    *,
    confidence: float = CONFIDENCE,
) -> tuple[Objective, Objective]:
    """The objective as it is at best and at worst: rows of the bucket that holds the limit may lie on either side.

    Both are the same where the limit is a bound.
    """
    edges, counts = np.asarray(bounds, dtype=np.float64), np.asarray(cumulative, dtype=np.float64)
    _check(edges, counts)
    at = int(np.searchsorted(edges, limit, side="left"))
    exact = edges[at] == limit
    below = counts[at] if exact else (counts[at - 1] if at else 0.0)
    rows = int(counts[-1])
    best, worst = (
        _judged(limit, share, share_of(int(rows - known), rows, confidence)) for known in (counts[at], below)
    )
    return best, worst


def _judged(limit: float, share: float, above: Share) -> Objective:
    allowed = 1 - share
    return Objective(limit, share, above, above.value / allowed, above.interval.lower > allowed)


def _check(edges: Floats, counts: Floats) -> None:
    if edges.size != counts.size or edges.size < 2:  # noqa: PLR2004
        raise ValueError(f"{edges.size} bounds and {counts.size} counts; a histogram has two or more of each.")
    if not (np.diff(edges) > 0).all() or not math.isinf(edges[-1]):
        raise ValueError('Bounds must ascend, and the last must be infinite (le="+Inf").')
    if not (np.diff(counts) >= 0).all() or counts[0] < 0:
        raise ValueError("Counts must be cumulative: rows at or below each bound.")


def _bucket(edges: Floats, at: int) -> Interval:
    first = 0.0 if edges[0] > 0 else -math.inf
    return Interval(float(edges[at - 1]) if at else first, float(edges[at]))


def _inside(edges: Floats, counts: Floats, at: int, rank: float) -> float:
    bucket = _bucket(edges, at)
    if math.isinf(bucket.upper) or (at == 0 and bucket.upper <= 0):
        return bucket.lower if math.isinf(bucket.upper) else bucket.upper
    before = float(counts[at - 1]) if at else 0.0
    return bucket.lower + (bucket.upper - bucket.lower) * (rank - before) / (float(counts[at]) - before)


def _binomial_quantile(chance: float, rows: int, share: float) -> int:
    """The smallest count whose cumulative binomial probability is at least `chance`."""
    from scipy.special import bdtr, bdtrik  # noqa: PLC0415

    count = math.ceil(float(bdtrik(chance, rows, share)))
    below = max(count - 1, 0)
    return below if float(bdtr(below, rows, share)) >= chance else count
