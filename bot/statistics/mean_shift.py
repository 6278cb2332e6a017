"""Whether a mean moved, measured in standard deviations of the means of ordinary batches, with a floor on the effect.

Batches of real data differ by more than sigma / sqrt(n): mornings aren't evenings. Three sigmas of the rows miss most
real shifts, three sigmas / sqrt(n) fire on every second ordinary batch; the spread of the baseline's own batch means
does neither. At many rows even that sees shifts that matter to nobody, so the effect, in sigmas of the rows, has a
floor.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bot.statistics.daily import Expected, Times, expected_at
from bot.statistics.distances import effective_rows, moments
from bot.statistics.multiplicity import Correction, adjust
from bot.statistics.profiles import NumericProfile

LEAST_MEANS = 3
LEAST_BATCHES = 20
"""Fewer batches tell too little of their own spread; the sampling noise of the rows stands in."""


@dataclass(frozen=True, slots=True)
class UsualMean:
    """Where the mean of the next batch is expected: `centre` and Student's prediction limits, in the values' unit."""

    lower: float
    centre: float
    upper: float
    batches: int


@dataclass(frozen=True, slots=True)
class MeanShift:
    """`shift` in the feature's unit; `effect` the same in standard deviations of the reference's rows; `sigmas` in
    standard deviations of a batch mean (all signed). `batches`: how many gave that; 0: the rows' sampling noise.
    `adjusted`: `p_value` corrected over all features asked about."""

    feature: str
    shift: float
    effect: float
    sigmas: float
    p_value: float
    batches: int
    adjusted: float = 1.0
    shifted: bool = False


def usual_mean(means: Sequence[float], *, false_alarm_rate: float = 0.01) -> UsualMean | None:
    """Limits the next batch mean leaves with a chance of `false_alarm_rate`; None with fewer than 3 finite means.

    centre +- t(k - 1) s sqrt(1 + 1 / k), for k independent batch means with standard deviation s.
    """
    known = [mean for mean in means if math.isfinite(mean)]
    if len(known) < LEAST_MEANS:
        return None
    found = usual_level(known, false_alarm_rate=false_alarm_rate)
    return UsualMean(found.lower, found.centre, found.upper, len(known))


@dataclass(frozen=True, slots=True)
class UsualLevel:
    """Where the next window's number is expected, in its unit; one_sided: only more than usual counts, and `lower` is
    minus infinity."""

    lower: float
    upper: float
    expected: Expected
    windows: int
    one_sided: bool

    @property
    def centre(self) -> float:
        return self.expected.centre

    def p_value(self, value: float) -> float:
        """The chance of a number as far out (Student's t)."""
        return self.expected.above(value) if self.one_sided else self.expected.beyond(value)

    def two_sided(self, value: float) -> float:
        """The chance of a number as far from the centre, on either side."""
        return self.expected.beyond(value)


def usual_level(
    levels: Sequence[float],
    *,
    noise: float = 0.0,
    false_alarm_rate: float = 0.01,
    one_sided: bool = False,
    times: Times | None = None,
) -> UsualLevel:
    """Student's prediction limits for one more of k >= 3 finite numbers, one a window: centre +- t(k - 1) reach.

    noise: the standard deviation the new number has from its own rows; windows that happened to agree better than that
    do not make the limits narrower. reach = max(s, noise) sqrt(1 + 1 / k). times: of windows shorter than a day, whose
    time of day and day count (`daily`). Raises ValueError for fewer than 3.
    """
    known = np.asarray(levels, dtype=np.float64)
    k = known.size
    if k < LEAST_MEANS:
        raise ValueError("fewer than 3 windows have no spread")
    size = float(np.max(np.abs(known))) or 1.0  # squares of the values may be no float64
    found = expected_at(known / size, times)
    least = noise * math.sqrt(1 + 1 / k)
    expected = replace(found, centre=found.centre * size, reach=max(found.reach * size, least))
    away = expected.away(false_alarm_rate if one_sided else false_alarm_rate / 2)
    lower = -math.inf if one_sided else expected.centre - away
    return UsualLevel(lower, expected.centre + away, expected, k, one_sided)


def mean_shifts(
    reference: Mapping[str, NumericProfile],
    current: Mapping[str, NumericProfile],
    batches: Mapping[str, Sequence[NumericProfile]] | None = None,
    *,
    alpha: float = 0.05,
    least_effect: float = 0.1,
    correction: Correction = "holm",
    least_batches: int = LEAST_BATCHES,
) -> list[MeanShift]:
    """Each numeric feature both sides have with finite values, the surest shift first.

    A feature is `shifted` when its corrected p is below `alpha` *and* |effect| is at least `least_effect`. `batches`
    are profiles of the baseline's own windows, made like the reference. A reference without spread is left out: any
    other value of it is new, which the drift and range of a feature say better.
    """
    found = []
    for name, then in reference.items():
        now = current.get(name)
        one = _shift(name, then, now, (batches or {}).get(name, ()), least_batches) if now is not None else None
        if one is not None:
            found.append(one)
    adjusted = adjust(np.array([one.p_value for one in found]), correction)
    judged = [
        replace(one, adjusted=float(p), shifted=bool(p < alpha and abs(one.effect) >= least_effect))
        for one, p in zip(found, adjusted, strict=True)
    ]
    return sorted(judged, key=lambda one: (not one.shifted, one.p_value, -abs(one.effect), one.feature))


def _shift(
    name: str, then: NumericProfile, now: NumericProfile, batches: Sequence[NumericProfile], least_batches: int
) -> MeanShift | None:
    from scipy.special import ndtr, stdtr  # noqa: PLC0415

    was, is_now = moments(then), moments(now)
    if was is None or is_now is None or was.sigma == 0:
        return None
    shift = is_now.mean - was.mean
    means = [one.mean for one in map(moments, batches) if one is not None]
    if len(means) >= least_batches:
        centre, spread = _mean_and_spread(np.array(means))
        error = max(spread, was.sigma / math.sqrt(is_now.rows)) * math.sqrt(1 + 1 / len(means))
        sigmas = (is_now.mean - centre) / error
        p_value = 2 * float(stdtr(len(means) - 1, -abs(sigmas)))
        return MeanShift(name, shift, shift / was.sigma, sigmas, p_value, len(means))
    sigmas = shift / was.sigma * math.sqrt(effective_rows(was.rows, is_now.rows))
    return MeanShift(name, shift, shift / was.sigma, sigmas, 2 * float(ndtr(-abs(sigmas))), 0)


def _mean_and_spread(means: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[float, float]:
    """Mean and sample standard deviation, also where squares of the values are no float64."""
    size = float(np.max(np.abs(means))) or 1.0
    scaled = means / size
    return float(scaled.mean()) * size, float(scaled.std(ddof=1)) * size
