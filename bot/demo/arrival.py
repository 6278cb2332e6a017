"""`arrival-delay`: by how many minutes a flight lands after its time, said at departure. Least squares with a ridge."""

from dataclasses import dataclass

import numpy as np

from bot.demo.flights import NAMES, NUMBERS, Columns, Split, size, take
from bot.demo.served import Floats, common_levels, filling, terms

NAME = "arrival-delay"
ACTIVE = "1.4"
RIDGE = 1.0
READS = (*NUMBERS, *NAMES)
SEED = 14


@dataclass(frozen=True, slots=True)
class Judged:
    """On the hold-out. mae: mean absolute error in minutes; naive: that of saying the delay at departure again.
    importance: the error gained when a feature's values are shuffled, as a share of what all features gain together."""

    rows: int
    mae: float
    naive: float
    importance: dict[str, float]


@dataclass(frozen=True, slots=True)
class Arrival:
    """fill: training medians that stand in for nulls. levels: categories that have a weight. weights: in minutes."""

    version: str
    fill: dict[str, float]
    levels: dict[str, tuple[str, ...]]
    weights: Floats

    def minutes(self, rows: Columns) -> Floats:
        """Minutes after the planned time, of shape (rows,); negative is early."""
        return np.asarray(self.weights[0] + terms(rows, READS, self.fill, self.levels) @ self.weights[1:])

    def says(self, rows: Columns) -> Columns:
        return {"answer": self.minutes(rows)}


def fit(rows: Split) -> Arrival:
    """Fit on the training months alone."""
    training = rows.training
    fill, levels = filling(training, READS), common_levels(training, READS)
    inputs = terms(training, READS, fill, levels)
    inputs = np.column_stack([np.ones(len(inputs)), inputs])
    ridge = RIDGE * np.eye(inputs.shape[1])
    ridge[0, 0] = 0.0
    weights = np.linalg.solve(inputs.T @ inputs + ridge, inputs.T @ training["arr_delay"])
    return Arrival(ACTIVE, fill, levels, np.asarray(weights, dtype=np.float64))


def evaluate(model: Arrival, holdout: Columns) -> Judged:
    true = holdout["arr_delay"]
    whole = _error(model.minutes(holdout), true)
    rng = np.random.default_rng(SEED)
    gained = {}
    for name in READS:
        shuffled = {**holdout, name: rng.permutation(holdout[name])}
        gained[name] = max(0.0, _error(model.minutes(shuffled), true) - whole)
    total = sum(gained.values()) or 1.0
    return Judged(
        rows=size(holdout),
        mae=whole,
        naive=_error(holdout["dep_delay"], true),
        importance={name: more / total for name, more in gained.items()},
    )


def landed(rows: Columns) -> Columns:
    """Those that came down where they were bound: the others have no delay."""
    return take(rows, ~np.isnan(rows["arr_delay"]))


def _error(said: Floats, true: Floats) -> float:
    return float(np.mean(np.abs(said - true)))
