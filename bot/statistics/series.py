"""Control limits for a metric measured again and again: an EWMA chart, with a warning where it would mislead."""

import math
from dataclasses import dataclass

import numpy as np

from bot.statistics.columns import Column, as_numbers
from bot.statistics.shortfall import Shortfall, no_variation, too_few_rows

LEAST_POINTS = 20
SMOOTHING = 0.2
REACH = 2.86  # with a smoothing of .2, one false alarm in about 370 independent points (Lucas and Saccucci 1990)
AUTOCORRELATED = 0.2


@dataclass(frozen=True, slots=True)
class EwmaLimits:
    """Limits for the exponentially weighted mean of a metric, in its unit. `autocorrelation` is that of neighbouring
    baseline points; where it is above .2, `warning` says that the limits have been widened and for what."""

    lower: float
    centre: float
    upper: float
    sigma: float
    autocorrelation: float
    warning: str | None


@dataclass(frozen=True, slots=True)
class EwmaFinding:
    """The smoothed value after the last point, and the index of the first point where it left the limits, if any."""

    limits: EwmaLimits
    smoothed: float
    first_outside: int | None


def ewma_limits(baseline: Column) -> EwmaLimits | Shortfall:
    """Limits learnt from baseline points in time order, shape (points,); nulls and infinities are passed over.

    Centre and sigma are the median and 1.4826 times the median absolute deviation (the standard deviation where that
    is zero). For an autoregressive series with lag-1 correlation r the smoothed value varies by a factor
    (1 + r (1 - s)) / (1 - r (1 - s)) more than for independent points (s the smoothing), and the limits with it.
    """
    points = as_numbers(baseline)
    points = points[np.isfinite(points)]
    if points.size < LEAST_POINTS:
        return too_few_rows(int(points.size), LEAST_POINTS, "the baseline")
    size = float(np.max(np.abs(points))) or 1.0
    scaled = points / size
    centre = float(np.median(scaled))
    sigma = 1.4826 * float(np.median(np.abs(scaled - centre))) or float(scaled.std())
    if sigma == 0 or scaled.min() == scaled.max():
        return no_variation("the baseline")
    r = _neighbour_correlation(scaled)
    memory = max(r, 0.0) * (1 - SMOOTHING)
    widen = math.sqrt((1 + memory) / (1 - memory)) if r > AUTOCORRELATED else 1.0
    reach = REACH * sigma * math.sqrt(SMOOTHING / (2 - SMOOTHING)) * widen
    warning = (
        f"Neighbouring points are alike (correlation {r:.2f}), so the limits are {widen:.1f} times as wide."
        if r > AUTOCORRELATED
        else None
    )
    lower, upper = (max(-1e308, min(1e308, end * size)) for end in (centre - reach, centre + reach))
    return EwmaLimits(lower, centre * size, upper, sigma * size, r, warning)


def watch_ewma(limits: EwmaLimits, points: Column) -> EwmaFinding:
    """Run points in time order through the chart; nulls and infinities leave it as it is."""
    smoothed, first = limits.centre, None
    for at, point in enumerate(as_numbers(points).tolist()):
        if math.isfinite(point):
            smoothed += SMOOTHING * point - SMOOTHING * smoothed
            if first is None and not limits.lower <= smoothed <= limits.upper:
                first = at
    return EwmaFinding(limits, smoothed, first)


def _neighbour_correlation(points: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    offset = points - points.mean()
    return float(offset[1:] @ offset[:-1]) / float(offset @ offset)
