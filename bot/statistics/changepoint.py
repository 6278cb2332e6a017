"""Since when a series of bucket means is different: one change point, with the moments it may as well have been."""

import math
from dataclasses import dataclass

import numpy as np

from bot.statistics.columns import Floats
from bot.statistics.stream.spread import lag_one

LEAST_BUCKETS = 12
LEAST_SIDE = 2
MOST_ALIKE = 0.9
REACH = 3.84  # chi-square, 95 %, 1 degree: splits whose likelihood is this near to the best one's may be the true one


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """The change lies before bucket `at`; it may lie before any of buckets `earliest` to `latest`.

    before, after: the weighted means on both sides. p_value: of the largest of all splits being chance.
    """

    at: int
    earliest: int
    latest: int
    before: float
    after: float
    p_value: float


def _memory(rest: Floats) -> float:
    """The correlation of neighbours, without the bias of (1 + 4 r) / n (Kendall 1954) that each of two means costs."""
    bias = 2 / rest.size
    return max(0.0, min(MOST_ALIKE, (lag_one(rest, 0.0, float(rest.std())) + bias) / max(0.5, 1 - 4 * bias)))


def change_point(means: Floats, rows: Floats) -> ChangePoint | None:
    """The split of `means` (of `rows` rows each; both shape (buckets,), in time order) that fits two levels best.

    Least squares weighted by rows (Hinkley 1970). The largest |Brownian bridge| of the weighted sums gives the p-value
    (Kolmogorov's limit); its noise is that of the rest round both levels, widened where neighbours of it are alike.
    Empty buckets are passed over. None with fewer than 12 buckets that have rows, or for a constant.
    """
    from scipy.special import kolmogorov  # noqa: PLC0415

    some = np.flatnonzero((rows > 0) & np.isfinite(means))
    if some.size < LEAST_BUCKETS:
        return None
    y, w = means[some], rows[some]
    total = float(w.sum())
    centre = float((w * y).sum()) / total
    sums, weights = np.cumsum(w * (y - centre))[:-1], np.cumsum(w)[:-1]
    gain = sums**2 * total / (weights * (total - weights))
    gain[: LEAST_SIDE - 1] = gain[len(gain) - LEAST_SIDE + 1 :] = 0.0
    split = int(np.argmax(gain)) + 1
    before, after = (float((w[part] * y[part]).sum() / w[part].sum()) for part in (slice(split), slice(split, None)))
    rest = y - np.where(np.arange(y.size) < split, before, after)
    variance = float((w * rest**2).sum()) / max(1, y.size - 2)
    if variance <= 0:
        if before == after:
            return None
        return ChangePoint(int(some[split]), int(some[split]), int(some[split]), before, after, 0.0)
    memory = _memory(rest)
    variance *= (1 + memory) / (1 - memory)
    bridge = float(np.max(np.abs(sums[LEAST_SIDE - 1 : len(sums) - LEAST_SIDE + 1]))) / math.sqrt(variance * total)
    near = np.flatnonzero(gain >= gain.max() - REACH * variance) + 1
    return ChangePoint(
        int(some[split]), int(some[near[0]]), int(some[near[-1]]), before, after, float(kolmogorov(bridge))
    )
