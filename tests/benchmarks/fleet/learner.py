"""A small honest learner: an additive model of binned features, by ridge for numbers and logistic loss for classes."""

from dataclasses import dataclass

import numpy as np

BINS, STEPS, MOST_FITTED = 12, 8, 12_000
RIDGE = 3.0


@dataclass(frozen=True, slots=True)
class Binned:
    """A feature in bins (its categories, or parts of its numbers), the first for nulls and what was never seen."""

    edges: np.ndarray | None
    places: dict

    @property
    def size(self):
        return 1 + (len(self.places) if self.edges is None else self.edges.size + 1)

    def bins(self, values):
        if self.edges is None:
            return np.fromiter((self.places.get(cell, 0) for cell in values.tolist()), np.int64, values.size)
        return np.where(np.isnan(values), 0, 1 + np.searchsorted(self.edges, values, side="right"))


def _binned(values):
    if values.dtype == object:
        names = sorted({cell for cell in values.tolist() if cell is not None})
        return Binned(None, {name: at for at, name in enumerate(names, start=1)})
    return Binned(np.unique(np.nanquantile(values, np.linspace(0, 1, BINS + 1)[1:-1])), {})


@dataclass(frozen=True)
class Learner:
    """Fitted. weights: shape (bins of all features + 1, outputs). classes: of the answers; none where these are
    numbers. cut: the score above which the first of two classes is answered."""

    features: dict
    weights: np.ndarray
    classes: tuple
    cut: float = 0.5

    def outputs(self, columns):
        """Shape (rows, outputs)."""
        total = np.repeat(self.weights[-1:], next(iter(columns.values())).size, axis=0)
        start = 0
        for name, binned in self.features.items():
            total += self.weights[start + binned.bins(columns[name])]
            start += binned.size
        return total

    def answer(self, columns):
        """The prediction of each row, and its score where there are two classes."""
        outputs = self.outputs(columns)
        if not self.classes:
            return np.round(outputs[:, 0], 3), None
        if len(self.classes) == 2:
            score = np.round(1 / (1 + np.exp(-outputs[:, 0])), 5)
            return np.where(score >= self.cut, self.classes[0], self.classes[1]).astype(object), score
        return np.array(self.classes, dtype=object)[outputs.argmax(axis=1)], None

    def weight(self, columns):
        """How far each feature moves the outputs: the standard deviation of its part."""
        start, found = 0, {}
        for name, binned in self.features.items():
            found[name] = float(self.weights[start + binned.bins(columns[name])].std(axis=0).sum())
            start += binned.size
        return found


def fit(columns, target):
    """Two classes: the rarer comes first, and is answered as often as it occurs."""
    some = np.linspace(0, target.size - 1, min(target.size, MOST_FITTED)).astype(int)
    columns, target = {name: values[some] for name, values in columns.items()}, target[some]
    features = {name: _binned(values) for name, values in columns.items()}
    rows = _design(features, columns)
    if target.dtype != object:
        return Learner(features, _ridge(rows, target)[:, None], ())
    names, sizes = np.unique(target.astype(str), return_counts=True)
    classes = tuple(names[np.argsort(sizes, kind="stable")].tolist())
    asked = classes[:1] if len(classes) == 2 else classes
    weights = np.stack([_logistic(rows, (target == name).astype(float)) for name in asked], axis=1)
    if len(classes) > 2:
        return Learner(features, weights, classes)
    scores = 1 / (1 + np.exp(-(rows @ weights[:, 0])))
    return Learner(features, weights, classes, float(np.quantile(scores, 1 - np.mean(target == classes[0]))))


def _design(features, columns):
    size = sum(one.size for one in features.values())
    rows = np.zeros((next(iter(columns.values())).size, size + 1), dtype=np.float64)
    start = 0
    for name, binned in features.items():
        rows[np.arange(rows.shape[0]), start + binned.bins(columns[name])] = 1
        start += binned.size
    rows[:, -1] = 1
    return rows


def _penalty(size):
    found = np.full(size, RIDGE)
    found[-1] = 1e-6
    return np.diag(found)


def _ridge(rows, target):
    return np.linalg.solve(rows.T @ rows + _penalty(rows.shape[1]), rows.T @ target)


def _logistic(rows, hit):
    weights = np.zeros(rows.shape[1])
    penalty = _penalty(rows.shape[1])
    for _ in range(STEPS):
        chances = 1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30)))
        slope = np.maximum(chances * (1 - chances), 1e-4)
        gradient = rows.T @ (hit - chances) - penalty @ weights
        weights += np.linalg.solve((rows.T * slope) @ rows + penalty, gradient)
    return weights
