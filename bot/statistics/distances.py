"""How far two profiles of one column are apart.

Kolmogorov-Smirnov counts infinities as the outermost values. The other measures of numeric columns look at finite
values: they are shares of the rows (PSI, Jensen-Shannon) or in units of the reference's standard deviation.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.statistics.cells import midpoints
from bot.statistics.columns import Counts, Floats
from bot.statistics.profiles import CategoricalProfile, ExactProfile, NumericProfile, ProfileError, SketchProfile

BINS = 10
LARGEST = 1e140  # squares of larger values are no float64
BLOCK = 128
PIECE = 16_384


@dataclass(frozen=True, slots=True)
class NumericDistance:
    """`ks` 0 to 1; `psi` 0 upwards; `jensen_shannon` 0 to 1 (square root of the divergence, base 2).

    `wasserstein` (0 upwards) and `mean_shift` (signed) are in standard deviations of the reference; None where that is
    zero or where one side has no finite value.
    """

    ks: float
    psi: float
    jensen_shannon: float
    wasserstein: float | None
    mean_shift: float | None


@dataclass(frozen=True, slots=True)
class CategoricalDistance:
    """`chi_square` with its `degrees` and `p_value` (categories expected under 5 times are pooled);
    `cramers_v` of the 2 x k table; `effect` is Cramer's V as it would be with equal rows on both sides,
    sqrt(sum((p - q)^2 / (p + q)) / 2), so that it doesn't depend on how long the windows are; `new_share` is the
    share of current rows in categories the reference never had."""

    chi_square: float
    degrees: int
    p_value: float
    cramers_v: float
    effect: float
    psi: float
    jensen_shannon: float
    new_share: float


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean and standard deviation of the finite values, in their unit, and how many there are."""

    mean: float
    sigma: float
    rows: int


def moments(profile: NumericProfile) -> Moments | None:
    """None without a finite value, or where they are no float64. In a sketch each value is the middle of its cell."""
    if isinstance(profile, ExactProfile):
        values = profile.values[np.isfinite(profile.values)]
        if values.size == 0:
            return None
        size = float(max(abs(values[0]), abs(values[-1]))) or 1.0
        scaled = values / size
        sigma = 0.0 if values[0] == values[-1] else float(scaled.std()) * size
        return Moments(float(scaled.mean()) * size, sigma, int(values.size))
    z = midpoints()[profile.cells]
    finite = np.isfinite(z)
    rows = int(profile.counts[finite].sum())
    if rows == 0:
        return None
    z, share = z[finite], profile.counts[finite] / rows
    mean = float(share @ z)
    sigma = float(np.sqrt(share @ (z - mean) ** 2))
    found = Moments(mean * profile.scale.width + profile.scale.centre, sigma * profile.scale.width, rows)
    return found if math.isfinite(found.mean) and math.isfinite(found.sigma) else None


def numeric_distance(reference: NumericProfile, current: NumericProfile) -> NumericDistance:
    """Both profiles need at least one value and the same form (made by `profile_like`)."""
    if isinstance(reference, ExactProfile) and isinstance(current, ExactProfile):
        then, now = _tame(reference.values, current.values)
        scaled = _exact_in_sigmas(then, now)
        return NumericDistance(ks_exact(then, now), *_bin_distances(*_exact_bins(then, now)), *scaled)
    if isinstance(reference, SketchProfile) and isinstance(current, SketchProfile):
        return _sketch_distance(reference, current)
    raise ProfileError("One profile is exact and one a sketch; profile the current window like the reference.")


def ks_statistic(reference: NumericProfile, current: NumericProfile) -> float:
    """The largest gap between the two cumulative shares, 0 to 1.

    From sketches it is never too high, and too low by at most the share of either window in one cell that holds more
    than one distinct value over both. `fit_numeric` keeps that below 0.5 % for the reference; what stays unseen is a
    heap of equal values that moves by less than its cell, 0.8 % of its distance from the median.
    """
    if isinstance(reference, ExactProfile) and isinstance(current, ExactProfile):
        return ks_exact(reference.values, current.values)
    if isinstance(reference, SketchProfile) and isinstance(current, SketchProfile):
        _, then, now = _common_steps(reference, current)
        return float(np.max(np.abs(then - now)))
    raise ProfileError("One profile is exact and one a sketch; profile the current window like the reference.")


def ks_exact(reference: Floats, current: Floats) -> float:
    """Two-sample Kolmogorov-Smirnov statistic of sorted values without NaN.

    The gap is looked at between every `BLOCK`-th current value first. Inside a block neither share can leave the range
    spanned by its two ends, so only blocks whose bound exceeds the largest gap seen are searched value by value.
    """
    rows, current_rows = reference.size, current.size
    ends = np.append(np.arange(0, current_rows, BLOCK), current_rows - 1)
    then = np.searchsorted(reference, current[ends], side="right") / rows
    now = np.searchsorted(current, current[ends], side="right") / current_rows
    best = float(np.max(np.abs(then - now)))
    # Left of the first current value the current share is 0, right of the last the reference goes on to 1.
    first = float(np.searchsorted(reference, current[0], side="left")) / rows
    best = max(best, first)
    bound = np.maximum(now[1:] - then[:-1], then[1:] - now[:-1])
    open_blocks = np.flatnonzero(bound > best)
    if open_blocks.size == 0:
        return best
    inside = (ends[open_blocks][:, None] + np.arange(BLOCK + 1)).ravel()
    return max(best, _gap_inside(np.minimum(inside, current_rows - 1), reference, current))


def _gap_inside(ranks: NDArray[np.intp], reference: Floats, current: Floats) -> float:
    """The largest gap just before and at the current values of these ranks.

    Among equal current values the first has the true share below it and the last the true share up to it; the others
    give less, so ranks can stand for shares.
    """
    values = current[ranks]
    up_to = np.searchsorted(reference, values, side="right")
    below = up_to.copy()
    tied = reference[np.maximum(up_to - 1, 0)] == values
    below[tied] = np.searchsorted(reference, values[tied], side="left")
    over = np.max((ranks + 1) / current.size - up_to / reference.size)
    under = np.max(below / reference.size - ranks / current.size)
    return float(max(over, under))


def ks_p_value(statistic: float, rows: int, current_rows: int) -> float:
    """Asymptotic two-sided p (Smirnov 1948): K(D * sqrt(n m / (n + m))); conservative for tied values."""
    from scipy.special import kolmogorov  # noqa: PLC0415

    return float(kolmogorov(statistic * np.sqrt(effective_rows(rows, current_rows))))


def effective_rows(rows: int, current_rows: int) -> float:
    return rows / (rows + current_rows) * current_rows


def wasserstein_exact(reference: Floats, current: Floats) -> float:
    """The area between the two quantile functions of sorted finite values, in their unit.

    With n <= m rows, the level of the j-th of the m rows, 1 / m wide, meets one or two of the n: in units of 1 / (n m)
    it begins at j n, and what of it lies beyond the next multiple of m belongs to the second.
    """
    few, many = (reference, current) if reference.size <= current.size else (current, reference)
    n, m = few.size, many.size
    area = 0.0
    for start in range(0, m, PIECE):  # in pieces that stay in the processor's cache
        there = many[start : start + PIECE]
        if n == m:
            area += float(np.abs(few[start : start + PIECE] - there).sum()) * m
            continue
        begins = np.arange(start, start + there.size, dtype=np.int64) * n
        first = begins // m
        beyond = np.maximum(begins - first * m + (n - m), 0)
        area += float(np.dot(np.abs(few[first] - there), (n - beyond).astype(np.float64)))
        area += float(np.dot(np.abs(few[np.minimum(first + 1, n - 1)] - there), beyond.astype(np.float64)))
    return area / n / m


def categorical_distance(reference: CategoricalProfile, current: CategoricalProfile) -> CategoricalDistance:
    """Both profiles need at least one non-null row."""
    then, now = category_table(reference, current)
    chi_square, degrees, p_value = chi_square_test(then, now)
    p, q = then / then.sum(), now / now.sum()
    both = p + q
    effect = float(np.sqrt(np.sum(np.divide((p - q) ** 2, both, out=np.zeros_like(both), where=both > 0)) / 2))
    return CategoricalDistance(
        chi_square,
        degrees,
        p_value,
        float(np.sqrt(chi_square / (then.sum() + now.sum()))),
        effect,
        _psi(then, now),
        jensen_shannon(p, q),
        sum(current.new.values()) / current.present,
    )


def category_table(reference: CategoricalProfile, current: CategoricalProfile) -> tuple[Floats, Floats]:
    """Rows a category in both, over every category either has (the last is `other`), shape (k,) each."""
    names = sorted({*reference.counts, *reference.new, *current.counts, *current.new})
    then = [reference.counts.get(name, 0) + reference.new.get(name, 0) for name in names]
    now = [current.counts.get(name, 0) + current.new.get(name, 0) for name in names]
    return (
        np.array([*then, reference.other], dtype=np.float64),
        np.array([*now, current.other], dtype=np.float64),
    )


def chi_square_test(reference: Floats, current: Floats, least_expected: float = 5.0) -> tuple[float, int, float]:
    """Pearson's chi-square for homogeneity of two rows of counts: statistic, degrees of freedom, p.

    Categories expected fewer than `least_expected` times on a side are pooled (Cochran 1954). With one category left
    there is nothing to compare: (0, 0, 1).
    """
    from scipy.special import chdtrc  # noqa: PLC0415

    both = reference + current
    smaller_side = min(reference.sum(), current.sum()) / max(both.sum(), 1.0)
    rare = both * smaller_side < least_expected
    then = np.append(reference[~rare], reference[rare].sum())
    now = np.append(current[~rare], current[rare].sum())
    kept = then + now > 0
    then, now = then[kept], now[kept]
    if then.size < 2 or then.sum() == 0 or now.sum() == 0:  # noqa: PLR2004
        return 0.0, 0, 1.0
    expected_share = (then + now) / (then.sum() + now.sum())
    statistic = 0.0
    for side in (then, now):
        expected = expected_share * side.sum()
        statistic += float(np.sum((side - expected) ** 2 / expected))
    degrees = then.size - 1
    return statistic, degrees, float(chdtrc(degrees, statistic))


def jensen_shannon(p: Floats, q: Floats) -> float:
    """Square root of the Jensen-Shannon divergence of two distributions, base 2: a distance, 0 to 1."""
    middle = (p + q) / 2
    divergence = 0.0
    for side in (p, q):
        some = side > 0
        divergence += float(np.sum(side[some] * np.log2(side[some] / middle[some]))) / 2
    return float(np.sqrt(min(max(divergence, 0.0), 1.0)))


def _psi(then: Floats, now: Floats) -> float:
    """Population stability index; half a row is added to each bin so that an empty one stays finite."""
    p = (then + 0.5) / (then.sum() + 0.5 * then.size)
    q = (now + 0.5) / (now.sum() + 0.5 * now.size)
    return float(np.sum((q - p) * np.log(q / p)))


def _bin_distances(then: Floats, now: Floats) -> tuple[float, float]:
    return _psi(then, now), jensen_shannon(then / then.sum(), now / now.sum())


def _exact_bins(reference: Floats, current: Floats) -> tuple[Floats, Floats]:
    """Rows of both between the deciles of the reference (fewer bins where deciles coincide)."""
    at = np.ceil(np.arange(1, BINS) * (reference.size / BINS)).astype(np.intp) - 1
    edges = np.unique(reference[np.maximum(at, 0)])
    then = np.diff(np.searchsorted(reference, edges, side="right"), prepend=0, append=reference.size)
    now = np.diff(np.searchsorted(current, edges, side="right"), prepend=0, append=current.size)
    return then.astype(np.float64), now.astype(np.float64)


def _exact_in_sigmas(reference: Floats, current: Floats) -> tuple[float | None, float | None]:
    then, now = _finite(reference), _finite(current)
    if then.size == 0 or now.size == 0 or then[0] == then[-1]:
        return None, None
    sigma = float(np.std(then))
    if sigma == 0:
        return None, None
    return wasserstein_exact(then, now) / sigma, float(now.mean() - then.mean()) / sigma


def _finite(ordered: Floats) -> Floats:
    if np.isfinite(ordered[0]) and np.isfinite(ordered[-1]):
        return ordered
    return ordered[np.isfinite(ordered)]


def _tame(reference: Floats, current: Floats) -> tuple[Floats, Floats]:
    """Both divided by a power of two when their squares would overflow: every distance here stays what it was."""
    ends = np.array([reference[0], reference[-1], current[0], current[-1]])
    if np.all(np.abs(ends) <= LARGEST):
        return reference, current
    finite = np.concatenate([_finite(reference), _finite(current)])
    if finite.size == 0 or np.max(np.abs(finite)) <= LARGEST:
        return reference, current
    shrink = 2.0**-600
    return reference * shrink, current * shrink


def _common_steps(reference: SketchProfile, current: SketchProfile) -> tuple[NDArray[np.intp], Floats, Floats]:
    """Every cell either fills (ascending), and the share of each side up to and including it."""
    if reference.scale != current.scale:
        raise ProfileError("These sketches have different scales; profile both windows like the same reference.")
    filled = np.zeros(midpoints().size, dtype=np.bool_)
    filled[reference.cells] = True
    filled[current.cells] = True
    cells = np.flatnonzero(filled)
    return cells, _cumulative_share(reference, cells), _cumulative_share(current, cells)


def _cumulative_share(profile: SketchProfile, cells: NDArray[np.intp]) -> Floats:
    counts: Counts = np.zeros(cells.size, dtype=np.int64)
    counts[np.searchsorted(cells, profile.cells)] = profile.counts
    return np.cumsum(counts) / profile.present


def _sketch_distance(reference: SketchProfile, current: SketchProfile) -> NumericDistance:
    cells, then, now = _common_steps(reference, current)
    ks = float(np.max(np.abs(then - now)))
    edges = np.unique(np.searchsorted(then, np.arange(1, BINS) / BINS - 1e-12))
    p = np.diff(then[edges], prepend=0.0, append=1.0) * reference.present
    q = np.diff(now[edges], prepend=0.0, append=1.0) * current.present
    return NumericDistance(ks, *_bin_distances(p, q), *_sketch_in_sigmas(cells, then, now))


def _sketch_in_sigmas(cells: NDArray[np.intp], then: Floats, now: Floats) -> tuple[float | None, float | None]:
    z = midpoints()[cells]
    finite = np.isfinite(z)
    p, q = np.diff(then, prepend=0.0)[finite], np.diff(now, prepend=0.0)[finite]
    if p.sum() <= 0 or q.sum() <= 0:
        return None, None
    z, p, q = z[finite], p / p.sum(), q / q.sum()
    mean = float(p @ z)
    sigma = float(np.sqrt(p @ (z - mean) ** 2))
    if np.count_nonzero(p) < 2 or sigma == 0:  # noqa: PLR2004
        return None, None
    area = float(np.abs(np.cumsum(p - q))[:-1] @ np.diff(z))
    return area / sigma, (float(q @ z) - mean) / sigma
