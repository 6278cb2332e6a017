"""How much each feature means for the model's scores, told from the scores alone, without the model.

The scores are fitted by an additive model of binned features, twice, each time on half of the rows; what it explains of
the other half is stated, and an answer is refused where that is too little. What permuting a feature costs in rows the
fit has not seen is its importance (Breiman 2001, Fisher, Rudin and Dominici 2019).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.statistics.columns import Column, Floats, as_numbers
from bot.statistics.scores.bins import Bins, fit_bins
from bot.statistics.shortfall import Reason, Shortfall, no_variation, too_few_rows
from bot.statistics.wording import percent

LEAST_ROWS, MOST_ROWS = 500, 50_000
LEAST_EXPLAINED = 0.3
SWEEPS, RATE, SHRINK = 25, 0.3, 10.0
LARGEST = 1e100
SEED = 20261124


@dataclass(frozen=True, slots=True)
class Surrogate:
    """The additive fit of the scores. parts: of each feature the score's part in each of its bins, shape (2, bins), one
    row a half of the data. explained: the share of the scores' variance it explains in rows it has not seen. auc: of
    two-valued scores, None of others. importance: what permuting a feature adds to the squared error, as a share of
    the scores' variance. spread: the scores' standard deviation. mean: theirs.
    """

    bins: Mapping[str, Bins]
    parts: Mapping[str, Floats]
    importance: Mapping[str, float]
    explained: float
    auc: float | None
    mean: float
    spread: float
    rows: int


def fit_surrogate(
    rows: Mapping[str, Column], score: Column, *, least_explained: float = LEAST_EXPLAINED, most_rows: int = MOST_ROWS
) -> Surrogate | Shortfall:
    """Fit the scores, numbers of shape (rows,), by the features, columns of the same shape.

    Rows without a score, or with one beyond what can be squared, don't count; of more than `most_rows` the same random
    ones are taken. A Shortfall of reason `unexplained` says how little of the scores the features explain.
    """
    scores = as_numbers(score)
    usable = np.flatnonzero(np.abs(scores) < LARGEST)
    if usable.size < LEAST_ROWS:
        return too_few_rows(usable.size, LEAST_ROWS, "the reference (with a score)")
    chosen = np.random.default_rng(SEED).permutation(usable)[:most_rows]
    target = scores[chosen]
    mean, spread = float(target.mean()), float(target.std())
    if not spread > abs(mean) * 1e-12:
        return no_variation("the score")
    bins = {name: fit_bins(np.asanyarray(rows[name])[chosen]) for name in sorted(rows)}
    places = {name: one.places(np.asanyarray(rows[name])[chosen]) for name, one in bins.items()}
    half = np.arange(chosen.size) % 2 == 0
    fits = [_fit(places, bins, (target - mean) / spread, side) for side in (half, ~half)]
    left = np.where(half, _left(places, fits[1], target, mean, spread), _left(places, fits[0], target, mean, spread))
    explained = 1 - float(np.mean(left**2)) / float(np.var((target - mean) / spread))
    auc = _auc(target, (target - mean) / spread - left)
    if explained < least_explained:
        said = f"The features explain only {percent(max(0.0, explained))} of the scores"
        sentence = f"{said}; {percent(least_explained)} needed to say what a feature does to them."
        return Shortfall(Reason.UNEXPLAINED, sentence)
    importance = {name: _cost_of_permuting(places[name], fits[1][name], fits[0][name], left, half) for name in places}
    parts = {name: np.stack([fit[name] for fit in fits]) * spread for name in places}
    return Surrogate(bins, parts, importance, explained, auc, mean, spread, chosen.size)


def importance_words(fitted: Surrogate) -> str:
    """What the fit rests on: `a fit that explains 84 % of the scores (AUC 0.93)`."""
    auc = "" if fitted.auc is None else f" (AUC {fitted.auc:.2f})"
    return f"by a fit that explains {percent(fitted.explained)} of the scores{auc}"


def _fit(
    places: Mapping[str, NDArray[np.intp]], bins: Mapping[str, Bins], target: Floats, side: NDArray[np.bool_]
) -> dict[str, Floats]:
    """Cyclic boosting of binned features (Lou, Caruana and Gehrke 2012): each in turn takes up a part of what is left,
    its bins' means shrunk to none."""
    left = target[side].copy()
    mine = {name: place[side] for name, place in places.items()}
    sizes = {name: np.bincount(mine[name], minlength=bins[name].count) for name in mine}
    found = {name: np.zeros(bins[name].count) for name in mine}
    for _ in range(SWEEPS):
        before = float(left @ left)
        for name, place in mine.items():
            step = RATE * np.bincount(place, left, minlength=bins[name].count) / (sizes[name] + SHRINK)
            found[name] += step
            left -= step[place]
        if before - float(left @ left) < 1e-4 * before:
            break
    return found


def _left(
    places: Mapping[str, NDArray[np.intp]], fit: Mapping[str, Floats], target: Floats, mean: float, spread: float
) -> Floats:
    return np.asarray((target - mean) / spread - sum(fit[name][place] for name, place in places.items()))


def _cost_of_permuting(
    place: NDArray[np.intp], first: Floats, second: Floats, left: Floats, half: NDArray[np.bool_]
) -> float:
    """`first` is the fit that judges the rows of `half`, which it has not seen; `second` judges the others."""
    told = np.where(half, first[place], second[place])
    permuted = np.random.default_rng(SEED).permutation(place)
    instead = np.where(half, first[permuted], second[permuted])
    return max(0.0, float(np.mean((left + told - instead) ** 2) - np.mean(left**2)))


def _auc(target: Floats, told: Floats) -> float | None:
    values = np.unique(target).tolist()
    if len(values) != 2:  # noqa: PLR2004
        return None
    above, below = told[target == values[1]], np.sort(told[target == values[0]])
    ranks = np.searchsorted(below, above, side="left") + np.searchsorted(below, above, side="right")
    found: float = ranks.sum() / (2.0 * above.size * below.size)
    return float(found)
