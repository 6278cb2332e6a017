"""The difference of two means at equal traffic: what is left when both groups had the same mix of rows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bot.statistics.columns import Column, Counts, Floats
from bot.statistics.groups import code_both
from bot.statistics.rates import CONFIDENCE, Interval, normal_quantile
from bot.statistics.shortfall import Shortfall, too_few_rows, unequal_length

LEAST_ROWS = 50
LEAST_IN_STRATUM = 5
LARGEST = 1e140  # squares of larger outcomes are no float64


@dataclass(frozen=True, slots=True)
class StandardisedDifference:
    """`crude`: of the plain means, second minus first. `difference`: the same at equal traffic, with its interval and
    two-sided p. `sigma`: standard deviation of the first group's rows. `covered`: the part of all rows in strata where
    both groups have at least five; the rest says nothing of a difference."""

    first: float
    second: float
    crude: float
    difference: float
    interval: Interval
    p_value: float
    sigma: float
    covered: float
    strata: int

    @property
    def effect(self) -> float:
        """The difference in standard deviations of the first group; 0 where that has no spread and nothing differs."""
        if self.sigma == 0:
            return 0.0 if self.difference == 0 else math.copysign(math.inf, self.difference)
        return self.difference / self.sigma


def strata_of(first: Sequence[Column], second: Sequence[Column], rows: tuple[int, int]) -> tuple[Counts, Counts]:
    """One code for each row from several columns at once, each by its categories, or its numbers in fifths of the first
    group. `rows`: of both groups; without a column they are all of one stratum."""
    codes, other_codes = (np.zeros(size, dtype=np.int64) for size in rows)
    for one, two in zip(first, second, strict=True):
        more, more_now, names = code_both(np.asarray(one), np.asarray(two))
        codes, other_codes = codes * len(names) + more, other_codes * len(names) + more_now
    return codes, other_codes


def standardised_difference(
    first: Floats,
    second: Floats,
    first_strata: Counts,
    second_strata: Counts,
    *,
    confidence: float = CONFIDENCE,
) -> StandardisedDifference | Shortfall:
    """Direct standardisation (Rothman, Greenland and Lash, Modern Epidemiology, chapter 4): the differences within
    strata, weighted by how many rows of both groups lie in each.

    All of shape (rows of the group,). Rows without a finite outcome don't count. The variance of a row is pooled over a
    group's strata, so that a small stratum of equal outcomes doesn't pretend to be certain.
    """
    for outcome, codes in ((first, first_strata), (second, second_strata)):
        if outcome.size != codes.size:
            return unequal_length(int(outcome.size), int(codes.size))
    sides = [_known(first, first_strata), _known(second, second_strata)]
    for (outcome, _), where in zip(sides, ("the first group", "the second group"), strict=True):
        if outcome.size < LEAST_ROWS:
            return too_few_rows(int(outcome.size), LEAST_ROWS, where)
    (a, a_codes), (b, b_codes) = sides
    _, codes = np.unique(np.concatenate([a_codes, b_codes]), return_inverse=True)
    size = int(codes.max()) + 1
    one, two = _sums(a, codes[: a.size], size), _sums(b, codes[a.size :], size)
    both = (one.rows >= LEAST_IN_STRATUM) & (two.rows >= LEAST_IN_STRATUM)
    if not both.any():
        return too_few_rows(0, LEAST_IN_STRATUM, "the groups' common traffic")
    weights = np.where(both, one.rows + two.rows, 0.0)
    covered = float(weights.sum() / (a.size + b.size))
    weights /= weights.sum()
    gaps = np.where(both, two.mean - one.mean, 0.0)
    difference = float(weights @ gaps)
    variance = sum(side.variance * float(np.sum(weights[both] ** 2 / side.rows[both])) for side in (one, two))
    error = math.sqrt(variance)
    p_value = math.erfc(abs(difference) / error / math.sqrt(2)) if error else float(difference == 0)
    reach = normal_quantile(0.5 + confidence / 2) * error
    return StandardisedDifference(
        float(a.mean()),
        float(b.mean()),
        float(b.mean() - a.mean()),
        difference,
        Interval(difference - reach, difference + reach),
        p_value,
        0.0 if a.min() == a.max() else float(a.std()),
        covered,
        int(both.sum()),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    rows: Floats
    mean: Floats
    variance: float


def _sums(outcome: Floats, codes: Counts, size: int) -> _Sums:
    """Rows and mean of each stratum, and the variance of a row around its stratum's mean."""
    rows = np.bincount(codes, minlength=size).astype(np.float64)
    mean = np.bincount(codes, weights=outcome, minlength=size) / np.maximum(rows, 1)
    around = outcome - mean[codes]
    free = outcome.size - np.count_nonzero(rows)
    return _Sums(rows, mean, float(around @ around) / free if free > 0 else float(outcome.var()))


def _known(outcome: Floats, codes: Counts) -> tuple[Floats, Counts]:
    known = np.isfinite(outcome)
    return np.clip(outcome[known], -LARGEST, LARGEST), codes[known]
