"""Whether a measure of one cohort fell: a drop that is large enough and beyond chance, or worse than its usual limits.

"Accuracy 5 % below the 30-day mean" alone cries wolf: with 100 labels a day and nine answers in ten right, 28 days a
year are so bad by chance. Guarded by a one-sided pooled z above 3.09 it is seldom wrong, and the number of labels a day
at which a drop of 5 % can be told from chance is part of the answer.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bot.statistics.columns import Floats
from bot.statistics.performance.measures import LOWER_IS_BETTER, Measure, Performance
from bot.statistics.shortfall import Shortfall, too_few_windows

SURE_Z = 3.09
LEAST_COHORTS = 10
SHARES = frozenset({Measure.ACCURACY, Measure.PRECISION, Measure.RECALL})
BOUNDED = SHARES | {Measure.F1, Measure.AUC, Measure.NDCG}
MOST_ROWS = 100_000_000


@dataclass(frozen=True, slots=True)
class Drop:
    """usual: the measure over all rows before. fall: how much worse the cohort is, as a part of `usual` (negative:
    better). z: the fall over its standard error. sure: both the fall and z are beyond their limits. need: rows of a
    cohort from which on a fall of just `least` is beyond chance; None: no number would do. seen: the smallest fall that
    is, at the cohort's own rows. p_value: one-sided."""

    usual: float
    value: float
    fall: float
    z: float
    sure: bool
    need: int | None
    seen: float
    p_value: float


def guarded_drop(
    usual: Performance, cohort: Performance, *, least: float = 0.05, varies: float = 1.0, z_limit: float = SURE_Z
) -> Drop:
    """Is the cohort worse than `usual` by more than the part `least` of it, and z above `z_limit`?

    varies: how many times more the cohorts' variance is than that of chance between rows (1 or more).
    """
    error = math.sqrt(varies) * _error(usual, cohort)
    lost = worse_by(cohort.measure, usual.value, cohort.value)
    scale = abs(usual.value)
    fall = lost / scale if scale else 0.0
    z = lost / error if error else 0.0
    row_variance = varies * _row_variance(usual, cohort)
    past = varies * usual.error**2
    return Drop(
        usual.value,
        cohort.value,
        fall,
        z,
        sure=fall > least and z > z_limit,
        need=_need(row_variance, past, least * scale, z_limit),
        seen=max(least, z_limit * math.sqrt(row_variance / max(1, cohort.rows) + past) / scale) if scale else 1.0,
        p_value=math.erfc(z / math.sqrt(2)) / 2,
    )


def worse_by(measure: Measure, usual: float, value: float) -> float:
    """How much worse, in the measure's own unit; negative where it is better."""
    return value - usual if measure in LOWER_IS_BETTER else usual - value


def varies_by(values: Sequence[float], errors: Sequence[float]) -> float:
    """How many times more cohorts vary than chance between rows explains, 1 at the least; 1 of too few to tell."""
    if len(values) < LEAST_COHORTS:
        return 1.0
    chance = float(np.mean(np.square(errors)))
    return max(1.0, float(np.var(values, ddof=1)) / chance) if chance > 0 else 1.0


def _error(usual: Performance, cohort: Performance) -> float:
    if usual.measure not in SHARES:
        return math.hypot(usual.error, cohort.error)
    pooled = (usual.value * usual.rows + cohort.value * cohort.rows) / (usual.rows + cohort.rows)
    return math.sqrt(pooled * (1 - pooled) * (1 / usual.rows + 1 / cohort.rows))


def _row_variance(usual: Performance, cohort: Performance) -> float:
    """What one row of a cohort that is like the usual contributes."""
    if usual.measure in SHARES:
        share = min(max(usual.value, 0.5 / usual.rows), 1 - 0.5 / usual.rows)
        return share * (1 - share)
    return cohort.error**2 * cohort.rows


def _need(row_variance: float, past: float, lost: float, z_limit: float) -> int | None:
    left = (lost / z_limit) ** 2 - past
    if left <= row_variance / MOST_ROWS:
        return None
    return max(1, math.ceil(row_variance / left))


@dataclass(frozen=True, slots=True)
class Limit:
    """How bad a cohort of this size may ordinarily be. centre: what is usual. cohorts: how many it was learnt from.
    p_value: the one-sided chance of a cohort at least so bad. scores: how bad each past cohort and this one was, in
    standard deviations of a cohort (above 0: worse)."""

    limit: float
    centre: float
    p_value: float
    cohorts: int
    scores: tuple[float, ...]


def cohort_limit(
    past: Sequence[Performance], cohort: Performance, *, alarm_rate: float, least: int = LEAST_COHORTS
) -> Limit | Shortfall:
    """The limit that one ordinary cohort in 1 / `alarm_rate` is worse than: Student's t prediction limit, one-sided.

    Measures between 0 and 1 are taken by asin(sqrt(x)), losses by their logarithm. What cohorts vary beyond chance
    between rows is the spread between them (method of moments, not below 0); a new cohort has both, and the error of
    the centre. Fewer than `least` cohorts: a Shortfall, the learning state.
    """
    if len(past) < least:
        return too_few_windows(len(past), least)
    scaled = np.array([_scaled(one) for one in past])
    return _limit(scaled[:, 0], scaled[:, 1], cohort, _scaled(cohort), alarm_rate)


def estimate_limit(
    past: Sequence[Performance], cohort: Performance, *, alarm_rate: float, least: int = LEAST_COHORTS
) -> Limit | Shortfall:
    """The same for expected measures: no label is in them, so that all they vary by is the spread between windows."""
    if len(past) < least:
        return too_few_windows(len(past), least)
    points = np.array([_bare(one) for one in past])
    return _limit(points, np.zeros(points.size), cohort, (_bare(cohort), 0.0), alarm_rate)


def _limit(
    points: Floats, chances: Floats, cohort: Performance, scaled: tuple[float, float], alarm_rate: float
) -> Limit:
    from scipy.special import stdtr, stdtrit  # noqa: PLC0415

    here, chance_here = scaled
    count = points.size
    chance = float(chances.mean())
    between = max(0.0, float(np.var(points, ddof=1)) - chance)
    centre = float(points.mean())
    deviation = math.sqrt(max(between + chance_here + (between + chance) / count, 1e-30))
    reach = float(stdtrit(count - 1, 1 - alarm_rate)) * deviation
    sign = 1.0 if cohort.measure in LOWER_IS_BETTER else -1.0
    scores = sign * (np.append(points, here) - centre) / np.sqrt(between + np.append(chances, chance_here) + 1e-30)
    p_value = float(stdtr(count - 1, -sign * (here - centre) / deviation))
    counted = bool(chance_here)
    back = [_unscaled(cohort, end, counted=counted) for end in (centre + sign * reach, centre)]
    return Limit(back[0], back[1], p_value, count, tuple(_floats(scores)))


def _floats(values: Floats) -> list[float]:
    return [float(value) for value in values]


def _scaled(one: Performance) -> tuple[float, float]:
    """The value on the scale where its variance depends little on it, and that variance by chance between rows."""
    if one.measure in SHARES:
        count = one.value * one.rows
        return math.asin(math.sqrt((count + 0.375) / (one.rows + 0.75))), 1 / (4 * one.rows + 2)
    if one.measure in BOUNDED:
        value = min(max(one.value, 0.5 / one.rows), 1 - 0.5 / one.rows)
        return math.asin(math.sqrt(value)), one.error**2 / (4 * value * (1 - value))
    value = max(one.value, 1e-300)
    return math.log(value), (one.error / value) ** 2


def _bare(one: Performance) -> float:
    if one.measure in BOUNDED:
        return math.asin(math.sqrt(min(max(one.value, 0.0), 1.0)))
    return math.log(max(one.value, 1e-300))


def _unscaled(one: Performance, point: float, *, counted: bool) -> float:
    """A point of that scale as the value that a cohort of these rows would have there."""
    if one.measure in BOUNDED:
        share = math.sin(min(max(point, 0.0), math.pi / 2)) ** 2
        exact = ((one.rows + 0.75) * share - 0.375) / one.rows if counted and one.measure in SHARES else share
        return min(max(exact, 0.0), 1.0)
    return math.exp(min(point, 700.0))


def smaller_of(p_value: float, *others: float) -> float:
    """The chance that any of several looks is so rare: the smallest, times how many they are (Bonferroni)."""
    every = (p_value, *others)
    return min(1.0, len(every) * min(every))


__all__ = [
    "BOUNDED",
    "SHARES",
    "SURE_Z",
    "Drop",
    "Limit",
    "cohort_limit",
    "estimate_limit",
    "guarded_drop",
    "smaller_of",
    "varies_by",
    "worse_by",
]
