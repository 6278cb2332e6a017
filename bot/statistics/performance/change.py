"""How much a measure fell since a reference, and how many rows it takes to see a fall."""

import math
from dataclasses import dataclass

from bot.statistics.performance.measures import LOWER_IS_BETTER, Measure, Performance, Scores
from bot.statistics.rates import CONFIDENCE, Interval, normal_quantile
from bot.statistics.shortfall import Shortfall
from bot.statistics.wording import number


@dataclass(frozen=True, slots=True)
class PerformanceChange:
    """`drop` is positive when performance got worse, whichever way the measure counts; with its interval.

    `p_value` is one-sided: the chance of such a drop, or a larger one, where nothing fell.
    """

    measure: Measure
    reference: Performance
    current: Performance
    drop: float
    interval: Interval
    p_value: float
    worse: bool
    sentence: str


def compare_performance(
    reference: Scores, current: Scores, *, confidence: float = CONFIDENCE, alpha: float = 0.05
) -> dict[Measure, PerformanceChange | Shortfall]:
    """Each measure now against the reference: the drop, its interval, and whether it is beyond chance."""
    changes: dict[Measure, PerformanceChange | Shortfall] = {}
    for measure in [measure for measure in reference if measure in current]:
        then, now = reference[measure], current[measure]
        if isinstance(then, Shortfall):
            changes[measure] = then
        elif isinstance(now, Shortfall):
            changes[measure] = now
        else:
            changes[measure] = _change(measure, then, now, confidence, alpha)
    return changes


def _change(
    measure: Measure, then: Performance, now: Performance, confidence: float, alpha: float
) -> PerformanceChange:
    drop = now.value - then.value if measure in LOWER_IS_BETTER else then.value - now.value
    error = math.hypot(then.error, now.error)
    reach = normal_quantile(0.5 + confidence / 2) * error
    p_value = math.erfc(drop / error / math.sqrt(2)) / 2 if error else float(drop <= 0)
    sentence = f"{measure.replace('_', ' ')} {number(then.value)} → {number(now.value)}"
    return PerformanceChange(
        measure, then, now, drop, Interval(drop - reach, drop + reach), p_value, p_value < alpha and drop > 0, sentence
    )


def rows_to_see_drop(
    reference: Performance, drop: float, *, alpha: float = 0.001, power: float = 0.8, most: int = 100_000_000
) -> int | None:
    """Labelled rows of the current window for a one-sided test at `alpha` to see `drop` (in the measure's own unit)
    with chance `power`.

    A row's variance is taken from the reference; that of a measure between 0 and 1 grows as a share's does, v (1 - v).
    From drop = (z_alpha + z_power) * sqrt(reference error^2 + row variance / rows). None: no number of rows up to
    `most` would do, because the reference itself is too small.
    """
    if not drop > 0:
        return None
    allowed = (drop / (normal_quantile(1 - alpha) + normal_quantile(power))) ** 2 - reference.error**2
    variance = reference.error**2 * reference.rows
    after = reference.value - drop
    if reference.measure not in LOWER_IS_BETTER and 0 < after < reference.value < 1:
        variance *= after * (1 - after) / (reference.value * (1 - reference.value))
    if variance == 0:
        return 1
    if allowed <= variance / most:
        return None
    return max(1, math.ceil(variance / allowed))
