"""The rising curve nearest to points: for probabilities from scores, and for shares that can only grow with age."""

import numpy as np

from bot.statistics.columns import Floats


def pool_adjacent(values: Floats, weights: Floats) -> Floats:
    """The non-decreasing sequence nearest to `values` in weighted least squares; shape (points,) all, weights above 0.

    Pool-adjacent-violators (Barlow et al. 1972), as scipy has it.
    """
    from scipy.optimize import isotonic_regression  # noqa: PLC0415

    if values.size == 0:
        return values
    return np.asarray(isotonic_regression(values, weights=weights).x, dtype=np.float64)
