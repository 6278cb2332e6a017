"""How far a window lies from others by a classifier that looks for it, and how far ordinary ones lie.

Columns by themselves and what belongs together are told apart: where mixes swing from window to window the first have a
wide band, in which a broken relation would be lost.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bot.statistics.columns import Floats
from bot.statistics.daily import Expected, Times, day_of, expected_at
from bot.statistics.relations.encoding import Matrix
from bot.statistics.relations.mix import effective
from bot.statistics.relations.moments import FOLDS, Moments

KEPT = 32
"""How many moments the classifier uses: those that differ most."""
LEAST_SPREAD, LEAST_SPREAD_OF_LOGS = 1.0, 0.2
"""Of distances among windows in order: a handful of them may show less by chance."""
LARGEST_LOG = 300.0
REFERENCE_ROWS, ROWS_FOR_BAND = 3000, 1000
TINY = 1e-12
FARTHEST = 20.0
SEED = 20261124


@dataclass(frozen=True, slots=True)
class Told:
    distance: float
    effect: float
    auc: float


@dataclass(frozen=True, slots=True)
class Band:
    """Where one more distance is expected, by the others: Student's prediction limits, of the distances and of their
    logarithms, whichever is wider. Where windows swing by themselves distances have a long tail, which the first alone
    would miss; where they don't, the second alone is narrower than they scatter."""

    plain: Expected
    logs: Expected

    @classmethod
    def of(cls, distances: Floats, times: Times | None = None) -> "Band":
        more = math.sqrt(1 + 1 / distances.size)
        plain, logs = (expected_at(one, times) for one in (distances, np.log1p(np.maximum(0.0, distances))))
        return cls(
            replace(plain, reach=max(plain.reach, LEAST_SPREAD * more)),
            replace(logs, reach=max(logs.reach, LEAST_SPREAD_OF_LOGS * more)),
        )

    def limit(self, false_alarm_rate: float) -> float:
        plain, logs = (side.centre + side.away(false_alarm_rate) for side in (self.plain, self.logs))
        return max(plain, math.expm1(min(logs, LARGEST_LOG)))

    def p_value(self, distance: float) -> float:
        return max(self.plain.above(distance), self.logs.above(math.log1p(max(0.0, distance))))

    @property
    def centre(self) -> float:
        return self.plain.centre


@dataclass(frozen=True, slots=True)
class Side:
    """One kind of moments (`only`): how each window before lies from the others, and the last from all of them."""

    only: NDArray[np.intp]
    before: tuple[Told, ...]
    now: Told
    band: Band

    def p_value(self, least_effect: float) -> float:
        return self.band.p_value(self.now.distance) if self.now.effect >= least_effect else 1.0


def sides_of(found: Moments, usual: "Usual", times: Times | None = None) -> list[Side]:
    """Columns by themselves, and what belongs together. The last window is the one to be judged.

    times: of windows shorter than a day. What makes a day unlike others stays for all of its windows: each is held
    against those of other days, as the first of a new day must be.
    """
    past = int(found.of[-1])
    alone = (found.second < 0) & (np.arange(found.second.size) < found.encoded)
    kinds = [only for only in (np.flatnonzero(alone), np.flatnonzero(~alone)) if only.size]
    apart = np.arange(past) if times is None else day_of(times.before)
    told: list[list[Told]] = []
    for group in np.unique(apart):
        against = usual.without(np.flatnonzero(apart == group))
        told += [tell(found, at, kinds, against) for at in np.flatnonzero(apart == group).tolist()]
    today = np.flatnonzero(apart == day_of(np.array([times.now]))[0]) if times else np.zeros(0, dtype=np.intp)
    told.append(tell(found, past, kinds, replace(usual.without(today), asks_auc=True) if today.size else usual.whole()))
    sides = []
    for only, (*before, now) in zip(kinds, zip(*told, strict=True), strict=True):
        sides.append(Side(only, tuple(before), now, Band.of(np.array([one.distance for one in before]), times)))
    return sides


def tell(found: Moments, at: int, kinds: Sequence[NDArray[np.intp]], against: "Against") -> list[Told]:
    """Tell window `at` from others, scoring each part of it by the other parts.

    kinds: the moments to tell it by, each apart.
    """
    each: list[list[tuple[float, float, float]]] = [[] for _ in kinds]
    for fold in range(FOLDS):
        rows = found.rows_of(at, fold)
        if rows.start == rows.stop:
            continue
        rest, size = found.without(at, fold)
        gap, noise = rest - against.reference, found.variance * (1 / size + against.fewer)
        uncertain = noise + against.spread + (found.of_one / size) ** 2
        for told, only in zip(each, kinds, strict=True):
            best, by = _weights(gap[only], found.variance[only], uncertain[only])
            now = found.scores(found.matrix[rows].T, only[best], by)
            told.append(_away(now, only[best], by, against, 1 / float(found.sizes[at]), found.of_one[only[best]]))
    return [Told(*(float(one) for one in np.mean(told, axis=0))) for told in each]


@dataclass(frozen=True, slots=True)
class Against:
    """What a window is held against. reference, spread: the mean of each moment, and how much windows vary in it beyond
    chance. means: of each of the windows, of which `others` count. rows: scores some of their rows by some moments.
    fewer: one over the rows that the weighted ones are worth, 0 where they aren't weighted. asks_auc: whether the area
    under ROC is wanted.
    """

    reference: Floats
    spread: Floats
    means: Floats
    others: NDArray[np.intp]
    rows: Callable[[NDArray[np.intp], Floats], Floats]
    per_row: float
    fewer: float = 0.0
    asks_auc: bool = True


@dataclass(frozen=True, slots=True)
class Usual:
    """The windows of the reference, any one of which can be left out at little cost.

    means: shape (windows, moments). centre: their plain mean; squares: the sum of their squared distances from it.
    total: the sums over all rows. sample: some of the rows, of_sample: the window of each.
    """

    found: Moments
    means: Floats
    centre: Floats
    squares: Floats
    total: Floats
    sample: Matrix
    of_sample: NDArray[np.intp]

    @classmethod
    def of(cls, found: Moments, past: int) -> "Usual":
        means = found.means(np.arange(past))
        centre = means.mean(axis=0)
        some = _some(np.flatnonzero(found.of < past))
        sample = np.ascontiguousarray(found.matrix[some].T)
        total = found.sums[:past].sum(axis=(0, 1))
        return cls(found, means, centre, ((means - centre) ** 2).sum(axis=0), total, sample, found.of[some])

    def whole(self, weights: Floats | None = None) -> Against:
        """weights: of the rows of all these windows, as they were given; the windows swing as they do without."""
        found, many = self.found, len(self.means)
        reference = self.total / found.sizes[:many].sum() if weights is None else found.weighted(weights)
        fewer = 0.0 if weights is None else 1 / effective(weights)
        per_row = float(np.mean(1 / found.sizes[:many]))
        spread = self._beyond_chance(self.squares / (many - 1), per_row)
        every = np.arange(many)
        return Against(reference, spread, self.means, every, partial(found.scores, self.sample), per_row, fewer)

    def without(self, out: NDArray[np.intp]) -> Against:
        """All but some, by updating sums (Chan, Golub and LeVeque 1983)."""
        found, many = self.found, len(self.means)
        others = np.delete(np.arange(many), out)
        sizes = found.sizes[others]
        away = self.means[out] - self.centre
        squares = self.squares - (away**2).sum(axis=0) - away.sum(axis=0) ** 2 / others.size
        per_row = float(np.mean(1 / sizes))
        sample = self.sample[:, np.flatnonzero(~np.isin(self.of_sample, out))[:ROWS_FOR_BAND]]
        return Against(
            (self.total - found.sums[out].sum(axis=(0, 1))) / sizes.sum(),
            self._beyond_chance(squares / (others.size - 1), per_row),
            self.means,
            others,
            partial(found.scores, sample),
            per_row,
            asks_auc=False,
        )

    def _beyond_chance(self, variance: Floats, per_row: float) -> Floats:
        return np.asarray(np.maximum(0.0, variance - self.found.variance * per_row))


def _away(
    now: Floats, places: NDArray[np.intp], by: Floats, against: Against, per_row: float, of_one: Floats
) -> tuple[float, float, float]:
    """How far rows score from the others: in standard deviations of windows, and of rows; and the area under ROC."""
    then = against.rows(places, by)
    away = float(now.mean()) - float(against.reference[places] @ by)
    of_rows = max(float(then.var()), (away / FARTHEST) ** 2, TINY)
    levels = (against.means[:, places] @ by)[against.others]
    between = max(0.0, float(levels.var(ddof=1)) - of_rows * against.per_row)
    of_windows = between + of_rows * (per_row + against.fewer) + float(np.sum((by * of_one * per_row) ** 2))
    auc = _auc(now, then) if against.asks_auc else math.nan
    return away / math.sqrt(of_windows), away / math.sqrt(of_rows), auc


def _weights(gap: Floats, variance: Floats, uncertain: Floats) -> tuple[NDArray[np.intp], Floats]:
    """The moments that differ most, and the weight of each: its distance beyond that of the first one left out."""
    sigmas = gap / np.sqrt(uncertain)
    size = np.abs(sigmas)
    most = min(KEPT, size.size - 1)
    places = np.argpartition(-size, most)[:most] if most else np.zeros(1, dtype=np.intp)
    floor = float(np.partition(size, -most - 1)[-most - 1]) if most else 0.0
    return places, np.sign(sigmas[places]) * (size[places] - floor) / np.sqrt(variance[places])


def _auc(now: Floats, then: Floats) -> float:
    """The chance that a row of now scores higher than one of then, ties as a half (Mann and Whitney 1947)."""
    then = np.sort(then)
    below, up_to = np.searchsorted(then, now, side="left"), np.searchsorted(then, now, side="right")
    return float((below + up_to).sum()) / (2.0 * then.size * now.size)


def _some(rows: NDArray[np.intp]) -> NDArray[np.intp]:
    if rows.size <= REFERENCE_ROWS:
        return rows
    return np.random.default_rng(SEED).choice(rows, REFERENCE_ROWS, replace=False)
