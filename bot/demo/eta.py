"""`eta`: how likely a flight arrives more than a quarter of an hour late. A logistic regression, fitted at start.

The fallback is the same model without the delay at departure: worse, but it can't be misled by that feature.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.demo.flights import LATE, ON_TIME, Columns, Split, size, take
from bot.demo.served import FEATURES, Floats, common_levels, filling, terms

NAME = "eta"
ACTIVE, FALLBACK = "3.2", "3.2-fallback"
LATE_SHARE = 0.15
"""The share of flights called late on the reference rows; the threshold of either version follows from it."""
RIDGE = 1.0
STEPS = 30
CLOSE = 1e-8
STEEPEST = 35.0
SEED = 32


@dataclass(frozen=True, slots=True)
class Evaluation:
    """On the hold-out. auc: area under the ROC curve. importance: the AUC lost when a feature's values are shuffled,
    as a share of what all features lose together."""

    rows: int
    auc: float
    accuracy: float
    late: float
    called_late: float
    importance: dict[str, float]


@dataclass(frozen=True, slots=True)
class Eta:
    """One version. fill: training medians that stand in for nulls. levels: categories that have a weight."""

    version: str
    reads: tuple[str, ...]
    fill: dict[str, float]
    levels: dict[str, tuple[str, ...]]
    mean: Floats
    scale: Floats
    weights: Floats
    threshold: float = 0.5

    def score(self, rows: Columns) -> Floats:
        """Probability of arriving late, of shape (rows,)."""
        found = terms(rows, self.reads, self.fill, self.levels)
        return _sigmoid(self.weights[0] + ((found - self.mean) / self.scale) @ self.weights[1:])

    def says(self, rows: Columns) -> Columns:
        scores = self.score(rows)
        return {"score": scores, "answer": self.answer(scores)}

    def answer(self, scores: Floats) -> NDArray[np.object_]:
        return np.where(scores > self.threshold, LATE, ON_TIME).astype(object)


def fit(version: str, reads: tuple[str, ...], training: Columns, reference: Columns) -> Eta:
    """Fit by Newton's method with a ridge on all weights but the intercept; no row of `reference` is learnt from."""
    fill, levels = filling(training, reads), common_levels(training, reads)
    found = terms(training, reads, fill, levels)
    mean, scale = found.mean(axis=0), found.std(axis=0)
    inputs = np.column_stack([np.ones(len(found)), (found - mean) / scale])
    weights = _newton(inputs, (training["truth"] == LATE).astype(np.float64))
    fitted = Eta(version, reads, fill, levels, mean, scale, weights)
    threshold = float(np.quantile(fitted.score(reference), 1 - LATE_SHARE))
    return Eta(version, reads, fill, levels, mean, scale, weights, threshold)


def both(rows: Split) -> dict[str, Eta]:
    """Return the versions that can serve, by name, the usual one first."""
    immune = tuple(name for name in FEATURES if name != "dep_delay")
    return {
        version: fit(version, reads, rows.training, rows.reference)
        for version, reads in ((ACTIVE, FEATURES), (FALLBACK, immune))
    }


def evaluate(model: Eta, holdout: Columns) -> Evaluation:
    late = holdout["truth"] == LATE
    scores = model.score(holdout)
    whole = area(scores, late)
    rng = np.random.default_rng(SEED)
    lost = {}
    for name in model.reads:
        shuffled = {**holdout, name: rng.permutation(holdout[name])}
        lost[name] = max(0.0, whole - area(model.score(shuffled), late))
    total = sum(lost.values()) or 1.0
    called = scores > model.threshold
    return Evaluation(
        rows=size(holdout),
        auc=whole,
        accuracy=float(np.mean(called == late)),
        late=float(np.mean(late)),
        called_late=float(np.mean(called)),
        importance={name: loss / total for name, loss in lost.items()},
    )


def area(scores: Floats, positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve by mid-ranks (Mann and Whitney 1947)."""
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    hits = int(positive.sum())
    return float((ranks[positive].sum() - hits * (hits + 1) / 2) / (hits * (positive.size - hits)))


def labelled(rows: Columns) -> Columns:
    return take(rows, rows["truth"] != None)  # noqa: E711


def _newton(inputs: Floats, target: Floats) -> Floats:
    weights = np.zeros(inputs.shape[1])
    ridge = np.full(weights.size, RIDGE)
    ridge[0] = 0.0
    for _ in range(STEPS):
        likely = _sigmoid(inputs @ weights)
        slope = inputs.T @ (target - likely) - ridge * weights
        curvature = (inputs.T * (likely * (1 - likely))) @ inputs + np.diag(ridge)
        step = np.linalg.solve(curvature, slope)
        weights += step
        if np.abs(step).max() < CLOSE:
            break
    return weights


def _sigmoid(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -STEEPEST, STEEPEST))))
