"""Means of columns, of products of columns and of what is unexplained in each, window by window."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bot.statistics.columns import Floats
from bot.statistics.relations.encoding import Encoded, Matrix

FOLDS = 4
SEED = 20261124
RIDGE = 1e-3
LEAST_UNEXPLAINED, FARTHEST = 5e-4, 9.0
LEAST_VARIANCE = 1e-3
LEAST_EXPLAINED, MOST_PAIRS = 0.05, 60


@dataclass(frozen=True, slots=True)
class Moments:
    """A moment is a mean over rows: of a column of `matrix`, or of a product of two.

    Rows are in order of window and fold, each of these parts between two `edges`; order: where each row was among those
    given.
    matrix: the encoded columns, then how far columns are from what others let expect (`_unexplained`). of: which window
    a row is in. sums: shape (windows, folds, moments). first, second: the columns of
    the matrix a moment is the product of; second is -1 where it is the mean of the first. variance: of a row's moment,
    on the reference. of_one: by how much a row may move the sum of two rare values that seldom come together, else 0.
    encoded: how many columns of the matrix come first; expected: for each of the others, which column
    is expected from which, None: from all others.
    """

    matrix: Matrix
    of: NDArray[np.intp]
    edges: NDArray[np.intp]
    sums: Floats
    counts: Floats
    first: NDArray[np.intp]
    second: NDArray[np.intp]
    variance: Floats
    of_one: Floats
    encoded: int
    expected: tuple[tuple[int, int | None], ...]
    order: NDArray[np.intp]

    @property
    def sizes(self) -> Floats:
        return np.asarray(self.counts.sum(axis=1))

    def means(self, windows: NDArray[np.intp]) -> Floats:
        return np.asarray(self.sums[windows].sum(axis=1) / self.sizes[windows][:, None])

    def together(self, windows: NDArray[np.intp]) -> Floats:
        return np.asarray(self.sums[windows].sum(axis=(0, 1)) / self.sizes[windows].sum())

    def weighted(self, weights: Floats) -> Floats:
        """The mean over the first rows as they were given, each weighted; these are the rows of the first windows."""
        rows = self.matrix[: weights.size]
        share = (weights[self.order[: weights.size]] / weights.sum()).astype(np.float32)[:, None]
        alone = self.second < 0
        found = np.zeros(self.first.size)
        found[alone] = (share.T @ rows)[0]
        encoded = rows[:, : self.encoded]
        found[~alone] = (encoded.T @ (share * encoded))[self.first[~alone], self.second[~alone]]
        return found

    def without(self, at: int, fold: int) -> tuple[Floats, float]:
        """The mean over all parts of a window but one, and its rows."""
        size = max(1.0, float(self.sizes[at] - self.counts[at, fold]))
        return (self.sums[at].sum(axis=0) - self.sums[at, fold]) / size, size

    def beyond_chance(self, windows: NDArray[np.intp]) -> Floats:
        """How much the windows' means vary beyond the noise of their rows: a variance a moment, at least 0."""
        means = self.means(windows)
        noise = self.variance * float(np.mean(1 / self.sizes[windows]))
        return np.asarray(np.maximum(0.0, means.var(axis=0, ddof=1) - noise))

    def rows_of(self, at: int, fold: int) -> slice:
        start, end = self.edges[at * FOLDS + fold : at * FOLDS + fold + 2]
        return slice(int(start), int(end))

    def scores(self, rows: Matrix, places: NDArray[np.intp], weights: Floats) -> Floats:
        """The weighted sum of some moments' values in each of the rows; `rows`: columns of the matrix by row."""
        second = self.second[places]
        parts = rows[self.first[places]]
        products = second >= 0
        parts[products] *= rows[second[products]]
        return np.asarray(weights.astype(np.float32) @ parts, dtype=np.float64)


def moments_of(encoded: Encoded, of: NDArray[np.intp], past: int) -> Moments:
    """`of`: the window of each row, ascending; the first `past` windows are the reference."""
    fold = np.random.default_rng(SEED).permuted(np.arange(of.size) % FOLDS)
    order = np.lexsort((fold, of))
    of = of[order]
    matrix = encoded.matrix[order]
    unexplained, expected = _unexplained(encoded, matrix, of, past)
    extended = np.hstack([matrix, unexplained])
    width, wide = matrix.shape[1], extended.shape[1]
    left, right = np.triu_indices(width, 1)
    across = encoded.owner[left] != encoded.owner[right]
    left, right = left[across], right[across]
    windows = int(of.max()) + 1
    sums = np.zeros((windows, FOLDS, wide + left.size))
    counts = np.bincount(of * FOLDS + fold[order], minlength=windows * FOLDS).reshape(windows, FOLDS).astype(np.float64)
    edges = np.cumsum([0, *counts.ravel().astype(int)])
    for at, (start, end) in enumerate(pairwise(edges.tolist())):
        rows = extended[start:end]
        products = rows[:, :width].T @ rows[:, :width]
        sums[divmod(at, FOLDS)] = np.concatenate([rows.sum(axis=0), products[left, right]])
    reference = extended[of < past]
    squares = reference**2
    mean = sums[:past].sum(axis=(0, 1)) / len(reference)
    of_products = (squares[:, :width].T @ squares[:, :width])[left, right] / len(reference)
    of_columns = squares.mean(axis=0, dtype=np.float64)
    variance = np.maximum(np.concatenate([of_columns, of_products]) - mean**2, LEAST_VARIANCE)
    largest = np.where(encoded.flags, np.abs(matrix).max(axis=0, initial=0.0), 0.0)
    of_one = np.concatenate([np.zeros(wide), largest[left] * largest[right]])
    first = np.concatenate([np.arange(wide), left])
    second = np.concatenate([np.full(wide, -1), right])
    return Moments(extended, of, edges, sums, counts, first, second, variance, of_one, width, expected, order)


@dataclass(frozen=True, slots=True)
class _Expectation:
    """What some encoded columns are expected to be from some others: columns of the matrix."""

    names: tuple[int, int | None]
    mine: NDArray[np.intp]
    others: NDArray[np.intp]


def _unexplained(
    encoded: Encoded, rows: Matrix, of: NDArray[np.intp], past: int
) -> tuple[Matrix, tuple[tuple[int, int | None], ...]]:
    """How far each row is from what is expected of a column, from one other or from all others, squared and in units of
    what is usual.

    Least squares with a little ridge. The even windows are fitted on the odd ones and the other way round, so that what
    is left is as large in a baseline window as in a new one.
    """
    halves = [rows[(of < past) & (of % 2 == odd)] for odd in (0, 1)]
    seconds = [(half.T @ half).astype(np.float64) / max(1, len(half)) for half in halves]
    wanted = _expectations(encoded, sum(seconds) / 2)
    if not wanted:
        return np.zeros((of.size, 0), dtype=np.float32), ()
    ends = np.cumsum([0, *(one.mine.size for one in wanted)])
    odd_windows = (of % 2 == 1) & (of < past)
    found = np.zeros((of.size, len(wanted)), dtype=np.float32)
    for fitted, judged in ((0, odd_windows), (1, ~odd_windows)):
        noise = RIDGE + encoded.owner.size / max(1, len(halves[fitted])) / 10
        left = rows[judged] @ _residual_makers(wanted, seconds[fitted], noise)
        found[judged] = np.add.reduceat(left**2, ends[:-1], axis=1)
    usual = np.maximum(found[of < past].mean(axis=0, dtype=np.float64), LEAST_UNEXPLAINED)
    away = np.minimum(found / usual, FARTHEST)
    centred: Matrix = (away - away[of < past].mean(axis=0, dtype=np.float64)).astype(np.float32)
    return centred, tuple(one.names for one in wanted)


def _residual_makers(wanted: Sequence[_Expectation], second: Floats, ridge: float) -> Matrix:
    """The matrix that turns a row into the residuals of every expectation, side by side."""
    parts = []
    for one in wanted:
        part = np.zeros((len(second), one.mine.size))
        regular = second[np.ix_(one.others, one.others)] + ridge * np.eye(one.others.size)
        part[one.others] = -np.linalg.solve(regular, second[np.ix_(one.others, one.mine)])
        part[one.mine, np.arange(one.mine.size)] += 1
        parts.append(part)
    makers: Matrix = np.hstack(parts).astype(np.float32)
    return makers


def _expectations(encoded: Encoded, second: Floats) -> list[_Expectation]:
    """Each column from all others, and the pairs in which one explains most of the other."""
    places = [np.arange(start, end) for start, end in pairwise(encoded.starts)]
    targets = [place[:1] if numeric else place for place, numeric in zip(places, encoded.numeric, strict=True)]
    if len(places) == 1:
        return []
    every = np.arange(encoded.owner.size)
    found = [_Expectation((a, None), targets[a], np.setdiff1d(every, place)) for a, place in enumerate(places)]
    explained = _explained(second, targets, places)
    first, other = np.nonzero((explained >= LEAST_EXPLAINED) & (explained >= explained.T))
    best = sorted(zip(-explained[first, other], first.tolist(), other.tolist(), strict=True))
    return found + [_Expectation((a, b), targets[a], places[b]) for _, a, b in best[:MOST_PAIRS]]


def _explained(second: Floats, targets: Sequence[NDArray[np.intp]], places: Sequence[NDArray[np.intp]]) -> Floats:
    """The share of column a that column b explains; shape (columns, columns), 0 for itself."""
    found = np.zeros((len(places), len(places)))
    spread = np.diag(second)
    for b, others in enumerate(places):
        across = second[others]
        regular = second[np.ix_(others, others)] + RIDGE * np.eye(others.size)
        known = np.sum(across * np.linalg.solve(regular, across), axis=0)
        for a, mine in enumerate(targets):
            if a != b and spread[mine].sum() > 0:
                found[a, b] = known[mine].sum() / spread[mine].sum()
    return found
