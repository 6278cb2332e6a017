"""Two conditions that hold at once and explain a change where neither does alone."""

import math
from dataclasses import dataclass, replace

from bot.statistics.attribution import Attribution, SegmentEffect
from bot.statistics.rates import Interval, normal_quantile

CONDITIONS = 2
LEAST_EXPLAINED = 0.5
SURE, REST_MOVES, MOST_OF_HALF = 5.0, 1 / 3, 0.8
REACH = normal_quantile(0.975)


@dataclass(frozen=True, slots=True)
class Rest:
    """The rows of one condition of a pair where the other does not hold; the numbers are those of SegmentEffect."""

    feature: str
    value: str
    other: str
    rows: int
    current_rows: int
    mean: float
    current_mean: float
    explained: float
    lift: float
    interval: Interval
    reference_share: float
    share: float


@dataclass(frozen=True, slots=True)
class Pair:
    effect: SegmentEffect
    rests: tuple[Rest, Rest]


def narrowest(found: Attribution, *, searched: int = 0, alpha: float = 0.05) -> Pair | None:
    """The pair that explains most, if it explains clearly more than either half alone; None: no such pair.

    `found` is of a search with `pairs`; `searched`: segments of the whole search it was part of, to correct the
    pair's p-value for all of them. Named is a pair with at most four fifths of the rows of each half, whose halves
    without it moved, row for row, less than a third as far as it did, and differ from it by five standard errors. A
    fault of one value moves all its rows alike, and is never told as a fault of two.
    """
    pairs = [one for one in found.segments if len(one.segment.conditions) == CONDITIONS]
    best = max(pairs, key=lambda one: one.lift * found.change, default=None)
    if best is None or best.lift * found.change <= 0 or best.explained < LEAST_EXPLAINED:
        return None
    best = replace(best, p_value=min(1.0, best.p_value * max(1.0, searched / found.searched)))
    singles = {one.segment.conditions: one for one in found.segments}
    one, two = (singles.get((condition,)) for condition in best.segment.conditions)
    if best.p_value >= alpha or one is None or two is None:
        return None
    (feature, _), (other, _) = best.segment.conditions
    rests = _rest(one, best, other), _rest(two, best, feature)
    size = _weight(best)
    stands_out = all(
        size <= MOST_OF_HALF * _weight(half) and _stayed(rest, best)
        for half, rest in zip((one, two), rests, strict=True)
    )
    return Pair(best, rests) if stands_out else None


def _rest(half: SegmentEffect, pair: SegmentEffect, other: str) -> Rest:
    """Contributions and lifts of rows that share none add up, and so do the squares of their errors."""
    ((feature, value),) = half.segment.conditions
    reach = REACH * math.sqrt(max(_error(half) ** 2 - _error(pair) ** 2, 0.0))
    lift = half.lift - pair.lift
    mean = _mean_of_rest((half.mean, half.rows), (pair.mean, pair.rows), half.mean)
    return Rest(
        feature,
        value,
        other,
        half.rows - pair.rows,
        half.current_rows - pair.current_rows,
        mean,
        _mean_of_rest((half.current_mean, half.current_rows), (pair.current_mean, pair.current_rows), mean),
        half.explained - pair.explained,
        lift,
        Interval(lift - reach, lift + reach),
        half.reference_share - pair.reference_share,
        half.share - pair.share,
    )


def _mean_of_rest(whole: tuple[float, int], part: tuple[float, int], without: float) -> float:
    """`without`: of no rows."""
    rows = whole[1] - part[1]
    return (whole[0] * whole[1] - part[0] * part[1]) / rows if rows else without


def _stayed(rest: Rest, pair: SegmentEffect) -> bool:
    size, left_size = _weight(pair), _weight(rest)
    if size <= 0 or left_size <= 0:
        return False
    moved, left = pair.lift / size, rest.lift / left_size
    error = math.hypot(_error(pair) / size, _error(rest) / left_size)
    return abs(left) <= REST_MOVES * abs(moved) and abs(moved - left) >= SURE * error


def _weight(effect: SegmentEffect | Rest) -> float:
    return max(effect.reference_share, effect.share)


def _error(effect: SegmentEffect | Rest) -> float:
    return (effect.interval.upper - effect.interval.lower) / (2 * REACH)
