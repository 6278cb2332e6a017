"""A small shift that lasts: windows that are each ordinary, but together on one side.

A single daily window hardly ever sees a shift by two standard deviations, and soon the shift is its baseline; smoothed,
it shows within days. Each window has a normal score with its side, cut so that one wild window is no trend (heavy tails
would else take all of the budget), and smoothed (EWMA, Roberts 1959).
"""

import math

import numpy as np

from bot.statistics.columns import Floats

SMOOTHING = 0.2
CUT = 2.5
SMALLEST = 1e-300
MEMORY = 60
"""So many windows back hold all that the smoothed score remembers (what is older weighs under two millionths)."""


def normal_scores(chances: Floats | float, sides: Floats | float) -> Floats:
    """Two-sided chances as signed normal scores: above 0 where the side is, NaN where a chance is."""
    from scipy.special import ndtri  # noqa: PLC0415

    return np.asarray(-np.sign(sides) * ndtri(np.clip(chances, SMALLEST, 1.0) / 2), dtype=np.float64)


def lasting_surprises(scores: Floats, *, one_sided: bool = False, common: float = 0.0) -> Floats:
    """How surprising the smoothed score is at each window, shape (windows,), oldest first: -log10 of its chance.

    scores: signed and normal, each by the windows before it (such scores vary no more, smoothed, than independent ones:
    what a baseline's mean errs, the next windows make up for). A window that said nothing (NaN) says nothing here
    either, and leaves the smoothed score as it is; one that is back on the other side says 0, as nothing lasts there.
    one_sided: only what lies above counts. common: the correlation of scores that err together, as those by one fixed
    baseline do (of k windows: 1 / (k + 1)).
    """
    from scipy.special import log_ndtr  # noqa: PLC0415

    cut = np.clip(np.asarray(scores, dtype=np.float64), -CUT, CUT)
    found = np.full(cut.shape, np.nan)
    smoothed = squares = 0.0
    for at, score in enumerate(cut.tolist()):
        if math.isnan(score):
            continue
        smoothed += SMOOTHING * (score - smoothed)
        squares = (1 - SMOOTHING) ** 2 * squares + SMOOTHING**2
        weight = 1 - math.sqrt(max(0.0, 1 - squares * (2 - SMOOTHING) / SMOOTHING))
        lasts = smoothed * score > 0 and (smoothed > 0 or not one_sided)
        found[at] = abs(smoothed) / math.sqrt((1 - common) * squares + common * weight**2) if lasts else 0.0
    sides = 0.0 if one_sided else math.log(2)
    return np.where(found == 0, 0.0, np.maximum(0.0, -(sides + log_ndtr(-found)) / math.log(10)))


def run_begin(scores: Floats) -> int:
    """Where what lasts at the last of the scores, shape (windows,), began: the likeliest place of one step from 0.

    The windows from there on have the highest sum over the root of their number (likelihood ratio of a mean that moved
    by an unknown step, Hinkley 1970), all on the side the smoothed score is on. Raises ValueError where none is known.
    """
    known = np.flatnonzero(~np.isnan(scores))
    if known.size == 0:
        raise ValueError("no window said anything")
    cut = np.clip(scores[known], -CUT, CUT)
    weights = (1 - SMOOTHING) ** np.arange(cut.size)[::-1]
    side = math.copysign(1.0, float(weights @ cut))
    behind = np.cumsum((side * cut)[::-1])[::-1] / np.sqrt(np.arange(cut.size, 0, -1))
    return int(known[int(np.argmax(behind))])
