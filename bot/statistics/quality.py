"""What earlier windows say of the next one, when some of them had trouble of their own. Pure."""

from collections.abc import Sequence

import numpy as np

FAR = 8.0
MAD_TO_SIGMA = 1.4826


def without_upsets(counts: Sequence[int], *, far: float = FAR) -> list[int]:
    """Leave out windows whose rows lie far from those of the others: an outage in the baseline hides the next one.

    counts: rows of each window. Kept, in order, is what lies within `far` robust sigmas of the median (Hampel's
    identifier: 1.4826 times the median absolute deviation) on the scale 2 sqrt(n + 3/8), where a Poisson count has
    sigma 1, which is the least taken.
    """
    if not counts:
        return []
    scaled = 2 * np.sqrt(np.asarray(counts, dtype=np.float64) + 0.375)
    away = np.abs(scaled - np.median(scaled))
    spread = max(1.0, MAD_TO_SIGMA * float(np.median(away)))
    return [size for size, distance in zip(counts, away, strict=True) if distance <= far * spread]
