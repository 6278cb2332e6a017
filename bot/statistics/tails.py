"""How far out a value lies in the tails of a reference column: a surprise, -log of its tail probability.

Inside the reference the tail probability is the empirical one, as in ECOD (Li et al., IEEE TKDE 2022). Beyond its
outermost values it goes on as a power of the distance from the median, whose exponent is Hill's (Annals of Statistics
1975), so that 982,000 where 10,000 is the most is stranger than 10,001. Categories go by how rare they are.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bot.statistics.columns import Column, Floats, as_numbers, category_text
from bot.statistics.groups import NULL

LEAST_TAIL = 10
TAIL_SHARE = 0.02
LEAST_EXPONENT = 0.02
LARGEST = 1e300
USUAL_TAIL = 0.005
__all__ = ["NULL", "CategoryTail", "NumericTail", "category_tail", "names_of", "numeric_tail"]


@dataclass(frozen=True, slots=True)
class _Side:
    """One side's tail beyond `start` (a distance from the median): P(further than d) = share (d / start)^(-1/xi)."""

    start: float
    share: float
    xi: float
    outermost: float

    def beyond(self, distance: Floats) -> Floats:
        """-log P(at least this far), for distances further out than any of the reference."""
        with np.errstate(divide="ignore", over="ignore"):
            return -math.log(self.share) + np.log(distance / self.start) / self.xi


@dataclass(frozen=True, slots=True, eq=False)
class NumericTail:
    """A numeric column of the reference: its sorted finite values and both tails.

    blank: the chance of a row that is null or not finite (never 0); blank_share: the share of such rows. `lower` to
    `upper` hold all but .5 % of the finite rows on each side.
    """

    values: Floats
    middle: float
    low: _Side | None
    high: _Side | None
    blank: float
    blank_share: float
    lower: float
    upper: float

    def place(self, numbers: Floats) -> tuple[Floats, Floats]:
        """Surprise (0 upwards, two-sided) and normal score (the normal quantile of the rank) of each, shape (rows,).

        No value: the surprise of having none, and score 0. A value that no row of the reference had, on a side of the
        median where it had none at all, is as surprising as one row in all of them.
        """
        from scipy.special import ndtri  # noqa: PLC0415

        size = self.values.size
        clipped = np.clip(numbers, -LARGEST, LARGEST)
        at_or_below = np.searchsorted(self.values, clipped, side="right")
        below = np.searchsorted(self.values, clipped, side="left")
        fewest = np.minimum(at_or_below, size - below)
        surprise = -np.log(np.minimum(1.0, 2 * (np.arange(size + 1) + 1) / (size + 1)))[fewest]
        distance = clipped / 2 - self.middle / 2  # halved: the distance of 1e308 and -1e308 is no float64
        for side, signed in ((self.high, distance), (self.low, -distance)):
            if side is not None:
                far = np.flatnonzero(signed > side.outermost)
                surprise[far] = np.maximum(surprise[far], side.beyond(signed[far]) - math.log(2))
        scores = ndtri((np.arange(2 * size + 1) + 1) / (2 * size + 2))[below + at_or_below]
        missing = ~np.isfinite(numbers)
        surprise[missing], scores[missing] = -math.log(self.blank), 0.0
        return np.maximum(surprise, 0.0), scores

    def value_at(self, score: float) -> float:
        """The reference's value at a normal score."""
        from scipy.special import ndtr  # noqa: PLC0415

        return float(self.values[round(float(ndtr(score)) * (self.values.size - 1))])


@dataclass(frozen=True, slots=True)
class CategoryTail:
    """A categorical column of the reference: the share of each category; `unseen`: the chance of one it never had."""

    shares: Mapping[str, float]
    unseen: float

    def surprise(self, names: list[str]) -> Floats:
        known = {name: -math.log(share) for name, share in self.shares.items()}
        return np.array([known.get(name, -math.log(self.unseen)) for name in names], dtype=np.float64)

    def share(self, name: str) -> float:
        return self.shares.get(name, 0.0)


def numeric_tail(values: Column) -> NumericTail | None:
    """None without a finite value."""
    numbers = as_numbers(values)
    finite = np.sort(np.clip(numbers[np.isfinite(numbers)], -LARGEST, LARGEST))
    if finite.size == 0:
        return None
    middle = float(finite[(finite.size - 1) // 2])
    distance = finite / 2 - middle / 2
    without = numbers.size - finite.size
    ends = (np.array([USUAL_TAIL, 1 - USUAL_TAIL]) * (finite.size - 1)).round().astype(np.intp)
    lower, upper = finite[ends].tolist()
    low, high = _side(-distance[::-1]), _side(distance)
    blank = unseen_chance(numbers.size, without) if without < 2 else without / numbers.size  # noqa: PLR2004
    return NumericTail(finite, middle, low, high, blank, without / numbers.size, lower, upper)


def _side(distance: Floats) -> _Side | None:
    """Fit the outer tail of ascending distances from the median; None where nothing lies on that side."""
    outward = distance[distance > 0]
    count = min(outward.size - 1, max(LEAST_TAIL, math.ceil(TAIL_SHARE * distance.size)))
    if count < 1:
        return None
    start = float(outward[-count - 1])
    xi = float(np.log(outward[-count:] / start).mean())
    return _Side(start, count / distance.size, max(LEAST_EXPONENT, xi), float(outward[-1]))


def category_tail(names: list[str]) -> CategoryTail:
    sizes: dict[str, int] = {}
    for name in names:
        sizes[name] = sizes.get(name, 0) + 1
    total = len(names) + len(sizes) + 1
    singles = sum(size == 1 for size in sizes.values())
    return CategoryTail({name: (size + 1) / total for name, size in sizes.items()}, unseen_chance(len(names), singles))


def unseen_chance(rows: int, singles: int) -> float:
    """The chance that the next row brings something no row had: Good's (Biometrika 1953) singles / rows.

    Without a single one the column is taken as closed, (1 / rows) squared: what it never held is worth a look.
    """
    return singles / rows if singles else 1 / (rows + 1) ** 2


def names_of(values: Column) -> list[str]:
    """Each row's category by name; `NULL` for none."""
    names: dict[object, str] = {}
    found = []
    for value in values.tolist():
        try:
            name = names.get(value)
            if name is None:
                name = names[value] = _name(value)
        except TypeError:  # a list or a mapping in a cell
            name = _name(value)
        found.append(name)
    return found


def _name(value: object) -> str:
    missing = value is None or (isinstance(value, (float, np.generic)) and bool(value != value))  # noqa: PLR0124
    return NULL if missing else category_text(value)
