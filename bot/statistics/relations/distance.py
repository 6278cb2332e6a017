"""How far a window lies from others by a classifier that looks for it, and how far ordinary ones lie.

Columns by themselves and what belongs together are told apart: where mixes swing from window to window the first have a
wide band, in which a broken relation would be lost.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.statistics.columns import Floats
from bot.statistics.relations.mix import effective
from bot.statistics.relations.moments import FOLDS, Moments

KEPT = 32
"""How many moments the classifier uses: those that differ most."""
LEAST_SPREAD, LEAST_SPREAD_OF_LOGS = 1.0, 0.2
"""Of distances among windows in order: a handful of them may show less by chance."""
LARGEST_LOG = 300.0
REFERENCE_ROWS = 3000
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

    distances: Floats

    def limit(self, false_alarm_rate: float) -> float:
        from scipy.special import stdtrit  # noqa: PLC0415

        reach = float(stdtrit(self.distances.size - 1, 1 - false_alarm_rate))
        plain, logs = (centre + reach * spread for centre, spread in self._both())
        return max(plain, math.expm1(min(logs, LARGEST_LOG)))

    def p_value(self, distance: float) -> float:
        from scipy.special import stdtr  # noqa: PLC0415

        (plain, spread), (logs, spread_of_logs) = self._both()
        away = min((distance - plain) / spread, (math.log1p(max(0.0, distance)) - logs) / spread_of_logs)
        return float(stdtr(self.distances.size - 1, -away))

    @property
    def centre(self) -> float:
        return float(self.distances.mean())

    def _both(self) -> list[tuple[float, float]]:
        more = math.sqrt(1 + 1 / self.distances.size)
        sides = ((self.distances, LEAST_SPREAD), (np.log1p(np.maximum(0.0, self.distances)), LEAST_SPREAD_OF_LOGS))
        return [(float(one.mean()), max(float(one.std(ddof=1)), least) * more) for one, least in sides]


@dataclass(frozen=True, slots=True)
class Side:
    """One kind of moments (`only`): how each window before lies from the others, and the last from all of them."""

    only: NDArray[np.intp]
    before: tuple[Told, ...]
    now: Told
    band: Band

    def p_value(self, least_effect: float) -> float:
        return self.band.p_value(self.now.distance) if self.now.effect >= least_effect else 1.0


def sides_of(found: Moments) -> list[Side]:
    """Columns by themselves, and what belongs together. The last window is the one to be judged."""
    past = int(found.of[-1])
    alone = (found.second < 0) & (np.arange(found.second.size) < found.encoded)
    kinds = [only for only in (np.flatnonzero(alone), np.flatnonzero(~alone)) if only.size]
    told = [tell(found, at, kinds, among=past) for at in range(past + 1)]
    sides = []
    for only, (*before, now) in zip(kinds, zip(*told, strict=True), strict=True):
        sides.append(Side(only, tuple(before), now, Band(np.array([one.distance for one in before]))))
    return sides


def tell(
    found: Moments, at: int, kinds: Sequence[NDArray[np.intp]], *, among: int, weights: Floats | None = None
) -> list[Told]:
    """Tell window `at` from the first `among` windows without itself, scoring each part of it by the other parts.

    kinds: the moments to tell it by, each apart. weights: of the rows of all those windows, as they were given; the
    windows swing as they do without.
    """
    others = np.array([one for one in range(among) if one != at])
    usual = _Usual.of(found, others, weights)
    each: list[list[tuple[float, float, float]]] = [[] for _ in kinds]
    for fold in range(FOLDS):
        rows_now = np.flatnonzero((found.of == at) & (found.fold == fold))
        if not rows_now.size:
            continue
        rest, size = found.without(at, fold)
        gap, uncertain = rest - usual.reference, found.variance * (1 / size + usual.fewer) + usual.spread
        for told, only in zip(each, kinds, strict=True):
            best, by = _weights(gap[only], found.variance[only], uncertain[only])
            told.append(_away(found, only[best], by, rows_now, usual, 1 / float(found.sizes[at])))
    return [Told(*(float(one) for one in np.mean(told, axis=0))) for told in each]


@dataclass(frozen=True, slots=True)
class _Usual:
    """What a window is held against. means: of each of the others; rows: some of theirs; fewer: one over the rows that
    the weighted ones are worth, 0 where they aren't weighted."""

    reference: Floats
    spread: Floats
    means: Floats
    rows: NDArray[np.intp]
    per_row: float
    fewer: float

    @classmethod
    def of(cls, found: Moments, others: NDArray[np.intp], weights: Floats | None) -> "_Usual":
        reference = found.together(others) if weights is None else found.weighted(weights)
        rows = _some(np.flatnonzero(np.isin(found.of, others)))
        per_row = float(np.mean(1 / found.sizes[others]))
        fewer = 0.0 if weights is None else 1 / effective(weights)
        return cls(reference, found.beyond_chance(others), found.means(others), rows, per_row, fewer)


def _away(
    found: Moments, places: NDArray[np.intp], by: Floats, rows_now: NDArray[np.intp], usual: _Usual, per_row: float
) -> tuple[float, float, float]:
    """How far rows score from the others: in standard deviations of windows, and of rows; and the area under ROC."""
    then, now = (found.scores(rows, places, by) for rows in (usual.rows, rows_now))
    away = float(now.mean()) - float(usual.reference[places] @ by)
    of_rows = max(float(then.var()), (away / FARTHEST) ** 2, TINY)
    levels = usual.means[:, places] @ by
    between = max(0.0, float(levels.var(ddof=1)) - of_rows * usual.per_row)
    of_windows = between + of_rows * (per_row + usual.fewer)
    return away / math.sqrt(of_windows), away / math.sqrt(of_rows), _auc(now, then)


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
