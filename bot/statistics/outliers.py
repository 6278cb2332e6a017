"""Single rows that are unlike the reference, named so rarely on clean windows that each is worth a look.

Two scores a row: its most surprising value (see `tails`), and how badly its numbers go together, the Mahalanobis
distance of their normal scores under the Gaussian rank correlation (Boudt, Cornelissen and Croux, Statistics and
Computing 2012), which one wild value can't bend. Both are learnt from one half of the reference and calibrated on the
other: the conformal p-value of a row is the share of calibration rows that score as high (Bates, Candes, Lei, Romano
and Sesia, Annals of Statistics 2023), so that Benjamini-Hochberg over the rows keeps the expected share of wrongly
named ones below alpha. Beyond the highest calibration score p goes on exponentially, at the pace of the highest scores
(at least 1, the pace of a surprise): n calibration rows alone would never show one wild row among more than alpha n.
"""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from bot.statistics.columns import Column, Floats, as_numbers, is_numeric
from bot.statistics.multiplicity import benjamini_hochberg
from bot.statistics.shortfall import Shortfall, all_null, missing_column, too_few_rows
from bot.statistics.tails import NULL, CategoryTail, NumericTail, category_tail, names_of, numeric_tail

LEAST_ROWS = 200
MOST_REFERENCE = 60_000
MOST_TOLD = 100
ALPHA = 0.01
SEED = 20261123
RIDGE = 0.02
TOP_SHARE = 0.02
LEAST_TOP = 20


@dataclass(frozen=True, slots=True)
class OddRow:
    """One row that is unlike the reference. `row`: its place in the window. `feature`: what is unusual in it most.

    why: `beyond` the usual range `lower` to `upper`; `rare`, a category (or null) on `share` of the reference's rows;
    `apart`, about `expected` goes with the row's other values. `adjusted`: Benjamini-Hochberg over all rows.
    """

    row: int
    feature: str
    why: Literal["beyond", "rare", "apart"]
    value: str | float | None
    p_value: float
    adjusted: float
    lower: float = math.nan
    upper: float = math.nan
    share: float = 0.0
    expected: float = math.nan


@dataclass(frozen=True, slots=True)
class OddRows:
    """`count` of the `rows` of the window are named, the strangest first; `told` are at most a hundred of them.

    places: the places of all named rows by what is unusual in them, most rows first. p_values: of every row, (rows,).
    """

    told: tuple[OddRow, ...]
    count: int
    rows: int
    places: Mapping[str, tuple[int, ...]]
    p_values: Floats = field(repr=False)

    @property
    def by_feature(self) -> dict[str, int]:
        return {name: len(places) for name, places in self.places.items()}

    @property
    def share(self) -> float:
        return self.count / self.rows if self.rows else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class _Calibration:
    """Sorted scores of the calibration rows, and the pace at which the highest fall off."""

    scores: Floats
    pace: float

    def p_values(self, scores: Floats) -> Floats:
        """(1 + rows scoring as high) / (1 + rows); beyond the highest, times exp(-excess / pace)."""
        size = self.scores.size
        found = (1 + size - np.searchsorted(self.scores, scores, side="left")) / (1 + size)
        beyond = np.maximum(scores - self.scores[-1], 0.0)
        return np.asarray(found * np.exp(-beyond / self.pace), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class UsualRows:
    """What rows of the reference look like, made by `learn_rows` once and asked for each window.

    precision: the inverse of the rank correlation of the numeric columns; spread: of their normal scores.
    """

    numeric: Mapping[str, NumericTail]
    categorical: Mapping[str, CategoryTail]
    spread: Floats
    precision: Floats
    alone: _Calibration
    together: _Calibration
    rows: int

    @property
    def names(self) -> list[str]:
        return [*self.numeric, *self.categorical]


@dataclass(frozen=True, slots=True, eq=False)
class _Placed:
    """Of each row its surprises, shape (rows, columns), and normal scores, shape (rows, numeric columns)."""

    surprises: Floats
    scores: Floats

    @property
    def most(self) -> Floats:
        found: Floats = self.surprises.max(axis=1)
        return found


def learn_rows(reference: Mapping[str, Column], *, seed: int = SEED) -> UsualRows | Shortfall:
    """Learn from columns of shape (rows,), numbers, flags and text; of more than `MOST_REFERENCE` rows a sample."""
    rows = min((np.size(column) for column in reference.values()), default=0)
    if rows < LEAST_ROWS:
        return too_few_rows(rows, LEAST_ROWS, "the reference")
    order = np.random.default_rng(seed).permutation(rows)[:MOST_REFERENCE]
    learnt, rest = (
        {name: np.asarray(column)[part] for name, column in reference.items()}
        for part in (order[: order.size // 2], order[order.size // 2 :])
    )
    numeric, categorical = _tails(learnt)
    if not numeric and not categorical:
        return all_null(rows, "the reference")
    scores = _place(learnt, numeric, {}).scores
    spread = np.sqrt((scores**2).mean(axis=0))
    spread[spread == 0] = 1.0
    precision = _precision(scores / spread)
    placed = _place(rest, numeric, categorical)
    return UsualRows(
        numeric,
        categorical,
        spread,
        precision,
        _calibrated(placed.most),
        _calibrated(_apart(placed.scores / spread, precision)),
        int(order.size),
    )


def odd_rows(usual: UsualRows, current: Mapping[str, Column], *, alpha: float = ALPHA) -> OddRows | Shortfall:
    """Name the rows of a window that are unlike the reference: p below `alpha` after Benjamini-Hochberg over its rows.

    A column the window lacks is a shortfall; one whose numbers became text has no value in every row.
    """
    lost = next((name for name in usual.names if name not in current), None)
    if lost is not None:
        return missing_column(lost)
    rows = min((np.size(current[name]) for name in usual.names), default=0)
    if rows == 0:
        return too_few_rows(0, 1)
    placed = _place(current, usual.numeric, usual.categorical)
    scaled = placed.scores / usual.spread
    alone = usual.alone.p_values(placed.most)
    together = usual.together.p_values(_apart(scaled, usual.precision))
    p_values = np.minimum(1.0, 2 * np.minimum(alone, together))
    adjusted = benjamini_hochberg(p_values)
    named = np.flatnonzero(adjusted < alpha)
    named = named[np.lexsort((named, p_values[named]))]
    pulls = scaled[named] @ usual.precision
    told: list[OddRow] = []
    places: dict[str, list[int]] = defaultdict(list)
    for row, pull in zip(named.tolist(), pulls, strict=True):
        by_itself = alone[row] <= together[row]
        at = int(placed.surprises[row].argmax() if by_itself else _worst(pull, usual.precision))
        places[usual.names[at]].append(row)
        if len(told) < MOST_TOLD:
            expected = None if by_itself else float(scaled[row, at] - pull[at] / usual.precision[at, at])
            odd = _told(usual, current[usual.names[at]][row], at, expected)
            told.append(replace(odd, row=row, p_value=float(p_values[row]), adjusted=float(adjusted[row])))
    ordered = sorted(places.items(), key=lambda one: -len(one[1]))
    by_feature = {name: tuple(found) for name, found in ordered}
    return OddRows(tuple(told), int(named.size), rows, by_feature, p_values)


def _tails(columns: Mapping[str, Column]) -> tuple[dict[str, NumericTail], dict[str, CategoryTail]]:
    numeric: dict[str, NumericTail] = {}
    categorical: dict[str, CategoryTail] = {}
    for name, column in columns.items():
        if not is_numeric(column):
            categorical[name] = category_tail(names_of(column))
        elif (tail := numeric_tail(column)) is not None:
            numeric[name] = tail
    return numeric, categorical


def _place(
    columns: Mapping[str, Column], numeric: Mapping[str, NumericTail], categorical: Mapping[str, CategoryTail]
) -> _Placed:
    numbers = [tail.place(as_numbers(columns[name])) for name, tail in numeric.items()]
    surprises = [one for one, _ in numbers]
    surprises += [tail.surprise(names_of(np.asarray(columns[name]))) for name, tail in categorical.items()]
    rows = surprises[0].size if surprises else 0
    scores = np.stack([one for _, one in numbers], axis=1) if numbers else np.zeros((rows, 0))
    return _Placed(np.stack(surprises, axis=1) if surprises else np.zeros((rows, 0)), scores)


def _precision(scores: Floats) -> Floats:
    """Inverse of the correlation of the columns, drawn a little to independence so that it exists."""
    width = scores.shape[1]
    correlation = scores.T @ scores / scores.shape[0]
    np.fill_diagonal(correlation, 1.0)
    return np.asarray(np.linalg.inv((1 - RIDGE) * correlation + RIDGE * np.eye(width)), dtype=np.float64)


def _apart(scores: Floats, precision: Floats) -> Floats:
    """Half the squared Mahalanobis distance of each row: its tail falls off as a surprise does."""
    found: Floats = np.einsum("ij,ij->i", scores @ precision, scores) / 2
    return found


def _worst(pull: Floats, precision: Floats) -> int:
    """The column that fits least to the others: the largest residual in its own standard deviations."""
    return int(np.abs(pull / np.sqrt(np.diag(precision))).argmax())


def _calibrated(scores: Floats) -> _Calibration:
    ordered = np.sort(scores)
    count = min(ordered.size - 1, max(LEAST_TOP, math.ceil(TOP_SHARE * ordered.size)))
    return _Calibration(ordered, max(1.0, float((ordered[-count:] - ordered[-count - 1]).mean())))


def _told(usual: UsualRows, value: object, at: int, expected: float | None) -> OddRow:
    """What is unusual in one value; its row and p-values are filled in by the caller."""
    name = usual.names[at]
    tail = usual.numeric.get(name)
    if tail is None:
        said = names_of(np.array([value], dtype=object))[0]
        return OddRow(0, name, "rare", said, 1.0, 1.0, share=usual.categorical[name].share(said))
    number = float(as_numbers(np.array([value], dtype=object))[0])
    if not math.isfinite(number):
        text = names_of(np.array([value], dtype=object))[0]
        return OddRow(0, name, "rare", None if text == NULL else text, 1.0, 1.0, share=tail.blank_share)
    if expected is None:
        return OddRow(0, name, "beyond", number, 1.0, 1.0, lower=tail.lower, upper=tail.upper)
    return OddRow(0, name, "apart", number, 1.0, 1.0, expected=tail.value_at(expected * float(usual.spread[at])))
