"""Whether a window is only another mix of rows as they were known: a campaign, a season, a new region that grows.

Rows of the reference are weighted so that some columns come in it as they do in the window (raking: Deming and Stephan
1940). A window that then differs in nothing any more differs by the mix alone; what a fault does to a column breaks
what its values went with, and what was never seen can't be weighted.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bot.statistics.columns import Column, Floats, as_numbers, is_numeric
from bot.statistics.relations.encoding import Flags, codes_of

PARTS, ROUNDS = 20, 30
CLOSE = 1e-3
MOST_UNSEEN = 0.01
Codes = NDArray[np.intp]


def as_mixed(columns: Mapping[str, Column], now: Flags, names: Sequence[str]) -> Floats | None:
    """The weight of each row that is not `now`, of mean 1, so that columns come among them as they do now; shape
    (rows,).

    None where a hundredth of the rows now, or more, hold values that were not seen before, or where the weighted rows
    say less than those now.
    columns: of shape (rows,), by name; numbers count in twentieths. names: those to be alike.
    """
    places = [_places(columns[name], now) for name in names]
    weights = np.ones(int((~now).sum()))
    for _ in range(ROUNDS):
        farthest = 0.0
        for codes in places:
            is_now = np.bincount(codes[now], minlength=int(codes.max()) + 1) / now.sum()
            was = np.bincount(codes[~now], weights=weights, minlength=is_now.size) / weights.sum()
            if float(is_now[was <= 0].sum()) >= MOST_UNSEEN:
                return None
            factor = np.divide(is_now, was, out=np.ones_like(was), where=was > 0)
            weights *= factor[codes[~now]]
            farthest = max(farthest, float(np.abs(is_now - was)[was > 0].max()))
        if farthest < CLOSE:
            break
    weights /= weights.mean()
    return weights if effective(weights) >= now.sum() else None


def effective(weights: Floats) -> float:
    """How many equal rows would say as much (Kish 1965)."""
    return float(weights.sum() ** 2 / np.sum(weights**2))


def _places(values: Column, now: Flags) -> Codes:
    if not is_numeric(values):
        return codes_of(values)[0]
    numbers = as_numbers(values)
    known = numbers[~now & np.isfinite(numbers)]
    if not known.size:
        return np.zeros(numbers.size, dtype=np.intp)
    edges = np.unique(np.quantile(known, np.linspace(0, 1, PARTS + 1), method="closest_observation"))
    # Below, at or between the edges, and above: a value that many rows share is a place of its own.
    found = np.searchsorted(edges, numbers, side="left") + np.searchsorted(edges, numbers, side="right")
    return np.where(np.isnan(numbers), 2 * edges.size + 1, found)
