"""How far a window lies from others by a classifier that looks for it, and how far ordinary ones lie."""

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

    @classmethod
    def of(cls, told: Sequence[Told]) -> "Band":
        """The last is the one to be judged."""
        return cls(np.array([one.distance for one in told[:-1]]))

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


def tell(found: Moments, at: int, *, among: int, weights: Floats | None = None) -> Told:
    """Tell window `at` from the first `among` windows without itself, scoring each part of it by the other parts.

    weights: of the rows of all those windows, as they were given; windows swing as they do without.
    """
    others = np.array([one for one in range(among) if one != at])
    spread = found.beyond_chance(others)
    reference = found.together(others) if weights is None else found.weighted(weights)
    fewer = 0.0 if weights is None else 1 / effective(weights)
    rows_then = _some(np.flatnonzero(np.isin(found.of, others)))
    each = []
    for fold in range(FOLDS):
        rows_now = np.flatnonzero((found.of == at) & (found.fold == fold))
        if not rows_now.size:
            continue
        rest, size = found.without(at, fold)
        uncertain = found.variance * (1 / size + fewer) + spread
        places, each_by = _weights(rest - reference, found.variance, uncertain)
        then, now = (found.scores(rows, places, each_by) for rows in (rows_then, rows_now))
        away = float(now.mean()) - float(reference[places] @ each_by)
        of_rows = max(float(then.var()), (away / FARTHEST) ** 2, TINY)
        levels = found.means(others)[:, places] @ each_by
        between = max(0.0, float(levels.var(ddof=1)) - of_rows * float(np.mean(1 / found.sizes[others])))
        of_windows = between + of_rows * (1 / float(found.sizes[at]) + fewer)
        each.append((away / math.sqrt(of_windows), away / math.sqrt(of_rows), _auc(now, then)))
    return Told(*(float(one) for one in np.mean(each, axis=0)))


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
