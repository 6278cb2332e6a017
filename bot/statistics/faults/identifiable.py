"""Which faults nobody could name from the rows, as the package says; from the rows without the fault and with it."""

import math

import numpy as np

from bot.statistics.columns import Column, Floats, count_categories, is_numeric
from bot.statistics.faults.hypothesis import FaultKind

CRITICAL = 1.36
"""Kolmogorov's quantile of 95 %."""
LEAST_CHANGED, LEAST_DIFFERENT = 0.1, 0.2


def can_be_told(kind: FaultKind, clean: Column, seen: Column) -> bool:
    """Whether a fault of this kind that turned `clean` into `seen`, both shape (rows,), leaves a trace to name it by.

    `seen` has fewer rows where the fault loses some.
    """
    if kind is FaultKind.STALE:
        same = (clean == seen) | ((clean != clean) & (seen != seen))  # noqa: PLR0124
        return float(np.mean(~same)) >= LEAST_CHANGED and np.unique(clean).size > LEAST_DIFFERENT * clean.size
    if distance(clean, seen) < visible(min(clean.size, seen.size)):
        return False
    return kind is not FaultKind.SWAPPED or _overtaken(clean, seen)


def visible(rows: int) -> float:
    """The least distance between two windows of `rows` that is beyond chance."""
    return CRITICAL * math.sqrt(2 / max(rows, 1))


def distance(one: Column, two: Column) -> float:
    """Kolmogorov-Smirnov of the values, or of the shares of nulls where that is more; of categories total variation."""
    if not (is_numeric(one) and is_numeric(two)):
        shares = _shares(one, two)
        return float(np.abs(shares[0] - shares[1]).sum()) / 2
    gone = abs(float(np.isnan(one).mean()) - float(np.isnan(two).mean()))
    one, two = np.sort(one[~np.isnan(one)]), np.sort(two[~np.isnan(two)])
    if not one.size or not two.size:
        return 1.0 if one.size != two.size else 0.0
    grid = np.concatenate([one, two])
    gaps = np.searchsorted(one, grid, side="right") / one.size - np.searchsorted(two, grid, side="right") / two.size
    return max(gone, float(np.abs(gaps).max()))


def _overtaken(clean: Column, seen: Column) -> bool:
    """Whether the two categories that moved most changed places."""
    then, now = _shares(clean, seen)
    first, second = np.argsort(-np.abs(now - then), kind="stable")[:2]
    return bool((then[first] - then[second]) * (now[first] - now[second]) < 0)


def _shares(one: Column, two: Column) -> tuple[Floats, Floats]:
    """Of all categories of both, null among them, in one order."""
    (then, gone), (now, gone_now) = count_categories(one), count_categories(two)
    names = sorted({*then, *now})
    sides = [
        np.array([*(counts.get(name, 0) for name in names), nulls], dtype=np.float64) / max(1, size)
        for counts, nulls, size in ((then, gone, one.size), (now, gone_now, two.size))
    ]
    return sides[0], sides[1]
