"""A small shift that lasts: windows that are each ordinary, but all on the same side.

A single daily window hardly ever sees a shift by two standard deviations, and soon the shift is its baseline; smoothed,
it shows within days. Each window's surprise is turned back into a normal score with its side, cut so that one wild
window is no trend (heavy tails would else take all of the budget), and smoothed (EWMA, Roberts 1959).
"""

import math

import numpy as np

from bot.statistics.columns import Floats

SMOOTHING = 0.2
CUT = 2.5
SMALLEST = 1e-300


def lasting_surprises(surprises: Floats, sides: Floats) -> Floats:
    """How surprising the smoothed score is at each window, shape (windows,), oldest first, as -log10 of its chance.

    surprises: two-sided, of single windows, each by the windows before it (such scores vary no more, smoothed, than
    independent ones: what a baseline's mean errs, the next windows make up for). sides: 1 above what was expected, -1
    below it. A window that said nothing (NaN) says nothing here either, and leaves the smoothed score as it is.
    """
    from scipy.special import log_ndtr, ndtri  # noqa: PLC0415

    chances = np.clip(10.0 ** -np.asarray(surprises, dtype=np.float64), SMALLEST, 1.0)
    scores = np.clip(-np.sign(sides) * ndtri(chances / 2), -CUT, CUT)
    found = np.full(scores.shape, np.nan)
    smoothed = squares = 0.0
    for at, score in enumerate(scores.tolist()):
        if math.isnan(score):
            continue
        smoothed += SMOOTHING * (score - smoothed)
        squares = (1 - SMOOTHING) ** 2 * squares + SMOOTHING**2
        found[at] = abs(smoothed) / math.sqrt(squares)
    return np.asarray(-(math.log(2) + log_ndtr(-found)) / math.log(10))
