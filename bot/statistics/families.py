"""What a segment's window may hold: a share, a count of rows, or a mean. Three exponential families, one shape.

Each has a level (of a segment) and a move (of all segments in one window, on the canonical scale), a variance that is
also the slope of the mean along the move, a part of it that grows with the window (what windows vary beyond chance),
and tails. Arrays broadcast; totals are sums over the rows of a window, sizes its rows (windows, for counts).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bot.statistics.columns import Floats

EDGE = 1e-7
MOST_TRIALS = 20_000
"""Beyond so many rows a share's tail is taken at so many, of the same variance."""
BLOCK = 128
NEGLIGIBLE = 1e-9
MIDDLE = 0.0
NO_SPREAD = 1e-12


@dataclass(frozen=True, slots=True)
class Family:
    """expected(level, move): the mean a row. variance(mean): of one row, and the slope of the mean by the move.
    grows(mean, size): what `between` is multiplied with: a total has the variance size v (1 + between grows).
    tails(total, size, mean, spread): the chance of at least, and of at most, this total, given the expected total and
    its standard deviation. least(mean): the smallest change a row that matters. swing(mean): the excess kurtosis of
    what windows vary beyond chance, a unit of `between`. counted: totals are counts, whose own excess kurtosis is about
    1 / variance. lowest, highest: a level's bounds.
    """

    expected: Callable[[Floats, Floats], Floats]
    variance: Callable[[Floats], Floats]
    grows: Callable[[Floats, Floats], Floats]
    tails: Callable[[Floats, Floats, Floats, Floats], tuple[Floats, Floats]]
    least: Callable[[Floats], Floats]
    swing: Callable[[Floats], Floats]
    counted: bool
    lowest: float
    highest: float


def _share_expected(level: Floats, move: Floats) -> Floats:
    odds = level / (1 - level) * np.exp(move)
    return np.clip(odds / (1 + odds), EDGE, 1 - EDGE)


def _share_least(mean: Floats) -> Floats:
    """Two points; of a rarer class as much again as there is, but half a point."""
    return np.clip(np.minimum(mean, 1 - mean), 0.005, 0.02)


def _share_tails(total: Floats, size: Floats, mean: Floats, spread: Floats) -> tuple[Floats, Floats]:
    """Beta-binomial (Skellam 1948) of the expected total and its standard deviation, binomial at the least."""
    share = np.clip(mean / size, EDGE, 1 - EDGE)
    variance = spread**2 / (size * size * share * (1 - share))  # of total / size, in units of share (1 - share)
    trials = np.minimum(size, MOST_TRIALS)
    within = np.clip((variance - 1 / trials) / np.maximum(1 - 1 / trials, EDGE), 1e-9, 0.999)
    scale = 1 / within - 1
    found = total / size * trials
    up = _beta_binomial_at_least(np.ceil(found - 1e-9), trials, share * scale, (1 - share) * scale)
    down = _beta_binomial_at_least(np.ceil(trials - found - 1e-9), trials, (1 - share) * scale, share * scale)
    return up, down


def _beta_binomial_at_least(least: Floats, trials: Floats, alpha: Floats, beta: Floats) -> Floats:
    """P(X >= least), shape (segments,). Above the middle summed term by term, below it by the normal law."""
    from scipy.special import betaln, gammaln, ndtr  # noqa: PLC0415

    both = alpha + beta
    mean = trials * alpha / both
    spread = np.sqrt(mean * (beta / both) * (1 + (trials - 1) / (both + 1)))
    away = (least - 0.5 - mean) / np.maximum(spread, NO_SPREAD)
    found = np.where(least <= 0, 1.0, ndtr(-away))
    hard = np.flatnonzero((away > MIDDLE) & (least > 0))
    k, n, a, b = (side[hard] for side in (least, trials, alpha, beta))
    chosen = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    term = np.exp(chosen + betaln(k + a, n - k + b) - betaln(a, b))
    found[hard] = term
    open_ones = np.arange(hard.size)
    steps = np.arange(BLOCK)
    while open_ones.size:
        at = k[open_ones, None] + steps
        left = np.maximum(n[open_ones, None] - at, 0.0)
        ratio = left / (at + 1) * (at + a[open_ones, None]) / np.maximum(left - 1 + b[open_ones, None], NO_SPREAD)
        terms = term[open_ones, None] * np.cumprod(ratio, axis=1)
        found[hard[open_ones]] += terms.sum(axis=1)
        k[open_ones] += BLOCK
        term[open_ones] = terms[:, -1]
        more = (term[open_ones] > NEGLIGIBLE * found[hard[open_ones]]) & (k[open_ones] < n[open_ones])
        open_ones = open_ones[more]
    return np.minimum(found, 1.0)


def _count_tails(total: Floats, _size: Floats, mean: Floats, spread: Floats) -> tuple[Floats, Floats]:
    """Negative binomial, Poisson where it varies no more than that."""
    from scipy.special import betainc, gammainc, gammaincc  # noqa: PLC0415

    beyond = spread**2 - mean
    shape = mean**2 / np.maximum(beyond, 1e-9 * mean * mean)
    poisson = beyond <= 1e-6 * mean
    odds = mean / (mean + shape)
    at = np.maximum(total, 1e-300)
    up = np.where(poisson, gammainc(at, mean), betainc(at, shape, odds))
    down = np.where(poisson, gammaincc(total + 1, mean), betainc(shape, total + 1, 1 - odds))
    return np.where(total > 0, up, 1.0), down


def _mean_tails(total: Floats, _size: Floats, mean: Floats, spread: Floats) -> tuple[Floats, Floats]:
    from scipy.special import ndtr  # noqa: PLC0415

    away = (total - mean) / np.maximum(spread, NO_SPREAD)
    return ndtr(-away), ndtr(away)


SHARES = Family(
    expected=_share_expected,
    variance=lambda mean: mean * (1 - mean),
    grows=lambda _mean, size: np.maximum(size - 1, 0),
    tails=_share_tails,
    least=_share_least,
    swing=lambda mean: 6 / (mean * (1 - mean)),
    counted=True,
    lowest=EDGE,
    highest=1 - EDGE,
)
"""Rows of one class, or without a value, of all rows: beta-binomial."""
COUNTS = Family(
    expected=lambda level, move: level * np.exp(move),
    variance=lambda mean: mean,
    grows=lambda mean, _size: mean,
    tails=_count_tails,
    least=lambda mean: 0.3 * mean,
    swing=lambda mean: np.full_like(mean, 6.0),
    counted=True,
    lowest=EDGE,
    highest=1e15,
)
"""Rows a window: Gamma-Poisson. A size is 1, or so many windows together."""
MEANS = Family(
    expected=lambda level, move: level + move,
    variance=np.ones_like,
    grows=lambda _mean, size: size,
    tails=_mean_tails,
    least=lambda mean: np.full_like(mean, 0.1),
    swing=np.zeros_like,
    counted=False,
    lowest=-1e12,
    highest=1e12,
)
"""A mean, in standard deviations of the segment's own rows: normal."""
