"""A column cut into few bins: numbers at their quantiles, text by value, nulls apart."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.statistics.columns import Column, Floats, as_numbers, is_numeric
from bot.statistics.relations.encoding import codes_of

MOST_BINS, MOST_LEVELS = 20, 30
LEAST_IN_A_BIN = 5
BEYOND = 0.02


@dataclass(frozen=True, slots=True)
class Bins:
    """edges: of a numeric column, between its bins; lowest, highest: what the fitted rows have, and a little more.
    levels: the values of a text that have a bin, at least one place after bin 0. nulls, others: whether the fitted rows
    had some. Bin 0 is for nulls, the last for values without a bin of their own.
    """

    edges: Floats
    lowest: float
    highest: float
    levels: tuple[str, ...]
    nulls: bool
    others: bool
    numeric: bool

    @property
    def count(self) -> int:
        return (self.edges.size + 1 if self.numeric else len(self.levels)) + 2

    def places(self, values: Column) -> NDArray[np.intp]:
        """The bin of each row, shape (rows,)."""
        if self.numeric:
            numbers = as_numbers(values)
            found = np.searchsorted(self.edges, numbers, side="right") + 1
            return np.where(np.isnan(numbers), 0, found).astype(np.intp)
        codes, texts = codes_of(values)
        at = {text: place for place, text in enumerate(self.levels, start=1)}
        bins = np.array([0, *(at.get(text, self.count - 1) for text in texts[1:])], dtype=np.intp)
        return bins[codes]

    def outside(self, values: Column) -> float:
        """The share of rows unlike any fitted one: beyond their range, a new value, nulls where none were."""
        size = max(1, len(values))
        places = self.places(values)
        beyond = int((places == 0).sum()) if not self.nulls else 0
        if self.numeric:
            numbers = as_numbers(values)
            beyond += int(((numbers < self.lowest) | (numbers > self.highest)).sum())
        elif not self.others:
            beyond += int((places == self.count - 1).sum())
        return beyond / size


def fit_bins(values: Column) -> Bins:
    if is_numeric(values):
        numbers = as_numbers(values)
        present = numbers[np.isfinite(numbers)]
        edges = np.unique(np.quantile(present, np.arange(1, MOST_BINS) / MOST_BINS)) if present.size else np.zeros(0)
        low, high = (float(present.min()), float(present.max())) if present.size else (-np.inf, np.inf)
        more = BEYOND * (high - low) if present.size else 0.0
        return Bins(edges, low - more, high + more, (), bool(np.isnan(numbers).any()), others=True, numeric=True)
    codes, texts = codes_of(values)
    sizes = np.bincount(codes, minlength=len(texts))
    seen = [at for at in range(1, len(texts)) if sizes[at] >= LEAST_IN_A_BIN]
    kept = sorted(seen, key=lambda at: (-sizes[at], texts[at]))[:MOST_LEVELS]
    levels = tuple(sorted(texts[at] for at in kept))
    others = len(kept) < len(texts) - 1
    return Bins(np.zeros(0), -np.inf, np.inf, levels, bool(sizes[0]), others=others, numeric=False)
