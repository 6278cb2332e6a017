"""Adjusted p-values when many things are tested at once. Compare each with the family's alpha."""

from typing import Literal

import numpy as np

from bot.statistics.columns import Floats

Correction = Literal["holm", "bh"]


def holm(p_values: Floats) -> Floats:
    """Holm (1979), step-down: the chance of any false finding stays below alpha. Shape as given, capped at 1."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = p[order] * (p.size - np.arange(p.size))
    return _back(np.maximum.accumulate(stepped), order)


def benjamini_hochberg(p_values: Floats) -> Floats:
    """Benjamini and Hochberg (1995), step-up: the expected share of false findings stays below alpha."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = p[order] * (p.size / np.arange(1, p.size + 1))
    return _back(np.minimum.accumulate(stepped[::-1])[::-1], order)


def adjust(p_values: Floats, correction: Correction) -> Floats:
    return holm(p_values) if correction == "holm" else benjamini_hochberg(p_values)


def _back(stepped: Floats, order: np.ndarray[tuple[int, ...], np.dtype[np.intp]]) -> Floats:
    adjusted = np.empty(order.size, dtype=np.float64)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
