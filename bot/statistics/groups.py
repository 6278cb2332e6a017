"""A metric by the values of a feature: rows, sums and sums of squares, all that attribution needs of a window.

A database can make them where the rows lie (`GROUP BY`), so a big window never travels.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np

from bot.statistics.columns import Column, Counts, Floats, as_numbers, category_text, is_numeric
from bot.statistics.wording import number

BINS = 5
MOST_VALUES = 50
NULL = "null"
OTHER = "other values"


@dataclass(frozen=True, slots=True)
class Sums:
    """Rows with a known outcome, the sum of their outcomes and of the squares, both taken about `centre`."""

    rows: int
    total: float
    squares: float
    centre: float = 0.0

    @property
    def mean(self) -> float:
        return self.centre + self.total / self.rows

    def about(self, centre: float) -> "Sums":
        """The same rows about another centre."""
        move = self.centre - centre
        total = self.total + move * self.rows
        return Sums(self.rows, total, self.squares + 2 * move * self.total + move * move * self.rows, centre)

    def __add__(self, other: Self) -> "Sums":
        moved = other.about(self.centre)
        return Sums(self.rows + moved.rows, self.total + moved.total, self.squares + moved.squares, self.centre)


NOTHING = Sums(0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Groups:
    """Of one window: the sums of all rows, and by feature and value. The values of one feature make up all rows."""

    whole: Sums
    of: Mapping[str, Mapping[str, Sums]]


def group_rows(features: Mapping[str, tuple[Counts, Sequence[str]]], outcome: Floats, centre: float) -> Groups:
    """`features`: for each a code a row, shape (rows,), and the names of the codes. `outcome`: finite, (rows,)."""
    offset = outcome - centre
    squares = offset * offset
    found: dict[str, dict[str, Sums]] = {}
    for feature, (codes, names) in features.items():
        sizes, totals, squared = (
            np.bincount(codes, weights=weights, minlength=len(names)) for weights in (None, offset, squares)
        )
        found[feature] = {
            name: Sums(int(sizes[at]), float(totals[at]), float(squared[at]), centre)
            for at, name in enumerate(names)
            if sizes[at]
        }
    return Groups(Sums(int(outcome.size), float(offset.sum()), float(squares.sum()), centre), found)


def edges_of(numbers: Floats) -> list[float]:
    """The four values between the fifths of a reference column; fewer where they fall together."""
    finite = np.sort(numbers[np.isfinite(numbers)])
    found: list[float] = np.unique(finite[(np.arange(1, BINS) * finite.size) // BINS]).tolist()
    return found


def names_of(edges: Sequence[float]) -> list[str]:
    """What the parts between edges are called, the lowest first; then the name of the rows without a value.

    No two have one name: edges that look the same when rounded are written in full.
    """
    bounds = [number(edge) for edge in edges]
    if len(set(bounds)) < len(bounds):
        bounds = [category_text(edge) for edge in edges]
    between = [f"{low} to {high}" for low, high in pairwise(bounds)]
    return [f"below {bounds[0]}", *between, f"{bounds[-1]} or more", NULL]


def has_fifths(values: Column) -> bool:
    """Whether a column is taken in fifths: numbers of more than ten distinct values."""
    return is_numeric(values) and np.unique(as_numbers(values)).size > 2 * BINS


def code_both(then: Column, now: Column) -> tuple[Counts, Counts, list[str]]:
    """Both windows' column as codes into one list of names."""
    if has_fifths(then):
        edges = edges_of(as_numbers(then))
        names = names_of(edges)
        codes, codes_now = (
            np.where(np.isnan(side), len(names) - 1, np.searchsorted(edges, side, side="right")).astype(np.int64)
            for side in (as_numbers(then), as_numbers(now))
        )
        return codes, codes_now, names
    words, words_now = _words(then), _words(now)
    names = kept_names(Counter(words) + Counter(words_now))
    place = {name: at for at, name in enumerate(names)}
    codes, codes_now = (
        np.fromiter((place.get(word, len(names) - 1) for word in some), dtype=np.int64, count=len(some))
        for some in (words, words_now)
    )
    return codes, codes_now, names


def kept_names(sizes: Counter[str], most: int = MOST_VALUES) -> list[str]:
    """The commonest values, and a name for the rest at the end."""
    return [*sorted(name for name, _ in sizes.most_common(most)), OTHER]


def gather(then: Mapping[str, Sums], now: Mapping[str, Sums], most: int = MOST_VALUES) -> list[tuple[str, Sums, Sums]]:
    """Both windows' values of one feature side by side; those beyond the `most` commonest are put together."""
    sizes = Counter({name: one.rows for name, one in then.items()})
    sizes.update({name: one.rows for name, one in now.items()})
    names = kept_names(sizes, most)
    found = [(name, then.get(name, NOTHING), now.get(name, NOTHING)) for name in names[:-1]]
    kept = set(names)
    rest, rest_now = (
        sum((one for name, one in side.items() if name not in kept), start=NOTHING) for side in (then, now)
    )
    return [*found, (OTHER, rest, rest_now)]


def _words(values: Column) -> list[str]:
    return [NULL if value is None or value != value else category_text(value) for value in values.tolist()]  # noqa: PLR0124
